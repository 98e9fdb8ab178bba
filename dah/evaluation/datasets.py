"""What a data set is like: the columns of the paper's Table 1 for each domain."""

import warnings
from collections import Counter
from collections.abc import Sequence

import numpy as np

from dah.shallow.classifiers import linear_svm

FOLDS = 5


def sizes(
    categories: Sequence[str], widths: np.ndarray, heights: np.ndarray
) -> dict[str, float | str]:
    """Numbers of images and categories, images of the smallest category, smallest, largest image.

    Images are ordered by their pixels and given as text, ``width x height``. Categories are names,
    one per image, empty where the domain has no labels: then what counts them is left out.
    """
    figures: dict[str, float | str] = {"images": len(categories)}
    if any(categories):
        counts = Counter(categories)
        figures |= {"categories": len(counts), "smallest_category": min(counts.values())}
    pixels = np.asarray(widths) * np.asarray(heights)
    for name, row in (("smallest_image", pixels.argmin()), ("largest_image", pixels.argmax())):
        figures[name] = f"{widths[row]} x {heights[row]}"
    return figures


def svm_accuracy(X: np.ndarray, y: np.ndarray, seed: int) -> tuple[float, float] | None:
    """Accuracy of a linear SVM on features by five-fold cross-validation: mean and deviation, %.

    Stratified folds, in random order of `seed`. Features float ``(n, D)``, labels int64 ``(n,)``.
    Returns the mean over folds and the standard deviation (divisor 4); None where fewer than two
    categories have two samples, or none has five: such folds could not be trained on.
    """
    counts = np.unique(y, return_counts=True)[1]
    if np.count_nonzero(counts >= 2) < 2 or counts.max() < FOLDS:
        return None
    from sklearn.model_selection import StratifiedKFold  # noqa: PLC0415 - a second

    splitter = StratifiedKFold(FOLDS, shuffle=True, random_state=seed)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "The least populated class", UserWarning)
        splits = list(splitter.split(X, y))
    # One after another: the solver's random generator is the process's, and threads would share it.
    folds = [
        100 * float(np.mean(linear_svm(X[train], y[train], X[test]) == y[test]))
        for train, test in splits
    ]
    return float(np.mean(folds)), float(np.std(folds, ddof=1))
