"""The trained networks: a pretrained trunk and a new head, of hash codes or of category scores."""

from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from dah.networks.cuts import cut

FC8_DEVIATION = 0.01

# MKL prepares its vector functions at their first call. Two threads that make it at once now and
# then leave one of them with a code path of other last bits; one number is computed by one thread.
for function in (torch.tanh, torch.exp, torch.log):
    function(torch.ones(1))


class Outputs(NamedTuple):
    """What the losses see of a batch.

    ``layers``: activations float ``(n, D_l)`` that MK-MMD acts on, the last of them fc8 before its
    batch norm, the one before it fc7; ``u``: the outputs of the head, float ``(n, bits)`` in
    (-1, 1) of a hash head, or the scores ``(n, C)`` of the categories of a softmax head.
    """

    layers: tuple[Tensor, ...]
    u: Tensor

    def rows(self, part: slice) -> "Outputs":
        """The outputs of some of the images."""
        return Outputs(tuple(layer[part] for layer in self.layers), self.u[part])


class Head(nn.Module):
    """From a trunk's last activation to the code: ``u = tanh(batch norm(fc8(x)))`` (section 4).

    With `softmax`, for the methods without codes, ``u = fc8(x)``: a score for each category. With
    `bottleneck` > 0 a new layer of that width, after its rectifier, stands for fc7 in front of fc8,
    for trunks that have none or are frozen. Activations float ``(n, width)`` to ``Outputs``, whose
    layers are the head's own. fc8's weights start at a deviation of 0.01, its biases at zero.
    """

    def __init__(
        self, width: int, outputs: int, bottleneck: int = 0, softmax: bool = False
    ) -> None:
        super().__init__()
        self.fc7 = nn.Linear(width, bottleneck) if bottleneck else None
        self.fc8 = nn.Linear(bottleneck or width, outputs)
        self.norm = None if softmax else nn.BatchNorm1d(outputs)
        if self.fc7 is not None:
            nn.init.kaiming_normal_(self.fc7.weight, nonlinearity="relu")
            nn.init.zeros_(self.fc7.bias)
        nn.init.normal_(self.fc8.weight, std=FC8_DEVIATION)
        nn.init.zeros_(self.fc8.bias)

    def forward(self, x: Tensor) -> Outputs:
        layers = []
        if self.fc7 is not None:
            x = torch.relu(self.fc7(x))
            layers.append(x)
        fc8 = self.fc8(x)
        u = fc8 if self.norm is None else torch.tanh(self.norm(fc8))
        return Outputs((*layers, fc8), u)


class Blocks(nn.Module):
    """A head on a trunk, or on its upper part: what the trunk takes to ``Outputs``.

    The layers are the trunk's activations and those of the head.
    """

    def __init__(self, trunk: nn.Module, head: Head) -> None:
        super().__init__()
        self.trunk = trunk
        self.head = head

    def forward(self, x: Tensor) -> Outputs:
        activations = self.trunk(x)
        layers, u = self.head(activations[-1])
        return Outputs((*activations, *layers), u)


class Upper(Blocks):
    """A head on the upper part of a trunk, whose batch norms keep the moments that they came with.

    So do those below, in whose light they learnt; a batch's own, half of either domain, are not
    those that an image is encoded by. Their factors and offsets learn.
    """

    def train(self, mode: bool = True) -> "Upper":
        super().train(mode)
        for module in self.trunk.modules():
            if isinstance(module, _BatchNorm):
                module.eval()
        return self


class Network(Blocks):
    """A head on a whole trunk.

    Images RGB float ``(n, 3, input_size, input_size)`` in [0, 1] to ``Outputs``, whose layers
    ``build_network`` names.
    """

    def __init__(
        self, trunk: nn.Module, outputs: int, bottleneck: int = 0, softmax: bool = False
    ) -> None:
        super().__init__(trunk, Head(trunk.widths[-1], outputs, bottleneck, softmax))
        self.shape = {"outputs": outputs, "bottleneck": bottleneck, "softmax": softmax}

    @property
    def input_size(self) -> int:
        """Side of the squares that the trunk sees, pixels."""
        return self.trunk.input_size

    def learner(self, finetune: int | str) -> nn.Module:
        """The part that learns, which shares its weights with the whole.

        ``all`` of it, the ``head``, or the upper part of ``cut`` with the head: N blocks of the
        trunk, or a layer by name and all above it. Raises ``UserError`` as ``cut`` does.
        """
        if finetune == "head":
            return self.head
        return self if finetune == "all" else Upper(cut(self.trunk, finetune).upper, self.head)


def build_network(
    trunk: nn.Module, outputs: int, bottleneck: int, finetune: int | str, softmax: bool = False
) -> Network:
    """A network on a pretrained trunk, and with it the layers that MK-MMD acts on.

    - A trunk with fc6 and fc7 that learn: fc6, fc7 and fc8 (eq. 1); without fc6 where fc7 is the
      lowest layer that does.
    - A trunk of pooled features, its last blocks or all trained: these, a new fc7 of `bottleneck`
      units, and fc8.
    - `finetune` is ``head``: the trunk is frozen, so that only a new fc7 of `bottleneck` units on
      its last activation, and fc8, can bring the domains together.
    """
    new = finetune == "head" or len(trunk.widths) == 1
    return Network(trunk, outputs, bottleneck if new else 0, softmax)
