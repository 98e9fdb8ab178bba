"""How much each target image belongs to each category: pseudo-labels, then shares of a simplex.

Z ``(n, q)`` hold projected samples, Y ``(n, c)`` their shares in the c categories, rows of which
are not negative and sum to 1. Target labels are nowhere known.
"""

import numpy as np
from scipy.optimize import linear_sum_assignment

from dah.hashing.kernel import squared_distances
from dah.linalg import unit_rows

SMALLEST = 1e-12  # of a distance that is divided by


def structured_probabilities(Zs: np.ndarray, Ys: np.ndarray, Zt: np.ndarray) -> np.ndarray:
    """Category probabilities pi of the target, by source prototypes and by the target's clusters.

        pi_j proportional to max(p_j, q_j)
        p = softmin_j |z - m_j|^2,   q = softmin_j |z - k_j|^2

    on unit rows about the mean of all. m_j is the unit mean of a source category; the k_j are the
    unit centres of the target's K-means clusters, started from the m_j and matched to them one to
    one at the least sum of squared distances. Returns float64 ``(n_t, c)``. Wang & Breckon,
    *Unsupervised Domain Adaptation via Structured Prediction Based Selective Pseudo-Labeling*,
    AAAI 2020.
    """
    mean = np.vstack([Zs, Zt]).mean(axis=0)
    Us, Ut = unit_rows(Zs - mean), unit_rows(Zt - mean)
    prototypes = unit_rows(Ys.T @ Us / Ys.sum(axis=0)[:, None])
    centres = clusters(Ut, prototypes)
    _, matched = linear_sum_assignment(squared_distances(prototypes, centres))
    near = (softmin(squared_distances(Ut, M)) for M in (prototypes, unit_rows(centres[matched])))
    pi = np.maximum(*near)
    return pi / pi.sum(axis=1, keepdims=True)


def clusters(X: np.ndarray, start: np.ndarray, rounds: int = 300) -> np.ndarray:
    """Lloyd's K-means from `start` ``(c, q)``: centres float64 ``(c, q)``, a stationary point.

        min over centres k and assignments a   sum_i |x_i - k_a(i)|^2

    A centre that no sample is nearest to stays where it is.
    """
    centres, before = start, None
    for _ in range(rounds):
        nearest = squared_distances(X, centres).argmin(axis=1)
        if before is not None and np.array_equal(nearest, before):
            break
        one_hot = np.eye(len(start))[nearest]
        sizes = one_hot.sum(axis=0)[:, None]
        centres = np.where(sizes > 0, one_hot.T @ X / np.maximum(sizes, 1), centres)
        before = nearest
    return centres


def softmin(D: np.ndarray) -> np.ndarray:
    """exp(-d_j) / sum_k exp(-d_k) of each row, float64 ``(n, c)``."""
    E = np.exp(D.min(axis=1, keepdims=True) - D)
    return E / E.sum(axis=1, keepdims=True)


def confidence(pi: np.ndarray, D: np.ndarray) -> np.ndarray:
    """alpha ``(n,)``: how strongly a pseudo-label argmax_j pi_j pulls, c >= 2.

        (pi_(1) - pi_(2)) / (d_(2) - d_(1))   where the nearest prototype is the pseudo-label's,
        pi_(1) (1 - |pi_g - pi_(1)|)          where it is another one, g,

    of the two largest probabilities and the two smallest squared distances D ``(n, c)``.
    """
    rows, label, nearest = np.arange(len(pi)), pi.argmax(axis=1), D.argmin(axis=1)
    low, high = np.sort(pi, axis=1)[:, -2:].T
    first, second = np.sort(D, axis=1)[:, :2].T
    agreeing = (high - low) / np.maximum(second - first, SMALLEST)
    return np.where(nearest == label, agreeing, high * (1 - np.abs(pi[rows, nearest] - high)))


def memberships(D: np.ndarray, label: np.ndarray, alpha: np.ndarray) -> np.ndarray:
    """R ``(n, c)``, each row the minimum over the simplex of

        sum_j r_j^2 d_j - alpha log r_k,   k the pseudo-label.

    Where r_j = (1 - r_k) t / (2 d_j) for j != k, with 1 / t = sum over j != k of 1 / (2 d_j), the
    derivative in r_k vanishes at the positive root of

        (2 d_k + t) r_k^2 - t r_k - alpha = 0,

    and r_k = 1 where that exceeds 1. D float64 ``(n, c)`` not negative, `label` int64 and `alpha`
    float64 ``(n,)``, alpha >= 0.
    """
    if D.shape[1] == 1:
        return np.ones_like(D)
    D, rows = np.maximum(D, SMALLEST), np.arange(len(D))
    inverse = 1 / D
    inverse[rows, label] = 0
    total = inverse.sum(axis=1)
    t, a = 2 / total, 2 * D[rows, label] + 2 / total
    r = np.minimum((t + np.sqrt(t**2 + 4 * alpha * a)) / (2 * a), 1)
    R = (1 - r)[:, None] * inverse / total[:, None]
    R[rows, label] = r
    return R
