"""Images in object storage: folders, archives and single images at ``s3://`` and the like.

fsspec reads them; each kind of storage needs a package of its own (s3fs,
gcsfs, adlfs). An archive is copied once, to a temporary file that goes when it has been read.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from dah.errors import UserError
from dah.images.archives import Wanted, is_archive, member_names, read_members
from dah.images.contents import Unread, contents
from dah.images.members import member_name, passed_over

HEAD = 512  # bytes by which an archive is told from an image


@dataclass(frozen=True)
class Stored:
    """A folder or archive by its address, and the names of its images; None: all that it holds."""

    place: str
    names: tuple[str, ...] | None = None

    def members(self, wanted: Wanted = bool) -> Iterator[tuple[str, bytes]]:
        """``(name, bytes)`` as of ``Origin.members``; folders in the order of all their names."""
        system, root = opened(self.place)
        if self.names is None and not _asked(self.place, system.isdir, root):
            with _copied(self.place, system, root) as copy:
                yield from read_members(copy, wanted, strict=False)
            return
        for name in filter(wanted, self._all_names(system, root)):
            yield name, _contents(system, f"{root}/{name}", name)

    def listed(self) -> list[str]:
        """The names of all images; of an archive, which is copied for that, its members'."""
        system, root = opened(self.place)
        if self.names is None and not _asked(self.place, system.isdir, root):
            with _copied(self.place, system, root) as copy:
                return member_names(copy, strict=False)
        return self._all_names(system, root)

    def _all_names(self, system: Any, root: str) -> list[str]:
        if self.names is not None:
            return list(self.names)
        paths = sorted(_asked(self.place, system.find, root))
        names = (member_name(Path(self.place), path[len(root) :].lstrip("/")) for path in paths)
        return [name for name in names if name and not passed_over(name)]


def is_address(argument: str) -> bool:
    """Whether an argument names something in a storage, and no path."""
    return "://" in argument


def stored(address: str) -> Stored:
    """What lies at an address: a folder, an archive, or one image of its folder.

    Raises ``UserError`` where nothing does, or the storage cannot be asked.
    """
    address = address.rstrip("/")
    system, root = opened(address)
    if _asked(address, system.isdir, root):
        return Stored(address)
    if not _asked(address, system.isfile, root):
        raise UserError(f"{address}: expected a folder, an archive or an image, found nothing")
    with TemporaryDirectory(prefix="dah-") as folder:
        head = Path(folder) / "head"
        head.write_bytes(_asked(address, system.cat_file, root, 0, HEAD))
        if is_archive(head):
            return Stored(address)
    above, _, name = address.rpartition("/")
    return Stored(above, (name,))


def opened(address: str) -> tuple[Any, str]:
    """The file system of an address, and the path there; ``UserError`` where there is none."""
    try:
        from fsspec.core import url_to_fs  # noqa: PLC0415 - an extra
    except ImportError as error:
        raise UserError(
            f"{address}: needs fsspec, which is not installed: pip install 'dah[storage]'"
        ) from error
    try:
        system, root = url_to_fs(address)
    except (ImportError, ValueError) as error:
        raise UserError(f"{address}: cannot be opened: {_told(error)}") from error
    return system, root.rstrip("/")


def _asked(address: str, question: Any, *given: Any) -> Any:
    """What a storage answers; each has errors of its own: ``UserError`` for any of them."""
    try:
        return question(*given)
    except Exception as error:
        raise UserError(f"{address}: cannot be read: {_told(error)}") from error


def _contents(system: Any, path: str, name: str) -> bytes:
    try:
        with system.open(path, "rb") as file:
            return contents(file, name, file.size, strict=False)
    except Exception as error:
        return Unread(f"cannot be read: {_told(error)}")


@contextmanager
def _copied(address: str, system: Any, root: str) -> Iterator[Path]:
    """A copy of an archive; errors name the archive's own address."""
    with TemporaryDirectory(prefix="dah-") as folder:
        copy = Path(folder) / root.rpartition("/")[2]
        _asked(address, system.get_file, root, str(copy))
        try:
            yield copy
        except UserError as error:
            raise UserError(str(error).replace(str(copy), address)) from error


def _told(error: Exception) -> str:
    return f"{type(error).__name__}: {' '.join(str(error).split())[:200]}"
