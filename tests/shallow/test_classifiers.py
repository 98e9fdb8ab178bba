"""Nearest neighbours against loops, support vector machines against a general minimizer."""

import numpy as np
import pytest
from numpy.testing import assert_array_equal
from scipy.optimize import minimize

from dah.samples import of_each
from dah.shallow import classifiers
from dah.shallow.classifiers import linear_svm, nearest_neighbour

CLASSIFIERS = [nearest_neighbour, linear_svm]


def problem(ns=40, nt=30, d=5, categories=4, spread=1.0):
    """Source, its labels and target around common centres."""
    rng = np.random.default_rng(0)
    centres = rng.standard_normal((categories, d))
    labels = np.arange(ns + nt) % categories + 3
    X = centres[labels - 3] + spread * rng.standard_normal((ns + nt, d))
    return X[:ns], labels[:ns], X[ns:]


def loop_neighbour(Xs, ys, Xt):
    """The first source sample at the smallest distance, one difference after another."""
    labels = []
    for x in Xt:
        best = 0
        for i in range(1, len(Xs)):
            if sum((Xs[i] - x) ** 2) < sum((Xs[best] - x) ** 2):
                best = i
        labels.append(ys[best])
    return labels


@pytest.mark.parametrize("shape", [(40, 30, 5), (7, 9, 60), (1, 3, 2)])
@pytest.mark.parametrize("offset", [0, 1e6])
def test_nearest_neighbour_equals_loops(shape, offset):
    """Also far from the origin, where matrix products have lost the differences."""
    Xs, ys, Xt = problem(*shape)
    Xs, Xt = Xs + offset, Xt + offset
    assert_array_equal(nearest_neighbour(Xs, ys, Xt), loop_neighbour(Xs, ys, Xt))


@pytest.mark.parametrize("cells", [1, 79, 80, 81, 10**6])
def test_block_size_changes_nothing(monkeypatch, cells):
    """One target sample at a time, two, or all."""
    Xs, ys, Xt = problem()
    monkeypatch.setattr("dah.shallow.classifiers.CELLS_AT_ONCE", cells)
    assert_array_equal(nearest_neighbour(Xs, ys, Xt), loop_neighbour(Xs, ys, Xt))


def test_lowest_index_wins_an_exact_tie():
    """Duplicates, opposite corners of a lattice and rows of zeros, at every place in a block."""
    rng = np.random.default_rng(0)
    once = rng.standard_normal((50, 33))
    labels = np.arange(200)
    assert_array_equal(nearest_neighbour(np.tile(once, (4, 1)), labels, once), np.arange(50))
    lattice = np.array([[1, 1], [-1, 1], [1, -1], [-1, -1]]) * 1.0
    assert_array_equal(nearest_neighbour(lattice, labels[:4], np.zeros((3, 2))), [0, 0, 0])
    assert_array_equal(nearest_neighbour(lattice, labels[:4], [[0.0, -1]]), [2])
    assert_array_equal(nearest_neighbour(np.zeros((9, 2)), labels[:9], lattice), [0, 0, 0, 0])


def test_a_difference_below_the_rounding_of_products_decides():
    """Neighbours 1 and 1 - 1e-9 away from a sample at 1e8 are told apart."""
    Xs = np.array([[1e8 + 1], [1e8 - 1 + 1e-7]])
    assert_array_equal(nearest_neighbour(Xs, np.array([5, 6]), np.array([[1e8]])), [6])


def minimized_scores(Xs, ys, Xt, category, weights=1.0):
    """Scores of a category by quasi-Newton steps on the objective as it is written."""
    scale = np.mean([np.sqrt(x @ x) for x in Xs])
    X = np.column_stack([Xs / scale, np.ones(len(Xs))])
    signs = np.where(ys == category, 1.0, -1.0)

    def objective(w):
        slack = np.maximum(0, 1 - signs * (X @ w))
        return w @ w / 2 + weights * slack @ slack, w - 2 * X.T @ (weights * signs * slack)

    w = minimize(objective, np.zeros(X.shape[1]), jac=True, method="BFGS", tol=1e-6).x
    return np.column_stack([Xt / scale, np.ones(len(Xt))]) @ w


