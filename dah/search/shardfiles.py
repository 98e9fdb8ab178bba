"""The files of faiss's binary indexes, looked through before faiss reads them.

A file may hold indexes within indexes, and lists that lie in another file, which faiss would open
by the name that it finds. Those that ``kinds.build`` makes hold neither:

    flat, multihash  head "IBxF", codes
    ivf              head "IBwF", numbers of cells and of those searched, centres, no map, lists
    hnsw             head "IBHf", levels and links, codes

A head is its name, the codes' bits and bytes, their number, whether they were trained, a metric.
"""

import os
import stat
import struct
from pathlib import Path
from typing import BinaryIO

from dah.errors import UserError

_NAMES = {"flat": b"IBxF", "multihash": b"IBxF", "ivf": b"IBwF", "hnsw": b"IBHf"}
_LEVELS = (8, 4, 4, 8, 4)  # bytes of a value of each array of hnsw: shares, ..., offsets, links
_NUMBERS = 5  # of hnsw: entry, highest level, candidates to build and to search, one unused


class _Unfit(Exception):
    """What is not as ``build`` makes it."""


def check_shard(kind: str, path: Path, count: int, width: int) -> None:
    """Raise ``UserError`` where a file is not an index of `count` codes of `width` bytes.

    What lies within its arrays is not looked at: faiss checks links, and whoever takes rows of its
    answers checks those.
    """
    try:
        if not stat.S_ISREG(path.stat().st_mode):
            raise _Unfit("no plain file")
        with path.open("rb") as file:
            _check(kind, file, count, width)
    except OSError as error:
        raise UserError(f"{path}: expected an index, found: {error.strerror}") from error
    except (_Unfit, struct.error) as error:
        raise UserError(
            f"{path}: expected an index of faiss, {kind}, of {count} codes of {width} bytes, found"
            f" {error}; index again"
        ) from error


def _check(kind: str, file: BinaryIO, count: int, width: int) -> None:
    _head(file, kind, count, width)
    if kind in {"flat", "multihash"}:
        _array(file, 1, count * width)
    elif kind == "ivf":
        (cells, _) = _values(file, "<QQ")
        _flat(file, cells, width)
        if _values(file, "<bQ") != (0, 0):
            raise _Unfit("a map of its codes")
        lists = _values(file, "<4sQQ4s")
        if lists[:3] != (b"ilar", cells, width) or lists[3] not in {b"full", b"sprs"}:
            raise _Unfit("lists that lie elsewhere")
        _array(file, 8)
        _skip(file, count * (width + 8))
    else:
        for size in _LEVELS:
            _array(file, size)
        _values(file, f"<{_NUMBERS}i")
        _flat(file, count, width)
    if file.read(1):
        raise _Unfit("more behind it")


def _flat(file: BinaryIO, count: int, width: int) -> None:
    _head(file, "flat", count, width)
    _array(file, 1, count * width)


def _head(file: BinaryIO, kind: str, count: int, width: int) -> None:
    name, bits, size, number, _, _ = _values(file, "<4siiqbi")
    if (name, bits, size, number) != (_NAMES[kind], 8 * width, width, count):
        raise _Unfit(f"{name!r} of {number} codes of {size} bytes")


def _array(file: BinaryIO, size: int, expected: int | None = None) -> None:
    """Pass over an array of values of `size` bytes."""
    (length,) = _values(file, "<Q")
    if expected is not None and length != expected:
        raise _Unfit(f"an array of {length} bytes in place of {expected}")
    _skip(file, length * size)


def _skip(file: BinaryIO, length: int) -> None:
    if length > os.fstat(file.fileno()).st_size - file.tell():
        raise _Unfit("its end too early")
    file.seek(length, os.SEEK_CUR)


def _values(file: BinaryIO, form: str) -> tuple:
    data = file.read(struct.calcsize(form))
    if len(data) < struct.calcsize(form):
        raise _Unfit("its end too early")
    return struct.unpack(form, data)
