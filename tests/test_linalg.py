"""Eigenpairs and row spaces against dense singular values, on both sides of a matrix."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy.sparse.linalg import LinearOperator, aslinearoperator

from dah import linalg
from dah.linalg import (
    as_features,
    block_lanczos,
    centred,
    leading_eigenpairs,
    row_space,
    unit_rows,
)


def matrix(n, d, rank=None, seed=0):
    """A random matrix whose singular values fall from 1 by 0.7 or less each."""
    rng = np.random.default_rng(seed)
    rank = min(n, d) if rank is None else rank
    U = np.linalg.qr(rng.standard_normal((n, rank)))[0]
    V = np.linalg.qr(rng.standard_normal((d, rank)))[0]
    return U * np.geomspace(1, max(0.7**rank, 1e-3), rank) @ V.T


@pytest.mark.parametrize("shape", [(30, 8), (8, 30), (12, 12), (1, 5), (5, 1)])
@pytest.mark.parametrize("count", [None, 1, 3])
def test_row_space_is_the_right_side_of_the_singular_value_decomposition(shape, count):
    """Values are squared singular values, columns orthonormal right singular vectors."""
    X = matrix(*shape)
    values, V = row_space(X, count)
    kept = min(shape) if count is None else min(count, *shape)
    _, s, Vt = np.linalg.svd(X)
    assert_allclose(values, s[:kept] ** 2, rtol=1e-9)
    assert_allclose(V.T @ V, np.eye(kept), atol=1e-13)
    assert_allclose(np.abs(np.sum(V * Vt[:kept].T, axis=0)), np.ones(kept), rtol=1e-9)


@pytest.mark.parametrize("shape", [(30, 8), (8, 30)])
def test_row_space_stops_at_the_rank(shape):
    """A matrix of rank 4 has 4 values, and V V' leaves its rows in place."""
    X = matrix(*shape, rank=4)
    values, V = row_space(X)
    assert values.shape == (4,)
    assert_allclose(X @ V @ V.T, X, atol=1e-12)


def test_row_space_of_zeros_is_empty():
    """No value lies above rounding where there is nothing."""
    values, V = row_space(np.zeros((4, 6)))
    assert values.shape == (0,)
    assert V.shape == (6, 0)


@pytest.mark.parametrize("r", [7, 450])
@pytest.mark.parametrize("count", [1, 5])
@pytest.mark.parametrize("wrap", [np.asarray, aslinearoperator])
def test_leading_eigenpairs_solve_the_eigenproblem(r, count, wrap):
    """The largest eigenvalues, decreasing, by the dense solver and by Lanczos iteration."""
    G = matrix(2 * r, r, seed=1)
    G = G.T @ G - 0.9 * np.eye(r)
    values, V = leading_eigenpairs(wrap(G), count)
    assert_allclose(values, np.linalg.eigvalsh(G)[::-1][:count], rtol=1e-10)
    assert_allclose(G @ V, V * values, atol=1e-12)
    assert_allclose(V.T @ V, np.eye(count), atol=1e-12)


def test_leading_eigenpairs_of_all_sizes_are_all_eigenpairs():
    """`count` equal to the size gives the whole decomposition."""
    G = matrix(9, 6).T @ matrix(9, 6)
    values, V = leading_eigenpairs(G, 6)
    assert_allclose(V * values @ V.T, G, atol=1e-14)


def test_lanczos_iteration_repeats_itself():
    """A fixed start gives equal results twice, and a large operator is never made dense."""
    G = matrix(450, 450)

    def product(v):
        assert v.size == 450
        return G.T @ (G @ v)

    operator = LinearOperator((450, 450), matvec=product, dtype=float)
    first, second = leading_eigenpairs(operator, 4), leading_eigenpairs(operator, 4)
    assert_array_equal(first[0], second[0])
    assert_array_equal(first[1], second[1])


