"""The order of equally distant images, by the network's real outputs."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from dah.encoder.imagecodes import read_outputs
from dah.errors import UserError
from dah.files.artifacts import replacing

Answer = tuple[np.ndarray, np.ndarray]  # distances and rows

CANDIDATES = 1000  # of the smallest Hamming distance, among which equal ones are put in order


def merged(answers: Sequence[Answer], k: int | None) -> Answer:
    """The `k` nearest, or all, of several shards' answers, the smaller row among equals."""
    distances = np.concatenate([d for d, _ in answers])
    rows = np.concatenate([r for _, r in answers])
    order = np.lexsort((rows, distances))[:k]
    return distances[order], rows[order]


def write_outputs(codes: Sequence[Path], path: Path, count: int, bits: int) -> None:
    """Store the real outputs of files of codes as a NumPy array float16 ``(count, bits)``."""
    with replacing(path) as part:
        stored = np.lib.format.open_memmap(part, "w+", np.float16, (count, bits))
        start = 0
        for rows in (rows for file in codes for rows in read_outputs(file)):
            stored[start : start + len(rows)] = rows
            start += len(rows)
        stored.flush()


def open_outputs(path: Path, count: int, bits: int) -> np.ndarray:
    """The outputs of ``write_outputs``, mapped into memory; ``UserError`` for anything else."""
    try:
        found = np.load(path, mmap_mode="r", allow_pickle=False)
    except (OSError, ValueError, EOFError, SyntaxError) as error:
        raise UserError(f"{path}: expected real outputs, found: {error}; index again") from error
    shape = getattr(found, "shape", None)
    if shape != (count, bits) or found.dtype != np.float16 or not found.flags.c_contiguous:
        raise UserError(f"{path}: expected outputs float16 {(count, bits)}; index again")
    return found


def by_outputs(
    distances: np.ndarray, rows: np.ndarray, query: np.ndarray, outputs: np.ndarray
) -> np.ndarray:
    """The order of candidates: by Hamming distance, then real distance, then row.

        ||u - v_i||^2,   u the query's outputs, v_i those of image i

    Distances int ``(m,)``, rows ``(m,)`` of `outputs` float ``(n, bits)``, query float ``(bits,)``.
    What is no number comes last. Returns int64 ``(m,)``.
    """
    gaps = outputs[rows].astype(np.float32) - query.astype(np.float32)
    real = np.einsum("ij,ij->i", gaps, gaps)
    return np.lexsort((rows, np.nan_to_num(real, nan=np.inf), distances))
