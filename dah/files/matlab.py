"""MATLAB 5 files (save -v6 and -v7): numbers, text, cells and structs, and nothing past the end.

SciPy's reader ends the process on some damaged files; this one checks every length it is told.
"""

import math
import struct
import zlib
from pathlib import Path
from typing import Any

import numpy as np

from dah.errors import UserError

MAX_BYTES = 2**29  # unpacked; the network file of VGG-F has 244 million
_DAMAGE = (OSError, RecursionError, ValueError, LookupError, struct.error, zlib.error, MemoryError)
_HEADER = 128
_MATRIX, _PACKED = 14, 15
_CELL, _STRUCT, _TEXT = 1, 2, 4
# What elements hold and of what classes arrays are: MAT-File Format, tables 1-1 and 1-3.
_TYPES = {1: "i1", 2: "u1", 3: "i2", 4: "u2", 5: "i4", 6: "u4", 7: "f4", 9: "f8", 12: "i8"}
_TYPES |= {13: "u8"}
_ENCODINGS = {1: "latin-1", 2: "latin-1", 4: "utf-16", 16: "utf-8", 17: "utf-16", 18: "utf-32"}
_CLASSES = {6: "f8", 7: "f4", 8: "i1", 9: "u1", 10: "i2", 11: "u2", 12: "i4", 13: "u4", 14: "i8",
            15: "u8"}  # fmt: skip


def load_matlab(path: Path) -> dict[str, Any]:
    """The variables of a file by name.

    Numbers are arrays of all their dimensions, text is str, a cell a list (by columns), a struct a
    dict and an array of structs a list of them. What is none of these (objects, functions, sparse
    and complex numbers) is None. Raises ``UserError`` for another format, a damaged file, and one
    that unpacks to more than ``MAX_BYTES``.
    """
    try:
        if path.stat().st_size > MAX_BYTES:
            raise ValueError(f"expected at most {MAX_BYTES >> 20} MiB")
        data = path.read_bytes()
        if data.startswith(b"MATLAB 7.3"):
            raise UserError(
                f"{path}: MATLAB 7.3 (HDF5) file; save it from MATLAB with save(..., '-v7')"
            )
        if not data.startswith(b"MATLAB 5.0") or data[126:_HEADER] not in {b"IM", b"MI"}:
            raise ValueError("expected the format of MATLAB 5 to 7.2")
        elements = _Elements(data[_HEADER:], "<" if data[126:_HEADER] == b"IM" else ">")
        variables = {}
        while not elements.ended():
            name, value = elements.variable()
            variables[name] = value
        return variables
    except _DAMAGE as error:
        reason = " ".join(str(error).split())[:300] or type(error).__name__
        raise UserError(f"{path}: cannot be read as a MATLAB file: {reason}") from error


class _Elements:
    """A run of elements, each a tag of type and length with its bytes, read one after another."""

    def __init__(self, data: memoryview | bytes, order: str) -> None:
        self.data = memoryview(data)
        self.order = order
        self.place = 0

    def ended(self) -> bool:
        return self.place >= len(self.data)

    def next(self) -> tuple[int, memoryview]:
        """The type and the bytes of the next element; up to four bytes stand in the tag itself."""
        kind, length = struct.unpack_from(f"{self.order}II", self.data, self.place)
        start, room = self.place + 8, length
        if kind >> 16:
            kind, length, start, room = kind & 0xFFFF, kind >> 16, self.place + 4, 4
        elif kind != _PACKED:
            room += -length % 8
        if length > room or start + length > len(self.data):
            raise ValueError("it is cut off")
        self.place = start + room
        return kind, self.data[start : start + length]

    def variable(self) -> tuple[str, Any]:
        """The name and the value of the next variable, packed or not."""
        kind, data = self.next()
        if kind == _PACKED:
            unpack = zlib.decompressobj()
            data = unpack.decompress(data, MAX_BYTES)
            if unpack.unconsumed_tail:
                raise ValueError(f"it unpacks to more than {MAX_BYTES >> 20} MiB")
            kind, data = _Elements(data, self.order).next()
        if kind != _MATRIX:
            raise ValueError(f"expected a variable, found an element of type {kind}")
        return _Elements(data, self.order).array()

    def numbers(self) -> np.ndarray:
        """The numbers of the next element."""
        kind, data = self.next()
        if kind not in _TYPES:
            raise ValueError(f"expected numbers, found an element of type {kind}")
        return np.frombuffer(data, self.order + _TYPES[kind])

    def text(self) -> str:
        """The text of the next element."""
        kind, data = self.next()
        if kind not in _ENCODINGS:
            raise ValueError(f"expected text, found an element of type {kind}")
        wide = {"<": "-le", ">": "-be"}[self.order] if kind in {4, 17, 18} else ""
        return bytes(data).decode(_ENCODINGS[kind] + wide)

    def array(self) -> tuple[str, Any]:
        """The name and the value of the array that this run of elements is; none: empty."""
        if self.ended():
            return "", np.empty((0, 0))
        flags, sides = int(self.numbers()[0]), self.numbers().tolist()
        name, kind, count = self.text(), flags & 0xFF, math.prod(sides)
        if min(sides, default=-1) < 0:
            raise ValueError(f"an array of {sides}")
        if kind == _CELL:
            return name, self.arrays(count)
        if kind == _STRUCT:
            return name, self.structs(count)
        if kind == _TEXT:
            return name, self.text()
        if kind not in _CLASSES or flags & 0x800:
            return name, None
        values = self.numbers().astype(_CLASSES[kind])
        return name, values.reshape(sides, order="F")

    def arrays(self, count: int) -> list[Any]:
        """The values of the next arrays, each in an element of its own."""
        if 8 * count > len(self.data) - self.place:
            raise ValueError(f"it is cut off: {count} arrays do not fit")
        values = []
        for _ in range(count):
            kind, data = self.next()
            if kind != _MATRIX:
                raise ValueError(f"expected an array, found an element of type {kind}")
            values.append(_Elements(data, self.order).array()[1])
        return values

    def structs(self, count: int) -> Any:
        """A struct, or a list of structs: the names of the fields, then their values in turn."""
        width = int(self.numbers()[0])
        names = self.text()
        if width < 1 or len(names) % width:
            raise ValueError(f"names of fields of {width} characters")
        fields = [names[i : i + width].split("\0")[0] for i in range(0, len(names), width)]
        if not fields:
            return {}
        values = self.arrays(count * len(fields))
        starts = range(0, len(values), len(fields))
        found = [dict(zip(fields, values[i : i + len(fields)], strict=True)) for i in starts]
        return found[0] if count == 1 else found
