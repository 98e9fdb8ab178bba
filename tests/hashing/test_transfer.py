"""PSCA: each step against another solver, what must hold, data that leave nothing to learn."""

from dataclasses import asdict
from inspect import signature
from itertools import pairwise, permutations
from pathlib import Path

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal, assert_array_less
from scipy.linalg import polar
from scipy.optimize import minimize
from scipy.stats import ortho_group
from sklearn.cluster import KMeans
from sklearn.kernel_approximation import Nystroem

from dah.encoding.outputs import probabilities
from dah.hashing import kernel, prototypes, psca, transfer
from dah.hashing.memberships import (
    clusters,
    confidence,
    memberships,
    structured_probabilities,
)
from dah.hashing.prediction import category_probabilities
from dah.hashing.principal import signs
from dah.linalg import unit_rows
from dah.params import load
from dah.retrieval.codes import pack, unpack


def domains(ns=90, nt=60, d=12, c=3, shift=1.0, noise=0.3, seed=0):
    """Well separated categories, the target shifted as a whole: Xs, ys, Xt, yt."""
    rng = np.random.default_rng(seed)
    centres = 4 * np.eye(c, d)
    ys, yt = np.arange(ns) % c, rng.permutation(np.arange(nt) % c)
    Xs, Xt = (centres[y] + noise * rng.standard_normal((len(y), d)) for y in (ys, yt))
    return Xs, ys, Xt + shift * rng.standard_normal(d) / np.sqrt(d), yt


def shares(n=40, c=4, seed=0):
    """Distances, pseudo-labels and pulls of many kinds, among them none and a huge one."""
    rng = np.random.default_rng(seed)
    alpha = rng.exponential(size=n)
    alpha[:2] = 0, 50
    return 2 * rng.random((n, c)), rng.integers(c, size=n), alpha


def test_memberships_are_the_minimum_over_the_simplex():
    """Against SLSQP from several starts, row by row; all rows on the simplex."""
    D, label, alpha = shares()
    R = memberships(D, label, alpha)
    assert_allclose(R.sum(axis=1), 1, rtol=1e-12)
    assert (R >= 0).all()
    assert_array_equal(R[1], np.eye(4)[label[1]])
    for d, k, a, r in zip(D, label, alpha, R, strict=True):

        def value(r, d=d, k=k, a=a):
            return (r**2 * d).sum() - (a * np.log(max(r[k], 1e-300)) if a else 0)

        for start in (np.full(4, 0.25), 0.1 + 0.6 * np.eye(4)[k]):
            found = minimize(
                value, start, bounds=[(1e-9, 1)] * 4, tol=1e-12,
                constraints={"type": "eq", "fun": lambda r: r.sum() - 1},
            )  # fmt: skip
            assert value(r) <= found.fun + 1e-7
        assert_allclose(found.x, r, atol=2e-3)


def test_memberships_solve_the_derivative():
    """2 r_j d_j - psi_j / r_j is one number for all j where no bound holds."""
    D, label, alpha = shares()
    R = memberships(D, label, alpha)
    rows = np.arange(len(D))
    psi = np.zeros_like(D)
    psi[rows, label] = alpha
    inside = R[rows, label] < 1
    inside &= alpha > 0
    multiplier = 2 * (R * D)[inside] - psi[inside] / R[inside]
    assert inside.sum() > 20
    assert_allclose(multiplier, multiplier[:, :1] * np.ones(4), atol=1e-9)


def test_memberships_at_the_edge():
    """A sample that lies on a prototype, or on two, and a single category."""
    D = np.array([[0.0, 1.0, 2.0], [1.0, 0.0, 2.0], [0.0, 0.0, 1.0]])
    R = memberships(D, np.zeros(3, int), np.array([0.0, 0.0, 0.5]))
    assert_allclose(R, [[1, 0, 0], [0, 1, 0], [1, 0, 0]], atol=1e-9)
    assert_array_equal(memberships(D[:, :1], np.zeros(3, int), np.ones(3)), np.ones((3, 1)))


