"""A task's images, or what was made of them: source and target in the order of its lists."""

from collections.abc import Callable
from pathlib import Path

import numpy as np

from dah.errors import UserError
from dah.files.artifacts import read_features, read_images
from dah.files.tables import rows_of
from dah.files.views import read_views
from dah.tasks.lists import Lists

Reader = Callable[[Path], tuple[np.ndarray, list[str]]]


def read_inputs(
    images: Path,
    features: Path,
    views: Path,
    domains: tuple[str, str],
    lists: Lists,
    smallest: int,
    finetune: int | str,
) -> tuple[np.ndarray, np.ndarray]:
    """What the layers that learn see.

    Pixels where `finetune` is ``all``, fc7 where it is ``head``, else ``read_views`` of the layers
    below.
    """
    if finetune == "head":
        return read_fc7(features, domains, lists)
    if finetune == "all":
        return read_pixels(images, domains, lists, smallest)
    return _read(views, domains, lists, read_views)


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
        if stored != list(ids):  # of very many images a copy is as large as all of them
            rows = rows[rows_of(stored, ids, path)]
        sides.append(rows)
    return sides[0], sides[1]
