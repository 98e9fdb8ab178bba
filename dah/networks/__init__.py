"""Networks: trunks that turn images into activations, and the hash layer on top of them."""

from torch import nn

from dah.networks.hashing import HashHead, HashNetwork, Outputs
from dah.networks.lenet import LeNet
from dah.networks.vgg_f import VggF
from dah.networks.weights import load_weights

TRUNKS = {"lenet": LeNet, "vgg_f": VggF}

__all__ = ["TRUNKS", "HashHead", "HashNetwork", "Outputs", "build_trunk", "load_weights"]


def build_trunk(name: str) -> nn.Module:
    """A trunk by its name in ``params.yaml``, with random weights.

    A trunk is a module with ``input_size`` (pixels) and ``widths`` (of the activations it
    returns): RGB float ``(n, 3, input_size, input_size)`` in [0, 1] in, a tuple of float
    ``(n, width)`` out. It subtracts means and divides by deviations itself. Two activations are
    fc6 and fc7 (lenet, vgg_f, alexnet, vgg11 ... vgg19_bn); a single one is the pooled features of
    a network without them (resnet50, mobilenet_v2, ...). ``build_network`` says which layers
    MK-MMD acts on. Raises ``UserError`` for an unknown name.
    """
    if name in TRUNKS:
        return TRUNKS[name]()
    from dah.networks.trunks import TorchvisionTrunk  # noqa: PLC0415 - torchvision takes a second

    return TorchvisionTrunk(name)


def build_network(trunk: nn.Module, bits: int, bottleneck: int, finetune: str) -> HashNetwork:
    """A hash network on a pretrained trunk, and with it the layers that MK-MMD acts on.

    - A trunk with fc6 and fc7, all of it trained: fc6, fc7 and fc8 (eq. 1).
    - A trunk of pooled features, all trained: these, a new fc7 of `bottleneck` units, and fc8.
    - `finetune` is ``head``: the trunk is frozen, so that only a new fc7 of `bottleneck` units on
      its last activation, and fc8, can bring the domains together.
    """
    new = finetune == "head" or len(trunk.widths) == 1
    return HashNetwork(trunk, bits, bottleneck if new else 0)
