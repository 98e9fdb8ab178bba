"""Which categories are taken for which: the cells of the confusion matrix that hold an image.

    n_ij = |{images : label = i, predicted = j}|

There are no more of them than images, while the matrix of thousands of categories has millions.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Confusion:
    """The cells in order of rows: labels ``true`` and ``predicted`` and number of ``images``.

    All int64 ``(m,)``, numbering the given number of categories.
    """

    categories: int
    true: np.ndarray
    predicted: np.ndarray
    images: np.ndarray

    def of_category(self) -> np.ndarray:
        """The images of each category, int64 ``(C,)``."""
        return _sums(self.true, self.images, self.categories)


def confusion_of(predicted: np.ndarray, labels: np.ndarray, categories: int) -> Confusion:
    """The confusion of predictions and labels, both int64 ``(n,)`` of the same images.

    Raises ValueError where the lengths differ and for a category outside 0 ... C - 1.
    """
    if predicted.shape != labels.shape:
        raise ValueError(
            f"found {len(predicted)} predictions of {len(labels)} labels: pass one per image, in"
            " the same order"
        )
    for name, values in (("prediction", predicted), ("label", labels)):
        outside = values[(values < 0) | (values >= categories)]
        if len(outside):
            raise ValueError(
                f"{len(outside)} of {len(values)} {name}s are outside 0 ... {categories - 1}, the"
                f" first is {outside[0]}: number both alike"
            )
    cells, images = np.unique(categories * labels + predicted, return_counts=True)
    return Confusion(categories, *np.divmod(cells, categories), images)


def confusion_in(matrix: np.ndarray) -> Confusion:
    """The confusion in a matrix int64 ``(C, C)``, rows the truth."""
    true, predicted = np.nonzero(matrix)
    return Confusion(len(matrix), true, predicted, matrix[true, predicted])


def category_accuracy(confusion: Confusion) -> np.ndarray:
    """Correctly classified images of each category in percent, ``100 n_ii / sum over j of n_ij``.

    Returns float64 ``(C,)``, nan for a category without an image. Their mean, weighted by the
    images of each, is ``accuracy``.
    """
    images = confusion.of_category()
    right = confusion.true == confusion.predicted
    hits = _sums(confusion.true[right], confusion.images[right], confusion.categories)
    shares = np.full(confusion.categories, np.nan)
    return 100 * np.divide(hits, images, out=shares, where=images > 0)


def most_confused(confusion: Confusion, count: int) -> np.ndarray:
    """The `count` categories in most errors, as truth or as prediction, in order of their labels.

        e_i = sum over j != i of n_ij + n_ji

    Of equal ones the first.
    """
    wrong = confusion.true != confusion.predicted
    images = confusion.images[wrong]
    sides = (_sums(side[wrong], images, confusion.categories)
             for side in (confusion.true, confusion.predicted))  # fmt: skip
    return np.sort(np.argsort(-sum(sides), kind="stable")[:count])


def among(confusion: Confusion, chosen: Sequence[int] | np.ndarray) -> np.ndarray:
    """The matrix of k chosen categories, int64 ``(k, k + 1)``: the last column is all others."""
    place = np.full(confusion.categories, len(chosen))
    place[chosen] = np.arange(len(chosen))
    matrix = np.zeros((len(chosen), len(chosen) + 1), np.int64)
    kept = place[confusion.true] < len(chosen)
    cells = place[confusion.true[kept]], place[confusion.predicted[kept]]
    np.add.at(matrix, cells, confusion.images[kept])
    return matrix


def _sums(labels: np.ndarray, images: np.ndarray, categories: int) -> np.ndarray:
    sums = np.zeros(categories, np.int64)
    np.add.at(sums, labels, images)
    return sums
