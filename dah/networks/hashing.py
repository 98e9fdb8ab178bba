"""The hash network: a pretrained trunk and a new layer whose outputs' signs are the code."""

from collections.abc import Iterator
from typing import NamedTuple

import torch
from torch import Tensor, nn

FC8_DEVIATION = 0.01


class Outputs(NamedTuple):
    """What the losses see of a batch.

    ``layers``: activations float ``(n, D_l)`` that MK-MMD acts on, the last of them fc8 before its
    batch norm, the one before it fc7; ``u``: outputs float ``(n, bits)`` in (-1, 1).
    """

    layers: tuple[Tensor, ...]
    u: Tensor

    def rows(self, part: slice) -> "Outputs":
        """The outputs of some of the images."""
        return Outputs(tuple(layer[part] for layer in self.layers), self.u[part])


class HashNetwork(nn.Module):
    """``u = tanh(batch norm(fc8(fc7)))`` on a trunk that gives fc6 and fc7 (section 4).

    Images RGB float ``(n, 3, input_size, input_size)`` in [0, 1] to ``Outputs``. fc8's weights
    start at a deviation of 0.01 and its biases at zero.
    """

    def __init__(self, trunk: nn.Module, bits: int) -> None:
        super().__init__()
        self.trunk = trunk
        self.fc8 = nn.Linear(trunk.widths[-1], bits)
        self.norm = nn.BatchNorm1d(bits)
        nn.init.normal_(self.fc8.weight, std=FC8_DEVIATION)
        nn.init.zeros_(self.fc8.bias)

    @property
    def input_size(self) -> int:
        """Side of the squares that the trunk sees, pixels."""
        return self.trunk.input_size

    def forward(self, images: Tensor) -> Outputs:
        activations = self.trunk(images)
        fc8 = self.fc8(activations[-1])
        return Outputs((*activations, fc8), torch.tanh(self.norm(fc8)))

    def pretrained(self) -> Iterator[nn.Parameter]:
        """The layers that came with weights, which learn more slowly."""
        return self.trunk.parameters()
