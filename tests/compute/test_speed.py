"""Speeds are measured for what may learn, and order themselves by how much does."""

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import nn

from dah import params
from dah.compute import speed
from dah.errors import UserError
from dah.networks.build import build_trunk

TRAIN = params.load(Path(__file__).parents[2] / "params.yaml").train
CPU = torch.device("cpu")


class Unfollowed(nn.Module):
    """A trunk that cannot be cut."""

    input_size, widths = 4, (48,)

    def forward(self, images):
        return (images.flatten(1) * (1 if images.sum() > 0 else -1),)


def test_each_choice_has_a_speed(monkeypatch):
    monkeypatch.setattr(speed, "LEAST", 0.0)
    found = speed.speeds(build_trunk("lenet"), 8, TRAIN, CPU)
    assert list(found) == ["head", 1, "all"]
    named = replace(TRAIN, finetune="fc6")
    found = speed.speeds(build_trunk("lenet"), 8, named, CPU)
    assert list(found) == ["head", "fc6", "all"]
    assert min(found.values()) > 0
    assert speed.looking_speed(build_trunk("lenet"), CPU) > 0


def test_a_trunk_that_cannot_be_cut_has_no_speed_of_blocks(monkeypatch):
    """Unless its blocks are to learn: then it is refused."""
    monkeypatch.setattr(speed, "LEAST", 0.0)
    assert list(speed.speeds(Unfollowed(), 8, TRAIN, CPU)) == ["head", "all"]
    with pytest.raises(UserError, match="no chain of layers"):
        speed.speeds(Unfollowed(), 8, replace(TRAIN, finetune=1), CPU)


def test_a_step_counts_after_the_first(monkeypatch):
    """The mean of the steps but the first, until so many seconds are over."""
    clock = iter([0.0, 9.0, 10.0, 10.05, 20.0, 20.35])
    monkeypatch.setattr(speed.time, "perf_counter", lambda: next(clock))
    assert abs(speed._seconds(lambda: None, CPU) - 0.2) < 1e-9
