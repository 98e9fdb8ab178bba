"""Data with next to nothing in them: figures are finite, or a refusal says what is missing."""

import json
import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.testing import assert_array_equal
from torch import nn

from dah import hashing, params
from dah.compute.activations import activations
from dah.deep.training import Training, fit
from dah.encoding.mixtures import mixtures, partners
from dah.encoding.outputs import codes_of
from dah.errors import UserError
from dah.evaluation.datasets import svm_accuracy
from dah.evaluation.illustrations import illustrations
from dah.evaluation.targets import code_figures, target_figures
from dah.files.artifacts import Codes, read_features, write_features
from dah.linalg import unit_rows
from dah.names import DEEP
from dah.networks.heads import Network
from dah.retrieval.precision import precision_recall
from dah.shallow import adapt
from dah.shallow.classifiers import linear_svm, nearest_neighbour
from dah.shallow.domains import held_out_log_odds
from dah.tasks.lists import Labels, Lists
from dah.tasks.split import Domain, make_task

DEFAULT = params.load(Path(__file__).parents[2] / "params.yaml")
HASHING = {
    "itq": hashing.itq,
    "kmeans": hashing.kmeans_hashing,
    "ba": hashing.binary_autoencoder,
    "bdnn": hashing.binary_network,
}


class Trunk(nn.Module):
    """Stands for a frozen trunk, whose activations are the data."""

    def __init__(self, width):
        super().__init__()
        self.widths = (width,)


def domains(source, target, d=12, categories=3):
    """Blobs, one a category: features float32 and labels of both domains."""
    rng = np.random.default_rng(0)
    sides = []
    for n, shift in ((source, 0.0), (target, 0.5)):
        y = np.arange(n) % categories
        X = rng.standard_normal((n, d)) + 2 * np.eye(categories, d)[y] + shift
        sides += [X.astype(np.float32), y]
    return sides


def task_of(ys, yt, per_category):
    sides = [
        Domain(name, [f"{name}{i}" for i in range(len(y))], [f"c{label}" for label in y])
        for name, y in (("s", ys), ("t", yt))
    ]
    task = make_task(*sides, per_category, 0)
    lists = Lists(task.categories, sides[0].ids, task.source_labels, sides[1].ids)
    labels = Labels(task.source_labels, task.target_labels, np.array(task.roles) == "query")
    return lists, labels


def finite(value):
    """Whether all numbers in nested plain values and arrays are."""
    if isinstance(value, dict | list | tuple):
        return all(map(finite, value.values() if isinstance(value, dict) else value))
    if isinstance(value, np.ndarray):
        return value.dtype.kind != "f" or bool(np.isfinite(value).all())
    return not isinstance(value, float) or math.isfinite(value)


def measured(codes, labels):
    """All figures of an export, each checked."""
    figures, within = target_figures(codes, labels)
    figures |= code_figures(codes)
    assert finite(figures), figures
    assert within is None or finite(list(precision_recall(within)))
    return figures


def shallow(Xs, ys, Xt):
    """Every adaptation with both classifiers, or the reason of its refusal."""
    Us, Ut = (unit_rows(X.astype(float)) for X in (Xs, Xt))
    methods = {
        "none": lambda: (Us, Ut),
        "gfk": lambda: adapt.gfk(Us, Ut, 2),
        "tca": lambda: adapt.tca(Us, Ut, 2, 1.0),
        "coral": lambda: adapt.coral(Us, Ut, 1.0),
        "jda": lambda: adapt.jda(Us, ys, Ut, 2, 1.0, 3),
    }
    refusals = {}
    for name, method in methods.items():
        try:
            Zs, Zt = map(unit_rows, method())
        except ValueError as error:
            refusals[name] = str(error)
            continue
        assert finite([Zs, Zt]), name
        for classify in (nearest_neighbour, linear_svm):
            assert set(classify(Zs, ys, Zt)) <= set(ys)
    return refusals


