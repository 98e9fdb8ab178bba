"""The one way in which networks that have stopped learning look at images."""

import torch
from torch import Tensor, nn

from dah.networks.folding import fold_batch_norms

PIXELS = {"cpu": 2**19, "cuda": 2**24}  # of a batch: beyond, a CPU's caches overflow
LARGEST = 256  # images


def batch_size(device: torch.device, side: int) -> int:
    """How many squares of `side` pixels a network sees at a time."""
    return max(1, min(LARGEST, PIXELS[device.type] // side**2))


def settled(network: nn.Module, device: torch.device) -> nn.Module:
    """A network, or a trunk, for inference on `device`: ``folded``, channels last."""
    return folded(network).to(device, memory_format=torch.channels_last)


def folded(network: nn.Module, example: Tensor | None = None) -> nn.Module:
    """A network, or a trunk, in evaluation mode, batch norms within the convolutions before them.

    What takes no images is given with an `example` row of what it takes, on its device.
    """
    network = network.eval()
    if example is not None:
        return fold_batch_norms(network, example)
    trunk = getattr(network, "trunk", network)
    if isinstance(getattr(trunk, "model", None), nn.Module):
        trunk.model = fold_batch_norms(trunk.model.cpu(), trunk.input_size)
    return network
