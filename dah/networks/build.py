"""Trunks by their names in ``params.yaml``."""

from torch import nn

from dah.networks.lenet import LeNet
from dah.networks.vgg_f import VggF

TRUNKS = {"lenet": LeNet, "vgg_f": VggF}


def build_trunk(name: str) -> nn.Module:
    """A trunk by its name in ``params.yaml``, with random weights.

    A trunk is a module with ``input_size`` (pixels) and ``widths`` (of the activations it
    returns): RGB float ``(n, 3, input_size, input_size)`` in [0, 1] in, a tuple of float
    ``(n, width)`` out. It subtracts means and divides by deviations itself. Two activations are
    fc6 and fc7 (lenet, vgg_f, alexnet, vgg11 ... vgg19_bn); a single one is the pooled features of
    a network without them (resnet50, mobilenet_v2, ..., and all of timm's, ``timm/<model>``).
    ``build_network`` says which layers MK-MMD acts on. Raises ``UserError`` for an unknown name.
    """
    if name in TRUNKS:
        return TRUNKS[name]()
    if name.startswith("timm/"):
        from dah.networks.timm_trunk import TimmTrunk  # noqa: PLC0415 - an extra, and slow

        return TimmTrunk(name)
    from dah.networks.trunks import TorchvisionTrunk  # noqa: PLC0415 - torchvision takes a second

    return TorchvisionTrunk(name)
