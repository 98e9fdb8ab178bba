"""One process at a time: a lock that goes with its process, however that ends."""

import errno
import fcntl
import os
import socket
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TextIO

from dah.errors import UserError
from dah.files.artifacts import unwritable

_ABSENT = {errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP, errno.EINVAL}
_HELD = {errno.EWOULDBLOCK, errno.EAGAIN, errno.EACCES}
_TRIES = 100


@contextmanager
def held(lock: Path, out: Path) -> Iterator[None]:
    """Hold the file `lock`, for the one process that may write `out`.

    It goes at the end, and its folder if that is empty then. Raises ``UserError`` at once where
    another process holds it. On a file system without locks a line says so, and the block runs.
    """
    try:
        file = _locked(lock, out)
    except OSError as error:
        raise unwritable(out, error) from error
    with file:
        try:
            yield
        finally:
            with suppress(OSError):
                lock.unlink(missing_ok=True)
                lock.parent.rmdir()


def _locked(lock: Path, out: Path) -> TextIO:
    for _ in range(_TRIES):
        lock.parent.mkdir(parents=True, exist_ok=True)
        with suppress(FileNotFoundError):  # another process ended meanwhile, and removed it
            file = lock.open("a+", encoding="utf-8")  # NFS locks what may be written
            try:
                _lock(file, out)
                if os.path.samestat(os.fstat(file.fileno()), lock.stat()):
                    file.truncate(0)
                    file.write(f"process {os.getpid()} on {socket.gethostname()}")
                    file.flush()
                    return file
            except BaseException:
                file.close()
                raise
            file.close()
    raise OSError(errno.EBUSY, os.strerror(errno.EBUSY), str(lock))


def _lock(file: TextIO, out: Path) -> None:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        if error.errno in _HELD:
            file.seek(0)
            holder = " ".join(file.read(200).split()) or "another process"
            raise UserError(
                f"{out}: {holder} writes it at this time; wait until that ends, or name another"
            ) from error
        if error.errno not in _ABSENT:
            raise
        print(
            f"dah: {out}: its file system has no locks ({error.strerror}); let no second process"
            " write it before this one ends",
            file=sys.stderr,
        )
