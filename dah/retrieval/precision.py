"""Retrieval by Hamming distance: how good is the ranking of a database for each query?

An item is relevant to a query where their labels are equal. Integer distances tie constantly, so
nothing here sorts: all metrics are functions of how many items, and how many relevant ones, lie at
each distance from a query. The order of the database cannot change a figure. A query that no item
of the database is relevant to is left out of every mean.
"""

from collections.abc import Callable

import numpy as np

from dah.retrieval.hamming import Histograms, histograms

CELLS_AT_ONCE = 2**18  # cells of the histograms: bounds the memory of average_precision
EXACT_BELOW = 256
HARMONIC = np.concatenate([[0.0], np.cumsum(1 / np.arange(1, EXACT_BELOW + 1))])


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
    c_low, c_high = (1 / (24 * x**2) - 7 / (960 * (x**2) ** 2) for x in (low, high))
    return near + np.log1p((high - low) / low) + c_high - c_low


def _require_any(answerable: np.ndarray) -> None:
    if not answerable.any():
        raise ValueError(
            f"0 of {len(answerable)} queries have a relevant item in the database: check that both"
            " sides number their categories alike"
        )
