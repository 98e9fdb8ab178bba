"""Pseudo-labels: the projection against n x n matrices, invariants, what cannot be otherwise."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from dah.shallow.propagation import balanced, neighbour_graph
from dah.shallow.pseudo_labels import (
    locality_preserving_projection,
    principal_directions,
    pseudo_labels,
    trust,
)

OPTIONS = {"dim": 8, "neighbours": 5, "alpha": 0.9, "rounds": 4}


def domains(seed=0, categories=4, each=12, shift=3.0):
    """Clusters of a source, and the same clusters elsewhere: features, labels of both."""
    rng = np.random.default_rng(seed)
    centres = 4 * rng.standard_normal((categories, 10))
    y = np.repeat(np.arange(categories), each)
    Xs = centres[y] + rng.standard_normal((len(y), 10))
    Xt = centres[y] + rng.standard_normal((len(y), 10)) + shift * rng.standard_normal(10)
    return Xs, y, Xt, y


def test_a_shifted_target_is_labelled_like_its_source():
    Xs, ys, Xt, yt = domains()
    shares = pseudo_labels(Xs, ys, Xt, **OPTIONS)
    assert_array_equal(shares.argmax(axis=1), yt)
    assert_allclose(shares.sum(axis=1), 1, rtol=1e-5)


def test_the_order_of_the_target_is_that_of_its_labels():
    Xs, ys, Xt, _ = domains()
    order = np.random.default_rng(1).permutation(len(Xt))
    there = pseudo_labels(Xs, ys, Xt[order], **OPTIONS)
    assert_allclose(there, pseudo_labels(Xs, ys, Xt, **OPTIONS)[order], atol=1e-3)


def test_a_rounding_error_decides_nothing():
    """Trust fades out, so that labels of almost the same features are almost the same."""
    Xs, ys, Xt, _ = domains(each=30, shift=6.0)
    near = pseudo_labels(Xs * (1 + 1e-9), ys, Xt, **OPTIONS)
    assert_allclose(near, pseudo_labels(Xs, ys, Xt, **OPTIONS), atol=1e-3)


def test_the_projection_is_the_one_of_whole_matrices():
    """Directions solve X'D X p = value (X'L X + I) p with W, D and L of n x n, made in loops."""
    rng = np.random.default_rng(2)
    X, y = rng.standard_normal((30, 6)), rng.integers(0, 3, 30)
    Y = np.eye(3)[y] * rng.random((30, 1))
    W = np.array([[sum(a * b) for b in Y] for a in Y])
    D = np.diag(W.sum(axis=1))
    total, within = X.T @ D @ X, X.T @ (D - W) @ X + np.eye(6)
    P = locality_preserving_projection(X, Y, 4)
    assert P.shape == (6, 4)
    assert_allclose(P.T @ within @ P, np.eye(4), atol=1e-9)
    ratios = np.diag(P.T @ total @ P)
    assert_allclose(total @ P, within @ P * ratios, atol=1e-7)
    assert_allclose(ratios, np.sort(np.linalg.eigvals(np.linalg.solve(within, total)).real)[:1:-1])


@pytest.mark.parametrize("rounds", [1, 2, 5])
def test_the_rounds_are_those_of_the_docstring(rounds):
    """Step by step, on categories of unequal sizes, with a linear system for what spreads."""
    rng = np.random.default_rng(3)
    ys = np.repeat([0, 1, 2], [20, 9, 4])
    centres = rng.standard_normal((3, 10))
    Xs, Xt = (centres[ys] + rng.standard_normal((33, 10)) + shift for shift in (0, 1))
    As, At = np.vsplit(principal_directions(Xs, Xt), 2)
    known = [[float(y == c) for c in range(3)] for y in ys]
    X, Y, given = As, np.array(known), np.zeros((66, 3))
    given[np.arange(33), ys] = 1 / np.bincount(ys)[ys]
    for part in np.linspace(0, 1, rounds + 1)[1:]:
        P = locality_preserving_projection(X, Y, 2)
        centre = [A @ P - (A @ P).mean(axis=0) for A in (As, At)]
        Z = np.concatenate([A / np.linalg.norm(A, axis=1, keepdims=True) for A in centre])
        W = neighbour_graph(Z, 6).toarray()
        shares = balanced(0.3 * np.linalg.solve(np.eye(66) - 0.7 * W, given)[33:])
        weights, of = trust(shares, part), shares.argmax(axis=1)
        guesses = [[w * (y == c) for c in range(3)] for w, y in zip(weights, of, strict=True)]
        X, Y = np.concatenate([As, At]), np.array(known + guesses)
    found = pseudo_labels(Xs, ys, Xt, dim=2, neighbours=6, alpha=0.7, rounds=rounds)
    assert_allclose(found, shares, atol=2e-3)


def test_trust_by_hand():
    """The surer of two in a category is at rank 1/4, the other at 3/4, one alone at 1/2."""
    shares = np.array([[0.9, 0.1, 0], [0.6, 0.4, 0], [0.2, 0.8, 0], [0, 0.3, 0.7]])
    expected = 1 / (1 + np.exp((np.array([0.25, 0.75, 0.5, 0.5]) - 0.5) / 0.1))
    assert_allclose(trust(shares, 0.5), expected)


def test_directions_have_length_one_and_few_components():
    A = principal_directions(*domains()[::2])
    assert_allclose(np.linalg.norm(A, axis=1), 1)
    assert A.shape[1] <= 10


@pytest.mark.parametrize("change", ["constant", "one sample", "wide", "zero"])
def test_degenerate_features_are_labelled_by_finite_shares(change):
    Xs, ys, Xt, _ = domains(each=3)
    if change == "constant":
        Xs, Xt = np.ones_like(Xs), np.ones_like(Xt)
    if change == "one sample":
        Xt = Xt[:1]
    if change == "wide":
        Xs, Xt = np.tile(Xs, 200), np.tile(Xt, 200)
    if change == "zero":
        Xt = np.zeros_like(Xt)
    shares = pseudo_labels(Xs, ys, Xt, **OPTIONS | {"neighbours": 50})
    assert np.isfinite(shares).all()
    assert_allclose(shares.sum(axis=1), 1, rtol=1e-5)


def test_other_labels_than_samples_are_refused():
    Xs, ys, Xt, _ = domains()
    with pytest.raises(ValueError, match="need labels of shape"):
        pseudo_labels(Xs, ys[:-1], Xt, **OPTIONS)
