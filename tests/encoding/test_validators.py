"""Every validator against loops, values worked out by hand, and what it says of extremes."""

import math
from dataclasses import replace

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal, assert_array_less
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedKFold
from sklearn.preprocessing import StandardScaler

from dah.encoding import validators
from dah.encoding.outputs import Activations, probabilities
from dah.encoding.validators import (
    embedded_risk,
    entropy,
    information_maximisation,
    left_out_log_probabilities,
    log_softmax,
    neighbourhood_density,
    validation_figures,
)
from dah.files.artifacts import Codes
from dah.shallow.domains import domain_classifier, domain_error, domain_odds, held_out_log_odds

RNG = np.random.default_rng(0)


def random_probabilities(n, categories, sharpness=1.0):
    """Rows that sum to one, float32 like an export's."""
    scores = np.exp(sharpness * RNG.standard_normal((n, categories)))
    return (scores / scores.sum(axis=1, keepdims=True)).astype(np.float32)


def loop_entropy(row):
    """``-sum p log p`` value by value."""
    return -sum(float(x) * math.log(x) for x in row if x > 0)


def test_entropy_and_information_equal_loops():
    """Also where a probability is zero."""
    p = random_probabilities(7, 4)
    p[0] = [1, 0, 0, 0]
    each = [loop_entropy(row) for row in p]
    mean = [sum(float(x) for x in column) / 7 for column in p.T]
    assert_allclose(entropy(p), sum(each) / 7)
    assert_allclose(information_maximisation(p), loop_entropy(mean) - sum(each) / 7)


def test_entropy_and_information_by_hand():
    """Sure and even: 0 and ln 2; unsure: ln 2 and 0; all in one category: 0 and 0."""
    even, unsure, crowded = np.eye(2), np.full((2, 2), 0.5), np.array([[1.0, 0.0]] * 2)
    assert_allclose([entropy(p) for p in (even, unsure, crowded)], [0, math.log(2), 0])
    information = [information_maximisation(p) for p in (even, unsure, crowded)]
    assert_allclose(information, [math.log(2), 0, 0], atol=1e-15)


def loop_density(p):
    """Soft neighbourhood density pair by pair."""
    f = [[float(x) / math.sqrt(sum(float(y) ** 2 for y in row)) for x in row] for row in p]
    total = 0.0
    for i, a in enumerate(f):
        others = [b for j, b in enumerate(f) if j != i]
        k = [math.exp(sum(x * y for x, y in zip(a, b, strict=True)) / 0.05) for b in others]
        total += loop_entropy([value / sum(k) for value in k])
    return total / len(f)


@pytest.mark.parametrize("as_written", [0, 1000])
@pytest.mark.parametrize("block", [1, 4, 1000])
def test_density_equals_loops_over_pairs(monkeypatch, block, as_written):
    """Whatever the block of rows, by either sum."""
    monkeypatch.setattr(validators, "ROWS_AT_ONCE", block)
    monkeypatch.setattr(validators, "AS_WRITTEN", as_written)
    p = random_probabilities(9, 4, sharpness=3)
    assert_allclose(neighbourhood_density(p), loop_density(p))


@pytest.mark.parametrize("as_written", [0, 1000])
def test_density_by_hand(monkeypatch, as_written):
    """Of four images, all alike: ln 3; in two sure pairs: the neighbour alone, 0."""
    monkeypatch.setattr(validators, "AS_WRITTEN", as_written)
    assert_allclose(neighbourhood_density(np.full((4, 2), 0.5)), math.log(3))
    pairs = np.repeat(np.eye(2), 2, axis=0)
    assert_allclose(neighbourhood_density(pairs), 0, atol=1e-6)


def test_density_of_one_image_is_refused():
    """It has no neighbour."""
    with pytest.raises(ValueError, match="at least 2 images, found 1"):
        neighbourhood_density(np.ones((1, 2)))


def test_embedded_risk_equals_its_definition():
    """With covariance and variance of another library function."""
    w, loss = RNG.gamma(2.0, size=50), RNG.random(50)
    eta = -np.cov(w * loss, w)[0, 1] / np.var(w, ddof=1)
    assert_allclose(embedded_risk(w, loss), np.mean(w * loss) + eta * np.mean(w) - eta)


def test_embedded_risk_by_hand():
    """w = 1, 3, l = 1, 1: w l = w, eta = -1, and R = 2 - (2 - 1) = 1, the loss of every image."""
    assert_allclose(embedded_risk(np.array([1.0, 3.0]), np.ones(2)), 1)
    assert_allclose(embedded_risk(np.full(3, 2.0), np.array([0.0, 1.0, 2.0])), 2)


