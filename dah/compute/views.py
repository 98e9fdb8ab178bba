"""What a trunk's lower blocks make of a few views of each image, computed once."""

from collections.abc import Iterator

import torch
from torch import Tensor, nn

from dah.compute.augment import CENTRE, augment, centre_crop, colour_deviation
from dah.compute.distributed import gather, own_share
from dah.errors import UserError
from dah.params import Train

GIB = 2**30
BYTES = 2  # of a float16


@torch.inference_mode()
def stored_views(
    lower: nn.Module, pixels: Tensor, side: int, options: Train, device: torch.device, batch: int
) -> Iterator[Tensor]:
    """View by view, the lower blocks' activations of all images, float16 ``(n, ...)``.

    K = ``options.views`` of images uint8 ``(n, s, s, 3)``: the centre first, then views of
    ``augment`` that a view's number draws, `batch` images at a time. Within a ``process_group``
    each process computes its share; all get the whole. Raises ``UserError`` where all would take
    more than ``options.views_gib``.
    """
    n, count = len(pixels), options.views
    example = lower(centre_crop(pixels[:1].to(device), side))
    bytes_all = BYTES * count * n * example.numel()
    if bytes_all > options.views_gib * GIB:
        raise UserError(
            f"train.views: {count} views of {n} images, {tuple(example.shape[1:])} each, take"
            f" {bytes_all} bytes ({bytes_all / GIB:.1f} GiB), where train.finetune is"
            f" {options.finetune}; train.views_gib allows {options.views_gib:g}: raise"
            " it, or lower train.views, or let fewer blocks learn"
        )
    deviation = colour_deviation(pixels.numpy()) if count > 1 else torch.zeros(3, 3)
    deviation, share = deviation.to(device), own_share(n)
    for number in range(count):
        parts = []
        for start in range(share.start, share.stop, batch):
            rows = slice(start, min(start + batch, share.stop))
            images = pixels[rows].to(device)
            if number == CENTRE:
                seen = centre_crop(images, side)
            else:
                rng = torch.Generator(device).manual_seed(number)
                seen = augment(
                    images, rng, n, rows, size=side, options=options.augment, deviation=deviation
                )
            parts.append(lower(seen).half())
        yield gather(torch.cat(parts), n).cpu()
