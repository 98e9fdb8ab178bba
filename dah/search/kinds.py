"""The kinds of faiss's binary indexes: how each is built, tuned and read from the disk."""

from math import log2
from pathlib import Path
from typing import Any

import numpy as np

from dah.errors import UserError
from dah.files.artifacts import replacing
from dah.search.shardfiles import check_shard

# Kinds, and how hard each searches unless told: cells searched (ivf), candidates kept (hnsw), bits
# of each part that may differ (multihash); flat compares a query with every code.
EFFORT = {"flat": 0, "ivf": 16, "hnsw": 64, "multihash": 1}
LINKS = 16  # of each code in the graph of hnsw, twice as many at its lowest level
SAMPLES_PER_CELL = 64
STEP = 2**16  # codes that are put into tables at once
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

    Padding bits, which are zero in all codes, change no distance. The tables of ``multihash`` are
    made where it is read: what is built, and stored, is its codes.
    """
    count, bits = len(codes), 8 * codes.shape[1]
    library = faiss()
    if kind == "ivf":
        index = library.index_binary_factory(bits, f"BIVF{cells(count)}")
        rng = np.random.default_rng(0)
        size = min(count, SAMPLES_PER_CELL * cells(count))
        index.cp.min_points_per_centroid = 1
        index.train(codes[np.sort(rng.choice(count, size, replace=False))])
    else:
        index = library.index_binary_factory(bits, f"BHNSW{LINKS}" if kind == "hnsw" else "BFlat")
    index.add(np.ascontiguousarray(codes))
    return index


def write(index: Any, path: Path) -> None:
    """Store a faiss index, whole or not at all."""
    library = faiss()
    with replacing(path) as part, part.open("wb") as file:
        failed: list[OSError] = []

        def stored(data: bytes) -> None:
            try:
                if not failed:
                    file.write(data)
            except OSError as error:
                failed.append(error)  # faiss looks at nothing that is returned

        library.write_index_binary(index, library.PyCallbackIOWriter(stored))
        if failed:
            raise failed[0]


def read(kind: str, path: Path, count: int, width: int) -> Any:
    """The index of `count` codes of `width` bytes from a file; raises ``UserError`` for another.

    Codes of ``flat`` and ``ivf`` and links of ``hnsw`` stay on the disk. They are mapped into
    memory, and pages that are searched stay there while there is room.
    """
    check_shard(kind, path, count, width)
    library = faiss()
    flag = library.IO_FLAG_MMAP if kind == "ivf" else library.IO_FLAG_MMAP_IFC
    try:
        index = library.read_index_binary(str(path), flag)
    except RuntimeError as error:
        reason = " ".join(str(error).split())[-120:]
        raise UserError(f"{path}: expected an index of faiss, found: {reason}") from error
    return index if kind != "multihash" else _tables(index, count)


def _tables(codes: Any, count: int) -> Any:
    """``multihash`` of the codes of a flat index.

    faiss would store them, but writes the length of a list in log2 n bits, in which n itself, of
    which one is the smallest, is zero.
    """
    part = part_bits(count, codes.d)
    index = faiss().IndexBinaryMultiHash(codes.d, codes.d // part, part)
    for start in range(0, count, STEP):
        index.add(codes.reconstruct_n(start, min(STEP, count - start)))
    return index


def tune(kind: str, index: Any, effort: int) -> None:
    """How hard an index searches from now on, as in ``EFFORT``."""
    if kind == "ivf":
        index.nprobe = effort
    elif kind == "hnsw":
        index.hnsw.efSearch = effort
    elif kind == "multihash":
        index.nflip = effort
