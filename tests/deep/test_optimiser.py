"""SGD is torch's, to the last bit."""

import torch
from torch import nn
from torch.testing import assert_close

from dah.deep.optimiser import Group, Sgd


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def descended(make, steps=4):
    """The weights of a small layer after some steps of an optimiser on made-up gradients."""
    weights = torch.randn(5, 3, generator=generator()), torch.randn(5, generator=generator(1))
    weights = [nn.Parameter(weight) for weight in weights]
    step = make(weights)
    for number in range(steps):
        for weight in weights:
            weight.grad = torch.randn(weight.shape, generator=generator(number))
        step(0.1 / (1 + number))
    return weights


def test_momentum_and_decay_are_those_of_torch():
    """The same bits as torch.optim.SGD, its rate set before each step, a bias apart."""

    def ours(weights):
        groups = [Group([weights[0]], 1.0, 0.01), Group([weights[1]], 2.0, 0.0)]
        return Sgd(groups, 0.9).step

    def torchs(weights):
        groups = [{"params": [weights[0]], "weight_decay": 0.01}, {"params": [weights[1]]}]
        sgd = torch.optim.SGD(groups, lr=1.0, momentum=0.9)

        def step(rate):
            for group, factor in zip(sgd.param_groups, (1.0, 2.0), strict=True):
                group["lr"] = factor * rate
            sgd.step()

        return step

    for found, expected in zip(descended(ours), descended(torchs), strict=True):
        assert torch.equal(found, expected)


def test_what_has_no_gradient_stays():
    """As where a layer took no part in a step."""
    weight, other = nn.Parameter(torch.ones(2)), nn.Parameter(torch.ones(2))
    sgd = Sgd([Group([weight, other], 1.0, 0.5)], 0.9)
    other.grad = torch.ones(2)
    sgd.step(0.1)
    assert_close(weight.data, torch.ones(2))
    assert_close(other.data, torch.full((2,), 1 - 0.1 * 1.5))
    sgd.forget_gradients()
    assert other.grad is None
