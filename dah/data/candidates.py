"""Which files of a folder or archive may be images: told by their names and first bytes."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import PurePosixPath

from dah.data.archives import Wanted
from dah.data.inputs import Origin
from dah.data.members import Refused

SUFFIXES = (".jpg", ".jpeg", ".jpe", ".jfif", ".png", ".bmp", ".dib", ".gif", ".webp", ".tif")
SUFFIXES += (".tiff", ".heic", ".heif", ".avif")
BEGINNINGS = (b"\xff\xd8\xff", b"\x89PNG", b"GIF8", b"BM", b"II*\x00", b"MM\x00*")
NO_IMAGE = "no image, by its name and its first bytes"
BRANDS = (b"heic", b"heix", b"heim", b"heis", b"hevc", b"mif1", b"msf1", b"avif", b"avis")


def may_be_image(name: str, head: bytes) -> bool:
    """Whether a file is called like an image, or begins like one.

    Such a file may still be none, or one that cannot be read here.
    """
    return (
        called_image(name)
        or head.startswith(BEGINNINGS)
        or (head.startswith(b"RIFF") and head[8:12] == b"WEBP")
        or (head[4:8] == b"ftyp" and head[8:12] in BRANDS)
    )


def called_image(name: str) -> bool:
    """Whether a file's name ends like that of an image."""
    return name.lower().endswith(SUFFIXES)


@dataclass
class LeftOut:
    """What is no image, by its name and first bytes, and what cannot be read, with the reasons."""

    others: list[tuple[Origin, str]] = field(default_factory=list)
    failures: list[tuple[Origin, str, str]] = field(default_factory=list)

    def every(self) -> list[tuple[Origin, str, str]]:
        """All that is left out, with the reasons."""
        return [*self.failures, *((origin, name, NO_IMAGE) for origin, name in self.others)]

    def reasons(self) -> dict[str, str]:
        """Why each file is left out, by its name, by its whole path where another has that name."""
        reasons: dict[str, str] = {}
        for origin, name, reason in self.every():
            reasons[name if name not in reasons else str(origin.path / name)] = reason
        return reasons


def candidates(origin: Origin, left: LeftOut, wanted: Wanted = bool) -> Iterator[tuple[str, bytes]]:
    """``(name, bytes)`` of what may be an image; one file that is in the way ends nothing.

    Files that are no images stay unread. `left` learns of them, and of links, devices and files
    that are too large or cannot be read.
    """

    def looks(name: str, head: bytes) -> bool:
        if may_be_image(name, head):
            return True
        left.others.append((origin, name))
        return False

    def told(refusal: Refused) -> None:
        left.failures.append((origin, refusal.name, refusal.why))

    return origin.members(wanted, looks, told)


def listed(origin: Origin) -> list[str]:
    """The names of what is called like an image or has no suffix, nothing read."""
    names = origin.listed(lambda refusal: None)
    return [name for name in names if called_image(name) or not PurePosixPath(name).suffix]
