"""Labels of a target for its pairs: similarities against loops, shares, when they are made."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch.testing import assert_close

from dah import params
from dah.deep.labelling import Labelling, label, similarities
from dah.deep.training import Training
from dah.networks.heads import Head
from dah.shallow.pseudo_labels import pseudo_labels

DEFAULT = params.load(Path(__file__).parents[2] / "params.yaml")
OPTIONS = replace(DEFAULT.pseudo_labels, warm_up=0, neighbours=3, rounds=2)


def features(n, seed):
    return np.random.default_rng(seed).standard_normal((n, 6)).astype(np.float32)


def labelled(seed=0):
    rng = torch.Generator().manual_seed(seed)
    shares = torch.rand(5, 3, generator=rng)
    directions = torch.nn.functional.normalize(torch.randn(5, 4, generator=rng))
    return Labelling(shares / shares.sum(dim=1, keepdim=True), directions, torch.rand(5))


@pytest.mark.parametrize("structure", [0.0, 0.5, 1.0])
def test_similarities_are_those_of_a_loop_over_pairs(structure):
    y, labels = torch.tensor([2, 0, 2]), labelled()
    p = [[float(c == of) for c in range(3)] for of in y] + labels.shares.tolist()
    found = similarities(y, labels, structure)
    expected = np.empty((8, 8))
    for i in range(8):
        for j in range(8):
            lengths = np.linalg.norm(p[i]) * np.linalg.norm(p[j])
            expected[i, j] = np.dot(p[i], p[j]) / lengths
            if i >= 3 and j >= 3:
                cosine = float(labels.directions[i - 3] @ labels.directions[j - 3])
                near = cosine / max(float(labels.reach[i - 3]), float(labels.reach[j - 3]), 0.05)
                expected[i, j] *= 1 - structure * (1 - min(1.0, max(0.0, near)))
    assert_close(found, torch.from_numpy(expected), atol=1e-5, rtol=0, check_dtype=False)
    assert_close(found, found.T)


def test_a_label_is_the_square_of_its_share_and_reach_is_of_the_nearest():
    Xs, ys, Xt = features(12, 0), np.arange(12) % 3, features(9, 1)
    found = label(Xs, ys, Xt, OPTIONS, torch.device("cpu"))
    shares = pseudo_labels(Xs, ys, Xt, dim=64, neighbours=3, alpha=0.9, rounds=2)
    expected = shares**2 / (shares**2).sum(axis=1, keepdims=True)
    assert_close(found.shares, torch.from_numpy(expected))
    x = Xt - Xt.mean(axis=0)
    cosines = x @ x.T / np.linalg.norm(x, axis=1) / np.linalg.norm(x, axis=1)[:, None]
    nearest = np.sort(cosines, axis=1)[:, -4:-1]
    assert_close(found.reach, torch.from_numpy(nearest.mean(axis=1)), check_dtype=False)


@pytest.mark.parametrize(("finetune", "made"), [("head", {2}), ("all", {2, 5, 8})])
def test_labels_are_made_when_parameters_say(monkeypatch, finetune, made):
    """After two epochs, then every third; of a frozen trunk, whose activations stay, once."""
    when = []

    def noted(*given):
        when.append(len(training.history))
        return label(*given)

    monkeypatch.setattr("dah.deep.training.label", noted)
    monkeypatch.setattr("dah.deep.training.plain_view", lambda *_: lambda rows: rows)
    options = replace(DEFAULT.train, epochs=9, finetune=finetune)
    data = torch.from_numpy(features(12, 0)), torch.arange(12) % 3, torch.from_numpy(features(9, 1))
    labels = replace(OPTIONS, warm_up=2, every=3)
    weights = replace(DEFAULT.dah, samples_per_class=3), DEFAULT.softmax
    settings = *weights, options, 0, labels
    training = Training(Head(6, 8, 4), *data, lambda rows, *_: rows, "dah-p", *settings)
    terms = [set(training.epoch()) for _ in range(9)]
    assert set(when) == made
    before, after = {"hash", "quantization", "mmd", "entropy"}, {"hash", "quantization", "labels"}
    assert [of - {"objective", "learning_rate"} for of in terms] == [before] * 2 + [after] * 7