@pytest.mark.parametrize("categories", [2, 4])
@pytest.mark.parametrize("shape", [(40, 300, 5), (12, 300, 20)])
def test_linear_svm_minimizes_its_objective(shape, categories):
    """Where a general minimizer sees a clear winner, primal and dual solver choose it."""
    Xs, ys, Xt = problem(*shape, categories=categories)
    Xs, Xt = 50 * Xs, 50 * Xt
    names = np.unique(ys)
    scores = np.stack([minimized_scores(Xs, ys, Xt, category) for category in names], axis=1)
    margin = np.diff(np.sort(scores, axis=1)[:, -2:], axis=1)[:, 0]
    clear = margin > 1e-2
    assert clear.sum() > 250
    assert_array_equal(linear_svm(Xs, ys, Xt)[clear], names[scores.argmax(axis=1)][clear])


def test_balanced_linear_svm_weighs_categories_alike():
    """Of 36 and 4 samples, each counts 40 / 72 and 40 / 8; plain, the small category loses."""
    Xs, ys, Xt = problem(40, 300, 5, categories=2, spread=3)
    ys = np.where(np.arange(40) < 4, 3, 4)
    weights = np.where(ys == 3, 40 / 8, 40 / 72)
    scores = minimized_scores(Xs, ys, Xt, 4, weights)
    clear = np.abs(scores) > 1e-2
    assert clear.sum() > 250
    labels = linear_svm(Xs, ys, Xt, balanced=True)
    assert_array_equal(labels[clear], np.where(scores > 0, 4, 3)[clear])
    assert np.sum(linear_svm(Xs, ys, Xt) == 3) < np.sum(labels == 3)


@pytest.mark.parametrize("shape", [(40, 30, 5), (12, 30, 20)])
def test_linear_svm_does_not_see_the_unit_of_features(shape):
    """Features times 4096 give the same labels, and so does a second run."""
    Xs, ys, Xt = problem(*shape)
    expected = linear_svm(Xs, ys, Xt)
    assert_array_equal(linear_svm(Xs, ys, Xt), expected)
    assert_array_equal(linear_svm(4096 * Xs, ys, 4096 * Xt), expected)


def test_linear_svm_converges_on_categories_that_overlap():
    """A warning of no convergence is an error here."""
    linear_svm(*problem(300, 10, 301, categories=10, spread=30))
    linear_svm(*problem(300, 10, 40, categories=10, spread=30))
    linear_svm(np.zeros((6, 3)), np.arange(6) % 2, np.zeros((2, 3)))


@pytest.mark.parametrize("classify", CLASSIFIERS)
def test_labels_come_out_as_int64_and_arguments_stay(classify):
    """Whatever integer type goes in; features and labels may be read-only."""
    Xs, ys, Xt = problem()
    expected = classify(Xs, ys, Xt)
    arrays = Xs.astype(np.float32), ys.astype(np.uint8), Xt.astype(np.float32)
    for array in arrays:
        array.flags.writeable = False
    labels = classify(*arrays)
    assert labels.dtype == np.int64
    assert labels.shape == (30,)
    assert_array_equal(labels, expected)


@pytest.mark.parametrize("classify", CLASSIFIERS)
def test_what_does_not_fit_is_refused_with_both_numbers(classify):
    """Widths, labels and values are checked where they come in."""
    Xs, ys, Xt = problem()
    with pytest.raises(ValueError, match="source and target have 5 and 4 features"):
        classify(Xs, ys, Xt[:, :4])
    with pytest.raises(ValueError, match=r"40 source .* labels of shape \(40,\), found \(39,\)"):
        classify(Xs, ys[1:], Xt)
    with pytest.raises(ValueError, match="labels must be integers, found float64"):
        classify(Xs, ys * 1.0, Xt)
    with pytest.raises(ValueError, match="1 of 150 target features are not finite"):
        classify(Xs, ys, np.where(np.arange(150).reshape(30, 5) == 7, np.nan, Xt))


def test_linear_svm_needs_two_categories():
    """One category leaves nothing to learn."""
    Xs, ys, Xt = problem()
    with pytest.raises(ValueError, match="needs 2 categories, found 1 in 40 labels"):
        linear_svm(Xs, np.zeros_like(ys), Xt)


@pytest.mark.parametrize("classify", CLASSIFIERS)
def test_a_classifier_of_many_samples_is_that_of_those_chosen(monkeypatch, classify):
    """The same labels as from the chosen rows alone."""
    Xs, ys, Xt = problem(ns=300)
    monkeypatch.setattr(classifiers, "MOST", 40)
    rows, found = of_each(ys, 40), classify(Xs, ys, Xt)
    assert 40 <= len(rows) < 60
    monkeypatch.setattr(classifiers, "MOST", 300)
    assert_array_equal(found, classify(Xs[rows], ys[rows], Xt))
    assert (found != classify(Xs, ys, Xt)).any()
