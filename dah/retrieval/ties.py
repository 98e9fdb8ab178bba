"""What an evaluation that sorts could report, depending on how it orders equally distant items."""

import numpy as np

from dah.retrieval.hamming import Histograms
from dah.retrieval.precision import mean_over_queries, reciprocals, sum_over_distances


def map_spread(counts: Histograms, k: int | None = None) -> tuple[float, float]:
    """The smallest and the largest mean average precision over all orders of equal distances.

    The mean over queries of ``ordered_precision`` with the relevant items of every distance last,
    then first. Both are reached where each query orders its ties by itself; a stable sort, which
    orders the ties of all queries by one database, stays between them, and so does the tie-aware
    mean of ``retrieval.average_precision``. Queries without a relevant item are left out. Raises
    ValueError for k < 1 and where no query has a relevant item.
    """
    last, first = (
        mean_over_queries(ordered_precision(counts, relevant_first=first, k=k))
        for first in (False, True)
    )
    return last, first


def ordered_precision(
    counts: Histograms, *, relevant_first: bool, k: int | None = None
) -> np.ndarray:
    """Average precision of each query where ties are ordered by relevance, the extremes of it.

        AP = 1 / min(k, R) * sum over relevant items at ranks t <= k of precision at t

    With N items, M of them relevant, before the n items at one distance of which r are relevant,
    those stand on the ranks B + 1 ... B + r, where B = N if they are first and N + n - r if they
    are last. The distance adds, for its m <= r relevant ranks within k,

        (M+1) / (B+1) + ... + (M+m) / (B+m) = m + (M - B) (1/(B+1) + ... + 1/(B+m)).

    To move one relevant item behind an irrelevant neighbour lowers its own precision and changes
    no other, so no order of the ties gives more than the first or less than the last. `k` None
    ranks the whole database. Returns float64 ``(queries,)``, nan where R = 0. Raises ValueError
    for k < 1.
    """

    def gains(r: np.ndarray, n: np.ndarray, M: np.ndarray, N: np.ndarray) -> np.ndarray:
        B = N if relevant_first else N + n - r
        m = r if k is None else np.clip(k - B, 0, r)
        return m + (M - B) * reciprocals(B, m)

    return sum_over_distances(counts, gains, k)