def hashed(Xs, Xt, lists, labels, bits):
    """Every unsupervised hashing, measured, or the reason of its refusal."""
    refusals = {}
    for name, method in HASHING.items():
        try:
            encoder = method(Xt, bits, np.random.default_rng(0))
        except ValueError as error:
            refusals[name] = str(error)
            continue
        sides = encoder.encode(Xs), encoder.encode(Xt)
        measured(Codes(bits, sides[0], lists.source_ids, sides[1], lists.target_ids), labels)
    return refusals


def deep(method, Xs, Xt, lists, labels, bits, per_category):
    """The export of a head trained for two epochs, measured."""
    torch.manual_seed(0)
    outputs = len(lists.categories) if DEEP[method].softmax else bits
    network = Network(Trunk(Xs.shape[1]), outputs, 8, DEEP[method].softmax)
    options = replace(DEFAULT.train, epochs=2, finetune="head")
    weights = replace(DEFAULT.dah, bits=bits, samples_per_class=per_category)
    data = (torch.from_numpy(rows) for rows in (Xs, lists.source_labels, Xt))
    pseudo = replace(DEFAULT.pseudo_labels, warm_up=0)
    terms = method, weights, DEFAULT.softmax, options, 0, pseudo
    learnt = fit(Training(network.head, *data, lambda x, *_: x, *terms))
    assert finite(list(learnt))
    given = [torch.from_numpy(X) for X in (Xs, Xt)]
    given.append(mixtures(given[1], partners(len(Xt), 0)))
    *sides, mixed = (activations(network.head, X, lambda x: x) for X in given)
    odds = held_out_log_odds(*(side.fc7 for side in sides), 0)
    codes = codes_of(*sides, lists, network, DEFAULT.dah.sharpness, 0, odds, mixed)
    assert codes.temperature is None or 1 <= codes.temperature <= 100
    assert finite([codes.probabilities, codes.probabilities_real])
    assert finite([codes.components_source, codes.components_target])
    measured(codes, labels)
    return codes


def everything(Xs, ys, Xt, yt, bits=2, per_category=1, methods=("dah", "dan")):
    """All methods on two domains: refusals by the method's name; figures are checked."""
    lists, labels = task_of(ys, yt, per_category)
    assert finite(svm_accuracy(Xs, lists.source_labels, 0) or ())
    refusals = shallow(Xs, lists.source_labels, Xt)
    refusals |= hashed(Xs, Xt, lists, labels, bits)
    for method in methods:
        deep(method, Xs, Xt, lists, labels, bits, per_category)
    return refusals


