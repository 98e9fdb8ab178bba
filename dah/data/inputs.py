"""The images that a person names: folders, archives, glob patterns and single files."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from glob import glob
from pathlib import Path

from dah.data.archives import (
    Looks,
    Told,
    Wanted,
    anything,
    is_archive,
    member_names,
    read_file,
    read_members,
    refuse,
)
from dah.data.members import Refused
from dah.errors import UserError


@dataclass(frozen=True)
class Origin:
    """A folder or archive, absolute, and the names of its images; None: all that it holds."""

    path: Path
    names: tuple[str, ...] | None = None

    def members(
        self, wanted: Wanted = bool, looks: Looks = anything, left_out: Told = refuse
    ) -> Iterator[tuple[str, bytes]]:
        """``(name, bytes)`` of the images that `wanted` and `looks` take, as ``read_members``.

        A single file that cannot be read is like one without an image in it, if `left_out` raises.
        """
        if self.names is None:
            yield from read_members(self.path, wanted, looks, left_out)
            return
        for name in filter(wanted, self.names):
            try:
                yield from read_file(self.path, name, looks, left_out)
            except Refused:
                yield name, b""

    def listed(self, left_out: Told = refuse) -> list[str]:
        """The names of all images, none of them read."""
        if self.names is None:
            return member_names(self.path, left_out)
        return list(self.names)


def origins(arguments: Sequence[str]) -> list[Origin]:
    """Where the named images are.

    Each argument is a folder, an archive, an image or a glob pattern (``**`` for any depth) that
    matches some of these. Single images belong to their folder, in the order given, each once.
    Raises ``UserError`` for what is not there.
    """
    found: dict[Path, tuple[str, ...] | None] = {}
    for argument in arguments:
        for path in _matches(argument):
            if path.is_dir() or is_archive(path):
                found[path.resolve()] = None
            elif found.setdefault(path.parent.resolve(), ()) is not None:
                names = found[path.parent.resolve()]
                found[path.parent.resolve()] = tuple(dict.fromkeys((*names, path.name)))
    return [Origin(path, names) for path, names in found.items()]


def _matches(argument: str) -> list[Path]:
    if Path(argument).exists():
        return [Path(argument)]
    matches = sorted(glob(argument, recursive=True))
    if not matches:
        raise UserError(
            f"{argument}: expected a folder, an archive, an image or a glob pattern, found nothing"
            " of that name"
        )
    whole = [Path(match) for match in matches]
    return [path for path in whole if path.is_file()] or whole
