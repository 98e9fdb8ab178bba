"""HDF5 without trust: arrays are checked before they are read, and a full disk is a plain error.

Files are opened without locks, which some file systems lack: each is written under another name and
put in place whole. Texts have a fixed length: those of variable length lie in heaps, and HDF5 2.0
reads a damaged heap for ever.
"""

import errno
import io
import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

import h5py
import numpy as np

from dah.errors import UserError

REMEDIES = {  # of reading and writing alike
    errno.EIO: "look at the disk, then run again",
    errno.EMFILE: "allow more open files (`ulimit -n`), then run again",
    errno.ESTALE: "run again",
}
_REMEDY = "make it again"
_REMEDIES = REMEDIES | {
    errno.EACCES: "mend its permissions",
    errno.EPERM: "mend its permissions",
    **dict.fromkeys(
        (errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP, errno.EAGAIN),
        "take HDF5_USE_FILE_LOCKING out of the environment",
    ),
}
_DAMAGE = (OSError, RuntimeError, LookupError, TypeError, ValueError, AttributeError, MemoryError)


class _Disk(io.RawIOBase):
    """What HDF5 takes for its file; the first error is kept, after it all seems to go well.

    Where a write fails as HDF5 closes its objects, the process ends with a segmentation fault (HDF5
    2.0 on a full disk). So the library is not told.
    """

    def __init__(self, file: BinaryIO) -> None:
        super().__init__()
        self.file = file
        self.error: OSError | None = None

    def _try(self, act: Callable[[], int], otherwise: int) -> int:
        if self.error is None:
            try:
                return act()
            except OSError as error:
                self.error = error
        return otherwise

    def write(self, data: memoryview) -> int:
        return self._try(lambda: self.file.write(data), len(data))

    def readinto(self, buffer: memoryview) -> int:
        return self._try(lambda: self.file.readinto(buffer), len(buffer))

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        return self._try(lambda: self.file.seek(offset, whence), offset)

    def tell(self) -> int:
        return self._try(self.file.tell, 0)

    def truncate(self, size: int) -> int:
        return self._try(lambda: self.file.truncate(size), size)

    def flush(self) -> None:
        self._try(lambda: self.file.flush() or 0, 0)

    def check(self) -> None:
        """Raise the first error."""
        if self.error is not None:
            raise self.error


@contextmanager
def creating(path: Path, kind: str) -> Iterator[tuple[h5py.File, Callable[[], None]]]:
    """A new file of this project, and what raises ``OSError`` as soon as the disk is known full.

    That error is raised at the end of the block in any case.
    """
    with path.open("w+b") as raw, _Disk(raw) as disk:
        with h5py.File(disk, "w") as file:
            file.attrs["dah"] = as_bytes(kind)
            yield file, disk.check
        disk.check()


@contextmanager
def reading(path: Path, kind: str) -> Iterator[h5py.File]:
    """An HDF5 file that this project wrote. Raises ``UserError`` for another or a damaged one."""
    try:
        with h5py.File(path, locking=False) as file:
            if "dah" not in file.attrs or text_in(file, "dah") != kind:
                raise UserError(f"{path}: expected {kind} of this project, found another HDF5 file")
            yield file
    except _DAMAGE as error:
        number = getattr(error, "errno", None)
        reason = os.strerror(number) if number else " ".join(str(error).split())[:300]
        raise UserError(
            f"{path}: expected {kind} as HDF5, found: {reason}; {_REMEDIES.get(number, _REMEDY)}"
        ) from error


def as_bytes(text: str) -> np.bytes_:
    """A text as it is stored: UTF-8, and bytes of a file's name that are none as they are."""
    return np.bytes_(text.encode("utf-8", "surrogateescape"))


def as_text(stored: bytes) -> str:
    """The text of ``as_bytes``."""
    return stored.decode("utf-8", "surrogateescape")


def text_in(file: h5py.File, name: str) -> str:
    """An attribute of text; ``UserError`` for one that is none or of variable length."""
    return as_text(_attribute(file, name, "S"))


def number_in(file: h5py.File, name: str) -> int | float:
    """An attribute that is a number; ``UserError`` for anything else."""
    return _attribute(file, name, "iuf").item()


def _attribute(file: h5py.File, name: str, kinds: str) -> np.generic:
    stored = h5py.h5a.open(file.id, name.encode())
    if stored.shape != () or stored.dtype.kind not in kinds:
        raise UserError(
            f"{file.filename}: its attribute {name!r} is not what this version of the project"
            " writes; make the file again"
        )
    return file.attrs[name]


def array_in(file: h5py.File, name: str, dtype: type, dimensions: int) -> h5py.Dataset:
    """An array that lies in the file itself, unpacked, with as many bytes as it has; not yet read.

    So a small file takes little memory, and no other file is looked at. Raises ``UserError`` for
    anything else, and for another dtype or number of dimensions; text is bytes of fixed length.
    """
    path = file.filename
    if name not in file:
        raise UserError(f"{path}: expected {file.attrs['dah']} with {name!r}, found none")
    found = file[name] if isinstance(file.get(name, getlink=True), h5py.HardLink) else None
    if not isinstance(found, h5py.Dataset):
        raise UserError(f"{path}: expected an array as {name!r}, found a group or a link")
    fits = found.dtype.kind == "S" if dtype is np.bytes_ else found.dtype == dtype
    if not fits or found.ndim != dimensions:
        raise UserError(
            f"{path}: {name!r} must be {dtype.__name__} with {dimensions} dimensions,"
            f" found {found.dtype} {found.shape}"
        )
    stored = os.path.getsize(path)
    packed = found.id.get_create_plist().get_nfilters()
    if found.nbytes > stored or found.external or found.is_virtual or packed:
        raise UserError(
            f"{path}: {name!r} needs {found.nbytes} bytes in the file itself, which has {stored},"
            " not packed; it is damaged or not of this project, make it again"
        )
    return found


def read_array(file: h5py.File, name: str, dtype: type, dimensions: int) -> np.ndarray:
    """The values of an array; ``UserError`` as ``array_in`` and where one is not finite."""
    array = array_in(file, name, dtype, dimensions)[:]
    if np.issubdtype(array.dtype, np.floating) and not np.isfinite(array).all():
        raise UserError(f"{file.filename}: {name!r} holds values that are not finite")
    return array


def read_names(file: h5py.File, name: str) -> list[str]:
    """Ids, stored as UTF-8; ``UserError`` as ``array_in`` and where one stands twice."""
    names = [text.decode() for text in array_in(file, name, np.bytes_, 1)[:]]
    if len(set(names)) < len(names):
        raise UserError(f"{file.filename}: {name!r} holds an id twice; make the file again")
    return names


def read_texts(file: h5py.File, name: str) -> list[str]:
    """Texts; ``UserError`` as ``array_in``."""
    return [as_text(text) for text in array_in(file, name, np.bytes_, 1)[:]]


def write_texts(file: h5py.File, name: str, texts: Sequence[str]) -> None:
    """Store texts as bytes of fixed length."""
    stored = [as_bytes(text) for text in texts]
    length = max((len(text) for text in stored), default=1)
    file.create_dataset(name, data=np.array(stored, text_type(length)))


def text_type(length: int) -> np.dtype:
    """Texts of up to `length` bytes, of which HDF5 knows that they are UTF-8."""
    return h5py.string_dtype("utf-8", max(length, 1))
