"""Of very many images the stages hash and transfer learn from a part and encode all."""

from argparse import Namespace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from numpy.testing import assert_array_equal

from dah import params, samples
from dah.files.artifacts import read_codes, write_features
from dah.samples import compared, learned
from dah.tasks.inputs import read_fc7
from dah.tasks.lists import read_lists, write_task
from dah.tasks.split import Domain, make_task
from stages import hash as hashing_stage
from stages import transfer

ROOT = Path(__file__).parents[2]
ROWS, BITS = 120, 64
SIGNS = SimpleNamespace(encode=lambda X: np.packbits(X[:, :BITS] > 0.5, axis=1))


@pytest.fixture
def given(tmp_path, monkeypatch):
    """A task of twice 120 images, where more than 100 are very many, with fc7 of 70 numbers."""
    monkeypatch.setattr(samples, "MANY", 100)
    monkeypatch.setattr(samples, "COMPARED", 60)
    monkeypatch.setattr(samples, "LEARNED", 50)
    rng = np.random.default_rng(0)
    sides = [Domain(name, [f"{name}{i}" for i in range(ROWS)], list("abc") * 40) for name in "st"]
    for side, name in zip(sides, ("print", "hand"), strict=True):
        write_features(tmp_path / f"{name}.h5", rng.random((ROWS, 70)), side.ids)
    task = make_task(*sides, 2, 0)
    write_task(task, *(side.ids for side in sides), tmp_path / "lists", tmp_path / "truth.csv")
    paths = {"features": tmp_path, "lists": tmp_path / "lists", "out": tmp_path / "out"}
    return Namespace(task="print-hand", seed=0, **paths)


def inputs(given):
    """fc7 of both domains and the source's labels, in the order of the lists."""
    lists = read_lists(given.lists)
    return (*read_fc7(given.features, ("print", "hand"), lists), lists.source_labels)


def test_unsupervised_hashing_learns_from_a_part(given, monkeypatch):
    """And encodes all images of both domains."""
    Xs, Xt, _ = inputs(given)
    seen = []
    monkeypatch.setattr("dah.hashing.itq", lambda X, *_: seen.append(X) or SIGNS, raising=False)
    hashing_stage.main(_with(params.load(ROOT / "params.yaml"), unsupervised=["itq"]), given)
    assert len(learned(ROWS)) == 50
    assert_array_equal(seen[0], Xt[learned(ROWS)])
    found = read_codes(given.out / "itq.h5")
    assert_array_equal(found.source, SIGNS.encode(Xs))
    assert_array_equal(found.target, SIGNS.encode(Xt))


def test_transfer_hashing_learns_from_a_part(given, monkeypatch):
    """Its codes are those of the images learned from; the others are encoded as new ones."""
    Xs, Xt, ys = inputs(given)
    seen = []

    def fit(*arrays, **_):
        seen.append(arrays[:3])
        zeros = (np.zeros((len(arrays[i]), BITS // 8), np.uint8) for i in (0, 2))
        return SimpleNamespace(source=next(zeros), target=next(zeros), encoder=SIGNS)

    monkeypatch.setattr("dah.hashing.psca", fit, raising=False)
    transfer.main(_with(params.load(ROOT / "params.yaml"), transfer=["psca"]), given)
    few = {"source": compared(ys), "target": learned(ROWS)}
    for found, expected in zip(seen[0], (Xs, ys, Xt), strict=True):
        assert_array_equal(found, expected[few["target" if expected is Xt else "source"]])
    codes = read_codes(given.out / "psca.h5")
    for side, X in (("source", Xs), ("target", Xt)):
        expected = SIGNS.encode(X)
        expected[few[side]] = 0
        assert_array_equal(getattr(codes, side), expected)
    assert codes.probabilities.shape == (ROWS, 3)


def _with(settings, **changes):
    """Parameters with others in some places."""
    return SimpleNamespace(
        **{**vars(settings), **changes}, domains_of=lambda task: tuple(task.split("-"))
    )
