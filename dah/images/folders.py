"""Folders of images: their files in the order of their names, links followed where that is safe."""

import os
import re
from collections.abc import Callable, Iterator
from pathlib import Path

from dah.errors import UserError
from dah.images.contents import Unread, contents
from dah.images.members import passed_over

_CACHED = re.compile(r"/files/md5/[0-9a-f]{2}/[0-9a-f]{30}\Z")  # DVC's cache, wherever it is


def read_folder(
    root: Path, wanted: Callable[[str], bool], strict: bool
) -> Iterator[tuple[str, bytes]]:
    """The files of a folder as of ``read_members``, depth first in the order of their names.

    Links are followed that end in the folder, in DVC's cache or in the blobs of the Hugging Face
    cache that the folder is a snapshot of.
    """
    yield from _files(root, "", wanted, strict, (root.resolve(),))


def _files(
    root: Path,
    folder: str,
    wanted: Callable[[str], bool],
    strict: bool,
    above: tuple[Path, ...],
) -> Iterator[tuple[str, bytes]]:
    try:
        with os.scandir(root / folder) as entries:
            found = sorted(entries, key=lambda entry: entry.name)
    except OSError as error:
        if strict or not folder:
            raise
        yield folder[:-1], Unread(f"cannot be read: {error.strerror}")
        return
    for entry in found:
        name, path, link = folder + entry.name, Path(entry.path), entry.is_symlink()
        if passed_over(entry.name):
            continue
        is_folder = path.is_dir() if link else entry.is_dir(follow_symlinks=False)
        inside = not link or ends_inside(root, path)
        if is_folder and inside:
            whole = path.resolve()
            if whole not in above:  # a link to a folder that it lies in
                yield from _files(root, f"{name}/", wanted, strict, (*above, whole))
        elif is_folder or wanted(name):
            yield name, read_file(path, strict) if inside else Unread(_out_of(path))


def read_file(path: Path, strict: bool) -> bytes:
    """A file's bytes as of ``contents``; ``Unread`` where it is no file.

    Where not `strict`, also where it cannot be read.
    """
    if not path.is_file() and os.path.lexists(path):
        return Unread("is a link to nothing" if path.is_symlink() else "is a device or a folder")
    try:
        with path.open("rb") as file:
            return contents(file, path.name, os.fstat(file.fileno()).st_size, strict)
    except OSError as error:
        if strict:
            raise
        return Unread(f"cannot be read: {error.strerror}")


def _out_of(path: Path) -> str:
    return f"is a link out of the folder, to {os.path.realpath(path)[:200]!r}"


def ends_inside(root: Path, path: Path) -> bool:
    """Whether what a path leads to lies in the folder, or in a cache that the folder is made of."""
    try:
        end, start = path.resolve(), root.resolve()
    except (OSError, RuntimeError):  # a link to itself
        return False
    if end.is_relative_to(start) or _CACHED.search(end.as_posix()):
        return True
    snapshot = next((p for p in (start, *start.parents) if p.parent.name == "snapshots"), None)
    return snapshot is not None and end.is_relative_to(snapshot.parent.parent / "blobs")


def unreadable(root: Path, error: OSError) -> UserError:
    """What to say of a folder whose files the system does not give."""
    return UserError(f"{root}: expected readable files, found: {error}; look at its permissions")
