"""Labels for an unlabelled target, by propagation in a projection that they make better."""

import numpy as np
from scipy.linalg import eigh
from threadpoolctl import threadpool_limits

from dah.linalg import as_features, centred, row_space, unit_rows
from dah.samples import compared, taken
from dah.shallow.classifiers import as_labels
from dah.shallow.propagation import balanced, neighbour_graph, propagated

COMPONENTS = 512  # principal components that are looked at (Wang & Breckon, AAAI 2020)
RIDGE = 1.0  # of the projection (the same)
EDGE = 0.1  # of a category's samples: where the share that is trusted fades out


def pseudo_labels(
    Xs: np.ndarray,
    ys: np.ndarray,
    Xt: np.ndarray,
    *,
    dim: int,
    neighbours: int,
    alpha: float,
    rounds: int,
) -> np.ndarray:
    """Shares of the source's categories for every target sample, from features of both.

    Each round r of R learns a projection from the source's labels and those target labels of the
    round before that it trusts; puts both domains' means at the origin there; spreads the
    source's labels over the joint graph of neighbours; balances the categories. Trusted are, of
    each category, the r / R samples that are surest of it, with weights that fade out smoothly
    (``trust``), so that a rounding error does not decide. Features float ``(n_s, D)`` and
    ``(n_t, D)``, labels int64 ``(n_s,)`` in 0 ... C - 1, each present. Returns float32
    ``(n_t, C)``, rows that sum to one. It is deterministic. Of very many source samples those
    that are ``compared`` stand for all. Raises ValueError as ``as_features`` and ``as_labels``.

    The rounds and the projection are selective pseudo-labelling's (Wang & Breckon, AAAI 2020), the
    spreading is label propagation (Zhou et al., NIPS 2003) in place of their clusters.
    """
    Xs = np.asarray(Xs)
    if Xs.ndim == 2:  # else it is refused below
        ys = as_labels(ys, len(Xs))
        Xs, ys = taken(compared(ys), Xs, ys)
    A = principal_directions(Xs, Xt)
    sides = As, At = A[: len(ys)], A[len(ys) :]
    count = ys.max() + 1
    Ys = np.eye(count)[ys]
    spread = np.vstack([Ys / Ys.sum(axis=0), np.zeros((len(At), count))]).astype(np.float32)
    X, Y = As, Ys
    for round_ in range(1, rounds + 1):
        with threadpool_limits(1, user_api="blas"):  # matrices this small lose to threads
            P = locality_preserving_projection(X, Y, dim)
        Z = np.vstack([unit_rows(centred(side @ P)) for side in sides])
        F = propagated(neighbour_graph(Z, neighbours), spread, alpha)
        shares = balanced(F[len(ys) :])
        chosen = np.eye(count)[shares.argmax(axis=1)]
        X = A
        Y = np.vstack([Ys, trust(shares, round_ / rounds)[:, None] * chosen])
    return shares


def principal_directions(Xs: np.ndarray, Xt: np.ndarray) -> np.ndarray:
    """Both domains' samples as directions, in at most 512 principal components of the two.

    Rows have length one before and after. Float ``(n_s, D)`` and ``(n_t, D)`` to float64
    ``(n_s + n_t, r)``, source first. Raises ValueError as ``as_features``.
    """
    X = centred(np.vstack([unit_rows(side) for side in as_features(Xs, Xt)]))
    if not X.any():
        return np.zeros((len(X), 1))
    _, V = row_space(X, COMPONENTS)
    Z = X @ V
    del X  # of very many samples it is large
    return unit_rows(Z)


def locality_preserving_projection(X: np.ndarray, Y: np.ndarray, dim: int) -> np.ndarray:
    """Directions in which samples of one category lie together, and others apart.

        maximise  tr(P'X'D X P)   subject to   P'(X'L X + I) P = I
        W = Y Y',   D = diag(sum_j W_ij),   L = D - W

    Rows X float64 ``(n, r)``; Y float64 ``(n, C)`` holds each sample's weight in its category,
    zeros where it has none. Returns float64 ``(r, min(dim, r))``. With W of one category,
    X'W X is a sum over categories and no n x n matrix is made. Supervised locality preserving
    projection, He & Niyogi, NIPS 2003; Wang & Breckon, AAAI 2020, eq. 1 to 3.
    """
    degree = Y @ Y.sum(axis=0)
    total = X.T @ (degree[:, None] * X)
    sums = Y.T @ X
    within = total - sums.T @ sums + RIDGE * np.eye(X.shape[1])
    r = X.shape[1]
    _, P = eigh(total, within, subset_by_index=(max(0, r - dim), r - 1))
    return P[:, ::-1]


def trust(shares: np.ndarray, part: float) -> np.ndarray:
    """Weights float64 ``(n,)`` in [0, 1]: near 1 for the surest `part` of each category.

        w_i = 1 / (1 + exp((rank_i - part) / 0.1))

    rank_i in (0, 1) is the place of sample i, by its largest share and from the surest, among those
    that choose its category. Shares float ``(n, C)``.
    """
    chosen, surest = shares.argmax(axis=1), shares.max(axis=1)
    rank = np.empty(len(shares))
    for category in np.unique(chosen):
        rows = np.flatnonzero(chosen == category)
        order = rows[np.argsort(-surest[rows], kind="stable")]
        rank[order] = (np.arange(len(rows)) + 0.5) / len(rows)
    return 1 / (1 + np.exp((rank - part) / EDGE))
