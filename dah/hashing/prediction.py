"""Categories by codes, for methods that learn codes of a labelled source without a network."""

import numpy as np

from dah.linalg import rows_at_once
from dah.retrieval.codes import check_codes
from dah.retrieval.hamming import hamming_distances
from dah.samples import compared, taken

QUERIES_AT_ONCE = 1024


def category_probabilities(
    target: np.ndarray,
    source: np.ndarray,
    ys: np.ndarray,
    bits: int,
    sharpness: float,
    categories: int,
) -> np.ndarray:
    """p_ij: how alike the codes of target image i and of the source images of category j are.

        p_ij = mean_k exp z_ik^j / sum_l mean_k exp z_ik^l,   z = sharpness / d <h_i, h_k>   (eq. 6)

    where <h_i, h_k> = d - 2 dist(i, k): the same as ``dah.deep.losses`` says of signs, without
    torch. A category without source images has p = 0. Of very many source images some are
    ``compared``. Packed codes uint8, labels int64 ``(n_s,)``. Returns float64
    ``(n_t, categories)``. Raises ValueError as ``check_codes``.
    """
    check_codes(target, bits)
    check_codes(source, bits)
    source, ys = taken(compared(ys), source, ys)
    counts = np.bincount(ys, minlength=categories)
    mean = np.eye(categories)[ys] / np.maximum(counts, 1)
    p = np.empty((len(target), categories))
    step = rows_at_once(len(source), QUERIES_AT_ONCE)
    for start in range(0, len(target), step):
        distances = hamming_distances(target[start : start + step], source)
        nearer = distances.min(axis=1, keepdims=True) - distances  # the largest exponent is 0
        p[start : start + step] = np.exp(2 * sharpness / bits * nearer) @ mean
    return p / p.sum(axis=1, keepdims=True)
