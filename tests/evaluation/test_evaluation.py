"""Figures of a task from codes whose answers are known."""

from dataclasses import replace

import numpy as np
import torch
from numpy.testing import assert_allclose

from dah.compute.activations import activations
from dah.encoding.outputs import principal_components, probabilities
from dah.evaluation.targets import (
    accuracy,
    code_figures,
    target_figures,
)
from dah.files.artifacts import Codes
from dah.networks.build import build_trunk
from dah.networks.heads import Network
from dah.retrieval.codes import pack
from dah.tasks.lists import Labels


def codes_of(signs_source, signs_target, wrong=0):
    """Codes of 4 bits; probabilities right for all target images but the first `wrong`."""
    n = len(signs_target)
    right = np.eye(2, dtype=np.float32)[np.arange(n) % 2]
    from_codes = right.copy()
    from_codes[:wrong] = 1 - from_codes[:wrong]
    return Codes(
        bits=4,
        source=pack(signs_source),
        source_ids=[f"s{i}" for i in range(len(signs_source))],
        target=pack(signs_target),
        target_ids=[f"t{i}" for i in range(n)],
        probabilities=from_codes,
        probabilities_real=right,
        domain_error=0.25,
    )


PLAIN = np.array([[1, 1, 1, 1], [-1, -1, -1, -1]])
LABELS = Labels(np.arange(6) % 2, np.arange(20) % 2, np.arange(20) < 4)


def test_figures_of_perfect_codes():
    """Each category has its code: mAP 1, precision 1, accuracy by the probabilities."""
    codes = codes_of(PLAIN[LABELS.source], PLAIN[LABELS.target], wrong=5)
    figures, _ = target_figures(codes, LABELS)
    assert figures == {
        "accuracy": 75.0,
        "accuracy_real": 100.0,
        "map": 1.0,
        "map_lowest": 1.0,
        "map_highest": 1.0,
        "map_at_10": 1.0,
        "map_cross": 1.0,
        "precision_radius_2": 1.0,
    }
    assert code_figures(codes) == {
        "imbalance": 0.0,
        "collisions": 1.0,
        "correlation": 1.0,
        "domain_error": 0.25,
        "a_distance": 1.0,
    }


def test_calibrated_probabilities_have_an_error_and_decide_as_before():
    """Scores of 0 and 1 of which a quarter is wrong: 0.25; a temperature makes nothing of them."""
    codes = codes_of(PLAIN[LABELS.source], PLAIN[LABELS.target], wrong=5)
    figures, _ = target_figures(replace(codes, temperature=2.0), LABELS)
    assert_allclose([figures["calibration_error"], figures["calibration_error_raw"]], 0.25)
    unsure = np.where(codes.probabilities == 1, 0.9, 0.1).astype(np.float32)
    figures, _ = target_figures(replace(codes, probabilities=unsure, temperature=2.0), LABELS)
    assert figures["accuracy"] == 75
    assert_allclose(figures["calibration_error"], 0, atol=1e-6)
    assert_allclose(figures["calibration_error_raw"], 0.15, rtol=1e-6)


def test_the_share_out_of_reach():
    """Half of the target lies two bits from any source code; the reach is one bit, then two."""
    far = PLAIN[0] * [1, 1, -1, -1]
    codes = codes_of(PLAIN[LABELS.source], np.vstack([PLAIN[LABELS.target[:10]], [far] * 10]))
    assert code_figures(replace(codes, reach=1))["out_of_reach"] == 0.5
    assert code_figures(replace(codes, reach=2))["out_of_reach"] == 0
    assert "out_of_reach" not in code_figures(codes)


