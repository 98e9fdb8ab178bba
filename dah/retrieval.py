"""Retrieval by Hamming distance: how good is the ranking of a database for each query?

An item is relevant to a query where their labels are equal. Integer distances tie constantly, so
nothing here sorts: all metrics are functions of how many items, and how many relevant ones, lie at
each distance from a query. The order of the database cannot change a figure. A query that no item
of the database is relevant to is left out of every mean.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from dah.codes import check_codes

PAIRS_AT_ONCE = 2**16  # their words, 512 KiB, stay in the cache of one core
CELLS_AT_ONCE = 2**18  # cells of the histograms: bounds the memory of average_precision
EXACT_BELOW = 256
HARMONIC = np.concatenate([[0.0], np.cumsum(1 / np.arange(1, EXACT_BELOW + 1))])


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
) -> Histograms:
    """How many items, and how many relevant ones, lie at each distance from each query.

        total[q, d] = |{i : dist(q, i) = d}|,   relevant[q, d] = those with the label of q

    The database is put in the order of its labels, so that the relevant items of a query are one
    slice of it. Time is linear in the pairs; memory is the two sets, the result and a tile of
    `pairs_at_once` pairs. Codes packed uint8 ``(n, bytes)``, labels integers or strings ``(n,)``;
    `bits` (default 8 * bytes) drops the distances that padding bits cannot reach. Raises
    ValueError where shapes, widths, dtypes or lengths do not fit.
    """
    _check_pair(query_codes, database_codes, bits)
    query_labels, database_labels = _check_labels(
        query_labels, len(query_codes), database_labels, len(database_codes)
    )
    bins = 1 + (8 * query_codes.shape[1] if bits is None else bits)
    order = np.argsort(database_labels, kind="stable")
    ordered = database_labels[order]
    first = np.searchsorted(ordered, query_labels, "left")
    last = np.searchsorted(ordered, query_labels, "right")
    queries, database = _words(query_codes), _words(database_codes[order])

    relevant = np.zeros((len(query_codes), bins), np.int64)
    total = np.zeros_like(relevant)
    columns = max(1, min(pairs_at_once, len(order)))
    rows = max(1, pairs_at_once // columns)
    for left in range(0, len(order), columns):
        tile = database[:, left : left + columns]
        begin, end = (np.maximum(edge - left, 0) for edge in (first, last))
        for top in range(0, len(relevant), rows):
            for q, d in enumerate(_distances(queries[:, top : top + rows], tile), top):
                total[q] += np.bincount(d, minlength=bins)
                relevant[q] += np.bincount(d[begin[q] : end[q]], minlength=bins)
    return Histograms(relevant, total)


def mean_average_precision(
    query_codes: np.ndarray,
    query_labels: np.ndarray,
    database_codes: np.ndarray,
    database_labels: np.ndarray,
    k: int | None = None,
) -> float:
    """Mean over queries of the tie-aware average precision, from codes and labels.

    Codes packed uint8 ``(n, bytes)``, labels integers or strings ``(n,)``; `k` and the figure as
    in ``average_precision``, the mean as in ``mean_over_queries``.
    """
    counts = histograms(query_codes, query_labels, database_codes, database_labels)
    return mean_over_queries(average_precision(counts, k))


def mean_over_queries(values: np.ndarray) -> float:
    """Mean of the figures ``(queries,)`` that are not nan; ValueError where there are none."""
    known = ~np.isnan(values)
    _require_any(known)
    return float(values[known].mean())


def average_precision(counts: Histograms, k: int | None = None) -> np.ndarray:
    """Average precision of each query, the exact mean over all orders of equally distant items.

        AP = 1 / min(k, R) * sum over ranks t <= k of P[t is relevant] E[precision at t | it is]

    With N items, M of them relevant, before the n items at one distance of which r are relevant,
    each of those ranks is relevant with probability r / n, and then, with s = (r - 1) / (n - 1),

        E[precision at t] = (M + 1 + (t - N - 1) s) / t = s + (M + 1 - (N + 1) s) / t,

    so that a distance adds r/n * (s m + (M + 1 - (N + 1) s) (1/(N+1) + ... + 1/(N+m))), where
    m <= n of its ranks are within k. R is the number of relevant items in the whole database: a
    perfect ranking has AP = 1 at every k. (Dividing by the relevant items found within k instead,
    as some codes do, rewards finding few.) `k` None ranks the whole database. Returns float64
    ``(queries,)``, nan where R = 0. Raises ValueError for k < 1. McSherry & Najork, ECIR 2008;
    He et al., CVPR 2018.
    """

    def gains(r: np.ndarray, n: np.ndarray, M: np.ndarray, N: np.ndarray) -> np.ndarray:
        m = n if k is None else np.clip(k - N, 0, n)
        s = (r - 1) / np.maximum(n - 1, 1)
        return r / np.maximum(n, 1) * (s * m + (M + 1 - (N + 1) * s) * reciprocals(N, m))

    return sum_over_distances(counts, gains, k)


def sum_over_distances(
    counts: Histograms, gains: Callable[..., np.ndarray], k: int | None
) -> np.ndarray:
    """1 / min(k, R) * sum over distances of what each adds to a query's average precision.

    ``gains(r, n, M, N)`` makes it float64 ``(queries, distances)`` of the relevant and all items
    at and before each distance. Returns float64 ``(queries,)``; k and errors as of its callers.
    """
    if k is not None and k < 1:
        raise ValueError(f"k must be at least 1, found {k}: use None to rank the whole database")
    queries, bins = counts.total.shape
    result = np.full(queries, np.nan)
    rows = max(1, CELLS_AT_ONCE // bins)
    for start in range(0, queries, rows):
        block = slice(start, start + rows)
        r, n = counts.relevant[block], counts.total[block]
        M, N = np.cumsum(r, axis=1) - r, np.cumsum(n, axis=1) - n
        R = r.sum(axis=1)
        best = R if k is None else np.minimum(k, R)
        np.divide(gains(r, n, M, N).sum(axis=1), best, out=result[block], where=R > 0)
    return result


def precision_recall(counts: Histograms) -> tuple[np.ndarray, np.ndarray]:
    """Mean precision and mean recall of the items within each Hamming radius.

        precision(q, rho) = |relevant within rho| / |all within rho|, 0 where nothing is within rho
        recall(q, rho)    = |relevant within rho| / |relevant|

    The mean is over the queries that have a relevant item, the same ones at every radius. Returns
    two arrays float64 ``(bits + 1,)``, one value for each radius 0 ... bits. Raises ValueError
    where no query has a relevant item.
    """
    found, within = np.cumsum(counts.relevant, axis=1), np.cumsum(counts.total, axis=1)
    answerable = found[:, -1] > 0
    _require_any(answerable)
    found, within = found[answerable], within[answerable]
    precision = (found / np.maximum(within, 1)).mean(axis=0)
    recall = (found / found[:, -1:]).mean(axis=0)
    return precision, recall


def precision_within_radius(counts: Histograms, radius: int = 2) -> float:
    """Mean precision of the items within a Hamming radius; a query that finds none counts as 0.

    The convention of Liu et al., CVPR 2012: a code too long to find anything is not excused.
    A radius above the number of bits finds the whole database. Raises ValueError for radius < 0.
    """
    if radius < 0:
        raise ValueError(f"the radius must be at least 0, found {radius}: 2 is the usual one")
    precision, _ = precision_recall(counts)
    return float(precision[min(radius, len(precision) - 1)])


def reciprocals(N: np.ndarray, m: np.ndarray) -> np.ndarray:
    """1/(N+1) + ... + 1/(N+m), also where it is far smaller than the harmonic number of N.

    Summed up to rank 256; beyond it the difference of H_n = ln(n + 1/2) + gamma + c(n), with
    c(n) = 1 / (24 (n + 1/2)^2) - 7 / (960 (n + 1/2)^4) and an error below 2e-17.
    """
    near = HARMONIC[np.minimum(N + m, EXACT_BELOW)] - HARMONIC[np.minimum(N, EXACT_BELOW)]
    low, high = np.maximum(N, EXACT_BELOW) + 0.5, np.maximum(N + m, EXACT_BELOW) + 0.5
    c_low, c_high = (1 / (24 * x**2) - 7 / (960 * x**4) for x in (low, high))
    return near + np.log1p((high - low) / low) + c_high - c_low


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


def _require_any(answerable: np.ndarray) -> None:
    if not answerable.any():
        raise ValueError(
            f"0 of {len(answerable)} queries have a relevant item in the database: check that both"
            " sides number their categories alike"
        )


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
