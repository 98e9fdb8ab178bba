"""A training that was killed goes on to the same bits; a state of another one is left aside."""

from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest
import torch
from torch import nn

from dah import params
from dah.compute.augment import augment, drawn_views
from dah.deep.resuming import copied, keeping, read_state
from dah.deep.training import Training, fit
from dah.errors import UserError
from dah.networks.build import build_trunk
from dah.networks.heads import Network, build_network

DEFAULT = params.load(Path(__file__).parents[2] / "params.yaml")
EPOCHS = 4
LABELS = replace(DEFAULT.pseudo_labels, warm_up=1, every=2, neighbours=4)  # before epochs 2 and 4


class Trunk(nn.Module):
    """A trunk with randomness of its own, as VGG-F's dropout has."""

    input_size, widths = 28, (6, 5)

    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(3, 6, 5, stride=4)
        self.fc7 = nn.Linear(6, 5)
        self.dropout = nn.Dropout(0.5)

    def forward(self, images):
        x = self.conv(images).mean(dim=(2, 3))
        return x, self.dropout(torch.relu(self.fc7(x)))


def pieces(method="dah", seed=0, **changes):
    """The arguments of a training, the same at every call."""
    torch.manual_seed(seed)
    network = Network(Trunk(), 3 if method in ("dann", "dan", "source") else 8)
    rng = torch.Generator().manual_seed(5)
    source, target = (
        torch.randint(0, 256, (n, 32, 32, 3), dtype=torch.uint8, generator=rng) for n in (31, 47)
    )
    labels = torch.arange(31) % 3
    view = partial(augment, size=28, options=DEFAULT.train.augment, deviation=torch.eye(3) / 4)
    options = replace(DEFAULT.train, epochs=EPOCHS, **changes)
    weights = DEFAULT.dah, DEFAULT.softmax, options
    return network, source, labels, target, view, method, *weights, seed, LABELS


def equal(a, b):
    for name, value in a.state_dict().items():
        assert torch.equal(value, b.state_dict()[name]), name


class Killed(Exception):
    """What ends a training here; kill -9 is tried on the real pipeline elsewhere."""


def run(epochs, training, path):
    """Train so many epochs, wait until the state is on disk, and be killed."""
    with keeping(training, path) as keep:
        for _ in range(epochs):
            training.epoch()
        keep()
        raise Killed


def kill_after(epochs, arguments, path):
    with pytest.raises(Killed):
        run(epochs, Training(*arguments), path)
    assert path.exists()


@pytest.mark.parametrize("method", ["dah", "dah-p", "noda", "dann"])
@pytest.mark.parametrize("killed", [1, 3])
def test_a_killed_training_goes_on_to_the_same_bits(tmp_path, method, killed):
    """Weights, running moments and records, whatever draws randomness: batches, views, dropout."""
    whole = pieces(method)
    expected = list(fit(Training(*whole)))
    path = tmp_path / "states/dah.pt"
    kill_after(killed, pieces(method), path)
    rest = pieces(method)
    assert list(fit(Training(*rest), path)) == expected
    equal(rest[0], whole[0])
    assert not path.exists()


def test_epochs_that_are_done_are_not_done_again(tmp_path, monkeypatch):
    """The epochs before the state are yielded from it."""
    path = tmp_path / "dah.pt"
    kill_after(3, pieces(), path)
    epoch, calls = Training.epoch, []
    monkeypatch.setattr(Training, "epoch", lambda self: calls.append(1) or epoch(self))
    assert len(list(fit(Training(*pieces()), path))) == EPOCHS
    assert len(calls) == 1


def blocks(method):
    """The arguments of a training whose head learns alone before the last block does."""
    torch.manual_seed(0)
    network = build_network(build_trunk("lenet"), 8, 0, 1).learner(1)
    views = torch.rand(31, 2, 256, generator=torch.Generator().manual_seed(5)).half()
    options = replace(DEFAULT.train, epochs=2, finetune=1, head_epochs=3)
    weights = DEFAULT.dah, DEFAULT.softmax, options, 0, replace(LABELS, warm_up=0, dim=2)
    return network, views, torch.arange(31) % 3, views.flip(0) / 2, drawn_views, method, *weights


