"""A task's images in memory, in the order of its lists."""

from pathlib import Path

import torch
from torch import Tensor

from dah.artifacts import read_images
from dah.errors import UserError
from dah.tables import rows_of


def read_pixels(path: Path, ids: list[str], smallest: int) -> Tensor:
    """The images of the given ids, uint8 ``(n, size, size, 3)``.

    Raises ``UserError`` where one is missing or they are smaller than ``smallest`` pixels.
    """
    images, stored = read_images(path)
    if images.shape[1] < smallest:
        raise UserError(
            f"{path}: the network sees squares of {smallest} pixels, found {images.shape[1]};"
            f" set images.size to at least {smallest}"
        )
    return torch.from_numpy(images[rows_of(stored, ids, path)])
