"""Which categories are taken for which, cell by cell, and those in most errors."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from dah.evaluation.confusion import (
    among,
    category_accuracy,
    confusion_in,
    confusion_of,
    most_confused,
)
from dah.evaluation.targets import accuracy


def matrix_of(confusion):
    """The whole matrix, by the columns of all categories."""
    return among(confusion, range(confusion.categories))[:, :-1]


def test_confusion_worked_out_by_hand():
    """Three images of 0, one taken for 1; two of 1; one of 3, taken for 0; none of 2."""
    labels = np.array([0, 0, 0, 1, 1, 3])
    predicted = np.array([0, 1, 0, 1, 1, 0])
    confusion = confusion_of(predicted, labels, 4)
    assert_array_equal(confusion.true, [0, 0, 1, 3])
    assert_array_equal(confusion.predicted, [0, 1, 1, 0])
    assert_array_equal(confusion.images, [2, 1, 2, 1])
    assert_array_equal(
        matrix_of(confusion), [[2, 1, 0, 0], [0, 2, 0, 0], [0, 0, 0, 0], [1, 0, 0, 0]]
    )
    assert_array_equal(confusion.of_category(), [3, 2, 0, 1])
    assert_allclose(category_accuracy(confusion), [200 / 3, 100, np.nan, 0])


def test_confusion_equals_a_loop_and_holds_the_accuracy():
    """Cell by cell; rows count the truth, columns the predictions, the diagonal the right ones."""
    rng = np.random.default_rng(0)
    labels, predicted = rng.integers(0, 7, (2, 200))
    confusion = confusion_of(predicted, labels, 7)
    expected = np.zeros((7, 7), int)
    for truth, guess in zip(labels, predicted, strict=True):
        expected[truth, guess] += 1
    assert_array_equal(matrix_of(confusion), expected)
    assert_array_equal(matrix_of(confusion_in(expected)), expected)
    by_category = category_accuracy(confusion)
    for c in range(7):
        assert_allclose(by_category[c], accuracy(predicted[labels == c], labels[labels == c]))
    weights = confusion.of_category()
    assert_allclose(np.average(by_category, weights=weights), accuracy(predicted, labels))
    chosen = most_confused(confusion, 3)
    wrong = expected - np.diag(expected.diagonal())
    errors = wrong.sum(axis=0) + wrong.sum(axis=1)
    assert_array_equal(chosen, np.sort(sorted(range(7), key=lambda c: -errors[c])[:3]))
    part = among(confusion, chosen)
    assert_array_equal(part[:, :3], expected[np.ix_(chosen, chosen)])
    assert_array_equal(part.sum(axis=1), expected.sum(axis=1)[chosen])


def test_the_first_of_equally_confused_categories_are_taken():
    """Where none is confused, the first ones; where there are fewer, all."""
    right = confusion_of(np.arange(5), np.arange(5), 5)
    assert most_confused(right, 2).tolist() == [0, 1]
    assert most_confused(right, 9).tolist() == [0, 1, 2, 3, 4]
    taken = confusion_of(np.array([0, 4]), np.array([3, 4]), 5)
    assert most_confused(taken, 2).tolist() == [0, 3]


def test_memory_follows_the_images():
    """A million categories, whose matrix would have 10^12 cells."""
    labels = np.array([5, 999_999, 5])
    confusion = confusion_of(np.array([5, 0, 999_999]), labels, 10**6)
    assert confusion.images.tolist() == [1, 1, 1]
    assert category_accuracy(confusion)[[5, 999_999]].tolist() == [50, 0]
    assert most_confused(confusion, 3).tolist() == [0, 5, 999_999]


def test_confusion_refuses_what_it_cannot_count():
    """Lengths that differ and categories that are not numbered 0 ... C - 1."""
    labels = np.array([0, 1, 2])
    with pytest.raises(ValueError, match="found 2 predictions of 3 labels"):
        confusion_of(labels[:2], labels, 3)
    with pytest.raises(ValueError, match=r"1 of 3 predictions are outside 0 \.\.\. 1.* is 2"):
        confusion_of(labels, labels, 2)
    with pytest.raises(ValueError, match=r"1 of 3 labels are outside .* first is -1"):
        confusion_of(labels, labels - 1, 3)