def test_confidence_by_hand():
    """Where both agree, a ratio of margins; where not, less the farther the two are apart."""
    pi = np.array([[0.6, 0.3, 0.1], [0.2, 0.5, 0.3], [0.1, 0.1, 0.8], [0.7, 0.2, 0.1]])
    D = np.array([[1.0, 1.5, 3.0], [1.0, 4.0, 2.0], [3.0, 2.5, 0.5], [3.0, 2.0, 1.0]])
    agree = [(0.6 - 0.3) / (1.5 - 1.0), (0.8 - 0.1) / (2.5 - 0.5)]
    apart = [0.5 * (1 - (0.5 - 0.2)), 0.7 * (1 - (0.7 - 0.1))]
    assert_allclose(confidence(pi, D), [agree[0], apart[0], agree[1], apart[1]])


@pytest.mark.parametrize("seed", range(3))
def test_probabilities_are_those_of_loops(seed):
    """scikit-learn's clusters, the best of all ways to match them, each probability by itself."""
    rng = np.random.default_rng(seed)
    ys, centres = np.array([0, 0, 1, 2, 2, 2, 1, 0, 2]), rng.standard_normal((3, 4))
    Zs = centres[ys] + 0.3 * rng.standard_normal((9, 4)) + 5
    Zt = centres[np.arange(14) % 3] + 1.5 * rng.standard_normal((14, 4)) + 5
    mean = (Zs.sum(axis=0) + Zt.sum(axis=0)) / 23
    Us, Ut = ([z / np.sqrt(z @ z) for z in Z - mean] for Z in (Zs, Zt))
    means = [sum(u for u, y in zip(Us, ys, strict=True) if y == k) for k in range(3)]
    m = np.array([of / np.sqrt(of @ of) for of in means])
    k = KMeans(3, init=m, n_init=1, max_iter=300, tol=0).fit(np.array(Ut)).cluster_centers_

    def apart(order):
        return sum((m[j] - k[order[j]]) @ (m[j] - k[order[j]]) for j in range(3))

    k = np.array([k[j] / np.sqrt(k[j] @ k[j]) for j in min(permutations(range(3)), key=apart)])
    twin = []
    for u in Ut:
        p, q = (np.exp([-(u - c) @ (u - c) for c in of]) for of in (m, k))
        largest = np.maximum(p / p.sum(), q / q.sum())
        twin.append(largest / largest.sum())
    assert_allclose(structured_probabilities(Zs, np.eye(3)[ys], Zt), twin, rtol=1e-7)


def test_clusters_are_those_of_scikit_learn():
    """The same centres from the same start; one without samples stays, one of a sample is it."""
    X = domains(noise=2.0)[0]
    start = X[[0, 1, 2]]
    twin = KMeans(3, init=start, n_init=1, max_iter=300, tol=0).fit(X)
    assert_allclose(clusters(X, start), twin.cluster_centers_, rtol=1e-9)
    far = np.vstack([start, np.full(12, 1e3)])
    assert_array_equal(clusters(X, far)[3], far[3])
    assert_array_equal(clusters(np.c_[[0.0, 1.0, 10.0]], np.c_[[0.2, 9.0]]), [[0.5], [10]])


