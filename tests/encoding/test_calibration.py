"""Temperatures and calibration errors against loops, grids, and values worked out by hand."""

import math

import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose, assert_array_equal
from scipy.optimize import minimize_scalar

from dah.encoding import mixtures as module
from dah.encoding.calibration import (
    calibration_error,
    mixture_temperature,
    temperature,
    tempered,
)
from dah.encoding.mixtures import mixtures, partners

RNG = np.random.default_rng(0)


def shares(n, categories=4, scale=3.0):
    """Probabilities float32 as an export has them."""
    scores = np.exp(scale * RNG.standard_normal((n, categories)))
    return (scores / scores.sum(axis=1, keepdims=True)).astype(np.float32)


def drawn(p):
    """A label for each row, by its probabilities."""
    return np.array([RNG.choice(p.shape[1], p=row / row.sum()) for row in p.astype(float)])


def loop_tempered(p, T):
    """By logarithms, value by value."""
    scores = [[math.exp(math.log(float(x)) / T) for x in row] for row in p]
    return [[x / sum(row) for x in row] for row in scores]


@pytest.mark.parametrize("T", [1.0, 1.7, 30.0])
def test_tempered_equals_loops(T):
    """Rows sum to one, and the order of the categories is as it was."""
    p = shares(9)
    q = tempered(p, T)
    assert_allclose(q, loop_tempered(p, T), rtol=2e-5)
    assert_allclose(q.sum(axis=1), 1, rtol=1e-6)
    assert_array_equal(np.argsort(q, axis=1), np.argsort(p, axis=1))
    assert q.dtype == np.float32


def test_tempered_by_hand():
    """Square roots of 0.9 and 0.1 are as 3 to 1; sure stays sure, even stays even."""
    p = np.array([[0.9, 0.1], [1.0, 0.0], [0.5, 0.5]], np.float32)
    assert_allclose(tempered(p, 2.0), [[0.75, 0.25], [1, 0], [0.5, 0.5]], rtol=1e-6)


def test_no_decision_changes():
    """Not even where two categories differ by one bit, which a temperature would round away."""
    p = np.full((1000, 2), 0.5, np.float32)
    rows = RNG.random(1000) < 0.5
    p[rows, 1] = np.nextafter(np.float32(0.5), np.float32(1))
    p = np.vstack([p, shares(1000, 2)])
    for T in (1.0, 1.001, 3.0, 100.0):
        assert_array_equal(tempered(p, T).argmax(axis=1), p.argmax(axis=1))


def test_the_temperature_is_that_of_a_minimizer_without_derivatives():
    """Labels are drawn by flatter probabilities than those that are told."""
    p = shares(4000)
    y = drawn(tempered(p, 2.5))

    def likelihood(T):
        return -np.log(np.array(loop_tempered(p, T))[np.arange(len(y)), y]).mean()

    found = temperature(p, y)
    best = minimize_scalar(likelihood, bounds=(1, 10), method="bounded", options={"xatol": 1e-6})
    assert_allclose(found, best.x, rtol=1e-4)
    assert abs(found - 2.5) < 0.15
    assert calibration_error(tempered(p, found), y) < 0.3 * calibration_error(p, y)


def test_temperatures_at_the_ends():
    """Right ones: 1, nothing is made surer. Always wrong: 100. No difference: 1. No image: none."""
    p = shares(50)
    assert temperature(p, p.argmax(axis=1)) == 1
    assert temperature(p, p.argmin(axis=1)) == 100
    assert temperature(np.full((5, 3), 1 / 3, np.float32), np.zeros(5, int)) == 1
    assert temperature(p[:0], np.zeros(0, int)) is None
    assert temperature(np.eye(2, dtype=np.float32), np.array([1, 0])) == 100


def loop_error(p, y):
    """Image by image into fifteen bins."""
    bins = [[] for _ in range(15)]
    for row, label in zip(p, y, strict=True):
        sure = max(float(x) for x in row)
        place = next(m for m in range(15) if sure <= (m + 1) / 15 or m == 14)
        bins[place].append((sure, int(np.argmax(row)) == label))
    return sum(
        abs(sum(right for _, right in of) - sum(sure for sure, _ in of)) for of in bins
    ) / len(y)


def test_the_calibration_error_equals_loops():
    """Of random and of calibrated predictions."""
    p = shares(300)
    for y in (RNG.integers(0, 4, 300), drawn(p)):
        assert_allclose(calibration_error(p, y), loop_error(p, y), rtol=1e-12)


def test_the_calibration_error_by_hand():
    """Sure and right: 0; sure and wrong: 1; half sure of two and right once: 0.

    0.9 twice and right once: 0.4; 0.9 right and 0.6 wrong lie in two bins: (0.1 + 0.6) / 2.
    """
    sure, even = np.eye(2)[[0, 0]], np.full((2, 2), 0.5)
    assert calibration_error(sure, np.array([0, 0])) == 0
    assert calibration_error(sure, np.array([1, 1])) == 1
    assert calibration_error(even, np.array([0, 1])) == 0
    near = np.array([[0.9, 0.1], [0.9, 0.1]])
    assert_allclose(calibration_error(near, np.array([0, 1])), 0.4)
    two = np.array([[0.9, 0.1], [0.6, 0.4]])
    assert_allclose(calibration_error(two, np.array([0, 1])), 0.35)


@pytest.mark.parametrize("block", [1, 3, 100])
def test_mixtures_equal_their_formula(monkeypatch, block):
    """Pixels are rounded, activations are not; the arguments stay as they were."""
    monkeypatch.setattr(module, "ROWS_AT_ONCE", block)
    partner = partners(7, 0)
    pixels = RNG.integers(0, 256, (7, 4, 4, 3), np.uint8)
    given = torch.from_numpy(pixels.copy())
    mixed = mixtures(given, partner)
    assert mixed.dtype == torch.uint8
    assert_array_equal(given.numpy(), pixels)
    expected = 0.65 * pixels.astype(float) + 0.35 * pixels[partner]
    assert np.abs(mixed.numpy() - expected).max() <= 0.5 + 1e-4
    features = RNG.standard_normal((7, 5)).astype(np.float32)
    found = mixtures(torch.from_numpy(features), partner)
    assert_allclose(found.numpy(), 0.65 * features + 0.35 * features[partner], rtol=1e-5)


def test_partners_are_a_seeded_permutation():
    """Of any number of images."""
    assert_array_equal(np.sort(partners(9, 3)), np.arange(9))
    assert_array_equal(partners(50, 3), partners(50, 3))
    assert (partners(50, 3) != partners(50, 4)).any()
    assert partners(1, 0).tolist() == [0]


def test_pairs_of_one_category_do_not_count():
    """Only the mixtures of unlike images are asked, with the category of the larger share."""
    p = np.eye(2, dtype=np.float32)[[0, 0, 1, 1]]
    partner = np.array([1, 2, 3, 0])
    mixed = np.array([[0.5, 0.5], [0.9, 0.1], [0.5, 0.5], [0.9, 0.1]], np.float32)
    unlike = [1, 3]
    found = mixture_temperature(p, mixed, partner)
    assert found == temperature(mixed[unlike], np.array([0, 1]))
    assert found == 100
    assert mixture_temperature(p[:2], mixed[:2], np.array([1, 0])) is None
    assert mixture_temperature(p[:1], mixed[:1], np.array([0])) is None
