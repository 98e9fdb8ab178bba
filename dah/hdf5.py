"""HDF5 without trust: arrays are checked before they are read, and a full disk is a plain error."""

import io
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

import h5py
import numpy as np

from dah.errors import UserError

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
            file.attrs["dah"] = kind
            yield file, disk.check
        disk.check()


@contextmanager
def reading(path: Path, kind: str) -> Iterator[h5py.File]:
    """An HDF5 file that this project wrote. Raises ``UserError`` for another or a damaged one."""
    try:
        with h5py.File(path) as file:
            found = file.attrs.get("dah")
            if not isinstance(found, str) or found != kind:
                raise UserError(f"{path}: expected {kind} of this project, found another HDF5 file")
            yield file
    except _DAMAGE as error:
        reason = " ".join(str(error).split())
        raise UserError(
            f"{path}: expected {kind} as HDF5, found: {reason[:300]}; make it again"
        ) from error


def array_in(file: h5py.File, name: str, dtype: type, dimensions: int) -> h5py.Dataset:
    """An array that lies in the file itself with as many bytes as it has, not yet read.

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
    if found.nbytes > stored or found.external or found.is_virtual:
        raise UserError(
            f"{path}: {name!r} needs {found.nbytes} bytes in the file itself, which has {stored};"
            " it is damaged or not of this project, make it again"
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
