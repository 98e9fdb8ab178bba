"""The images that a person names: folders, archives, glob patterns and single files."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from glob import glob
from pathlib import Path

from dah.encoder.stored import Stored, is_address, stored
from dah.errors import UserError
from dah.images.archives import Wanted, is_archive, member_names, read_members
from dah.images.folders import read_file
from dah.images.members import passed_over


@dataclass(frozen=True)
class Origin:
    """A folder or archive, absolute, and the names of its images; None: all that it holds."""

    path: Path
    names: tuple[str, ...] | None = None

    @property
    def place(self) -> str:
        """Its path as a file of codes has it."""
        return str(self.path)

    def members(self, wanted: Wanted = bool) -> Iterator[tuple[str, bytes]]:
        """``(name, bytes)`` of the images that `wanted` says yes to, as ``read_members``.

        What is none, or cannot be read, is ``Unread`` and stops nothing. A link that was named is
        followed wherever it leads.
        """
        if self.names is None:
            yield from read_members(self.path, wanted, strict=False)
            return
        for name in filter(wanted, self.names):
            yield name, read_file(self.path / name, strict=False)

    def listed(self) -> list[str]:
        """The names of all images, none of them read."""
        if self.names is None:
            return member_names(self.path, strict=False)
        return list(self.names)


Place = Origin | Stored


def origins(arguments: Sequence[str]) -> list[Place]:
    """Where the named images are.

    Each argument is a folder, an archive, an image or a glob pattern (``**`` for any depth) that
    matches some of these, or the address of one of the first three in a storage, which comes after
    all paths. Single images belong to their folder, in the order given, each once; an image in a
    storage stands for itself.
    Hidden files, and what systems leave behind, are taken where they are named and not where a
    pattern matches them. Raises ``UserError`` for what is not there, and for devices.
    """
    found: dict[Path, tuple[str, ...] | None] = {}
    for argument in arguments:
        if is_address(argument):
            continue
        for path in _matches(argument):
            if path.is_dir() or is_archive(path):
                found[path.resolve()] = None
            elif found.setdefault(path.parent.resolve(), ()) is not None:
                names = found[path.parent.resolve()]
                found[path.parent.resolve()] = tuple(dict.fromkeys((*names, path.name)))
    local = [Origin(path, names) for path, names in found.items()]
    return local + list(dict.fromkeys(stored(name) for name in arguments if is_address(name)))


def _matches(argument: str) -> list[Path]:
    given = Path(argument)
    if given.exists():
        if not given.is_dir() and not given.is_file():
            raise UserError(f"{argument}: expected a folder or a file, found a device")
        return [given]
    named = {part for part in given.parts if passed_over(part)}
    matches = sorted(
        path
        for path in map(Path, glob(argument, recursive=True))
        if (path.is_file() or path.is_dir())
        and not any(passed_over(part) and part not in named for part in path.parts)
    )
    if not matches:
        raise UserError(
            f"{argument}: expected a folder, an archive, an image or a glob pattern, found nothing"
            " of that name"
        )
    return [path for path in matches if path.is_file()] or matches
