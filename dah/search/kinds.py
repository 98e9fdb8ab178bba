"""The kinds of faiss's binary indexes: how each is built, tuned and read from the disk."""

from functools import lru_cache
from math import log2
from pathlib import Path
from typing import Any

import numpy as np

from dah.artifacts import replacing
from dah.errors import UserError

# Kinds, and how hard each searches unless told: cells searched (ivf), candidates kept (hnsw), bits
# of each part that may differ (multihash); flat compares a query with every code.
EFFORT = {"flat": 0, "ivf": 16, "hnsw": 64, "multihash": 1}
OPEN = 256  # shards that stay mapped
LINKS = 16  # of each code in the graph of hnsw, twice as many at its lowest level
SAMPLES_PER_CELL = 64
MIN_CODES_PER_CELL = 39  # of fewer faiss warns


def faiss() -> Any:
    """The module; raises ``UserError`` where it is not installed."""
    try:
        import faiss as module  # noqa: PLC0415 - an extra
    except ImportError as error:
        raise UserError(
            "index and search need faiss, which is not installed: pip install faiss-cpu"
        ) from error
    return module


def cells(count: int) -> int:
    """How many cells ``ivf`` makes of `count` codes: the square root, so that both steps are short.

    A query is compared with every centre, then with the codes of a few cells.
    """
    return max(1, min(int(count**0.5), count // MIN_CODES_PER_CELL))


def part_bits(count: int, bits: int) -> int:
    """Length of the parts of ``multihash``: about one code to a bucket, 8 ... 32 bits, at least."""
    return min(bits, 32, max(8, round(log2(max(count, 1)))))


def build(kind: str, codes: np.ndarray) -> Any:
    """A faiss index of packed codes uint8 ``(n, bytes)``; a code's id is its row.

    Padding bits, which are zero in all codes, change no distance.
    """
    count, bits = len(codes), 8 * codes.shape[1]
    library = faiss()
    if kind == "multihash":
        part = part_bits(count, bits)
        index = library.IndexBinaryMultiHash(bits, bits // part, part)
    elif kind == "ivf":
        index = library.index_binary_factory(bits, f"BIVF{cells(count)}")
        rng = np.random.default_rng(0)
        size = min(count, SAMPLES_PER_CELL * cells(count))
        index.cp.min_points_per_centroid = 1
        index.train(codes[np.sort(rng.choice(count, size, replace=False))])
    else:
        name = {"flat": "BFlat", "hnsw": f"BHNSW{LINKS}"}[kind]
        index = library.index_binary_factory(bits, name)
    index.add(np.ascontiguousarray(codes))
    return index


def write(index: Any, path: Path) -> None:
    """Store a faiss index, whole or not at all."""
    with replacing(path) as part:
        faiss().write_index_binary(index, str(part))


def read(kind: str, path: Path, effort: int) -> Any:
    """An index from a file; codes of ``flat`` and ``ivf`` and links of ``hnsw`` stay on the disk.

    They are mapped into memory, and pages that are searched stay there while there is room. The
    last indexes that were read stay open.
    """
    try:
        return _read(kind, path, effort, path.stat().st_mtime_ns)
    except OSError as error:
        raise UserError(f"{path}: expected an index, found: {error.strerror}") from error


@lru_cache(maxsize=OPEN)
def _read(kind: str, path: Path, effort: int, changed: int) -> Any:
    library = faiss()
    flag = library.IO_FLAG_MMAP if kind == "ivf" else library.IO_FLAG_MMAP_IFC
    try:
        index = library.read_index_binary(str(path), flag)
    except RuntimeError as error:
        reason = " ".join(str(error).split())[-120:]
        raise UserError(f"{path}: expected an index of faiss, found: {reason}") from error
    if kind == "ivf":
        index.nprobe = effort
    elif kind == "hnsw":
        index.hnsw.efSearch = effort
    elif kind == "multihash":
        index.nflip = effort
    return index