Xs, ys, Xt, yt = domains(24, 20)
WIDE = domains(9, 8, 1000)
CASES = {
    "1 bit": (Xs, ys, Xt, yt, 1, 2),
    "9 bits": (Xs, ys, Xt, yt, 9, 2),
    "K 1": (Xs, ys, Xt, yt),
    "a source of two images": (Xs[:2], [0, 1], Xt[:8], yt[:8] % 2),
    "a target of five images, a batch of fifteen": (Xs, ys, Xt[:5], [0, 0, 1, 1, 2], 2, 5),
    "a target of one category": (Xs, ys, Xt, 0 * yt),
    "a source category of one image": (Xs, [2, *[0, 1] * 11, 0], Xt, yt),
    "identical domains": (Xs, ys, Xs, ys),
    "duplicates": (np.repeat(Xs[:3], 8, 0), np.repeat(ys[:3], 8), np.repeat(Xt[:3], 6, 0),
                   np.repeat(yt[:3], 6)),
    "more features than images": WIDE,
    "rank two": (Xs[:, :2] @ np.ones((2, 9), np.float32) * [[1, 2, 3] * 3], ys,
                 Xt @ np.eye(12, 2, dtype=np.float32) @ np.ones((2, 9), np.float32), yt, 1),
    "one distant image": (np.vstack([Xs, 1e10 * Xs[:1]]), [*ys, 0], Xt, yt),
    "next to zero": (1e-40 * Xs, ys, 1e-40 * Xt, yt),
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
def test_scarce_data_give_finite_figures(name):
    """Whatever is not refused."""
    sides = (np.float32(X) if i % 2 == 0 else np.array(X) for i, X in enumerate(CASES[name][:4]))
    refusals = everything(*sides, *CASES[name][4:])
    assert all("lower dim to 1" in reason for reason in refusals.values()), refusals


@pytest.mark.parametrize("method", [*DEEP])
def test_every_method_learns_from_constant_features(method):
    """Its figures are those of a guess; none is not a number."""
    lists, labels = task_of(ys, yt, 2)
    ones = np.ones_like(Xs), np.ones_like(Xt)
    codes = deep(method, *ones, lists, labels, 8, 2)
    assert codes.domain_error == 0.5
    assert codes.components_target.shape == (len(Xt), 0)
    assert len(np.unique(codes.probabilities.round(5), axis=0)) == 1


@pytest.mark.parametrize("value", [0.0, 1.0])
def test_constant_features_are_refused_by_what_needs_them_to_vary(value):
    """With the number that there is, and the remedy."""
    refusals = everything(np.full_like(Xs, value), ys, np.full_like(Xt, value), yt, methods=())
    assert set(refusals) == {"gfk", "tca", "jda", *HASHING}
    for name in HASHING:
        assert refusals[name].endswith("bits = 2 cannot tell them apart, add samples")
    assert "exceeds the rank 0 of the 24 source samples" in refusals["gfk"]


def test_more_bits_than_dimensions():
    """Deep methods take any; those that rotate principal components say how many there are."""
    refusals = everything(Xs, ys, Xt, yt, 1024)
    assert set(refusals) == set(HASHING)
    for reason in refusals.values():
        assert reason.startswith("bits = 1024 exceeds the rank 12 of the 20 training samples")


@pytest.mark.parametrize(
    ("labels", "per_category", "message"),
    [
        ((0 * ys, 0 * yt), 1, "domain s: a source needs two categories, found 1"),
        (([0, 1], [0, 1]), 1, "domain t: a target needs 5 images, found 2; add some"),
        (([0, 0, 1], [0, 0, 1, 1, 1]), 2, "category 'c1' of domain s has 1 images; lower it to at"),
        (([0, 1], [0, 1, 2, 3, 4]), 1, "domain t has the category 'c2' .3 such., which the source"),
        (([0, 1, 2, 3, 4], [0, 1, 2, 3, 4]), 1, "domain t: no category has two images"),
    ],
)
def test_what_no_task_can_be_made_of_is_refused(labels, per_category, message):
    """One category, two images, K above the smallest category."""
    with pytest.raises(UserError, match=message):
        task_of(*labels, per_category)


def test_pictures_of_constant_and_scarce_data_are_plain_json():
    """No figure of the report is not a number."""
    for X_source, X_target, y_target in (
        (Xs, Xt, yt),
        (Xs, Xt[:5], np.array([0, 0, 1, 1, 2])),
        (np.ones_like(Xs), np.ones_like(Xt), yt),
    ):
        lists, labels = task_of(ys, y_target, 1)
        codes = {"dah": deep("dah", X_source, X_target, lists, labels, 4, 1)}
        drawn = illustrations(codes, {"dah": labels}, 3, 0)
        assert json.loads(json.dumps(drawn, allow_nan=False)) == drawn


@pytest.mark.parametrize("value", [np.nan, np.inf, 1e30])
def test_activations_without_bounds_are_not_stored(tmp_path, value):
    """They come of damaged weights; squares of what is stored are finite in single precision."""
    fc7 = np.ones((2, 3))
    fc7[1, 2] = value
    with pytest.raises(UserError, match=r"f\.h5: .* look at backbone.weights"):
        write_features(tmp_path / "f.h5", fc7, ["a", "b"])
    assert not (tmp_path / "f.h5").exists()
    write_features(tmp_path / "f.h5", np.full((2, 3), 1e15), ["a", "b"])
    assert_array_equal(read_features(tmp_path / "f.h5")[0], np.full((2, 3), 1e15, np.float32))
