"""Label propagation against dense matrices and linear systems; balance by hand."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy.sparse import csr_array

from dah.shallow import propagation
from dah.shallow.propagation import balanced, nearest_others, neighbour_graph, propagated


def samples(n=40, d=6, seed=0):
    return np.random.default_rng(seed).standard_normal((n, d))


def dense_graph(Z, neighbours):
    """W by loops: sorted cosines, the larger of the two directions, degrees of both ends."""
    n, length = len(Z), [np.sqrt(sum(z**2)) for z in Z]
    cosine = [[sum(Z[i] * Z[j]) / length[i] / length[j] for j in range(n)] for i in range(n)]
    A = np.zeros((n, n))
    for i in range(n):
        others = sorted((j for j in range(n) if j != i), key=lambda j: -cosine[i][j])
        for j in others[:neighbours]:
            A[i, j] = A[j, i] = max(0.0, cosine[i][j]) ** 3
    W = np.zeros((n, n))
    for i in range(n):
        for j in range(n):
            if A[i, j]:
                W[i, j] = A[i, j] / np.sqrt(A[i].sum() * A[j].sum())
    return W


@pytest.mark.parametrize("neighbours", [1, 5, 39, 100])
def test_the_graph_is_that_of_loops(neighbours):
    Z = samples()
    W = neighbour_graph(Z, neighbours).toarray()
    assert_allclose(W, dense_graph(Z, min(neighbours, 39)), atol=1e-5)
    assert_allclose(W, W.T, rtol=1e-6)
    assert np.abs(np.linalg.eigvalsh(W)).max() <= 1 + 1e-6


def test_the_graph_does_not_depend_on_blocks_or_lengths(monkeypatch):
    Z = samples()
    whole = neighbour_graph(Z, 5).toarray()
    monkeypatch.setattr("dah.shallow.propagation.ROWS", 7)
    assert_allclose(neighbour_graph(Z * 9.0, 5).toarray(), whole, atol=1e-6)


def test_who_looks_away_from_all_has_no_neighbours():
    Z = np.array([[1.0, 0.0], [1.0, 0.1], [-1.0, 0.0]])
    W = neighbour_graph(Z, 2).toarray()
    assert_array_equal(W[2], 0)
    assert np.isfinite(W).all()


@pytest.mark.parametrize("alpha", [0.0, 0.5, 0.9])
def test_what_spreads_solves_the_linear_system(alpha):
    W = neighbour_graph(samples(), 5)
    given = np.random.default_rng(1).random((40, 3))
    expected = (1 - alpha) * np.linalg.solve(np.eye(40) - alpha * W.toarray(), given)
    assert_allclose(propagated(W, given, alpha), expected, atol=3e-4)


def test_balance_by_hand():
    """Shares 3/4, 1/4 and 1/2, 1/2 have masses 5/4 and 3/4, so they count 9 : 5 and 3 : 5."""
    shares = balanced(np.array([[6.0, 2.0], [1.0, 1.0]]))
    assert_allclose(shares, [[9 / 14, 5 / 14], [3 / 8, 5 / 8]])


def test_who_was_reached_by_nothing_belongs_to_all_alike():
    shares = balanced(np.array([[0.0, 0.0], [2.0, 2.0]], np.float32))
    assert_allclose(shares, 0.5, rtol=1e-5)


@pytest.mark.parametrize("exact", [2, 3])
def test_nobody_is_among_the_others(monkeypatch, exact):
    """All others where fewer are there than asked for, nearest first, an opposite one the last.

    In cells as at once.
    """
    monkeypatch.setattr(propagation, "EXACT", exact)
    cosines, columns = nearest_others(np.array([[2.0, 0.0], [-1.0, 0.0], [-3.0, 0.0]]), 5)
    assert_array_equal(cosines, [[-1, -1], [1, -1], [1, -1]])
    assert_array_equal(np.sort(columns), [[1, 2], [0, 2], [0, 1]])


@pytest.mark.parametrize("alpha", [0.5, 0.9, 0.99])
def test_what_is_left_to_spread_is_below_a_ten_thousandth(alpha):
    """On one node whose weight is -1 the sum alternates about (1 - alpha) / (1 + alpha)."""
    exact = (1 - alpha) / (1 + alpha)
    found = propagated(csr_array([[-1.0]]), np.ones((1, 1)), alpha)
    assert abs(found - exact) <= 1e-4 * (1 - exact)


def clustered(n=1500, clusters=30, d=8):
    """Samples around common centres."""
    rng = np.random.default_rng(0)
    return rng.standard_normal((clusters, d))[np.arange(n) % clusters] + 0.2 * rng.standard_normal(
        (n, d)
    )


def test_neighbours_in_cells_are_almost_those_among_all(monkeypatch):
    """Of clustered samples; each cosine is that of its row, the nearest first, never itself."""
    Z = clustered()
    exact, _ = nearest_others(Z, 10)
    monkeypatch.setattr(propagation, "EXACT", 100)
    cosines, columns = nearest_others(Z, 10)
    units = Z / np.linalg.norm(Z, axis=1, keepdims=True)
    assert_allclose(cosines, np.einsum("id,ijd->ij", units, units[columns]), atol=1e-5)
    assert (np.diff(cosines, axis=1) <= 0).all()
    assert not (columns == np.arange(len(Z))[:, None]).any()
    assert (cosines >= exact[:, -1:] - 1e-6).mean() > 0.95


@pytest.mark.parametrize("neighbours", [1, 60, 200])
def test_all_cells_together_are_all_samples(monkeypatch, neighbours):
    """Where every cell is looked through, or more others are asked for than a few cells have."""
    Z = np.concatenate([clustered(150), np.zeros((2, 8))])
    exact = nearest_others(Z, neighbours)
    monkeypatch.setattr(propagation, "EXACT", 100)
    monkeypatch.setattr(propagation, "PROBED", 1000 if neighbours == 1 else 1)
    cosines, columns = nearest_others(Z, neighbours)
    assert cosines.shape == exact[0].shape
    assert all(len(set(row)) == cosines.shape[1] for row in columns.tolist())
    if neighbours != 60:
        assert_allclose(cosines, exact[0], atol=1e-5)


def in_cells(Z, count, probed):
    """Cosines by loops: sqrt(n) cells, each row among those of the cells nearest to its own."""
    units = Z / np.linalg.norm(Z, axis=1, keepdims=True)
    n, number = len(Z), int(np.sqrt(len(Z)))
    centres = [units[int(i * (n - 1) / (number - 1))] for i in range(number)]
    for turn in range(4):
        cell = [int(np.argmax([u @ c for c in centres])) for u in units]
        if turn < 3:
            sums = [sum(u for u, k in zip(units, cell, strict=True) if k == c) for c in set(cell)]
            assert len(sums) == number
            centres = [of / np.linalg.norm(of) for of in sums]
    found = []
    for i in range(n):
        near = sorted(range(number), key=lambda c, i=i: -(centres[cell[i]] @ centres[c]))
        k = next(k for k in range(1, number + 1) if sum(c in near[:k] for c in cell) > count)
        others = [j for j in range(n) if j != i and cell[j] in near[: max(k, probed)]]
        found.append(sorted((units[i] @ units[j] for j in others), reverse=True)[:count])
    return found


@pytest.mark.parametrize("probed", [1, 3])
def test_neighbours_in_cells_are_those_of_loops(monkeypatch, probed):
    """As many cells as asked for, or as hold enough others: whatever the count, never oneself."""
    Z = samples(50, 4, seed=3)
    monkeypatch.setattr(propagation, "EXACT", 49)
    monkeypatch.setattr(propagation, "PROBED", probed)
    for count in range(1, 50):
        cosines, columns = nearest_others(Z, count)
        assert_allclose(cosines, in_cells(Z, count, probed), atol=1e-5)
        assert not (columns == np.arange(50)[:, None]).any()


@pytest.mark.parametrize(("n", "exact", "cells"), [(100, 100, 0), (99, 100, 0), (101, 100, 1)])
def test_cells_are_for_more_samples_than_are_compared_with_all(monkeypatch, n, exact, cells):
    """And never for a thousand."""
    called, plain = [], propagation._in_cells
    monkeypatch.setattr(propagation, "_in_cells", lambda *of: called.append(of) or plain(*of))
    nearest_others(samples(1000, 2), 3)
    assert called == []
    monkeypatch.setattr(propagation, "EXACT", exact)
    nearest_others(samples(n, 2), 3)
    assert len(called) == cells
