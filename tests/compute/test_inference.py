"""Networks that have stopped learning: folded, in batches that fit the caches."""

import torch
from torch.testing import assert_close

from dah.compute.inference import batch_size, settled
from dah.networks.build import build_trunk
from dah.networks.heads import Network

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
