"""Unsupervised hashing: each step against brute force or another solver, and what must hold."""

import tracemalloc
import warnings
from functools import partial
from itertools import pairwise, product

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal, assert_array_less
from scipy.linalg import orthogonal_procrustes
from scipy.optimize import lsq_linear, minimize
from scipy.spatial.distance import cdist
from scipy.special import expit
from sklearn.linear_model import Ridge
from sklearn.svm import LinearSVC

from dah import linalg
from dah.hashing import (
    autoencoder,
    binary_autoencoder,
    binary_network,
    itq,
    kmeans,
    kmeans_hashing,
    network,
    principal,
    quadratic,
    quantization,
)
from dah.hashing.principal import principal_components, signs
from dah.retrieval.codes import unpack

METHODS = [
    pytest.param(itq, id="itq"),
    pytest.param(kmeans_hashing, id="kmeans_hashing"),
    pytest.param(binary_autoencoder, id="binary_autoencoder"),
    pytest.param(partial(binary_autoencoder, start="itq"), id="binary_autoencoder-itq"),
    pytest.param(partial(binary_network, rounds=3, steps=10), id="binary_network"),
]


def features(n=70, d=14, seed=0):
    """Correlated clusters with a constant and a repeated feature, and two equal samples."""
    rng = np.random.default_rng(seed)
    X = rng.standard_normal((4, d))[np.arange(n) % 4] + rng.standard_normal((n, d))
    X @= np.eye(d) + rng.standard_normal((d, d)) / np.sqrt(d)
    X[:, 0] = 0.1
    X[:, 1] = X[:, 2]
    X[n // 2] = X[3]
    return X


def random_program(bits, n=40, seed=0):
    """G, Q and a start of a binary quadratic program."""
    rng = np.random.default_rng(seed)
    root = rng.standard_normal((bits, bits + 2))
    G, Q = root @ root.T, 2 * rng.standard_normal((n, bits))
    return G, Q, signs(rng.standard_normal((n, bits)))


def program_values(G, Q, B):
    """b' G b - 2 q' b of each row, by loops."""
    return np.array(
        [
            sum(G[k, m] * b[k] * b[m] for k in range(len(G)) for m in range(len(G)))
            - 2 * sum(q[k] * b[k] for k in range(len(G)))
            for q, b in zip(Q, B, strict=True)
        ]
    )


def flips(B):
    """B with one bit changed, for each bit in turn."""
    for bit in range(B.shape[1]):
        other = B.copy()
        other[:, bit] *= -1
        yield other


def numerical_gradient(function, x, step=1e-6):
    """Central differences, one coordinate after the other."""
    return np.array(
        [(function(x + e) - function(x - e)) / (2 * step) for e in step * np.eye(len(x))]
    )


@pytest.mark.parametrize("shape", [(70, 14), (9, 40), (300, 20)])
def test_principal_components_are_the_singular_vectors(shape):
    """Coordinates, directions and variances, but for the signs, of the centred matrix."""
    X = features(*shape)
    found = principal_components(X, 3, most=5)
    U, s, Vt = np.linalg.svd(X - X.mean(axis=0), full_matrices=False)
    assert_allclose(found.variances, s[:5] ** 2 / len(X), rtol=1e-9)
    assert_allclose(np.abs(np.sum(found.directions * Vt[:5].T, axis=0)), np.ones(5), rtol=1e-9)
    assert_allclose(np.abs(found.project(X)), np.abs(U * s)[:, :5], atol=1e-9)
    assert principal_components(X, 3, most=2).directions.shape == (shape[1], 3)


def test_directions_have_one_sign():
    """The largest entry of each is positive, here worked out by hand and after a change of sign."""
    oriented = principal.oriented(np.array([[3.0, -1.0], [-4.0, 0.5]]))
    assert_array_equal(oriented, [[-3, 1], [4, -0.5]])
    X = features()
    directions = principal_components(X, 3, most=5).directions
    assert_allclose(principal_components(-X, 3, most=5).directions, directions, atol=1e-12)


def test_directions_of_wide_features_are_those_of_the_gram_matrix(monkeypatch):
    """ITQ of few bits from many features gives one code with and without the Gram matrix."""
    X = features(120, 90)
    expected = itq(X, 10, np.random.default_rng(1)).encode(X)
    monkeypatch.setattr(linalg, "GRAM_BELOW", 80)
    monkeypatch.setattr(linalg, "leading_eigenpairs", None)
    assert_array_equal(itq(X, 10, np.random.default_rng(1)).encode(X), expected)


def quantization_error(V, R):
    """|B - V R|_F^2 with B = sgn(V R), by loops."""
    return sum((abs(u) - 1) ** 2 for u in (V @ R).ravel())


def test_itq_alternates_codes_and_procrustes_rotations():
    """Another solver's rotation of V towards the codes, round by round, and the same encoder."""
    X, rng = features(), np.random.default_rng(7)
    V = principal_components(X, 5, most=5).project(X)
    R = quantization.random_rotation(5, rng)
    for _ in range(9):
        R = orthogonal_procrustes(V, np.sign(V @ R))[0]
    encoder = itq(X, 5, np.random.default_rng(7), rounds=9)
    assert_allclose(encoder.W, R, atol=1e-10)
    assert_array_equal(unpack(encoder.encode(X), 5), np.sign(V @ R))


def test_itq_never_raises_its_error_and_stays_orthogonal():
    """R'R = I in every round, and the quantization error only falls."""
    X = features(200, 20)
    V = principal_components(X, 12, most=12).project(X)
    R = quantization.random_rotation(12, np.random.default_rng(0))
    errors = [quantization_error(V, R)]
    for _ in range(30):
        R = quantization.rotation(V, R, 1)
        assert_allclose(R.T @ R, np.eye(12), atol=1e-12)
        errors.append(quantization_error(V, R))
    assert_array_less(np.diff(errors), 1e-9)
    assert errors[-1] < errors[0]


def test_itq_takes_the_fifty_rounds_of_its_paper(monkeypatch):
    """Its rotation is that of as many rounds from the same start."""
    V, rng = np.linalg.qr(features()[:, 3:])[0], np.random.default_rng(0)
    rounds = []
    monkeypatch.setattr(quantization, "rotation", lambda V, R, n: rounds.append(n) or R)
    itq(V, 4, rng)
    assert rounds == [50]


def test_itq_is_as_good_as_that_of_faiss():
    """The best of five starts is not above faiss's quantization error by more than 1 %."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        faiss = pytest.importorskip(
            "faiss", reason="faiss is not installed: the extra bench has it"
        )
    X = features(400, 30)
    V = principal_components(X, 16, most=16).project(X)
    other = faiss.ITQMatrix(16)
    other.train(V.astype(np.float32))
    rotated = other.apply(V.astype(np.float32)).astype(float)
    ours = min(
        quantization_error(V, itq(X, 16, np.random.default_rng(seed)).W) for seed in range(5)
    )
    assert ours <= 1.01 * quantization_error(rotated, np.eye(16))


def test_random_rotations_differ_and_are_orthogonal():
    """One per draw; with both determinants, as all orthogonal matrices have."""
    rng = np.random.default_rng(0)
    drawn = [quantization.random_rotation(3, rng) for _ in range(20)]
    for R in drawn:
        assert_allclose(R.T @ R, np.eye(3), atol=1e-14)
    assert {round(np.linalg.det(R)) for R in drawn} == {-1, 1}


def test_all_signs_count_in_binary():
    """Row i is i in binary, the highest bit first."""
    assert_array_equal(quadratic.all_signs(2), [[-1, -1], [-1, 1], [1, -1], [1, 1]])


@pytest.mark.parametrize("bits", [1, 4, 7])
def test_enumeration_is_the_minimum_over_all_codes(bits):
    """Every code by itertools, every value by loops."""
    G, Q, _ = random_program(bits, n=6)
    found = program_values(G, Q, quadratic.enumerate_codes(G, Q))
    every = [program_values(G, Q, np.tile(b, (6, 1))) for b in product([-1.0, 1.0], repeat=bits)]
    assert_allclose(found, np.min(every, axis=0), rtol=1e-12)


def test_descent_never_rises_and_ends_where_no_bit_helps(monkeypatch):
    """From random codes of 9 bits; blocks of rows in the enumeration change nothing."""
    G, Q, B = random_program(9)
    values = [program_values(G, Q, B)]
    for sweeps in (1, 2, 3, 100):
        found = quadratic.descend(G, Q, B, sweeps)
        values.append(program_values(G, Q, found))
    assert_array_less(np.diff(values, axis=0), 1e-9)
    for other in flips(found):
        assert_array_less(values[-1] - 1e-9, program_values(G, Q, other))
    exact = quadratic.enumerate_codes(G, Q)
    assert_array_less(program_values(G, Q, exact) - 1e-9, values[-1])
    for cells in (3 * 2**9, 1):
        monkeypatch.setattr(quadratic, "CELLS_AT_ONCE", cells)
        assert_array_equal(quadratic.enumerate_codes(G, Q), exact)


def test_descent_is_exact_where_bits_do_not_interact():
    """With a diagonal G the codes are the signs of q, as by enumeration, and sgn(0) = +1."""
    _, Q, B = random_program(6)
    Q[0, 0] = 0
    found = quadratic.descend(np.diag(np.arange(1.0, 7)), Q, B)
    assert_array_equal(found[1:], quadratic.enumerate_codes(np.diag(np.arange(1.0, 7)), Q)[1:])
    assert_array_equal(found, np.where(Q >= 0, 1, -1))


def test_relaxation_solves_bounded_least_squares():
    """The same minimum over the cube as scipy's bounded solver finds for the Cholesky factor."""
    G, Q, B = random_program(8)
    found = quadratic.relax(G, Q, B, sweeps=5000, tolerance=0)
    L = np.linalg.cholesky(G)
    for q, b in zip(Q, found, strict=True):
        expected = lsq_linear(L.T, np.linalg.solve(L, q), (-1, 1), tol=1e-14).x
        assert_allclose(b, expected, atol=1e-6)


@pytest.mark.parametrize("tolerance", [0.3, 0.01])
def test_relaxation_ends_where_no_coordinate_moves_far(tolerance):
    """The first of its sweeps, taken one by one, that moves none by more than the tolerance."""
    G, Q, B = random_program(8)
    moved = np.inf
    found = B
    while moved > tolerance:
        before, found = found, quadratic.relax(G, Q, found, sweeps=1)
        moved = np.abs(found - before).max()
    assert_array_equal(quadratic.relax(G, Q, B, sweeps=500, tolerance=tolerance), found)
    assert moved > 0


def test_relaxation_by_default_takes_thirty_sweeps_or_a_thousandth():
    """One program is slow, of the other the coordinates do not touch: two sweeps, no more."""
    G, Q, B = random_program(8)
    assert_array_equal(quadratic.relax(G, Q, B), quadratic.relax(G, Q, B, 30, 0))
    G = np.eye(8) + 0.01
    settled = quadratic.relax(G, Q / 9, B, 500, 1e-3)
    assert np.abs(settled - quadratic.relax(G, Q / 9, B, 500, 0)).max() > 0
    assert_array_equal(quadratic.relax(G, Q / 9, B), settled)


def test_nearest_codeword_product_is_the_nearest_of_all_products():
    """6 bits of 4 and 2: each code is the nearest among all 64 combinations of codewords."""
    X = features()
    encoder = kmeans_hashing(X, 6, np.random.default_rng(0))
    V = encoder.components.project(X)
    first, second = encoder.subspaces
    combined = np.zeros((64, V.shape[1]))
    for code, (i, j) in enumerate(product(range(16), range(4))):
        combined[code, first.coordinates] = first.codewords[i]
        combined[code, second.coordinates] = second.codewords[j]
    expected = cdist(V, combined).argmin(axis=1)
    binary = [[1 if digit == "1" else -1 for digit in f"{code:06b}"] for code in expected]
    assert_array_equal(unpack(encoder.encode(X), 6), binary)


def test_subspaces_worked_out_by_hand():
    """Two subspaces: products 8 and 8; then one that is full; logarithms and not variances."""
    for variances, expected in (
        ([8.0, 4, 2, 1], ([0, 3], [1, 2])),
        ([1000.0, 1, 1, 1], ([0, 3], [1, 2])),
        ([8.0, 2, 2, 1, 1, 1], ([0, 3, 5], [1, 2, 4])),
    ):
        for own, wanted in zip(kmeans.balanced(np.array(variances), [1, 1]), expected, strict=True):
            assert_array_equal(own, wanted)


@pytest.mark.parametrize("sizes", [[4, 4, 2], [4], [4, 1], [1, 1, 1]])
def test_subspaces_share_the_coordinates_by_their_bits(sizes):
    """Every coordinate once, at least as many in a subspace as it has bits."""
    for r in (sum(sizes), sum(sizes) + 1, 50):
        dealt = kmeans.balanced(np.geomspace(1, 1e-9, r), sizes)
        assert_array_equal(np.sort(np.concatenate(dealt)), np.arange(r))
        assert all(len(own) >= size for own, size in zip(dealt, sizes, strict=True))


def test_first_codewords_are_a_cube_fitted_to_pca_hashing():
    """Distances are s times the root of the Hamming distance; s / 2 fits the coordinates best."""
    V = principal_components(features(), 3, most=6).project(features())
    C, s = kmeans.cube(V, 3)
    hamming = [[bin(i ^ j).count("1") for j in range(8)] for i in range(8)]
    assert_allclose(cdist(C, C), s * np.sqrt(hamming), rtol=1e-12)
    x = V[:, :3].ravel()
    assert_allclose(s / 2, np.linalg.lstsq(np.sign(x)[:, None], x)[0][0], rtol=1e-12)
    assert_array_equal(C[5] > 0, [True, False, True, False, False, False])


def affinity_objective(X, C, index, s, weight):
    """E_quan + weight E_aff for given indices, by loops."""
    n, counts = len(X), [list(index).count(i) for i in range(len(C))]
    E = sum(np.sum((x - C[i]) ** 2) for x, i in zip(X, index, strict=True)) / n
    for i, j in product(range(len(C)), repeat=2):
        affinity = np.linalg.norm(C[i] - C[j]) - s * bin(i ^ j).count("1") ** 0.5
        E += weight * counts[i] * counts[j] / n**2 * affinity**2
    return E


def clustered_plane():
    """Principal coordinates, codewords and the edge of their cube, in a subspace of 3 bits."""
    X = features(60, 8)
    V = principal_components(X, 3, most=5).project(X)
    return V, *kmeans.cube(V, 3)


def test_codewords_never_raise_the_objective():
    """E falls for the indices of the round; new indices never raise E_quan."""
    V, C, s = clustered_plane()
    for _ in range(20):
        index = kmeans.nearest(V, C)
        new = kmeans.update(V, C, s, 10.0)
        before, after = (affinity_objective(V, D, index, s, 10.0) for D in (C, new))
        assert after <= before + 1e-12
        again = kmeans.nearest(V, new)
        assert ((V - new[again]) ** 2).sum() <= ((V - new[index]) ** 2).sum() + 1e-12
        C = new


def test_a_codeword_is_the_minimum_of_equation_8():
    """The first codeword's update, run to its end, is where a general minimizer ends."""
    V, C, s = clustered_plane()
    index = kmeans.nearest(V, C)
    first = int(index.min())

    def equation_8(c):
        return affinity_objective(V, np.vstack([C[:first], c, C[first + 1 :]]), index, s, 10.0)

    expected = minimize(equation_8, C[first], method="Powell", tol=1e-12).x
    assert_allclose(kmeans.update(V, C, s, 10.0, steps=3000)[first], expected, atol=1e-5)


def test_codewords_on_a_line_worked_out_by_hand():
    """Means -2 and 2, 2 weight p = 1: (-2 + 1 - 2) / 2 = -1.5, then (2 - 1.5 + 2) / 2 = 1.25."""
    X, C = np.array([[-3.0], [-1], [2], [2]]), np.array([[-1.0], [1]])
    assert_allclose(kmeans.update(X, C, 2.0, 1.0, steps=1), [[-1.5], [1.25]], rtol=1e-14)


def test_codewords_without_affinity_are_means():
    """With a vanishing weight a round is one of k-means; a codeword without samples stays."""
    V, C, s = clustered_plane()
    C[6] = 1e3
    index = kmeans.nearest(V, C)
    expected = [V[index == j].mean(axis=0) if j in index else C[j] for j in range(8)]
    assert_allclose(kmeans.update(V, C, s, 1e-12), expected, atol=1e-9)
    assert_array_equal(kmeans.update(V, C, s, 10.0)[6], C[6])


def test_a_vast_weight_keeps_the_cube():
    """Nothing but affinity: the distances of the start, which are exact, stay."""
    V, C, s = clustered_plane()
    counted = np.unique(kmeans.nearest(V, C))
    moved = kmeans.update(V, C, s, 1e9)[counted]
    assert_allclose(cdist(moved, moved), cdist(C[counted], C[counted]), atol=1e-6)


def unit_features(bits):
    """Principal coordinates of total variance 1, and the signs of the first `bits`."""
    X = features(90, 16)
    V = principal_components(X, bits, most=None).project(X)
    V /= np.sqrt((V**2).sum() / len(V))
    return V, signs(V[:, :bits])


def test_decoder_is_the_least_squares_fit():
    """Residuals are orthogonal to every bit and to 1, and a bit that repeats another is no harm."""
    V, B = unit_features(5)
    B = np.hstack([B, B[:, :1]])
    f = autoencoder.fit_decoder(B, V)
    residual = V - f(B)
    assert_allclose(np.hstack([B, np.ones((90, 1))]).T @ residual, 0, atol=1e-10)
    assert_allclose(autoencoder.reconstruction_error(V, B), (residual**2).sum() / 90, rtol=1e-12)


def hinge_objective(X, B, h, C):
    """1/2 (|w|^2 + w0^2) + C sum max(0, 1 - margin)^2 over all bits, by loops."""
    value = 0.0
    for w, w0, b in zip(h.W.T, h.w, B.T, strict=True):
        value += (w @ w + w0 * w0) / 2
        value += C * sum(max(0.0, 1 - bi * (w @ x + w0)) ** 2 for x, bi in zip(X, b, strict=True))
    return value


def test_encoder_is_the_linear_support_vector_machine():
    """The objective never rises, and ends at LIBLINEAR's solution."""
    V, _ = unit_features(5)
    B = signs(np.random.default_rng(0).standard_normal((90, 3)) + 2 * V[:, :3])
    h = autoencoder.Affine(np.zeros((V.shape[1], 3)), np.zeros(3))
    values = [hinge_objective(V, B, h, 100.0)]
    for _ in range(8):
        h = autoencoder.fit_encoder(V, B, h, steps=1)
        values.append(hinge_objective(V, B, h, 100.0))
    assert_array_less(np.diff(values), 1e-9)
    h = autoencoder.fit_encoder(V, B, h, steps=3000)
    for bit in range(3):
        machine = LinearSVC(C=100.0, dual=False, tol=1e-10, max_iter=10_000).fit(V, B[:, bit])
        assert_allclose(h.W[:, bit], machine.coef_[0], rtol=1e-4, atol=1e-4)
        assert_allclose(h.w[bit], machine.intercept_[0], rtol=1e-4, atol=1e-4)


def z_objective(V, f, H, mu, B):
    """|x - f(b)|^2 + mu |b - h|^2 of each sample."""
    return np.array(
        [
            np.sum((x - (f.W.T @ b + f.w)) ** 2) + mu * np.sum((b - h) ** 2)
            for x, h, b in zip(V, H, B, strict=True)
        ]
    )


@pytest.mark.parametrize("mu", [1e-3, 0.05])
def test_z_step_of_few_bits_tries_all_codes(mu):
    """4 bits: the objective itself over all 16 codes of every sample."""
    V, B = unit_features(4)
    f, H = autoencoder.fit_decoder(B, V), B[::-1]
    found = z_objective(V, f, H, mu, autoencoder.fit_codes(V, f, H, mu, B)[0])
    every = [z_objective(V, f, H, mu, np.tile(b, (90, 1))) for b in product([-1, 1], repeat=4)]
    assert_allclose(found, np.min(every, axis=0), rtol=1e-10)


def test_z_step_of_many_bits_ends_where_no_bit_helps():
    """12 bits: no changed bit is better; the cube's minimum bounds all codes from below."""
    V, B = unit_features(12)
    f, H = autoencoder.fit_decoder(B, V), B[::-1]
    found, relaxed = autoencoder.fit_codes(V, f, H, 0.01, B)
    values = z_objective(V, f, H, 0.01, found)
    for other in flips(found):
        assert_array_less(values - 1e-12, z_objective(V, f, H, 0.01, other))
    assert_array_less(z_objective(V, f, H, 0.01, relaxed) - 1e-3, values)
    exact = quadratic.enumerate_codes(f.W @ f.W.T + 0.01 * np.eye(12), (V - f.w) @ f.W.T + 0.01 * H)
    assert_array_less(z_objective(V, f, H, 0.01, exact) - 1e-12, values)


def test_z_step_starts_from_the_minimum_over_the_cube():
    """Bounded least squares with the penalty as further equations finds the same relaxed codes."""
    V, B = unit_features(12)
    f, H = autoencoder.fit_decoder(B, V), B[::-1]
    equations = np.vstack([f.W.T, np.sqrt(0.05) * np.eye(12)])
    for x, h, b in zip(V, H, autoencoder.fit_codes(V, f, H, 0.05, B)[1], strict=True):
        values = np.concatenate([x - f.w, np.sqrt(0.05) * h])
        assert_allclose(b, lsq_linear(equations, values, (-1, 1), tol=1e-12).x, atol=0.01)


@pytest.mark.parametrize("bits", [4, 12])
def test_a_vast_penalty_makes_codes_equal_the_encoder(bits):
    """mu to infinity: B = h(X)."""
    V, B = unit_features(bits)
    f, H = autoencoder.fit_decoder(B, V), B[::-1]
    assert_array_equal(autoencoder.fit_codes(V, f, H, 1e6, B)[0], H)


@pytest.mark.parametrize("start", ["pca", "itq"])
@pytest.mark.parametrize("bits", [4, 12])
def test_autoencoder_reconstructs_no_worse_than_its_start(start, bits):
    """E of the returned encoder is at most that of the codes it started from."""
    X = features(300, 20)
    encoder = binary_autoencoder(X, bits, np.random.default_rng(3), start=start)
    V = encoder.components.project(X)
    first = np.eye(bits)
    if start == "itq":
        first = itq(X, bits, np.random.default_rng(3)).W
    begun = autoencoder.reconstruction_error(V, signs(V[:, :bits] @ first))
    ended = autoencoder.reconstruction_error(V, unpack(encoder.encode(X), bits).astype(float))
    assert ended < begun


def test_autoencoder_returns_the_best_codes_that_it_saw(monkeypatch):
    """encode gives the training samples the codes of the smallest error among all rounds."""
    seen = []

    def watched(X, H):
        seen.append((np.sum((X - autoencoder.fit_decoder(H, X)(H)) ** 2) / len(X), H))
        return seen[-1][0]

    monkeypatch.setattr(autoencoder, "reconstruction_error", watched)
    X = 5 * features(300, 20) + 3
    codes = binary_autoencoder(X, 12, np.random.default_rng(0)).encode(X)
    best = min(range(len(seen)), key=lambda number: seen[number][0])
    assert 0 < best < len(seen)
    assert_array_equal(unpack(codes, 12), seen[best][1])


HEAVY = network.Weights(decay=0.3, binary=0.7, independence=0.5, balance=0.2)


def small_network(seed=0):
    """Scaled inputs, codes of 3 bits and random layers 6-5-4-3."""
    rng = np.random.default_rng(seed)
    sizes = (6, 5, 4, 3)
    layers = [(rng.standard_normal((a, b)), rng.standard_normal(b)) for a, b in pairwise(sizes)]
    return rng.standard_normal((11, 6)), signs(rng.standard_normal((11, 3))), layers


def encoder_terms(X, B, layers, weights):
    """lambda_1 ... lambda_4 terms of J by loops over samples and layers."""
    n, value = len(X), 0.0
    for W, _ in layers:
        value += weights.decay / 2 * np.linalg.norm(W) ** 2
    outputs = []
    for x in X:
        h = x
        for W, c in layers[:-1]:
            h = 1 / (1 + np.exp(-(W.T @ h + c)))
        outputs.append(layers[-1][0].T @ h + layers[-1][1])
    H = np.array(outputs)
    value += weights.binary / (2 * n) * sum(np.sum((h - b) ** 2) for h, b in zip(H, B, strict=True))
    correlation = sum(np.outer(h, h) for h in H) / n
    value += weights.independence / 2 * np.linalg.norm(correlation - np.eye(B.shape[1])) ** 2
    return value + weights.balance / (2 * n) * np.linalg.norm(sum(H)) ** 2


@pytest.mark.parametrize("weights", [HEAVY, network.Weights()])
def test_network_objective_and_gradient(weights):
    """Loops over samples give the value, differences in every weight the gradient."""
    X, B, layers = small_network()
    shapes = [W.shape for W, _ in layers]
    J, gradient = network.encoder_objective(layers, X, B, weights)
    assert_allclose(J, encoder_terms(X, B, layers, weights), rtol=1e-12)
    expected = numerical_gradient(
        lambda theta: encoder_terms(X, B, network.unflatten(theta, shapes), weights),
        network.flatten(layers),
    )
    assert_allclose(network.flatten(gradient), expected, rtol=1e-5, atol=1e-7)


def test_flattened_layers_come_back():
    """unflatten undoes flatten."""
    _, _, layers = small_network()
    shapes = [W.shape for W, _ in layers]
    for old, new in zip(layers, network.unflatten(network.flatten(layers), shapes), strict=True):
        assert_array_equal(new[0], old[0])
        assert_array_equal(new[1], old[1])


def test_network_decoder_is_ridge_regression():
    """As scikit-learn's, whose penalty is not divided by the number of samples."""
    X, B, _ = small_network()
    W, c = network.fit_decoder(X, B, 0.3)
    ridge = Ridge(alpha=0.3 * len(X)).fit(B, X)
    assert_allclose(W, ridge.coef_.T, rtol=1e-10)
    assert_allclose(c, ridge.intercept_, rtol=1e-10)
    gradient = numerical_gradient(
        lambda theta: network.decoder_objective(X, B, (theta[:18].reshape(3, 6), theta[18:]), 0.3),
        np.concatenate([W.ravel(), c]),
    )
    assert_allclose(gradient, 0, atol=1e-8)


def b_objective(X, decoder, H, binary, B):
    """|X - B W - 1 c'|^2 + lambda_2 |H - B|^2, of each sample."""
    return np.array(
        [
            np.sum((x - (decoder[0].T @ b + decoder[1])) ** 2) + binary * np.sum((h - b) ** 2)
            for x, h, b in zip(X, H, B, strict=True)
        ]
    )


def test_b_step_never_rises_and_is_exact_where_decoder_rows_are_orthogonal():
    """Each sample's objective falls; with W W' diagonal it is the least of all 8 codes."""
    X, B, layers = small_network()
    H = network.activations(layers, X)[-1]
    decoder = layers[0][0][:3, :], np.zeros(5)
    X = X[:, :5]
    begun = b_objective(X, decoder, H, 0.7, B)
    ended = b_objective(X, decoder, H, 0.7, network.fit_codes(X, decoder, H, B, 0.7))
    assert_array_less(ended, begun + 1e-12)
    assert ended.sum() < begun.sum()
    orthogonal = np.linalg.qr(decoder[0].T)[0].T * [[1.0], [2.0], [3.0]], np.full(5, 0.2)
    found = network.fit_codes(X, orthogonal, H, B, 0.7)
    every = [
        b_objective(X, orthogonal, H, 0.7, np.tile(b, (11, 1))) for b in product([-1, 1], repeat=3)
    ]
    assert_allclose(b_objective(X, orthogonal, H, 0.7, found), np.min(every, axis=0), rtol=1e-12)


def test_network_never_raises_its_objective():
    """J over all steps: codes, encoder, decoder, codes, ..."""
    X = features(150, 12)
    V = principal_components(X, 5, most=None).project(X) / 2
    B, weights = signs(V[:, :5]), network.Weights()
    layers = network.first_layers(V, 5)
    decoder = network.fit_decoder(V, B, weights.decay)

    def total():
        return network.encoder_objective(layers, V, B, weights)[0] + network.decoder_objective(
            V, B, decoder, weights.decay
        )

    values = [total()]
    for _ in range(6):
        B = network.fit_codes(V, decoder, network.activations(layers, V)[-1], B, weights.binary)
        values.append(total())
        layers = network.fit_encoder(V, B, layers, weights, 15)
        values.append(total())
        decoder = network.fit_decoder(V, B, weights.decay)
        values.append(total())
    assert_array_less(np.diff(values), 1e-12)
    assert values[-1] < values[1] < values[0]


def test_network_layers_start_from_principal_directions():
    """Weights are right singular vectors of the layer's own input, biases zero."""
    V, _ = unit_features(4)
    layers = network.first_layers(V, 4)
    A = V
    for W, c in layers:
        expected = np.linalg.svd(A)[2][: W.shape[1]].T
        assert_allclose(np.abs(np.sum(W * expected, axis=0)), np.ones(W.shape[1]), rtol=1e-6)
        assert_array_equal(c, np.zeros(W.shape[1]))
        A = expit(A @ W)


def test_network_widths_are_those_of_the_paper():
    """320-90-20-8 and 320-120-50-32; no layer is wider than its input."""
    assert network.widths(320, 8) == (320, 90, 20, 8)
    assert network.widths(320, 32) == (320, 120, 50, 32)
    assert network.widths(16, 8) == (16, 16, 16, 8)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("bits", [1, 6, 12])
def test_codes_are_packed_and_of_one_seed(method, bits):
    """The shape of the codes, the same ones twice, and read-only single precision goes in."""
    X = features().astype(np.float32)
    X.flags.writeable = False
    first, second = (method(X, bits, np.random.default_rng(5)).encode(X) for _ in range(2))
    assert first.shape == (len(X), -(-bits // 8))
    assert first.dtype == np.uint8
    unpack(first, bits)
    assert_array_equal(first, second)


@pytest.mark.parametrize("method", METHODS)
def test_a_code_is_a_function_of_the_sample(method):
    """Alone or among others, in any order, seen in training or not; equal samples, equal codes."""
    X = features()
    encoder = method(X, 8, np.random.default_rng(0))
    codes = encoder.encode(X)
    assert_array_equal(codes[len(X) // 2], codes[3])
    assert_array_equal(np.vstack([encoder.encode(X[i : i + 1]) for i in range(len(X))]), codes)
    new = np.vstack([X, features(seed=1)])[::-1]
    assert_array_equal(encoder.encode(new)[::-1][: len(X)], codes)
    assert len(np.unique(codes, axis=0)) > 4


@pytest.mark.parametrize("method", METHODS)
def test_codes_do_not_depend_on_the_unit_of_the_features(method):
    """Features in another unit and from another origin, exact in floating point."""
    X = np.round(features() * 2**12) / 2**12
    codes, moved = (method(Y, 6, np.random.default_rng(0)).encode(Y) for Y in (X, 4 * (X + 2)))
    assert_array_equal(moved, codes)


@pytest.mark.parametrize("method", METHODS)
def test_wide_features_cost_the_number_of_samples(method):
    """50,000 features that are zero change no code and make no square of that size."""
    X = features(24, 10)
    wide = np.hstack([X, np.zeros((24, 50_000))])
    codes = method(X, 4, np.random.default_rng(0)).encode(X)
    tracemalloc.start()
    padded = method(wide, 4, np.random.default_rng(0)).encode(wide)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert_array_equal(padded, codes)
    assert peak < 100e6


@pytest.mark.parametrize("method", METHODS)
def test_features_that_do_not_fit_are_refused_with_both_numbers(method):
    """In training and afterwards: shapes, values, and a width that the encoder does not know."""
    X, rng = features(), np.random.default_rng(0)
    encoder = method(X, 4, rng)
    with pytest.raises(ValueError, match="fitted to 14 features, found 13: take both from one"):
        encoder.encode(X[:, 1:])
    with pytest.raises(ValueError, match="fitted to 14 features, found 28"):
        encoder.encode(np.hstack([X, X]))
    with pytest.raises(ValueError, match=r"new features must have shape .* found \(14,\)"):
        encoder.encode(X[0])
    with pytest.raises(ValueError, match=r"training features must have shape .* found \(14,\)"):
        method(X[0], 4, rng)
    X[5, 2] = np.nan
    with pytest.raises(ValueError, match=r"1 of 980 training features are not finite.* in row 5"):
        method(X, 4, rng)
    with pytest.raises(ValueError, match=r"1 of 980 new features are not finite.* in row 5"):
        encoder.encode(X)


@pytest.mark.parametrize("method", METHODS)
def test_bits_out_of_range_are_refused_with_both_numbers(method):
    """From 1 to the rank: 14 features, one constant and one repeated, have 12."""
    X, rng = features(), np.random.default_rng(0)
    for bits in (0, -3, 2.5):
        with pytest.raises(ValueError, match=rf"at least 1 bits?, found {bits}"):
            method(X, bits, rng)
    with pytest.raises(
        ValueError, match="bits = 13 exceeds the rank 12 of the 70 training samples"
    ):
        method(X, 13, rng)
    with pytest.raises(
        ValueError, match=r"bits = 64 exceeds the rank 7 of the 9 .* lower bits to 7"
    ):
        method(features(9, 40), 64, rng)
    with pytest.raises(ValueError, match="the 70 training samples are all equal: bits = 1"):
        method(np.full((70, 14), 0.1), 1, rng)


def test_settings_out_of_range_are_refused_with_their_name():
    """Counts from 1, weights above 0, a growing penalty, a known start."""
    X, rng = features(), np.random.default_rng(0)
    for refused, message in (
        (partial(itq, rounds=0), "rounds must be a whole number from 1 on, found 0"),
        (partial(kmeans_hashing, bits_each=0), "bits_each must be a whole number"),
        (partial(kmeans_hashing, bits_each=9), "bits_each must be at most 8, found 9"),
        (partial(kmeans_hashing, weight=-1.0), "weight must be above 0 and finite, found -1"),
        (partial(binary_autoencoder, dim=0), "dim must be a whole number from 1 on, found 0"),
        (partial(binary_autoencoder, mu=0.0), "mu must be above 0 and finite, found 0"),
        (partial(binary_autoencoder, growth=1.0), "growth must be above 1, found 1"),
        (partial(binary_autoencoder, start="lda"), "start from pca or itq, found 'lda'"),
        (partial(binary_network, steps=1.5), "steps must be a whole number from 1 on, found 1.5"),
        (
            partial(binary_network, weights=network.Weights(binary=np.nan)),
            "binary must be above 0 and finite, found nan",
        ),
    ):
        with pytest.raises(ValueError, match=message):
            refused(X, 4, rng)
