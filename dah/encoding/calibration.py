"""How sure a prediction is: probabilities that a temperature flattens, and how wrong they are.

Letters: p are category probabilities, y labels, T the temperature, b = 1 / T.
"""

import numpy as np

from dah.files.artifacts import Codes
from dah.retrieval.reach import is_beyond

BINS = 15  # Guo et al. 2017
HOTTEST = 100.0
ROUNDING = 1e-9  # of a derivative that is zero
HALVINGS = 40  # of the interval of b


def tempered(p: np.ndarray, T: float) -> np.ndarray:
    """Probabilities at a temperature; the most probable category stays, at T = 1 everything.

        q_ij = p_ij^(1/T) / sum_k p_ik^(1/T)

    Float ``(n, C)``; returns float32. Guo et al., ICML 2017, where the p are a softmax's.
    """
    q = p.astype(np.float64) ** (1 / T)
    q = (q / q.sum(axis=1, keepdims=True)).astype(np.float32)
    best = p.argmax(axis=1)
    (rounded,) = np.nonzero(q.argmax(axis=1) != best)  # to equal values
    q[rounded, best[rounded]] = np.nextafter(q[rounded].max(axis=1), np.float32(2))
    return q


def temperature(p: np.ndarray, y: np.ndarray) -> float | None:
    """The temperature of the least negative log likelihood, at least 1 and at most 100.

        min over T  -1/n sum_i log q_i(y_i),   q as of ``tempered``

    It is convex in b = 1 / T, with the derivative mean_i (sum_j q_ij log p_ij - log p_i(y_i)).
    Never below 1: no image that is easier than the target's may make its predictions surer. None
    without images. Float ``(n, C)``, labels int64 ``(n,)``.
    """
    if not len(p):
        return None
    log_p = np.log(np.maximum(p.astype(np.float64), np.finfo(np.float64).tiny))
    right = log_p[np.arange(len(y)), y].mean()

    def slope(b: float) -> float:
        q = np.exp(b * (log_p - log_p.max(axis=1, keepdims=True)))
        q /= q.sum(axis=1, keepdims=True)
        return float((q * log_p).sum(axis=1).mean() - right)

    if slope(1.0) <= ROUNDING:
        return 1.0
    if slope(1 / HOTTEST) >= 0:
        return HOTTEST
    low, high = 1 / HOTTEST, 1.0
    for _ in range(HALVINGS):
        b = (low + high) / 2
        low, high = (b, high) if slope(b) < 0 else (low, b)
    return 2 / (low + high)


def mixture_temperature(p: np.ndarray, mixed: np.ndarray, partner: np.ndarray) -> float | None:
    """The temperature of a target without labels, from its predictions and those of mixtures.

    A mixture of two images counts as one of the category that is predicted for its larger share;
    such images are hard and easy, right and wrong as the target's own are. Pairs of one category
    do not count. Both float ``(n, C)``; None without a pair. Hu et al., ICML 2024 (PseudoCal).
    """
    y = p.argmax(axis=1)
    unlike = y != y[partner]
    return temperature(mixed[unlike], y[unlike])


def calibration_error(p: np.ndarray, y: np.ndarray) -> float:
    """Expected calibration error: by how much probabilities and shares of right ones differ.

        ECE = sum_m |B_m| / n  |right(B_m) - mean of the largest p in B_m|

    B_m holds the images whose largest probability lies in ((m - 1) / 15, m / 15]. 0 where of the
    predictions with a probability of p a share of p is right. Float ``(n, C)``, labels int64
    ``(n,)``. Guo et al., ICML 2017, eq. 3.
    """
    sure = p.max(axis=1).astype(np.float64)
    bin_of = (np.ceil(sure * BINS).astype(int) - 1).clip(0, BINS - 1)
    surplus = np.bincount(bin_of, (p.argmax(axis=1) == y) - sure, BINS)
    return float(np.abs(surplus).sum() / len(y))


def is_far(codes: Codes, images: np.ndarray | slice = slice(None)) -> np.ndarray:
    """Which target images, or those rows, lie beyond the codes' reach of all source images: bool.

    None does where a method has no such thing.
    """
    return is_beyond(codes.target[images], codes.source, codes.reach)
