"""Adapted features against textbook formulas on dense matrices, and what must hold for them."""

import tracemalloc
from functools import partial

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy.linalg import eig, eigh, null_space, sqrtm

from dah.shallow.adapt import coral, gfk, jda, tca

SHAPES = [(30, 24, 8), (9, 8, 40), (30, 8, 20), (40, 40, 40)]


def domains(ns, nt, d, seed=0, categories=3):
    """Source, its labels, target: correlated, shifted, with a constant and a repeated feature."""
    rng = np.random.default_rng(seed)
    labels = np.arange(ns + nt) % categories
    X = rng.standard_normal((categories, d))[labels] + rng.standard_normal((ns + nt, d))
    X @= np.eye(d) + rng.standard_normal((d, d)) / np.sqrt(d)
    X[ns:] = X[ns:] @ (np.eye(d) + rng.standard_normal((d, d)) / np.sqrt(d)) + 0.5
    X /= np.sqrt(d)
    X[:, 0] = 0.1
    X[:, 1] = X[:, 2]
    X[ns // 2] = 0
    return X[:ns], labels[:ns], X[ns:]


def integrated_kernel(Xs, Xt, dim):
    """G by Gauss-Legendre quadrature along Phi(t) = exp map of t times the log map of the target.

    With (I - Ps Ps') Pt (Ps' Pt)^-1 = U tan(Theta) V', Phi(t) = Ps V cos(t Theta) + U sin(t Theta).
    """
    Ps, Pt = (np.linalg.svd(X - X.mean(axis=0))[2][:dim].T for X in (Xs, Xt))
    tangent = (Pt - Ps @ Ps.T @ Pt) @ np.linalg.inv(Ps.T @ Pt)
    U, tan, Vt = np.linalg.svd(tangent, full_matrices=False)
    G = np.zeros((len(Ps), len(Ps)))
    for node, weight in zip(*np.polynomial.legendre.leggauss(20), strict=True):
        angle = (node + 1) / 2 * np.arctan(tan)
        phi = Ps @ Vt.T * np.cos(angle) + U * np.sin(angle)
        assert_allclose(phi.T @ phi, np.eye(dim), atol=1e-9)
        G += weight / 2 * phi @ phi.T
    return G


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("dim", [1, 3, 5])
def test_gfk_integrates_the_geodesic(shape, dim):
    """Z Z' = X G X' with G integrated numerically, also where dim exceeds half of d."""
    Xs, _, Xt = domains(*shape)
    Zs, Zt = gfk(Xs, Xt, dim)
    assert Zs.shape == (shape[0], 2 * dim)
    X, Z = np.vstack([Xs, Xt]), np.vstack([Zs, Zt])
    assert_allclose(Z @ Z.T, X @ integrated_kernel(Xs, Xt, dim) @ X.T, rtol=1e-8, atol=1e-8)


@pytest.mark.parametrize("angle", [0, 1e-9, 9e-5, 1.1e-4, 1e-2, 0.5, 1.5, np.pi / 2])
def test_gfk_of_two_lines_worked_out_by_hand(angle):
    """Lines at an angle theta: with f = sin(2 theta) / (4 theta), on (cos t theta, sin t theta),

    G = [[1/2 + f, sin^2(theta) / (2 theta)], [sin^2(theta) / (2 theta), 1/2 - f]].
    """
    steps = np.linspace(-1, 1, 5)[:, None]
    Xs, Xt = steps * [1, 0] + 3, steps * [np.cos(angle), np.sin(angle)] - 4
    Z = np.vstack(gfk(Xs, Xt, 1))
    f = 1 / 2 if angle == 0 else np.sin(2 * angle) / (4 * angle)
    mixed = 0 if angle == 0 else np.sin(angle) ** 2 / (2 * angle)
    G = [[1 / 2 + f, mixed], [mixed, 1 / 2 - f]]
    X = np.vstack([Xs, Xt])
    assert_allclose(Z @ Z.T, X @ G @ X.T, rtol=1e-12, atol=1e-12)


def test_gfk_of_equal_subspaces_projects():
    """Nothing to flow: G is the projector on the common subspace, whatever shift and scale."""
    Xs, _, _ = domains(30, 1, 8)
    Zs, _ = gfk(Xs, 2 * Xs + 5, 3)
    P = np.linalg.svd(Xs - Xs.mean(axis=0))[2][:3].T
    assert_allclose(Zs @ Zs.T, Xs @ P @ P.T @ Xs.T, rtol=1e-12, atol=1e-12)


def test_gfk_is_the_same_in_both_directions():
    """The geodesic from target to source has the same kernel."""
    Xs, _, Xt = domains(30, 24, 8)
    there, back = np.vstack(gfk(Xs, Xt, 3)), np.vstack(gfk(Xt, Xs, 3)[::-1])
    assert_allclose(there @ there.T, back @ back.T, atol=1e-12)


def test_gfk_of_orthogonal_subspaces():
    """At right angles in every plane the kernel of both together has trace dim."""
    rng = np.random.default_rng(0)
    Q = np.linalg.qr(rng.standard_normal((9, 9)))[0]
    Xs, Xt = (rng.standard_normal((20, 3)) @ basis.T for basis in (Q[:, :3], Q[:, 3:6]))
    root = gfk(np.vstack([Xs, Xs[:1]]), Xt, 3)
    X, Z = np.vstack([Xs, Xs[:1], Xt]), np.vstack(root)
    L = np.linalg.pinv(X) @ Z
    assert_allclose(np.trace(L @ L.T), 3, rtol=1e-12)
    assert_allclose(L.T @ null_space(X), 0, atol=1e-12)


@pytest.mark.parametrize("shape", [*SHAPES, (2, 2, 5)])
@pytest.mark.parametrize("ridge", [1e-3, 1, 100])
def test_coral_equals_dense_matrix_roots(shape, ridge):
    """The formula by the Schur method on d x d covariances; the target passes through."""
    Xs, _, Xt = domains(*shape)
    Cs, Ct = (np.cov(X, rowvar=False) + ridge * np.eye(shape[2]) for X in (Xs, Xt))
    Zs, Zt = coral(Xs, Xt, ridge)
    assert_allclose(Zs, Xs @ np.linalg.inv(sqrtm(Cs)) @ sqrtm(Ct), rtol=1e-8, atol=1e-8)
    assert_array_equal(Zt, Xt)


def test_coral_maps_one_covariance_on_the_other():
    """Without constant features and with a vanishing ridge, cov Zs = cov Xt."""
    Xs, _, Xt = (A[..., 2:] if A.ndim == 2 else A for A in domains(60, 50, 9))
    Zs, _ = coral(Xs, Xt, 1e-9)
    assert_allclose(np.cov(Zs, rowvar=False), np.cov(Xt, rowvar=False), rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("shape", SHAPES)
def test_coral_accounts_for_the_ridge(shape):
    """cov Zs + ridge T T' = cov Xt + ridge I, where T maps a vector as Zs = Xs T'."""
    Xs, _, Xt = domains(*shape)
    X = np.vstack([Xs, np.eye(shape[2])])
    Cs, Ct = (np.cov(A, rowvar=False) + 0.5 * np.eye(shape[2]) for A in (X, Xt))
    Zs, _ = coral(X, Xt, 0.5)
    T = Zs[len(Xs) :]
    assert_allclose(T.T @ Cs @ T, Ct, rtol=1e-9, atol=1e-9)


def test_coral_leaves_equal_covariances_alone():
    """A shifted copy of the source is no reason to change it."""
    Xs, _, _ = domains(30, 1, 8)
    assert_allclose(coral(Xs, Xs + 7, 1.0)[0], Xs, atol=1e-12)


def textbook(Xs, Xt, e, dim, mu):
    """Z and the eigenvalues from dense n x n matrices and a non-symmetric solver."""
    X = np.vstack([Xs, Xt])
    n = len(X)
    K, H = X @ X.T, np.eye(n) - np.full((n, n), 1 / n)
    M = sum(np.outer(column, column) for column in e)
    M = M / np.sqrt(np.sum(M**2))
    phi, A = eig(np.linalg.solve(K @ M @ K + mu * np.eye(n), K @ H @ K))
    order = np.argsort(-phi.real)[:dim]
    A = A[:, order].real
    return K @ (A / np.sqrt((A**2).sum(axis=0))), phi[order].real


def differences(ys, yt, marginal=1.0):
    """The vectors e: means of source minus target, then of each category that both have."""
    ns, nt = len(ys), len(yt)
    rows = [[marginal / ns] * ns + [-marginal / nt] * nt]
    for c in sorted(set(ys.tolist()) & set(yt.tolist())):
        row = [float(y == c) / np.sum(ys == c) for y in ys]
        rows.append(row + [-float(y == c) / np.sum(yt == c) for y in yt])
    return np.array(rows)


def cosine_neighbour(Zs, ys, Zt):
    """Label of the source sample at the smallest angle."""
    cosines = Zt @ Zs.T / np.linalg.norm(Zs, axis=1) / np.linalg.norm(Zt, axis=1)[:, None]
    return ys[cosines.argmax(axis=1)]


def same_but_for_signs(actual, expected, rtol=1e-7):
    """Eigenvectors have no sign: align each column, then compare."""
    signs = np.sign(np.sum(actual * expected, axis=0))
    assert_allclose(actual * signs, expected, rtol=rtol, atol=rtol * np.abs(expected).max())


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("mu", [0.01, 1, 1000])
def test_tca_equals_the_textbook(shape, mu):
    """Dense, non-symmetric and slow gives the same components."""
    Xs, _, Xt = domains(*shape)
    nothing = np.zeros(len(Xs)), np.ones(len(Xt))
    expected, _ = textbook(Xs, Xt, differences(*nothing), 4, mu)
    same_but_for_signs(np.vstack(tca(Xs, Xt, 4, mu)), expected)


def test_tca_at_a_size_that_is_iterated_on():
    """More than 400 dimensions go through Lanczos iteration."""
    Xs, _, Xt = domains(300, 250, 420)
    X, e = np.vstack([Xs, Xt]), np.repeat([1 / 300, -1 / 250], [300, 250])
    C, m = X.T @ X, X.T @ e
    scatter = X.T @ (X - X.mean(axis=0))
    values, V = eigh(C)
    root = V[:, values > 1e-9] * np.sqrt(values[values > 1e-9])
    left = root.T @ scatter @ root
    right = np.outer(root.T @ m, root.T @ m) / (e @ e) + 0.5 * np.eye(len(left))
    A = eigh(left, right)[1][:, ::-1][:, :6]
    expected = X @ root @ (A / np.linalg.norm(A, axis=0))
    same_but_for_signs(np.vstack(tca(Xs, Xt, 6, 0.5)), expected)


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("mu", [0.1, 1])
@pytest.mark.parametrize("rounds", [1, 2, 4])
def test_jda_equals_the_textbook_round_by_round(shape, mu, rounds):
    """Dense matrices, loops over categories, angles instead of unit rows."""
    Xs, ys, Xt = domains(*shape)
    Xs[len(Xs) // 2] = Xs.mean(axis=0)
    expected, _ = textbook(Xs, Xt, differences(ys + 10, np.ones(len(Xt))), 4, mu)
    for _ in range(rounds - 1):
        yt = cosine_neighbour(expected[: len(Xs)], ys, expected[len(Xs) :])
        expected, _ = textbook(Xs, Xt, differences(ys, yt, np.sqrt(3)), 4, mu)
    same_but_for_signs(np.vstack(jda(Xs, ys, Xt, 4, mu, rounds)), expected)


@pytest.mark.parametrize("shape", SHAPES)
def test_components_solve_the_eigenproblem(shape):
    """K H Z = phi (K M Z + mu a) for some phi and a with K a = Z, a'a = 1, phi decreasing."""
    Xs, ys, Xt = domains(*shape)
    Xs[len(Xs) // 2] = Xs.mean(axis=0)
    before = jda(Xs, ys, Xt, 4, 0.5, 2)
    Z = np.vstack(jda(Xs, ys, Xt, 4, 0.5, 3))
    yt = cosine_neighbour(before[0], ys, before[1])
    e = differences(ys, yt, np.sqrt(3))
    X = np.vstack([Xs, Xt])
    K, HZ, MZ = X @ X.T, Z - Z.mean(axis=0), e.T @ (e @ Z) / np.linalg.norm(e @ e.T)
    left, right = K @ K @ HZ, K @ K @ MZ + 0.5 * Z
    phi = np.sum(left * right, axis=0) / np.sum(right * right, axis=0)
    assert (np.diff(phi) < 0).all()
    A = K @ (HZ / phi - MZ) / 0.5
    assert_allclose(K @ A, Z, atol=1e-8 * np.abs(Z).max())
    assert_allclose(np.linalg.norm(A, axis=0), np.ones(4), rtol=1e-8)


def test_a_vanishing_mu_brings_the_means_together():
    """What remains of the gap between the domains' means, in deviations, falls with mu to zero."""
    Xs, _, Xt = domains(60, 50, 9)
    gaps = []
    for mu in (1e6, 1, 1e-10):
        Zs, Zt = tca(Xs, Xt, 3, mu)
        gap = (Zs.mean(axis=0) - Zt.mean(axis=0)) / np.vstack([Zs, Zt]).std(axis=0)
        gaps.append(np.linalg.norm(gap))
    assert gaps[0] > 2 * gaps[1] > 0
    assert_allclose(gaps[2], 0, atol=1e-4)


def test_first_round_is_tca():
    """One round never looks at the labels."""
    Xs, ys, Xt = domains(30, 24, 8)
    expected = np.vstack(tca(Xs, Xt, 4, 1.0))
    for labels in (ys, ys[::-1]):
        assert_array_equal(np.vstack(jda(Xs, labels, Xt, 4, 1.0, 1)), expected)


def test_a_category_that_the_target_lacks_has_no_term():
    """A source sample alone in its category that is nearest to no target: as the textbook."""
    Xs, ys, Xt = domains(30, 24, 8)
    Xs[15] = Xs[14] + 0.1
    ys[8] = 77
    expected, _ = textbook(Xs, Xt, differences(ys + 10, np.ones(24)), 4, 1.0)
    for _ in range(2):
        yt = cosine_neighbour(expected[:30], ys, expected[30:])
        assert 77 not in yt
        expected, _ = textbook(Xs, Xt, differences(ys, yt, 2.0), 4, 1.0)
    same_but_for_signs(np.vstack(jda(Xs, ys, Xt, 4, 1.0, 3)), expected)


METHODS = [
    pytest.param(lambda Xs, ys, Xt: gfk(Xs, Xt, 3), id="gfk"),
    pytest.param(lambda Xs, ys, Xt: tca(Xs, Xt, 3, 1.0), id="tca"),
    pytest.param(lambda Xs, ys, Xt: coral(Xs, Xt, 1.0), id="coral"),
    pytest.param(lambda Xs, ys, Xt: jda(Xs, ys, Xt, 3, 1.0, 3), id="jda"),
]


@pytest.mark.parametrize("method", METHODS)
def test_arguments_are_not_changed(method):
    """Read-only single precision goes in, double precision of its own comes out, twice the same."""
    arrays = tuple(
        A.astype(np.float32) if A.ndim == 2 else A.astype(np.uint8) for A in domains(30, 24, 8)
    )
    for array in arrays:
        array.flags.writeable = False
    first, second = method(*arrays), method(*arrays)
    for Z, again, count in zip(first, second, (30, 24), strict=True):
        assert Z.dtype == np.float64
        assert len(Z) == count
        assert_array_equal(Z, again)
    Xs, ys, Xt = domains(30, 24, 8)
    for Z in method(Xs, ys, Xt):
        assert not np.shares_memory(Z, Xs)
        assert not np.shares_memory(Z, Xt)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("shape", SHAPES)
def test_distances_follow_a_rotation_of_the_features(method, shape):
    """Features in another orthonormal basis: the same Gram matrix of all samples."""
    Xs, ys, Xt = domains(*shape)
    Q = np.linalg.qr(np.random.default_rng(5).standard_normal((shape[2], shape[2])))[0]
    Z, turned = np.vstack(method(Xs, ys, Xt)), np.vstack(method(Xs @ Q, ys, Xt @ Q))
    assert_allclose(turned @ turned.T, Z @ Z.T, rtol=1e-7, atol=1e-7 * np.abs(Z @ Z.T).max())


@pytest.mark.parametrize("method", METHODS)
def test_wide_and_tall_data_cost_the_smaller_side(method):
    """20,000 zero features, or 6,600 samples, change nothing and make no square of that size."""
    Xs, ys, Xt = domains(12, 10, 9)
    padded = [np.hstack([X, np.zeros((len(X), 20_000))]) for X in (Xs, Xt)]
    tall = [np.tile(A, (300, 1)) if A.ndim == 2 else np.tile(A, 300) for A in (Xs, ys, Xt)]
    tracemalloc.start()
    Z, wide = np.vstack(method(Xs, ys, Xt)), np.vstack(method(padded[0], ys, padded[1]))
    repeated = method(*tall)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert_allclose(wide @ wide.T, Z @ Z.T, rtol=1e-7, atol=1e-7 * np.abs(Z @ Z.T).max())
    for side, count in zip(repeated, (12, 10), strict=True):
        assert_allclose(side[:count], side[-count:], atol=1e-8 * np.abs(side).max())
    assert peak < 40e6


@pytest.mark.parametrize("method", METHODS)
def test_features_that_do_not_fit_are_refused_with_both_numbers(method):
    """Width and values are checked where they come in."""
    Xs, ys, Xt = domains(30, 24, 8)
    with pytest.raises(ValueError, match="source and target have 8 and 7 features"):
        method(Xs, ys, Xt[:, 1:])
    Xt[5, 2] = np.nan
    with pytest.raises(ValueError, match=r"1 of 192 target features are not finite.* in row 5"):
        method(Xs, ys, Xt)


@pytest.mark.parametrize("constant", [0.0, 0.1])
def test_dim_above_the_rank_is_refused_with_both_numbers(constant):
    """8 features, one constant and one repeated, have rank 6 about a mean; equal samples 0."""
    Xs, ys, Xt = domains(30, 24, 8)
    Xs, ys = np.delete(Xs, 15, axis=0), np.delete(ys, 15)
    assert gfk(Xs, Xt, 6)[0].shape == (29, 12)
    assert tca(Xs, Xt, 6, 1.0)[0].shape == (29, 6)
    for dim in (7, 100):
        with pytest.raises(ValueError, match=rf"dim = {dim} exceeds the rank 6 of the 29 source"):
            gfk(Xs, Xt, dim)
        with pytest.raises(ValueError, match=rf"dim = {dim} exceeds the rank 6 of the centred"):
            tca(Xs, Xt, dim, 1.0)
        with pytest.raises(ValueError, match=rf"dim = {dim} exceeds .* lower dim to 6"):
            jda(Xs, ys, Xt, dim, 1.0, 2)
    with pytest.raises(ValueError, match="dim = 6 exceeds the rank 4 of the 5 target"):
        gfk(Xs, Xt[:5], 6)
    equal = np.full((30, 8), constant)
    with pytest.raises(ValueError, match="dim = 1 exceeds the rank 0 of the 30 source"):
        gfk(equal, Xt, 1)
    with pytest.raises(ValueError, match=r"the rank 0 of the .* of 60 samples of 8 features"):
        tca(equal, equal, 1, 1.0)
    assert_array_equal(coral(equal, equal, 1.0), [equal, equal])


def test_settings_out_of_range_are_refused_with_their_name():
    """Counts from 1, weights above 0 and finite, two samples for a covariance, a label each."""
    Xs, ys, Xt = domains(30, 24, 8)
    for refused, message in (
        (partial(gfk, Xs, Xt, 0), "dim must be at least 1, found 0"),
        (partial(tca, Xs, Xt, -1, 1.0), "dim must be at least 1, found -1"),
        (partial(tca, Xs, Xt, 2, 0.0), "mu must be above 0 and finite, found 0"),
        (partial(tca, Xs, Xt, 2, float("inf")), "mu must be above 0 and finite, found inf"),
        (partial(tca, Xs, Xt, 2, np.nan), "mu must be above 0 and finite, found nan"),
        (partial(coral, Xs, Xt, -1.0), "ridge must be above 0 and finite, found -1"),
        (partial(coral, Xs, Xt[:1], 1.0), "covariance needs 2 samples, found 1 in the target"),
        (partial(jda, Xs, ys, Xt, 2, 1.0, 0), "rounds must be at least 1, found 0"),
        (partial(jda, Xs, ys[1:], Xt, 2, 1.0, 2), r"shape \(30,\), found \(29,\)"),
    ):
        with pytest.raises(ValueError, match=message):
            refused()
