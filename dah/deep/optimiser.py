"""Who learns how fast: groups of parameters, a schedule in closed form, SGD with momentum."""

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from dah.params import Train


def learning_rate(epoch: int, options: Train) -> float:
    """Log-linear from ``learning_rate`` in epoch 0 to ``final_learning_rate`` in the last epoch."""
    done = epoch / max(1, options.epochs - 1)
    return options.learning_rate ** (1 - done) * options.final_learning_rate**done


@dataclass(frozen=True)
class Group:
    """Parameters that learn at one rate, `factor` times the schedule's, with one weight `decay`."""

    parameters: list[nn.Parameter]
    factor: float
    decay: float


class Sgd:
    """SGD with momentum m at a rate r, on groups of parameters w with gradients g, in place.

        v <- m v + g + decay w,   w <- w - factor r v,   v = 0 at first

    ``torch.optim.SGD`` to the last bit, whose first use loads torch's compiler: more than a second
    of each start.
    """

    def __init__(self, groups: list[Group], momentum: float) -> None:
        self.groups, self.momentum = groups, momentum
        self.velocities = [[torch.zeros_like(w) for w in group.parameters] for group in groups]

    @property
    def parameters(self) -> Iterator[nn.Parameter]:
        """All that learn."""
        return (parameter for group in self.groups for parameter in group.parameters)

    def forget_gradients(self) -> None:
        """The next backward pass makes new ones, where it would else add to these."""
        for parameter in self.parameters:
            parameter.grad = None

    @torch.no_grad()
    def step(self, rate: float) -> None:
        """One step, which uses the gradients up; what has none stays."""
        for group, velocities in zip(self.groups, self.velocities, strict=True):
            pairs = zip(group.parameters, velocities, strict=True)
            moved = [(w, w.grad, v) for w, v in pairs if w.grad is not None]
            if not moved:
                continue
            w, g, v = (list(part) for part in zip(*moved, strict=True))
            if group.decay:
                torch._foreach_add_(g, w, alpha=group.decay)
            torch._foreach_mul_(v, self.momentum)
            torch._foreach_add_(v, g)
            torch._foreach_add_(w, v, alpha=-group.factor * rate)

    def state(self) -> list[list[Tensor]]:
        """The velocities, by group and parameter."""
        return self.velocities

    def resume(self, state: list[list[Tensor]]) -> None:
        """Go on from a ``state``."""
        for found, velocities in zip(state, self.velocities, strict=True):
            for value, velocity in zip(found, velocities, strict=True):
                velocity.copy_(value)


def optimiser(network: nn.Module, critic: nn.Module | None, options: Train) -> Sgd:
    """SGD of all that learns, by groups.

    Pretrained layers, those of a network's ``trunk``, learn at ``trunk_factor``; biases at twice
    their layer's rate and without weight decay (authors' code).
    """
    modules = [network] if critic is None else [network, critic]
    named = [pair for module in modules for pair in module.named_parameters()]
    groups = []
    for pretrained in (True, False):
        for bias in (True, False):
            chosen = [
                parameter
                for name, parameter in named
                if name.startswith("trunk.") == pretrained and name.endswith("bias") == bias
            ]
            factor = (options.trunk_factor if pretrained else 1.0) * (2 if bias else 1)
            if chosen and factor:
                groups.append(Group(chosen, factor, 0.0 if bias else options.weight_decay))
    return Sgd(groups, options.momentum)
