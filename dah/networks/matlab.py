"""MATLAB 5 files, refused before they fill the memory or the stack."""

import re
import struct
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO

from scipy.io import loadmat
from scipy.io.matlab import MatReadError

from dah.errors import UserError

MAX_BYTES = 2**29  # unpacked; the network file of VGG-F has 244 million
MAX_CELLS = 1000  # cells and structs, each of which may lie in another; VGG-F has some hundred
_PIECE = 2**20
_HEADER = 128
_PACKED = 15
_HOLDERS = {  # flags of an array that holds arrays, of classes 1 to 3, by order of bytes
    "<": re.compile(rb"\x06\0\0\0\x08\0\0\0[\x01-\x03]"),
    ">": re.compile(rb"\0\0\0\x06\0\0\0\x08\0..[\x01-\x03]", re.DOTALL),
}
_DAMAGE = (
    OSError,
    RuntimeError,
    ValueError,
    TypeError,
    LookupError,
    AttributeError,
    ArithmeticError,
    MemoryError,
    struct.error,
    zlib.error,
    MatReadError,
)


def load_matlab(path: Path) -> dict[str, Any]:
    """The variables of a MATLAB 5 file: structs as dicts, cells as lists or arrays of objects.

    Raises ``UserError`` for another format or a damaged file, and for one that unpacks to more than
    ``MAX_BYTES`` or nests deep enough to end the process.
    """
    try:
        _check_size(path)
        return loadmat(path, appendmat=False, simplify_cells=True)
    except NotImplementedError as error:
        raise UserError(
            f"{path}: MATLAB 7.3 (HDF5) file; save it from MATLAB with save(..., '-v7')"
        ) from error
    except _DAMAGE as error:
        reason = " ".join(str(error).split())[:300] or type(error).__name__
        raise UserError(f"{path}: cannot be read as a MATLAB file: {reason}") from error


def _check_size(path: Path) -> None:
    """Raise ``ValueError`` where a file is no MATLAB 5 file, or a bomb."""
    with path.open("rb") as file:
        header = file.read(_HEADER)
        if header.startswith(b"MATLAB 7.3"):
            raise NotImplementedError
        if not header.startswith(b"MATLAB 5.0"):
            raise ValueError("expected the format of MATLAB 5 to 7.2")
        size = cells = 0
        before = b""
        order = "<" if header.endswith(b"IM") else ">"
        for piece in _unpacked(file, order):
            size += len(piece)
            text = before + piece
            cells += len(_HOLDERS[order].findall(text))
            before = text[-12:]
            if size > MAX_BYTES:
                raise ValueError(f"it unpacks to more than {MAX_BYTES >> 20} MiB")
            if cells > MAX_CELLS:
                raise ValueError(f"it has more than {MAX_CELLS} cells and structs")


def _unpacked(file: BinaryIO, order: str) -> Iterator[bytes]:
    """The variables' bytes in pieces, unpacked where they are packed."""
    while len(tag := file.read(8)) == 8:
        kind, left = struct.unpack(f"{order}II", tag)
        unpack = zlib.decompressobj()
        while left and (data := file.read(min(left, _PIECE))):
            left -= len(data)
            if kind != _PACKED:
                yield data
            while kind == _PACKED and data:
                yield unpack.decompress(data, _PIECE)
                data = unpack.unconsumed_tail
