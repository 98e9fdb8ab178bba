"""Table 1 of a data set: counts by hand, cross-validation against its definition."""

import numpy as np
import pytest
from numpy.testing import assert_allclose
from sklearn.model_selection import StratifiedKFold
from sklearn.svm import LinearSVC

from dah.evaluation.datasets import sizes, svm_accuracy


def test_counts_and_sizes():
    """The smallest image is the one of fewest pixels, not of the shortest side."""
    widths, heights = np.array([10, 300, 40]), np.array([100, 20, 20])
    assert sizes(["mug", "pen", "mug"], widths, heights) == {
        "images": 3,
        "categories": 2,
        "smallest_category": 1,
        "smallest_image": "40 x 20",
        "largest_image": "300 x 20",
    }


def test_without_labels_categories_are_not_counted():
    """What is left is known of the images alone."""
    figures = sizes(["", ""], np.array([1, 2]), np.array([3, 4]))
    assert set(figures) == {"images", "smallest_image", "largest_image"}


def clusters(*counts, more=0):
    """Overlapping clusters around unit vectors, with so many axes of noise more, and labels."""
    rng = np.random.default_rng(0)
    y = np.repeat(np.arange(len(counts)), counts)
    centres = np.eye(len(counts), len(counts) + more)
    return centres[y] + 0.5 * rng.standard_normal((len(y), centres.shape[1])), y


def test_accuracy_is_that_of_five_folds_one_by_one():
    """The same folds and machine, written as a loop; the deviation has the divisor 4."""
    X, y = clusters(30, 40, 20)
    shares = []
    for train, test in StratifiedKFold(5, shuffle=True, random_state=3).split(X, y):
        scale = np.linalg.norm(X[train], axis=1).mean()
        machine = LinearSVC(C=1.0, dual=False, tol=1e-8).fit(X[train] / scale, y[train])
        shares.append(100 * machine.score(X[test] / scale, y[test]))
    mean, deviation = svm_accuracy(X, y, 3)
    assert 60 < mean < 95
    assert_allclose(mean, sum(shares) / 5, atol=0.01)
    assert_allclose(deviation, np.sqrt(sum((s - mean) ** 2 for s in shares) / 4), atol=0.01)


def test_accuracy_repeats_itself():
    """Also where the solver draws at random: fewer than four samples per dimension."""
    X, y = clusters(30, 40, 20, more=60)
    assert svm_accuracy(X, y, 0) == svm_accuracy(X, y, 0)


@pytest.mark.parametrize("counts", [(4, 4), (9,), (9, 1), (1, 1, 1, 1, 1)])
def test_too_few_images_have_no_accuracy(counts):
    """No category of five, one category, and one that a fold could take whole."""
    assert svm_accuracy(*clusters(*counts), 0) is None


def test_a_small_category_is_no_obstacle():
    """Three images among five folds, and no warning."""
    assert svm_accuracy(*clusters(20, 20, 3), 0) is not None