@pytest.mark.parametrize("shape", [(90, 60), (60, 90)])
def test_row_space_without_the_gram_matrix_is_that_with_it(shape, monkeypatch):
    """Few of very many singular vectors come from products with X, on both sides of it."""
    X = matrix(*shape)
    expected, W = row_space(X, 7)
    monkeypatch.setattr(linalg, "GRAM_BELOW", 40)
    monkeypatch.setattr(linalg, "leading_eigenpairs", None)
    values, V = row_space(X, 7)
    assert_allclose(values, expected, rtol=1e-12)
    assert_allclose(V @ V.T, W @ W.T, atol=1e-12)
    assert_allclose(V.T @ V, np.eye(7), atol=1e-14)


@pytest.mark.parametrize("count", [1, 5, 40, 100])
def test_block_lanczos_solves_the_eigenproblem(count):
    """Residuals vanish and values are those of a dense solver, also where all are wanted."""
    G = matrix(150, 100, seed=2)
    G = G.T @ G - 0.3 * np.eye(100)
    values, V = block_lanczos(G, count)
    assert_allclose(values, np.linalg.eigvalsh(G)[::-1][:count], rtol=1e-12, atol=1e-14)
    assert_allclose(G @ V, V * values, atol=1e-12)
    assert_allclose(V.T @ V, np.eye(count), atol=1e-14)
    assert_array_equal(block_lanczos(G, count)[1], V)


def test_block_lanczos_goes_on_where_the_space_is_exhausted():
    """After all of A's range it turns to the kernel of A: rank 3, a multiple of I, and zero."""
    low = matrix(50, 80, rank=3)
    for G in (low.T @ low, 2 * np.eye(80), np.zeros((80, 80))):
        values, V = block_lanczos(G, 30)
        assert_allclose(values, np.linalg.eigvalsh(G)[::-1][:30], atol=1e-13)
        assert_allclose(G @ V, V * values, atol=1e-13)
        assert_allclose(V.T @ V, np.eye(30), atol=1e-13)


def test_unit_rows_worked_out_by_hand():
    """A 3-4-5 row, and a row of zeros that stays."""
    assert_allclose(unit_rows(np.array([[3.0, 4.0], [0.0, 0.0]])), [[0.6, 0.8], [0, 0]])


def test_centred_columns_sum_to_zero_and_constants_vanish():
    """A column of 0.1 is exactly zero, although the mean of many 0.1 is not 0.1."""
    X = np.random.default_rng(0).standard_normal((1001, 3))
    X[:, 1] = 0.1
    Y = centred(X)
    assert_allclose(Y.sum(axis=0), np.zeros(3), atol=1e-11)
    assert_allclose(Y - Y[0], X - X[0], atol=1e-14)
    assert_array_equal(Y[:, 1], np.zeros(1001))


def test_features_come_out_as_float64():
    """Whole numbers and single precision are converted, double precision is passed on."""
    single, double = np.ones((2, 3), np.float32), np.ones((4, 3))
    Xs, Xt = as_features(single, double)
    assert Xs.dtype == np.float64
    assert Xt is double
    assert_array_equal(as_features([[1, 2]], [[3, 4]])[1], [[3.0, 4.0]])


def test_features_that_do_not_fit_are_refused_with_both_numbers():
    """Widths, shapes, kinds and values are checked where they come in."""
    X = np.ones((3, 4))
    with pytest.raises(ValueError, match="source and target have 4 and 5 features"):
        as_features(X, np.ones((3, 5)))
    for wrong, shape in ((np.ones(4), r"\(4,\)"), (np.ones((0, 4)), r"\(0, 4\)")):
        with pytest.raises(ValueError, match=rf"target .* shape \(n, d\) .* found {shape}"):
            as_features(X, wrong)
    with pytest.raises(ValueError, match="source features must be real numbers, found complex128"):
        as_features(X * 1j, X)
    for value in (np.nan, np.inf, -np.inf):
        broken = X.copy()
        broken[1, 2:] = value
        with pytest.raises(
            ValueError, match="2 of 12 target features are not finite, the first in row 1"
        ):
            as_features(X, broken)
