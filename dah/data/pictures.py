"""A task's images in memory, in the order of its lists."""

from pathlib import Path

import torch
from torch import Tensor

from dah.artifacts import read_images
from dah.data.tasks import Lists
from dah.errors import UserError
from dah.tables import rows_of


def read_task(
    folder: Path, domains: tuple[str, str], lists: Lists, smallest: int
) -> tuple[Tensor, Tensor]:
    """The images of a task's source and of its target, each uint8 ``(n, size, size, 3)``.

    Raises ``UserError`` where one is missing or they are smaller than ``smallest`` pixels.
    """
    source, target = (folder / f"{domain}.h5" for domain in domains)
    return (
        _read(source, lists.source_ids, smallest),
        _read(target, lists.target_ids, smallest),
    )


def _read(path: Path, ids: list[str], smallest: int) -> Tensor:
    images, stored = read_images(path)
    if images.shape[1] < smallest:
        raise UserError(
            f"{path}: the network sees squares of {smallest} pixels, found {images.shape[1]};"
            f" set images.size to at least {smallest}"
        )
    return torch.from_numpy(images[rows_of(stored, ids, path)])
