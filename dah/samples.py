"""Few rows that stand for very many, the same ones in every run.

Up to ``MANY`` images of a domain all of them count wherever this module is asked: the largest
domain of DomainNet has 175,327. Of more, what compares all images with all others takes a part of
one side, so that its time is linear.
"""

import numpy as np

AS_WRITTEN = 2**13  # images, up to which sums over them are taken as their formulas say
MANY = 200_000
COMPARED = 20_000  # of one side, that all of the other are compared with
ASKED = 10_000  # whose mean stands for that of all
LEARNED = 50_000  # that an encoder or a classifier of domains is fitted to


def of_each(labels: np.ndarray, most: int) -> np.ndarray:
    """All rows, or of more than `most` as many, an equal part of each category; int64, increasing.

    Evenly chosen in the order of the labels; of a category so rare that none would be, its first
    besides, so that there may be up to one more for each category. Labels integers ``(n,)``.
    """
    if len(labels) <= most:
        return np.arange(len(labels))
    order = np.argsort(labels, kind="stable")
    evenly = order[np.linspace(0, len(labels) - 1, most).astype(int)]
    return np.union1d(evenly, np.unique(labels, return_index=True)[1])


def compared(labels: np.ndarray) -> np.ndarray:
    """All rows, or of more than ``MANY`` about ``COMPARED``, ``of_each`` category; int64."""
    return of_each(labels, COMPARED if len(labels) > MANY else MANY)


def asked(count: int) -> np.ndarray:
    """All of so many rows, or of more than ``MANY`` ``ASKED`` in equal steps; int64, increasing."""
    return _evenly(count, ASKED)


def learned(count: int, largest: int | None = None) -> np.ndarray:
    """All of so many rows, or ``LEARNED`` in equal steps as those that are ``asked``.

    That is where the `largest` domain that they are of, of None they themselves, has more than
    ``MANY`` images.
    """
    return _evenly(count, LEARNED, largest)


def taken(rows: np.ndarray, *arrays: np.ndarray) -> tuple[np.ndarray, ...]:
    """Those rows of each array, or the arrays themselves where that is all of them: no copies.

    `rows` int64, increasing, as of the functions above.
    """
    return tuple(array if len(rows) == len(array) else array[rows] for array in arrays)


def _evenly(count: int, most: int, largest: int | None = None) -> np.ndarray:
    if (count if largest is None else largest) <= MANY or count <= most:
        return np.arange(count)
    return np.linspace(0, count - 1, most).astype(int)
