"""The adversary of DANN: a critic of domains behind a reversed gradient (Ganin et al. 2016)."""

import math
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import binary_cross_entropy_with_logits

WIDEST = 1024


class _Reversal(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: float) -> Tensor:
        ctx.weight = weight
        return x.view_as(x)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None]:
        return -ctx.weight * gradient, None


def reverse_gradient(x: Tensor, weight: float) -> Tensor:
    """R(x) = x, dR/dx = -weight I (Ganin et al., JMLR 2016, eq. 16, 17)."""
    return _Reversal.apply(x, weight)


def reversal_weight(progress: float) -> float:
    """lambda = 2 / (1 + exp(-10 p)) - 1, from 0 to 1 over the training (ibid., section 5.2.2).

    `progress` p is the share of the steps done, 0 ... 1.
    """
    return 2 / (1 + math.exp(-10 * progress)) - 1


class Critic(nn.Module):
    """Tells source from target: two hidden layers as wide as its input, at most 1024 (ibid.)."""

    def __init__(self, width: int) -> None:
        super().__init__()
        hidden = min(width, WIDEST)
        self.layers = nn.Sequential(
            nn.Linear(width, hidden),
            nn.ReLU(),
            nn.Linear(hidden, hidden),
            nn.ReLU(),
            nn.Linear(hidden, 1),
        )

    def forward(self, x: Tensor) -> Tensor:
        """Activations float ``(n, width)`` to scores ``(n,)``, above 0 for the target."""
        return self.layers(x).squeeze(1)


def domain_loss(critic: nn.Module, source: Tensor, target: Tensor, weight: float) -> Tensor:
    """Mean over images of the critic's cross-entropy, its gradient reversed on the way back.

        1/n sum_i -d_i log q_i - (1 - d_i) log(1 - q_i),   d = 0 source, 1 target

    The critic learns to tell the domains apart, the activations float ``(n, D)`` below it, by
    `weight` times the opposite gradient, to be alike (ibid., eq. 13).
    """
    scores = critic(reverse_gradient(torch.cat([source, target]), weight))
    domains = torch.zeros_like(scores)
    domains[len(source) :] = 1
    return binary_cross_entropy_with_logits(scores, domains)