@pytest.mark.parametrize("n", [3, 45, 150, 498, 1670])
def test_embedded_risk_of_equal_weights_has_no_control_variate(n):
    """Domains that are told apart perfectly: all odds at their bound, whose mean is an ulp off."""
    losses = RNG.random(n)
    assert_allclose(embedded_risk(np.full(n, 1 / 105), losses), losses.mean() / 105)


def test_embedded_risk_estimates_the_risk_of_the_target():
    """Source N(0, 1), target N(1, 1), loss x^2, exact weights exp(x - 1/2): E_t[x^2] = 2.

    The control variate brings the estimates closer together.
    """
    x = np.random.default_rng(0).standard_normal((200, 2000))
    w, loss = np.exp(x - 0.5), x**2
    risks = np.array([embedded_risk(*pair) for pair in zip(w, loss, strict=True)])
    plain = (w * loss).mean(axis=1)
    assert_allclose(risks.mean(), 2, rtol=0.03)
    assert_array_less(risks.std(), 0.8 * plain.std())


def blobs(n_s, n_t, width, shift, seed=0):
    """Features of two domains whose means differ in every dimension by `shift`."""
    rng = np.random.default_rng(seed)
    sides = rng.standard_normal((n_s, width)), shift + rng.standard_normal((n_t, width))
    return tuple(side.astype(np.float32) for side in sides)


def test_domain_odds_equal_a_loop_over_folds():
    """p(t | x) / p(s | x) of five classifiers, each asked for what it has not seen."""
    source, target = blobs(40, 25, 3, 1.0)
    X = np.concatenate([source, target]).astype(np.float64)
    y = np.repeat([0, 1], [40, 25])
    expected = np.empty(65)
    for train, rest in StratifiedKFold(5, shuffle=True, random_state=3).split(X, y):
        scale = StandardScaler().fit(X[train])
        model = LogisticRegression(C=0.01, class_weight="balanced", max_iter=1000)
        model.fit(scale.transform(X[train]), y[train])
        p = model.predict_proba(scale.transform(X[rest]))
        expected[rest] = p[:, 1] / p[:, 0]
    assert_allclose(domain_odds(held_out_log_odds(source, target, 3), 40), expected[:40], rtol=1e-6)


def test_domain_odds_agree_with_the_domain_error():
    """A source image is taken for the target's where its odds exceed one, and the reverse."""
    source, target = blobs(60, 60, 4, 0.5)
    y = np.repeat([0, 1], 60)
    log_odds = held_out_log_odds(source, target, 0)
    odds = domain_odds(log_odds, 60)
    model = domain_classifier()
    wrong = np.empty(120, bool)
    X = np.concatenate([source, target])
    for train, rest in StratifiedKFold(5, shuffle=True, random_state=0).split(X, y):
        wrong[rest] = model.fit(X[train], y[train]).predict(X[rest]) != y[rest]
    assert_array_equal(odds > 1, wrong[:60])
    assert_allclose(domain_error(log_odds, 60), wrong.mean())


def loop_left_out(u, y, categories):
    """Eq. 6 image by image, itself left out."""
    rows = []
    for i in range(len(u)):
        scores = []
        for category in range(categories):
            k = [j for j in range(len(u)) if j != i and y[j] == category]
            alike = [math.exp(float(u[i] @ u[j])) for j in k]
            scores.append(sum(alike) / len(alike) if alike else 0.0)
        rows.append([score / sum(scores) for score in scores])
    return np.array(rows)


@pytest.mark.parametrize("as_written", [0, 1000])
@pytest.mark.parametrize("block", [1, 4, 1000])
def test_left_out_probabilities_equal_loops(monkeypatch, block, as_written):
    """Unequal categories in any order, one of them a single image, whatever the block and sums."""
    monkeypatch.setattr(validators, "ROWS_AT_ONCE", block)
    monkeypatch.setattr(validators, "AS_WRITTEN", as_written)
    u, y = RNG.standard_normal((9, 4)), np.array([2, 0, 0, 2, 1, 0, 0, 3, 1])
    log_p = left_out_log_probabilities(u, y, 4, 4)
    assert_allclose(np.exp(log_p), loop_left_out(u, y, 4), rtol=1e-12)
    assert log_p[7, 3] == -np.inf


def test_left_out_probabilities_are_those_of_the_rest():
    """What ``probabilities`` says of an image when the source is all the others."""
    u = RNG.uniform(-1, 1, (12, 16)).astype(np.float32)
    y = np.arange(12) % 3
    left_out = np.exp(left_out_log_probabilities(u, y, 9.0, 3))
    for i in range(12):
        rest = np.arange(12) != i
        assert_allclose(
            left_out[i], probabilities(u[i : i + 1], u[rest], y[rest], 9.0, 3)[0], rtol=1e-5
        )


