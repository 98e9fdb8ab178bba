"""Both domains projected onto common prototypes, one of each category, orthonormal.

X ``(n, d)`` holds source above target, Y ``(n, c)`` the shares of each sample in the categories
(``dah.hashing.memberships``), P ``(d, q)`` the projection, C ``(q, c)`` the prototypes (the paper's
O).
"""

from functools import partial

import numpy as np
from scipy.linalg import solve


def objective(
    X: np.ndarray, Y: np.ndarray, e: np.ndarray, P: np.ndarray, C: np.ndarray, mmd: float,
    sparsity: float,
) -> float:  # fmt: skip
    """sum_ij y_ij^2 |P'x_i - c_j|^2 + mmd |P'X'e|^2 + sparsity sum_k |p_k|, p_k the rows of P.

    P'X'e is the difference of the domains' means, its square the linear MMD tr(P'X'H X P), H = ee'.
    """
    Z = X @ P
    distances = ((Z[:, None, :] - C.T[None]) ** 2).sum(axis=2)
    return float(
        (Y**2 * distances).sum()
        + mmd * ((e @ Z) ** 2).sum()
        + sparsity * np.linalg.norm(P, axis=1).sum()
    )


def mean_difference(ns: int, nt: int) -> np.ndarray:
    """e ``(ns + nt,)``: 1 / ns on the source, -1 / nt on the target; H = ee' the MMD matrix."""
    return np.repeat([1 / ns, -1 / nt], [ns, nt])


def projection(
    X: np.ndarray, Y: np.ndarray, e: np.ndarray, C: np.ndarray, mmd: float, sparsity: float,
    P: np.ndarray | None = None, steps: int = 3,
) -> np.ndarray:  # fmt: skip
    """P after some steps, from `P`, down the ``objective``; from a ridge regression without one.

    |p_k| <= |p_k|^2 / (2 g_k) + g_k / 2 with equality at g_k = |p_k|, so that each step solves,
    with w_i = sum_j y_ij^2,

        (X'diag(w)X + mmd X'ee'X + sparsity diag(1 / (2 g))) P = X'(Y * Y) C'

    and the objective never rises. In P = diag(s) Q with s = (2 g)^(1/2) a row of zeros is no
    division by zero. The cost follows min(n, d). Returns float64 ``(d, q)``.
    """
    weights = Y**2
    root = np.sqrt(weights.sum(axis=1))[:, None]
    F = np.vstack([root * X, np.sqrt(mmd) * (e @ X)])
    T = np.vstack([weights @ C.T / root, np.zeros(len(C))])
    tall = X.shape[1] <= len(F)
    solution = partial(_of_features, F.T @ F, F.T @ T) if tall else partial(_of_samples, F, T)
    s = np.ones(X.shape[1]) if P is None else _root_norms(P)
    P = s[:, None] * solution(s, sparsity)
    for _ in range(steps - 1):
        s = _root_norms(P)
        P = s[:, None] * solution(s, sparsity)
    return P


def _of_features(A: np.ndarray, B: np.ndarray, s: np.ndarray, weight: float) -> np.ndarray:
    """Q from A = F'F and B = F'T."""
    return _ridge(s[:, None] * A * s, s[:, None] * B, weight)


def _of_samples(F: np.ndarray, T: np.ndarray, s: np.ndarray, weight: float) -> np.ndarray:
    """The same Q from F and T, where F has fewer rows than columns."""
    G = F * s
    return G.T @ _ridge(G @ G.T, T, weight)


def _root_norms(P: np.ndarray) -> np.ndarray:
    """s, of the norms g of P's rows."""
    return np.sqrt(2 * np.linalg.norm(P, axis=1))


def _ridge(A: np.ndarray, B: np.ndarray, weight: float) -> np.ndarray:
    """(A + weight I)^(-1) B, A symmetric."""
    return solve(A + weight * np.eye(len(A)), B, assume_a="pos")


def procrustes(M: np.ndarray) -> np.ndarray:
    """argmax over Q of tr(Q'M), its columns orthonormal, or its rows where M has more columns.

        Q = U V'   where   M = U S V'

    The prototypes of the least ``objective``, C'C = I, are procrustes(P'X'(Y * Y)): columns of
    length 1 leave only the inner products to choose. Schoenemann 1966.
    """
    U, _, Vt = np.linalg.svd(M, full_matrices=False)
    return U @ Vt
