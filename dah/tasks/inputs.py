"""A task's images, and their fc7, in memory: source and target in the order of its lists."""

from collections.abc import Callable
from pathlib import Path

import numpy as np

from dah.errors import UserError
from dah.files.artifacts import read_features, read_images
from dah.files.tables import rows_of
from dah.tasks.lists import Lists

Reader = Callable[[Path], tuple[np.ndarray, list[str]]]


def read_inputs(
    images: Path,
    features: Path,
    domains: tuple[str, str],
    lists: Lists,
    smallest: int,
    finetune: str,
) -> tuple[np.ndarray, np.ndarray]:
    """What the layers that learn see: pixels, or fc7 where `finetune` is ``head``."""
    if finetune == "head":
        return read_fc7(features, domains, lists)
    return read_pixels(images, domains, lists, smallest)


def read_pixels(
    folder: Path, domains: tuple[str, str], lists: Lists, smallest: int
) -> tuple[np.ndarray, np.ndarray]:
    """The images of source and target, each uint8 ``(n, size, size, 3)``.

    Raises ``UserError`` where one is missing or they are smaller than ``smallest`` pixels.
    """
    source, target = _read(folder, domains, lists, read_images)
    if source.shape[1] < smallest:
        raise UserError(
            f"{folder}: the network sees squares of {smallest} pixels, found {source.shape[1]};"
            f" set images.size to at least {smallest}"
        )
    return source, target


def read_fc7(folder: Path, domains: tuple[str, str], lists: Lists) -> tuple[np.ndarray, np.ndarray]:
    """The frozen trunk's last activations of source and target, each float32 ``(n, D)``.

    Raises ``UserError`` where an image is missing.
    """
    return _read(folder, domains, lists, read_features)


def _read(
    folder: Path, domains: tuple[str, str], lists: Lists, reader: Reader
) -> tuple[np.ndarray, np.ndarray]:
    sides = []
    for domain, ids in zip(domains, (lists.source_ids, lists.target_ids), strict=True):
        path = folder / f"{domain}.h5"
        rows, stored = reader(path)
        sides.append(rows[rows_of(stored, ids, path)])
    return sides[0], sides[1]