def test_what_a_method_does_not_make_is_not_measured():
    """No bits, no retrieval; no probabilities, no accuracy; no source codes, nothing across."""
    codes = codes_of(PLAIN[LABELS.source], PLAIN[LABELS.target])
    scores = replace(codes, bits=0, source=codes.source[:, :0], target=codes.target[:, :0])
    figures, within = target_figures(scores, LABELS)
    assert (set(figures), within) == ({"accuracy"}, None)
    assert set(code_figures(scores)) == {"domain_error", "a_distance"}
    hashed = replace(codes, probabilities=None, probabilities_real=None, domain_error=None)
    figures, _ = target_figures(hashed, LABELS)
    retrieval = {"map", "map_lowest", "map_highest", "map_at_10", "precision_radius_2"}
    assert set(figures) == {"map_cross", *retrieval}
    assert set(code_figures(hashed)) == {"imbalance", "collisions", "correlation"}
    oracle = replace(hashed, source=codes.source[:0], source_ids=[])
    figures, _ = target_figures(oracle, replace(LABELS, source=np.arange(0)))
    assert set(figures) == retrieval


def test_queries_are_not_in_their_database():
    """A query alone in its category finds nothing within the target, but does in the source."""
    target = np.array([0, 0, 0, 1])
    labels = Labels(np.array([0, 1]), target, np.array([True, False, False, True]))
    figures, counts = target_figures(codes_of(PLAIN[[0, 1]], PLAIN[target]), labels)
    assert counts.total.sum(axis=1).tolist() == [2, 2]
    assert counts.relevant.sum(axis=1).tolist() == [2, 0]
    assert_allclose([figures["map"], figures["map_cross"]], 1)


def test_the_ten_nearest_are_ten():
    """The relevant items behind ten others count for the whole ranking alone."""
    target = np.array([0] + [1] * 10 + [0] * 2)
    signs = np.array([PLAIN[0]] + [PLAIN[0]] * 10 + [PLAIN[1]] * 2)
    labels = Labels(np.array([0]), target, np.arange(13) < 1)
    figures, _ = target_figures(codes_of(PLAIN[:1], signs), labels)
    assert figures["map_at_10"] == 0
    assert_allclose(figures["map"], (1 / 11 + 2 / 12) / 2)


def test_accuracy_is_a_percentage():
    """Two of three."""
    assert_allclose(accuracy(np.array([1, 2, 3]), np.array([1, 2, 0])), 200 / 3)


def test_blocks_of_probabilities_are_one_whole(monkeypatch):
    """Eq. 6 in blocks of two images equals eq. 6 at once; rows sum to one."""
    rng = np.random.default_rng(0)
    ut, us = (rng.standard_normal((n, 4)).astype(np.float32) for n in (5, 9))
    ys = np.arange(9) % 3
    whole = probabilities(ut, us, ys, 16.0, 3)
    monkeypatch.setattr("dah.encoding.outputs.QUERIES_AT_ONCE", 2)
    assert_allclose(probabilities(ut, us, ys, 16.0, 3), whole, rtol=1e-6)
    assert_allclose(whole.sum(axis=1), 1, rtol=1e-6)


def test_activations_come_in_the_order_of_their_images(monkeypatch):
    """In batches of two as in one, and without a trace of the batch."""
    torch.manual_seed(0)
    network = Network(build_trunk("lenet"), 8)
    images = torch.rand(5, 3, 28, 28)
    whole = activations(network, images, lambda batch: batch)
    monkeypatch.setattr("dah.compute.activations.BATCH", 2)
    parts = activations(network, images, lambda batch: batch)
    assert whole.fc7.shape == (5, 128)
    assert_allclose(parts.u, whole.u, rtol=1e-4, atol=1e-5)
    assert_allclose(parts.fc7, whole.fc7, rtol=1e-4, atol=1e-5)


def test_components_keep_the_distances_of_both_domains():
    """All of them where the data have rank 3; ordered by variance; none where nothing varies."""
    rng = np.random.default_rng(0)
    X = (rng.standard_normal((30, 3)) * [5, 2, 1]) @ rng.standard_normal((3, 8))
    Z = principal_components(X[:10], X[10:])
    assert (Z.shape, Z.dtype) == ((30, 3), np.float32)
    gaps = [np.linalg.norm(points[:, None] - points, axis=2) for points in (X, Z)]
    assert_allclose(gaps[1], gaps[0], atol=1e-4)
    assert (np.diff(Z.var(axis=0)) < 0).all()
    assert principal_components(np.ones((4, 3)), np.ones((2, 3))).shape == (6, 0)
    assert principal_components(*rng.standard_normal((2, 80, 60))).shape == (160, 50)
