"""Networks that have stopped learning: folded, in batches that fit the caches."""

import pytest
import torch
from torch.testing import assert_close

from dah.compute.inference import batch_size, folded, settled
from dah.networks.build import build_trunk
from dah.networks.cuts import cut
from dah.networks.heads import Network, build_network

CPU, GPU = torch.device("cpu"), torch.device("cuda")


def test_batches_hold_so_many_pixels():
    """Small pictures by the hundred, photographs by the handful, at least one."""
    assert [batch_size(CPU, side) for side in (28, 224, 299, 518, 4096)] == [256, 10, 5, 1, 1]
    assert [batch_size(GPU, side) for side in (28, 224, 518, 8192)] == [256, 256, 62, 1]


def test_a_settled_network_is_the_same_function_without_norms():
    """In evaluation mode, whether it is given whole or as a trunk."""
    torch.manual_seed(0)
    network = Network(build_trunk("resnet18"), 8)
    images = torch.rand(2, 3, 224, 224)
    with torch.inference_mode():
        expected = network.eval()(images).u
        (fc7,) = network.trunk(images)
        network.train()
        assert_close(settled(network, CPU)(images).u, expected, rtol=1e-4, atol=1e-5)
        assert_close(settled(network.trunk, CPU)(images)[0], fc7, rtol=1e-4, atol=1e-5)
    norms = [x for x in network.trunk.modules() if isinstance(x, torch.nn.BatchNorm2d)]
    assert norms == []
    assert not network.training


@pytest.mark.parametrize("finetune", ["all", 1, "head"])
def test_what_learned_is_folded_by_a_row_of_its_input(finetune):
    """The whole, its upper blocks or the head alone: the same function, no norm after a layer."""
    torch.manual_seed(0)
    network = build_network(build_trunk("resnet18"), 8, 16, finetune)
    for layer in network.modules():
        if isinstance(layer, torch.nn.BatchNorm2d):
            torch.nn.init.uniform_(layer.running_mean, -0.1, 0.1)
    shapes = {"all": (3, 224, 224), 1: learner_input(network, finetune), "head": (512,)}
    rows = torch.rand(2, *shapes[finetune])
    learner = network.learner(finetune).eval()
    with torch.inference_mode():
        expected, (*_, fc7, _) = learner(rows).u, learner(rows).layers
        found = folded(learner, rows[:1])
        assert_close(found(rows).u, expected, rtol=1e-4, atol=1e-5)
        assert_close(found(rows).layers[-2], fc7, rtol=1e-4, atol=1e-5)
    assert not any(isinstance(layer, torch.nn.BatchNorm2d) for layer in found.modules())
    assert any(isinstance(x, torch.nn.BatchNorm2d) for x in learner.modules()) == (
        finetune != "head"
    )


def learner_input(network, finetune):
    """The shape of what the upper blocks take."""
    if finetune != 1:
        return ()
    with torch.inference_mode():
        return tuple(cut(network.trunk, 1).lower(torch.rand(1, 3, 224, 224)).shape[1:])