@pytest.mark.parametrize("method", ["dah", "dah-p"])
@pytest.mark.parametrize("killed", [0, 1])
def test_a_head_that_has_learnt_is_not_taught_again(tmp_path, monkeypatch, method, killed):
    """It is kept before the blocks begin; the rest goes on to the same bits, with its labels."""
    whole, path = blocks(method), tmp_path / "dah.pt"
    expected = list(fit(Training(*whole)))
    epoch, taught = Training.epoch, []

    def counted(self):
        taught.append(type(self.network).__name__)
        if taught.count("Upper") > killed:
            raise Killed
        return epoch(self)

    monkeypatch.setattr(Training, "epoch", counted)
    with pytest.raises(Killed):
        list(fit(Training(*blocks(method)), path))
    assert taught == ["Head"] * 3 + ["Upper"] * (killed + 1)
    killed, rest = 2, blocks(method)
    taught.clear()
    assert list(fit(Training(*rest), path)) == expected
    assert "Head" not in taught
    equal(rest[0], whole[0])


@pytest.mark.parametrize("change", ["parameter", "seed", "data", "code", "method"])
def test_a_state_of_another_training_is_left_aside(tmp_path, monkeypatch, capsys, change):
    """With a line that names the file; the result is that of a training from the start."""
    path = tmp_path / "dah.pt"
    kill_after(2, pieces(), path)
    if change == "code":
        (tmp_path / "code").mkdir()
        (tmp_path / "code/losses.py").write_text("", encoding="utf-8")
        monkeypatch.setattr("dah.deep.resuming.CODE", tmp_path / "code")
    changed = {
        "parameter": partial(pieces, momentum=0.5),
        "seed": partial(pieces, seed=1),
        "method": partial(pieces, "dah-e"),
    }.get(change, pieces)

    def trained(checkpoint):
        arguments = changed()
        if change == "data":
            arguments[1][0, 0, 0, 0] ^= 1
        return list(fit(Training(*arguments), checkpoint)), arguments[0]

    records, network = trained(path)
    said = capsys.readouterr().err
    assert said.startswith(f"{path}: not resumed: it is of other parameters, data or code")
    assert said.count("\n") == 1
    expected, twin = trained(None)
    assert records == expected
    equal(network, twin)


@pytest.mark.parametrize("content", [b"", b"no state", None])
def test_a_file_that_is_no_state_is_left_aside(tmp_path, capsys, content):
    """Empty, foreign or cut short."""
    path = tmp_path / "dah.pt"
    if content is None:
        kill_after(1, pieces(), path)
        content = path.read_bytes()[:-200]
    path.write_bytes(content)
    assert read_state(path, "mark") is None
    assert capsys.readouterr().err.startswith(f"{path}: not resumed: ")


def test_another_list_of_seeds_is_the_same_training(tmp_path, capsys):
    """Adding a seed to the list leaves the states of the others valid."""
    path = tmp_path / "dah.pt"
    kill_after(2, pieces(), path)
    list(fit(Training(*pieces(seeds=(0, 1))), path))
    assert capsys.readouterr().err == f"{path}: resumed\n"


def test_a_divergence_keeps_the_last_good_state(tmp_path):
    """The epoch that is not finite is never written."""
    path = tmp_path / "dah.pt"
    kill_after(1, pieces(), path)
    before = path.read_bytes()
    spoilt = pieces()
    spoilt[0].head.fc8.weight.data.fill_(torch.nan)
    with pytest.raises(UserError, match="diverged in step 1"):
        run(1, Training(*spoilt), path)
    assert path.read_bytes() == before


def test_a_copy_shares_nothing():
    """Tensors at any depth; plain values as they are."""
    inner = torch.ones(2)
    copy = copied({"a": [inner, {"b": 3}], "c": None})
    inner += 1
    assert copy["a"][0].tolist() == [1, 1]
    assert copy["a"][1] == {"b": 3}
    assert copy["c"] is None
