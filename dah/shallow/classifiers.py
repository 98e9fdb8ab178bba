"""Shallow classifiers: labels of target samples from a labelled source."""

import numpy as np

from dah.linalg import as_features
from dah.samples import of_each, taken

CELLS_AT_ONCE = 2**17  # distances held at a time: 1 MiB stays in the cache of one core
MOST = 20_000  # source samples that a target is compared with, or that a machine learns from
ROWS_AT_ONCE = 256  # of the target, so that a product with a large source is not bound by memory


def nearest_neighbour(Xs: np.ndarray, ys: np.ndarray, Xt: np.ndarray) -> np.ndarray:
    """Label of the source sample at the smallest Euclidean distance from each target sample.

        argmin_i |x - x_i|^2 = argmin_i |x_i|^2 - 2 <x, x_i>

    by matrix products. What these cannot tell apart, d eps (|x|^2 + max |x_i|^2) or less, is
    decided by the differences themselves, and among equal ones by the lowest index. No more
    distances are held than Xs has numbers, or a MiB of them. Of more than 20,000 source samples as
    many are looked at (``of_each``). Features ``(ns, d)`` and ``(nt, d)``, labels integers
    ``(ns,)``. Returns int64 ``(nt,)``. Raises ValueError as ``as_features`` and where labels do not
    fit.
    """
    Xs, Xt = as_features(Xs, Xt)
    ys = as_labels(ys, len(Xs))
    Xs, ys = taken(of_each(ys, MOST), Xs, ys)
    nearest = np.empty(len(Xt), np.int64)
    square = np.einsum("ij,ij->i", Xs, Xs)
    rounding = Xs.shape[1] * np.finfo(float).eps
    rows = max(CELLS_AT_ONCE // len(Xs), min(ROWS_AT_ONCE, Xs.shape[1]))
    for start in range(0, len(Xt), rows):
        block = Xt[start : start + rows]
        distance = (-2 * block) @ Xs.T
        distance += square
        nearest[start : start + rows] = distance.argmin(axis=1)
        doubt = rounding * (np.einsum("ij,ij->i", block, block) + square.max())
        close = distance <= (distance.min(axis=1) + doubt)[:, None]
        for row in np.flatnonzero(np.count_nonzero(close, axis=1) > 1):
            tied = np.flatnonzero(close[row])
            nearest[start + row] = tied[((Xs[tied] - block[row]) ** 2).sum(axis=1).argmin()]
    return ys[nearest]


def linear_svm(
    Xs: np.ndarray, ys: np.ndarray, Xt: np.ndarray, *, balanced: bool = False
) -> np.ndarray:
    """Labels of the target by a linear support vector machine per category, one against the rest.

        min over w, b  1/2 (|w|^2 + b^2) + sum_i c_i max(0, 1 - s_i (<w, x_i> + b))^2,   C = 1

    where c_i = 1, or, `balanced`, ns / (categories * samples of the category of i), so that all
    categories weigh alike.

    Both sets are divided by the mean length of the source rows: the weight C = 1 then means the
    same for features of every scale, and the solver converges. Coordinate descent in the dual takes
    half the time of Newton steps in the primal (measured for ns / d = 1.25 and 2.5), which are left
    for ns >= 4 d. Of more than 20,000 source samples as many are learned from (``of_each``).
    Features ``(ns, d)`` and ``(nt, d)``, labels integers ``(ns,)``. Returns int64 ``(nt,)``, equal
    from run to run. Raises ValueError as ``as_features``, where labels do not fit and where they
    name one category.
    """
    from sklearn.svm import LinearSVC  # noqa: PLC0415 - a second

    Xs, Xt = as_features(Xs, Xt)
    ys = as_labels(ys, len(Xs))
    Xs, ys = taken(of_each(ys, MOST), Xs, ys)
    categories = len(np.unique(ys))
    if categories < 2:
        raise ValueError(
            f"a support vector machine needs 2 categories, found {categories} in {len(ys)} labels:"
            " pass a source with more"
        )
    scale = np.linalg.norm(Xs, axis=1).mean() or 1.0
    dual = len(Xs) < 4 * Xs.shape[1]
    weight = "balanced" if balanced else None
    machine = LinearSVC(C=1.0, class_weight=weight, dual=dual, max_iter=10_000, random_state=0)
    return machine.fit(Xs / scale, ys).predict(Xt / scale)


def as_labels(ys: np.ndarray, samples: int) -> np.ndarray:
    """Source labels as int64 ``(samples,)``; ValueError for another length, shape or kind."""
    ys = np.asarray(ys)
    if ys.shape != (samples,):
        raise ValueError(
            f"{samples} source samples need labels of shape ({samples},), found {ys.shape}:"
            " pass one label per sample, in the same order"
        )
    if ys.dtype.kind not in "iu":
        raise ValueError(f"labels must be integers, found {ys.dtype}: number the categories")
    return ys.astype(np.int64)