def test_clusters_mend_what_prototypes_get_wrong():
    """A target that has moved past the middle between two prototypes, but is still two heaps."""
    rng = np.random.default_rng(0)
    ys, yt = np.arange(80) % 2, np.arange(60) % 2
    angle_s, angle_t = np.array([0.0, 1.0])[ys], np.array([0.7, 1.7])[yt]
    angles = [a + 0.05 * rng.standard_normal(len(a)) for a in (angle_s, angle_t)]
    Zs, Zt = (np.c_[np.cos(a), np.sin(a), np.full(len(a), -2.0)] for a in angles)
    pi = structured_probabilities(Zs, np.eye(2)[ys], Zt)
    assert_allclose(pi.sum(axis=1), 1, rtol=1e-12)
    assert_array_equal(pi.argmax(axis=1), yt)
    means = unit_rows(np.array([Zs[ys == k].mean(axis=0) for k in (0, 1)]) - Zs.mean(axis=0))
    assert np.mean((unit_rows(Zt - Zs.mean(axis=0)) @ means.T).argmax(axis=1) == yt) < 0.6


def stage(n=50, d=20, c=3, q=5, seed=0):
    """X, Y, e, C of a random problem."""
    rng = np.random.default_rng(seed)
    X, Y = rng.standard_normal((n, d)), rng.dirichlet(np.ones(c), n)
    C = np.linalg.qr(rng.standard_normal((q, c)))[0]
    return X, Y, prototypes.mean_difference(n // 2, n - n // 2), C


def test_the_objective_by_hand():
    """Two samples on a line, two categories: each term of another size."""
    X, Y, e = np.array([[3.0], [1.0]]), np.array([[1.0, 0.0], [0.5, 0.5]]), np.array([1.0, -0.5])
    P, C = np.array([[3.0, -4.0]]), np.eye(2)  # |P| = 5, samples at (9, -12) and (3, -4)
    distances = (8**2 + 12**2) + 0.25 * (2**2 + 4**2) + 0.25 * (3**2 + 5**2)
    means = (9 - 1.5) ** 2 + (12 - 2) ** 2
    found = prototypes.objective(X, Y, e, P, C, 7.0, 0.3)
    assert_allclose(found, distances + 7.0 * means + 0.3 * 5, rtol=1e-12)
    wide = np.vstack([P, [[0.6, 0.8]]])  # a second feature that is always zero
    found = prototypes.objective(np.c_[X, [0, 0]], Y, e, wide, C, 7.0, 0.3)
    assert_allclose(found, distances + 7.0 * means + 0.3 * (5 + 1), rtol=1e-12)


def test_the_difference_of_means_by_hand():
    """The mean of the source less that of the target."""
    assert_array_equal(prototypes.mean_difference(2, 4), [0.5, 0.5, *[-0.25] * 4])


@pytest.mark.parametrize("d", [20, 80])
def test_projection_takes_its_steps(monkeypatch, d):
    """Each the solution of a dense system, the first a ridge regression; the smaller is solved."""
    X, Y, e, C = stage(d=d)
    A = X.T @ np.diag((Y**2).sum(axis=1)) @ X + 2.0 * np.outer(X.T @ e, X.T @ e)
    twins, weights = [], np.ones(d)
    for _ in range(5):
        twins.append(np.linalg.solve(A + 0.5 * np.diag(weights), X.T @ Y**2 @ C.T))
        weights = 1 / (2 * np.sqrt((twins[-1] ** 2).sum(axis=1)))
    for steps in (1, 2, 3, 5):
        P = prototypes.projection(X, Y, e, C, 2.0, 0.5, steps=steps)
        assert_allclose(P, twins[steps - 1], atol=1e-8)
    assert_allclose(prototypes.projection(X, Y, e, C, 2.0, 0.5), twins[2], atol=1e-8)
    sizes, plain = [], prototypes._ridge
    monkeypatch.setattr(prototypes, "_ridge", lambda A, *of: sizes.append(len(A)) or plain(A, *of))
    P = prototypes.projection(X, Y, e, C, 2.0, 0.5, twins[1], steps=2)
    assert_allclose(P, twins[3], atol=1e-8)
    assert sizes == [min(d, 51)] * 2  # 50 samples and the difference of means


@pytest.mark.parametrize("d", [20, 80])
def test_projection_solves_its_stationarity(d):
    """After many steps the gradient of the objective vanishes, for few and for many features."""
    X, Y, e, C = stage(d=d)
    P = prototypes.projection(X, Y, e, C, 2.0, 0.5, steps=3000)
    norms = np.linalg.norm(P, axis=1)
    kept = norms > 1e-4 * norms.max()
    gradient = 2 * X.T @ ((Y**2).sum(axis=1)[:, None] * (X @ P) - Y**2 @ C.T)
    gradient += 2 * 2.0 * np.outer(X.T @ e, e @ X @ P)
    assert kept.sum() > 5
    assert_allclose(gradient[kept] + 0.5 * P[kept] / norms[kept, None], 0, atol=1e-3)
    assert_array_less(np.linalg.norm(gradient[~kept], axis=1), 0.5 + 1e-3)


def test_projection_is_the_same_for_few_and_many_features():
    """A feature that is always zero leads from one system to the other."""
    X, Y, e, C = stage(n=30, d=20)
    wide = np.hstack([X, np.zeros((30, 40))])
    P = prototypes.projection(wide, Y, e, C, 2.0, 0.5)
    assert_allclose(P[:20], prototypes.projection(X, Y, e, C, 2.0, 0.5), atol=1e-10)
    assert_array_equal(P[20:], 0)


def test_procrustes_is_the_best_of_orthonormal_frames():
    """No random frame, and none near it, has a larger inner product; columns or rows."""
    rng = np.random.default_rng(0)
    M = rng.standard_normal((6, 4))
    Q = prototypes.procrustes(M)
    assert_allclose(Q.T @ Q, np.eye(4), atol=1e-12)
    for R in ortho_group.rvs(6, 200, random_state=0):
        assert (M * R[:, :4]).sum() < (M * Q).sum()
    for _ in range(50):
        near = np.linalg.qr(Q + 0.01 * rng.standard_normal(Q.shape))[0]
        near *= signs((near * Q).sum(axis=0))
        assert (M * near).sum() < (M * Q).sum()
    assert_allclose(prototypes.procrustes(M.T), Q.T, atol=1e-12)


def test_the_first_stage_never_rises():
    """For fixed pseudo-labels and pulls: memberships, prototypes and projection in turn."""
    X, Y, e, C = stage()
    rng, ns = np.random.default_rng(1), 25
    Y[:ns] = np.eye(3)[rng.integers(3, size=ns)]
    label, alpha = rng.integers(3, size=ns), rng.exponential(size=ns)
    P, values = prototypes.projection(X, Y, e, C, 2.0, 0.5), []

    def value():
        pull = (alpha * np.log(Y[ns:][np.arange(ns), label])).sum()
        return prototypes.objective(X, Y, e, P, C, 2.0, 0.5) - pull

    for _ in range(20):
        values.append(value())
        D = ((X[ns:] @ P)[:, None, :] - C.T) ** 2
        Y = np.vstack([Y[:ns], memberships(D.sum(axis=2), label, alpha)])
        values.append(value())
        C = prototypes.procrustes((X @ P).T @ Y**2)
        values.append(value())
        P = prototypes.projection(X, Y, e, C, 2.0, 0.5, P)
    assert all(after <= before + 1e-9 * abs(before) for before, after in pairwise(values))
    assert values[-1] < values[0] - 1
    assert_allclose(C.T @ C, np.eye(3), atol=1e-12)


def test_the_second_stage_never_rises(monkeypatch):
    """|D - B W|^2 of both domains and the projections' difference, round after round; W W' = I."""
    rng = np.random.default_rng(0)
    Ds, Dt = rng.standard_normal((40, 10)), rng.standard_normal((30, 10)) + 0.5
    W, frames, plain = np.linalg.qr(rng.standard_normal((10, 10)))[0][:6], [], prototypes.procrustes
    monkeypatch.setattr(transfer, "procrustes", lambda M: frames.append(plain(M)) or frames[-1])
    Bs, Bt = transfer.domain_codes(Ds, Dt, 3.0, W)
    values = []
    for Ws, Wt in zip(frames[::2], frames[1::2], strict=True):
        assert_allclose(Ws @ Ws.T, np.eye(6), atol=1e-12)
        assert_allclose(Wt @ Wt.T, np.eye(6), atol=1e-12)
        errors = [((D - signs(D @ V.T) @ V) ** 2).sum() for D, V in ((Ds, Ws), (Dt, Wt))]
        values.append(sum(errors) + 3.0 * ((Ws - Wt) ** 2).sum())
    assert all(after <= before + 1e-9 * before for before, after in pairwise(values))
    assert values[-1] < values[0]
    assert_array_equal(Bs, signs(Ds @ Ws.T))
    assert_array_equal(Bt, signs(Dt @ Wt.T))


@pytest.mark.parametrize("rounds", [1, 2, 7])
def test_the_second_stage_takes_its_rounds(monkeypatch, rounds):
    """Each frame the orthonormal polar factor of what it answers, the source's before the target's.

    Without a number there are twenty rounds.
    """
    rng = np.random.default_rng(1)
    Ds, Dt = rng.standard_normal((40, 10)), rng.standard_normal((30, 10)) + 0.5
    W = np.linalg.qr(rng.standard_normal((10, 10)))[0][:6]
    frames, plain = [], prototypes.procrustes
    monkeypatch.setattr(transfer, "procrustes", lambda M: frames.append(plain(M)) or frames[-1])
    transfer.domain_codes(Ds, Dt, 3.0, W, rounds)
    twins = [W, W]
    for _ in range(rounds):
        for D in (Ds, Dt):
            mine, other = twins[-2:]
            twins.append(polar(np.where(D @ mine.T >= 0, 1.0, -1.0).T @ D + 3.0 * other)[0])
    assert len(frames) == 2 * rounds
    assert_allclose(frames, twins[2:], atol=1e-10)
    frames.clear()
    transfer.domain_codes(Ds, Dt, 3.0, W)
    assert len(frames) == 2 * 20


@pytest.mark.parametrize("c", [2, 3])
def test_the_first_stage_takes_its_rounds(c):
    """One, and four written out: labels once one-hot, then memberships, prototypes, projection."""
    Xs, ys, Xt, _ = domains(c=c, noise=1.2)
    X, Ys, e = np.vstack([Xs, Xt]), np.eye(c)[ys], np.repeat([1 / 90, -1 / 60], [90, 60])
    Y = np.vstack([Ys, np.eye(c)[structured_probabilities(Xs, Ys, Xt).argmax(axis=1)]])
    C, P = np.eye(5)[:, :c], prototypes.projection(X, Y, e, np.eye(5)[:, :c], 2.0, 0.5)
    for found, twin in zip(transfer.align(X, Ys, 2.0, 0.5, 1, 5), (Y, C, P), strict=True):
        assert_allclose(found, twin, atol=1e-10)
    for _ in range(3):
        Zs, Zt = Xs @ P, Xt @ P
        pi = structured_probabilities(Zs, Ys, Zt)
        D = np.array([[(z - c) @ (z - c) for c in C.T] for z in Zt])
        Y = np.vstack([Ys, memberships(D, pi.argmax(axis=1), confidence(pi, D))])
        C = polar(np.vstack([Zs, Zt]).T @ Y**2)[0]
        P = prototypes.projection(X, Y, e, C, 2.0, 0.5, P)
    assert np.abs(Y[90:] - Y[90:].round()).max() > 0.01  # not what one-hot labels would do as well
    for found, twin in zip(transfer.align(X, Ys, 2.0, 0.5, 4, 5), (Y, C, P), strict=True):
        assert_allclose(found, twin, atol=1e-7)


@pytest.mark.parametrize(("bits", "dim"), [(2, 3), (6, 3), (7, 4), (8, 4), (9, 5)])
def test_the_common_space_has_half_as_many_dimensions_as_bits(monkeypatch, bits, dim):
    """Rounded up, and no fewer than categories."""
    found, plain = [], transfer.align
    monkeypatch.setattr(transfer, "align", lambda *of: found.append(of) or plain(*of))
    Xs, ys, Xt, _ = domains()
    psca(Xs, ys, Xt, bits, np.random.default_rng(0), mmd=4.0, sparsity=0.2, rounds=2)
    ((_, Ys, *settings),) = found
    assert_array_equal(Ys, np.eye(3)[ys])
    assert settings == [4.0, 0.2, 2, dim]


def test_without_numbers_it_is_as_params_yaml_has_it():
    """One number for the library and the pipeline."""
    given = load(Path(__file__).parents[2] / "params.yaml").psca
    known = {name: of.default for name, of in signature(psca).parameters.items()}
    assert {name: known[name] for name in asdict(given)} == asdict(given)


def test_the_projections_of_the_domains_agree_when_they_must():
    """A huge weight makes them one: equal features have equal codes."""
    rng = np.random.default_rng(0)
    D, W = rng.standard_normal((30, 8)), np.linalg.qr(rng.standard_normal((8, 8)))[0]
    Bs, Bt = transfer.domain_codes(D, D + np.r_[np.zeros(29), 1e-9][:, None], 1e9, W)
    assert_array_equal(Bs, Bt)


def test_the_kernels_coordinates_are_nystroems():
    """scikit-learn's of the same landmarks; with all of them, inner products are the kernel."""
    X = unit_rows(domains()[0])
    features = kernel.kernel_map(X, 20, np.random.default_rng(0))
    twin = Nystroem(gamma=1 / (2 * features.width), n_components=20)
    twin.components_, twin.component_indices_ = features.landmarks, None
    K = np.exp(-((features.landmarks[:, None] - features.landmarks) ** 2).sum(2) * twin.gamma)
    U, S, V = np.linalg.svd(K)
    twin.normalization_ = U / np.sqrt(S) @ V
    assert_allclose(features(X) @ features(X).T, twin.transform(X) @ twin.transform(X).T, atol=1e-7)
    assert_allclose(features.width, ((X[:, None] - X) ** 2).sum(2).mean(), rtol=1e-10)
    for rows in (X, np.random.default_rng(1).standard_normal((9, 300))):
        features = kernel.kernel_map(rows, 1000, np.random.default_rng(0))
        K = kernel.kernel(unit_rows(rows), unit_rows(rows), features.width)
        assert_allclose(features(rows) @ features(rows).T, K, atol=1e-7)


@pytest.mark.parametrize(("factor", "rank"), [(0.8, 4), (1.25, 5)])
def test_directions_that_rounding_makes_are_left_out(factor, rank):
    """Two landmarks as near as an eigenvalue of 100 n eps of the largest: below it they are one."""
    X = np.eye(5)[[0, 1, 2, 3, 0]]
    s = ((X[:, None] - X) ** 2).sum(2).mean()
    smallest = 100 * 5 * np.finfo(float).eps * np.linalg.eigvalsh(kernel.kernel(X, X, s))[-1]
    X[4, 4] = np.sqrt(2 * s * factor * smallest)  # 1 - k = |x - y|^2 / (2 s)
    features = kernel.kernel_map(X, 5, np.random.default_rng(0))
    assert features.root.shape == (5, rank)
    assert_allclose(features(X) @ features(X).T, kernel.kernel(X, X, s), atol=1e-6)


def test_squared_distances_equal_loops_and_are_never_below_0():
    """Nor where two rows are equal but for rounding."""
    X = 1e3 * np.random.default_rng(0).standard_normal((20, 9))
    Y = np.vstack([X[::-1], X[:7] + 1e-9])
    twin = [[sum((a - b) ** 2 for a, b in zip(x, y, strict=True)) for y in Y] for x in X]
    assert_allclose(kernel.squared_distances(X, Y), twin, atol=1e-7)
    assert (kernel.squared_distances(X, Y) >= 0).all()


@pytest.mark.parametrize("bits", [8, 16, 64])
def test_separated_domains_are_told_apart_without_error(bits):
    """Learned images by memberships and by codes, unseen ones by codes; single category queries."""
    Xs, ys, Xt, yt = domains()
    found = psca(Xs, ys, Xt, bits, np.random.default_rng(0))
    assert found.source.shape == (90, -(-bits // 8))
    assert found.target.shape == (60, -(-bits // 8))
    assert_allclose(found.memberships.sum(axis=1), 1, rtol=1e-12)
    assert_array_equal(found.memberships.argmax(axis=1), yt)
    unseen, *_, labels = domains(nt=60, seed=0)[2:]
    for codes, truth in ((found.target, yt), (found.encoder.encode(unseen), labels)):
        p = category_probabilities(codes, found.source, ys, bits, 10.0, 3)
        assert_array_equal(p.argmax(axis=1), truth)


def test_codes_of_a_part_that_was_learned_from_go_with_the_encoders_of_the_rest(monkeypatch):
    """In blocks of any size; where all were learned from, their codes as they are."""
    monkeypatch.setattr("dah.hashing.transfer.ROWS_AT_ONCE", 7)
    Xs, ys, Xt, _ = domains()
    rows = np.arange(0, 60, 4)
    found = psca(Xs, ys, Xt[rows], 16, np.random.default_rng(0))
    expected = found.encoder.encode(Xt)
    expected[rows] = found.target
    assert_array_equal(transfer.all_codes(found.target, rows, found.encoder, Xt), expected)
    assert transfer.all_codes(found.source, np.arange(90), found.encoder, Xs) is found.source


def test_codes_are_of_one_seed_and_change_no_argument():
    """Twice the same; read-only single precision goes in; labels of any numbers."""
    Xs, ys, Xt, _ = (a.astype(np.float32) if a.ndim == 2 else a for a in domains())
    for array in (Xs, ys, Xt):
        array.flags.writeable = False
    a, b = (psca(Xs, y, Xt, 16, np.random.default_rng(3)) for y in (ys, 10 * ys - 7))
    for first, second in ((a.source, b.source), (a.target, b.target)):
        assert_array_equal(first, second)
        unpack(first, 16)


def test_the_order_of_the_target_is_no_knowledge():
    """Rows turned about turn the codes about: nothing is known of an image but its features."""
    Xs, ys, Xt, _ = domains(noise=1.2)
    order = np.random.default_rng(1).permutation(len(Xt))
    plain, turned = (psca(Xs, ys, X, 16, np.random.default_rng(0)) for X in (Xt, Xt[order]))
    assert_array_equal(turned.source, plain.source)
    assert_array_equal(turned.target, plain.target[order])
    assert_allclose(turned.memberships, plain.memberships[order], atol=1e-6)


def test_prototypes_say_where_the_axes_lie_and_nothing_else():
    """A turned or padded common space has the same memberships and distances."""
    Xs, ys, Xt, _ = domains(noise=1.2)
    X = np.vstack([Xs, Xt])
    spaces = [transfer.align(X, np.eye(3)[ys], 1.0, 0.1, 4, dim) for dim in (3, 9)]
    for Y, C, P in spaces:
        assert_allclose(Y, spaces[0][0], atol=1e-8)
        assert_allclose(X @ P @ C, X @ spaces[0][2] @ spaces[0][1], atol=1e-8)
        assert_allclose(C.T @ C, np.eye(3), atol=1e-12)
        assert_allclose(np.linalg.svd(P, compute_uv=False)[3:], 0, atol=1e-8)


def test_little_data_gives_codes_all_the_same():
    """Fewer images than dimensions or bits, one category, one image of each domain, duplicates."""
    Xs, ys, Xt, _ = domains(ns=6, nt=4, d=40)
    rng = np.random.default_rng(0)
    for source, labels, target in (
        (Xs, ys, Xt), (Xs, 0 * ys, Xt), (Xs[:1], ys[:1], Xt[:1]), (Xs[[0, 1, 2] * 9],
        ys[[0, 1, 2] * 9], np.vstack([Xs[:2]] * 3)), (Xs, ys, np.zeros((3, 40))),
    ):  # fmt: skip
        found = psca(source, labels, target, 64, rng)
        assert found.source.shape == (len(source), 8)
        assert found.target.shape == (len(target), 8)
        assert np.isfinite(found.memberships).all()
    assert_array_equal(psca(Xs, 0 * ys, Xt, 8, rng).memberships, 1)


def test_what_cannot_be_learned_from_is_refused_with_both_numbers():
    """Constant features, labels and widths that do not fit, settings, unseen images."""
    Xs, ys, Xt, _ = domains()
    rng = np.random.default_rng(0)
    with pytest.raises(ValueError, match="the 150 training samples are all equal: no code"):
        psca(np.ones((90, 12)), ys, np.ones((60, 12)), 8, rng)
    with pytest.raises(ValueError, match=r"90 source samples need labels of shape .* \(89,\)"):
        psca(Xs, ys[1:], Xt, 8, rng)
    with pytest.raises(ValueError, match=r"89 source samples need labels of shape .* \(90,\)"):
        psca(Xs[1:], ys, Xt, 8, rng)
    with pytest.raises(ValueError, match="source and target have 12 and 11 features"):
        psca(Xs, ys, Xt[:, 1:], 8, rng)
    with pytest.raises(ValueError, match="bits must be a whole number from 1 on, found 0"):
        psca(Xs, ys, Xt, 0, rng)
    for name in ("mmd", "sparsity", "agreement", "ridge"):
        with pytest.raises(ValueError, match=f"{name} must be above 0 and finite, found 0"):
            psca(Xs, ys, Xt, 8, rng, **{name: 0})
    found = psca(Xs, ys, Xt, 8, rng)
    with pytest.raises(ValueError, match="fitted to 12 features, found 11: take both from one"):
        found.encoder.encode(Xt[:, 1:])
    with pytest.raises(ValueError, match="fitted to 12 features, found 13: take both from one"):
        found.encoder.encode(Xt[:, [*range(12), 0]])


def test_unseen_images_are_encoded_by_ridge_regression():
    """The normal equations by least squares on an augmented system."""
    Xs, ys, Xt, _ = domains(noise=1.2)
    found = psca(Xs, ys, Xt, 16, np.random.default_rng(0), ridge=0.7)
    Z = found.encoder.features(np.vstack([Xs, Xt]))
    B = np.vstack([unpack(found.source, 16), unpack(found.target, 16)])
    r = Z.shape[1]
    augmented = np.vstack([Z, np.sqrt(0.7) * np.eye(r)])
    W = np.linalg.lstsq(augmented, np.vstack([B, np.zeros((r, 16))]), rcond=None)[0]
    assert_allclose(found.encoder.W, W, atol=1e-6)


def test_categories_by_codes_are_eq_6():
    """As torch computes it from signs; a category without source images has no probability."""
    rng = np.random.default_rng(0)
    hs, ht = signs(rng.standard_normal((30, 20))), signs(rng.standard_normal((1030, 20)))
    ys = np.append(np.arange(29) % 3, 3)  # of the last category a single image
    p = category_probabilities(pack(ht), pack(hs), ys, 20, 7.0, 5)
    twin = probabilities(ht.astype(np.float32), hs.astype(np.float32), ys, 7.0, 5)
    assert_allclose(p, twin, rtol=1e-4, atol=1e-7)
    assert_array_equal(p[:, 4], 0)