def test_an_image_does_not_vouch_for_itself():
    """Long codes at random know nothing, though each is most like itself."""
    u = RNG.choice([-1.0, 1.0], (400, 64))
    y = np.arange(400) % 10
    log_p = left_out_log_probabilities(u, y, 64, 10)
    assert np.isfinite(log_p).all()
    assert np.mean(log_p.argmax(axis=1) == y) < 0.25


def test_a_category_without_images_is_refused():
    """Its number is named."""
    with pytest.raises(ValueError, match="category 1 has no image"):
        left_out_log_probabilities(np.ones((4, 2)), np.array([0, 0, 2, 2]), 2, 3)


def test_log_softmax_by_hand():
    """Scores 0 and ln 3: a quarter and three quarters; finite where they are enormous."""
    assert_allclose(np.exp(log_softmax(np.array([[0, math.log(3)]]))), [[0.25, 0.75]])
    assert_allclose(log_softmax(np.array([[0.0, 1e4]])), [[-1e4, 0]])


def export(bits, u_source, u_target, labels, categories, fc7):
    """Codes of a run and its activations."""
    if bits:
        p = probabilities(u_target, u_source, labels, 10.0, categories)
    else:
        p = np.exp(log_softmax(u_target))
    names = [[f"{side}{i}" for i in range(len(x))] for side, x in zip("st", fc7, strict=True)]
    packed = [np.zeros((len(x), -(-bits // 8)), np.uint8) for x in fc7]
    codes = Codes(bits, packed[0], names[0], packed[1], names[1], p, p, 0.25)
    return codes, Activations(fc7[0], u_source), Activations(fc7[1], u_target)


@pytest.mark.parametrize("bits", [8, 0])
def test_figures_are_the_validators_of_an_export(bits):
    """A hash method by eq. 6 without the image itself, a softmax by its own scores."""
    fc7, labels = blobs(30, 20, 3, 0.3), np.arange(30) % 3
    u = [RNG.uniform(-1, 1, (n, bits or 3)).astype(np.float32) for n in (30, 20)]
    codes, source, _ = export(bits, *u, labels, 3, fc7)
    figures = validation_figures(codes, source, labels, 10.0, held_out_log_odds(*fc7, 1))
    p = codes.probabilities_real
    log_p = left_out_log_probabilities(u[0], labels, 10.0, 3) if bits else log_softmax(u[0])
    loss = [-log_p[i, labels[i]] for i in range(30)]
    right = [int(log_p[i].argmax()) == labels[i] for i in range(30)]
    expected = {
        "domain_error": 0.25,
        "entropy": entropy(p),
        "information_maximisation": information_maximisation(p),
        "neighbourhood_density": neighbourhood_density(p),
        "source_accuracy": 100 * sum(right) / 30,
        "embedded_risk": embedded_risk(domain_odds(held_out_log_odds(*fc7, 1), 30), np.array(loss)),
    }
    assert figures.keys() == expected.keys()
    assert_allclose(list(figures.values()), list(expected.values()))


def test_figures_of_single_images_leave_the_source_out():
    """Categories of one image each: nothing to compare them with, and nothing infinite."""
    fc7, labels = blobs(6, 6, 2, 0.0), np.arange(6)
    u = [RNG.uniform(-1, 1, (6, 8)).astype(np.float32) for _ in range(2)]
    log_odds = held_out_log_odds(*fc7, 0)
    figures = validation_figures(*export(8, *u, labels, 6, fc7)[:2], labels, 10.0, log_odds)
    assert "source_accuracy" not in figures
    labels = np.array([0, 0, 0, 1, 1, 2])
    figures = validation_figures(*export(8, *u, labels, 3, fc7)[:2], labels, 10.0, log_odds)
    assert np.isfinite(list(figures.values())).all()


def test_a_method_that_does_not_classify_has_the_domain_error():
    """No probabilities, no validator of them."""
    fc7, u = blobs(6, 6, 2, 0.0), np.ones((6, 8), np.float32)
    codes, source, _ = export(8, u, u, np.zeros(6, int), 1, fc7)
    bare = replace(codes, probabilities_real=None)
    assert validation_figures(bare, source, np.zeros(6, int), 10.0, None) == {"domain_error": 0.25}


def test_without_a_domain_error_there_is_no_embedded_risk():
    """A domain of fewer images than folds has no classifier to weigh the other by."""
    fc7, u = blobs(6, 3, 2, 0.0), [np.ones((n, 8), np.float32) for n in (6, 3)]
    labels = np.array([0, 0, 0, 1, 1, 1])
    codes, *sides = export(8, *u, labels, 2, fc7)
    figures = validation_figures(replace(codes, domain_error=None), sides[0], labels, 10.0, None)
    assert {"source_accuracy", "entropy"} <= figures.keys()
    assert not {"embedded_risk", "domain_error"} & figures.keys()
