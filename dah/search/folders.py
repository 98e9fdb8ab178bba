"""A folder that is replaced as a whole, and how to tell that it was."""

import errno
import fcntl
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from uuid import uuid4

from dah.files.artifacts import unwritable

State = dict[str, tuple[int, int, int]]

_TRIES = 100
_FULL = {errno.ENOTEMPTY, errno.EEXIST}


def state_of(folder: Path) -> State:
    """Inode, time of change and size of each file of a folder; of no folder, nothing.

    Hidden files, which file systems and desktops leave, do not count.
    """
    try:
        with os.scandir(folder) as entries:
            found = [(e.name, e.stat()) for e in entries if not e.name.startswith(".")]
    except OSError:
        return {}
    return {name: (of.st_ino, of.st_mtime_ns, of.st_size) for name, of in sorted(found)}


@contextmanager
def replacing_folder(folder: Path) -> Iterator[Path]:
    """A new folder beside `folder`, which takes its place when the block ends well.

    Two processes may do so at once: each makes a whole one, and the later stays. What one that was
    killed left is removed; a folder that it had moved away without a new one in its place is put
    back. Raises ``UserError`` where the disk is full or may not be written.
    """
    stem = f".{folder.name}.{uuid4().hex[:8]}"
    part, old = folder.with_name(f"{stem}.part"), folder.with_name(f"{stem}.old")
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        _clear(folder)
        part.mkdir()
        with _marked(part):
            yield part
            _put(part, folder, old)
    except OSError as error:
        raise unwritable(folder, error) from error
    finally:
        shutil.rmtree(part, ignore_errors=True)
        if folder.exists():
            shutil.rmtree(old, ignore_errors=True)


def _put(part: Path, folder: Path, old: Path) -> None:
    for _ in range(_TRIES):
        with suppress(FileNotFoundError):
            folder.rename(old)
        try:
            part.rename(folder)
            return
        except OSError as error:
            if error.errno not in _FULL:
                raise
            shutil.rmtree(old, ignore_errors=True)  # another process put its own there meanwhile
    raise OSError(errno.EBUSY, os.strerror(errno.EBUSY))


def _clear(folder: Path) -> None:
    beside = [path for path in folder.parent.iterdir() if path.name.startswith(f".{folder.name}.")]
    parts = [path for path in beside if path.suffix == ".part"]
    dead = [path for path in parts if not _in_use(path)]
    for path in dead:
        shutil.rmtree(path, ignore_errors=True)
    for path in beside if len(dead) == len(parts) else []:
        if path.suffix == ".old" and not folder.exists():
            path.rename(folder)
        elif path.suffix == ".old":
            shutil.rmtree(path, ignore_errors=True)


@contextmanager
def _marked(part: Path) -> Iterator[None]:
    """Hold a lock on a folder, which ends with its process; without it where there are no locks."""
    number = os.open(part, os.O_RDONLY)
    try:
        with suppress(OSError):
            fcntl.flock(number, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield
    finally:
        os.close(number)


def _in_use(part: Path) -> bool:
    try:
        number = os.open(part, os.O_RDONLY)
    except OSError:
        return True
    try:
        fcntl.flock(number, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return True
    finally:
        os.close(number)
    return False
