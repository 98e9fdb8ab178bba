"""Hamming distances of packed codes, and how many items of a database lie at each of them.

All figures of retrieval are functions of these counts (``dah.retrieval.precision``). Nothing is
sorted: time is linear in the pairs, and no array of all pairs is ever held.
"""

from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from dah.retrieval.codes import check_codes

PAIRS_AT_ONCE = 2**16  # their words, 512 KiB, stay in the cache of one core
SHARED_FROM = 2**28  # pairs, half a second's: below, starting processes would take longer
BLOCKS_PER_PROCESS = 4  # of queries, so that no core idles long at the end


@dataclass(frozen=True)
class Histograms:
    """Items per query and Hamming distance: both int64 ``(queries, bits + 1)``."""

    relevant: np.ndarray
    total: np.ndarray


def hamming_distances(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Number of bits that differ between each code of a and each of b.

    Packed uint8 ``(n, bytes)`` and ``(m, bytes)`` to int32 ``(n, m)``. Raises ValueError where
    the arrays are not uint8 of one width.
    """
    _check_pair(a, b, None)
    words_a, words_b = _words(a), _words(b)
    distances = np.empty((len(a), len(b)), np.int32)
    rows = max(1, PAIRS_AT_ONCE // max(1, len(b)))
    for start in range(0, len(a), rows):
        distances[start : start + rows] = _distances(words_a[:, start : start + rows], words_b)
    return distances


def histograms(
    query_codes: np.ndarray,
    query_labels: np.ndarray,
    database_codes: np.ndarray,
    database_labels: np.ndarray,
    *,
    bits: int | None = None,
    pairs_at_once: int = PAIRS_AT_ONCE,
    n_jobs: int | None = None,
) -> Histograms:
    """How many items, and how many relevant ones, lie at each distance from each query.

        total[q, d] = |{i : dist(q, i) = d}|,   relevant[q, d] = those with the label of q

    The database is put in the order of its labels, so that the relevant items of a query are one
    slice of it. Time is linear in the pairs; memory is the two sets, the result and, for each
    process, a tile of `pairs_at_once` pairs; several processes share a copy of a large database in
    joblib's temporary folder. Codes packed uint8 ``(n, bytes)``, labels integers or
    strings ``(n,)``; `bits` (default 8 * bytes) drops the distances that padding bits cannot reach;
    `n_jobs` processes as of joblib (default one, and all cores where the pairs are many) change no
    count. Raises ValueError where shapes, widths, dtypes or lengths do not fit.
    """
    import joblib  # noqa: PLC0415 - what only measures distances needs none

    _check_pair(query_codes, database_codes, bits)
    query_labels, database_labels = _check_labels(
        query_labels, len(query_codes), database_labels, len(database_codes)
    )
    bins = 1 + (8 * query_codes.shape[1] if bits is None else bits)
    order = np.argsort(database_labels, kind="stable")
    ordered = database_labels[order]
    slices = np.stack([np.searchsorted(ordered, query_labels, side) for side in ("left", "right")])
    queries, database = _words(query_codes), _words(database_codes[order])

    if n_jobs is None:
        n_jobs = -1 if queries.shape[1] * database.shape[1] >= SHARED_FROM else 1
    # Processes, not threads: np.bincount keeps the interpreter to itself, and counting dominates.
    processes = joblib.effective_n_jobs(n_jobs)
    blocks = 1 if processes == 1 else BLOCKS_PER_PROCESS * processes
    edges = np.linspace(0, len(query_codes), blocks + 1).astype(int)
    counts = joblib.Parallel(n_jobs=processes)(
        joblib.delayed(_count)(
            queries[:, top:bottom], database, slices[:, top:bottom], bins, pairs_at_once
        )
        for top, bottom in pairwise(edges)
    )
    return Histograms(*(np.concatenate(blocks) for blocks in zip(*counts, strict=True)))


def _count(
    queries: np.ndarray, database: np.ndarray, slices: np.ndarray, bins: int, pairs_at_once: int
) -> tuple[np.ndarray, np.ndarray]:
    """Relevant and all items of each query, tile by tile; ``slices[:, q]`` are the relevant ones.

    Queries and database as of ``_words``, int64 ``(queries, bins)`` each.
    """
    relevant = np.zeros((queries.shape[1], bins), np.int64)
    total = np.zeros_like(relevant)
    columns = max(1, min(pairs_at_once, database.shape[1]))
    rows = max(1, pairs_at_once // columns)
    for left in range(0, database.shape[1], columns):
        tile = database[:, left : left + columns]
        begin, end = np.maximum(slices - left, 0).tolist()
        for top in range(0, len(total), rows):
            for q, d in enumerate(_distances(queries[:, top : top + rows], tile), top):
                total[q] += _occurrences(d, bins)
                relevant[q] += _occurrences(d[begin[q] : end[q]], bins)
    return relevant, total


def _occurrences(d: np.ndarray, bins: int) -> np.ndarray:
    """How many of the distances ``(n,)`` are 0, 1, ... bins - 1: int64 ``(bins,)``.

    Two neighbouring bytes are one number d_1 + 256 d_2, which takes half as many steps to count;
    adding up the square of these counts pays where the distances outnumber its cells.
    """
    if d.dtype != np.uint8 or len(d) < 256 * bins:
        return np.bincount(d, minlength=bins)
    even = len(d) // 2 * 2
    square = np.bincount(d[:even].view(np.uint16), minlength=256 * bins).reshape(bins, 256)
    counts = square.sum(axis=1) + square[:, :bins].sum(axis=0)
    counts[d[even:]] += 1
    return counts


def _words(codes: np.ndarray) -> np.ndarray:
    """The codes as uint64 ``(words, n)``, padded with zero bits; equal padding adds no distance."""
    n, width = codes.shape
    padded = np.zeros((n, -(-width // 8) * 8), np.uint8)
    padded[:, :width] = codes
    return np.ascontiguousarray(padded.view(np.uint64).T)


def _distances(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Hamming distances ``(n, m)`` of words ``(words, n)`` and ``(words, m)``, smallest dtype."""
    dtype = np.min_scalar_type(64 * len(a))
    distances = np.zeros((a.shape[1], b.shape[1]), dtype)
    for x, y in zip(a, b, strict=True):
        distances += np.bitwise_count(x[:, None] ^ y)
    return distances


def _check_pair(a: np.ndarray, b: np.ndarray, bits: int | None) -> None:
    for codes in (a, b):
        check_codes(codes, 8 * codes.shape[-1] if bits is None else bits)
    if a.shape[1] != b.shape[1]:
        raise ValueError(
            f"the codes have {a.shape[1]} and {b.shape[1]} bytes: pack both with as many bits"
        )


def _check_labels(
    query_labels: np.ndarray, queries: int, database_labels: np.ndarray, items: int
) -> tuple[np.ndarray, np.ndarray]:
    labels = np.asarray(query_labels), np.asarray(database_labels)
    for name, side, count in zip(("query", "database"), labels, (queries, items), strict=True):
        if side.shape != (count,):
            raise ValueError(
                f"{count} {name} codes need labels of shape ({count},), found {side.shape}:"
                " pass one label per code, in the same order"
            )
    kinds = {side.dtype.kind for side in labels}
    if not (kinds == {"U"} or (kinds <= set("iu") and np.result_type(*labels).kind in "iu")):
        raise ValueError(
            f"labels must be integers or strings on both sides, found {labels[0].dtype} and"
            f" {labels[1].dtype}: number them alike with np.unique"
        )
    return labels
