"""Random crops, mirroring and colour shifts of whole batches, on the device that trains."""

from collections.abc import Callable
from functools import partial

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import affine_grid, grid_sample

from dah.params import Augment

CENTRE = 0  # of the stored views of an image, the one that no randomness made
View = Callable[[Tensor, torch.Generator, int, slice], Tensor]


def as_float(pixels: Tensor) -> Tensor:
    """uint8 ``(n, s, s, 3)`` to float32 ``(n, 3, s, s)`` in [0, 1]."""
    return pixels.permute(0, 3, 1, 2).float().div_(255)


def centre_crop(pixels: Tensor, size: int) -> Tensor:
    """The middle squares of uint8 ``(n, s, s, 3)`` as float32 ``(n, 3, size, size)`` in [0, 1]."""
    edge = (pixels.shape[1] - size) // 2
    return as_float(pixels[:, edge : edge + size, edge : edge + size])


def colour_deviation(*sets: np.ndarray) -> Tensor:
    """A square root ``(3, 3)`` of the covariance of all pixels' RGB values in [0, 1].

    Times a standard normal vector it is a colour that varies as the images' pixels do (Krizhevsky
    et al. 2012). Sets are uint8 ``(n, s, s, 3)``; images are summed one by one in float64.
    """
    count, total = 0, torch.zeros(3, dtype=torch.float64)
    products = torch.zeros(3, 3, dtype=torch.float64)
    for image in (image for pixels in sets for image in pixels):
        values = torch.from_numpy(image).reshape(-1, 3).double() / 255
        count += len(values)
        total += values.sum(dim=0)
        products += values.T @ values
    mean = total / count
    eigenvalues, vectors = torch.linalg.eigh(products / count - mean.outer(mean))
    return (vectors * eigenvalues.clamp_min(0).sqrt()).float()


def augment(
    pixels: Tensor,
    rng: torch.Generator,
    batch: int | None = None,
    share: slice = slice(None),
    *,
    size: int,
    options: Augment,
    deviation: Tensor,
) -> Tensor:
    """A random view of every image.

    A window of ``size`` by ``size`` pixels, stretched to a width : height that is log-uniform
    between 1 : aspect and aspect : 1, cut to the image where it is larger, lies at a uniform
    position and is resampled bilinearly; half of the images are mirrored if ``options.flip``; a
    colour of ``options.colour`` times the pixels' deviation is added. Images uint8
    ``(n, s, s, 3)``, s >= size; deviation ``(3, 3)`` of ``colour_deviation``; all on the device of
    ``rng``. Where the images are only the `share` of a `batch` of so many, they look as they would
    in the whole of it. Returns float32 ``(n, 3, size, size)`` in [0, 1].
    """
    n, side = pixels.shape[:2]
    batch = n if batch is None else batch
    draw = torch.rand(4, batch, generator=rng, device=rng.device)[:, share]
    stretch = options.aspect ** (draw[0] - 0.5)
    window = torch.stack([size * stretch, size / stretch]).clamp_max(side) / side
    centre = (1 - window) * (2 * draw[1:3] - 1)
    mirror = torch.where(draw[3] < 0.5, -1.0, 1.0) if options.flip else torch.ones_like(draw[3])

    theta = torch.zeros(n, 2, 3, device=rng.device)
    theta[:, 0, 0], theta[:, 1, 1] = window[0] * mirror, window[1]
    theta[:, :, 2] = centre.T
    grid = affine_grid(theta, [n, 3, size, size], align_corners=False)
    views = grid_sample(as_float(pixels), grid, padding_mode="border", align_corners=False)
    normal = torch.randn(batch, 3, generator=rng, device=rng.device)[share]
    shift = options.colour * normal @ deviation.T
    return views.add_(shift[:, :, None, None]).clamp_(0, 1)


def drawn_views(
    views: Tensor, rng: torch.Generator, batch: int | None = None, share: slice = slice(None)
) -> Tensor:
    """One of the K stored views of every image, float16 ``(n, K, ...)`` to float32 ``(n, ...)``.

    `rng`, `batch` and `share` as of ``augment``.
    """
    n, count = views.shape[:2]
    drawn = torch.randint(count, (n if batch is None else batch,), generator=rng, device=rng.device)
    return views[torch.arange(n, device=rng.device), drawn[share]].float()


def random_view(
    finetune: int | str, size: int, options: Augment, device: torch.device, *sets: np.ndarray
) -> View:
    """How training looks at its inputs.

    At random views of pixels, at one of the stored views of each image, or at fc7 as it is. `sets`
    are the images whose colours the shifts follow; `finetune` as in ``read_inputs``; the views are
    made on `device`.
    """
    if finetune == "head":
        return lambda rows, *_: rows
    if finetune != "all":
        return drawn_views
    deviation = colour_deviation(*sets).to(device)
    return partial(augment, size=size, options=options, deviation=deviation)


def plain_view(finetune: int | str, size: int) -> Callable[[Tensor], Tensor]:
    """How encoding looks at its inputs: at the centres of pixels or of views, at fc7 as it is."""
    if finetune == "head":
        return lambda rows: rows
    if finetune != "all":
        return lambda views: views[:, CENTRE].float()
    return partial(centre_crop, size=size)
