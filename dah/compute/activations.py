"""What a network that is being trained, or was, makes of all images of a domain."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from dah.compute.distributed import gather, own_share
from dah.compute.inference import batch_size
from dah.errors import UserError

BATCH = 256


@dataclass(frozen=True)
class Activations:
    """The last two layers of a network: fc7 float32 ``(n, D)`` and u float32 ``(n, bits)``."""

    fc7: np.ndarray
    u: np.ndarray


@torch.inference_mode()
def activations(
    network: nn.Module, inputs: Tensor, view: Callable[[Tensor], Tensor]
) -> Activations:
    """fc7 and u of all rows of `inputs`, in evaluation mode, `view` applied to each batch.

    `network` is a ``Network`` or the ``Head`` of one with an fc7 of its own. Within a
    ``process_group`` each process computes its share of the rows; all get the whole. Raises
    ``UserError`` where one is not finite: a code of it would be a guess.
    """
    network.eval()
    side = getattr(network, "input_size", None)  # a head has none
    size = BATCH if side is None else min(BATCH, batch_size(inputs.device, side))
    fc7, u = [], []
    for batch in inputs[own_share(len(inputs))].split(size):
        outputs = network(view(batch))
        fc7.append(outputs.layers[-2].float())
        u.append(outputs.u.float())
    both = [gather(torch.cat(part), len(inputs)).cpu().numpy() for part in (fc7, u)]
    finite = [np.isfinite(part).all(axis=1) for part in both]
    if not np.all(finite):
        raise UserError(
            f"the trained network's outputs are not finite for {np.sum(~np.all(finite, axis=0))} of"
            f" {len(inputs)} images; lower train.learning_rate and train again"
        )
    return Activations(*both)
