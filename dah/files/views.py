"""The file of what a trunk's lower blocks made of each image's views."""

import math
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from dah.errors import UserError
from dah.files.artifacts import replacing
from dah.files.hdf5 import as_bytes, creating, read_array, read_names, reading

KIND = "views"


def write_views(path: Path, views: np.ndarray, ids: Sequence[str]) -> None:
    """Store activations float16 ``(n, K, ...)``; without images where no blocks are cut off.

    Raises ``UserError`` where a value is not finite in float16.
    """
    if not all(np.isfinite(of_image).all() for of_image in views):
        raise UserError(
            f"{path}: activations of the blocks that do not learn are not finite or above"
            f" {np.finfo(np.float16).max:g}; set train.finetune to all, head or another layer"
        )
    n, count, *shape = views.shape
    with replacing(path) as part, creating(part, KIND) as (file, _):
        file["view"] = views.reshape(n, count, math.prod(shape))
        file["shape"] = np.array(shape, np.int64)
        file["id"] = np.array([as_bytes(name) for name in ids], np.bytes_)


def read_views(path: Path) -> tuple[np.ndarray, list[str]]:
    """Activations float16 ``(n, K, ...)`` as stored by ``write_views``, and their ids."""
    with reading(path, KIND) as file:
        flat, ids = read_array(file, "view", np.float16, 3), read_names(file, "id")
        shape = read_array(file, "shape", np.int64, 1).tolist()
    n, count, size = flat.shape
    if not n:
        raise UserError(
            f"{path}: expected what blocks that do not learn made, found none; run `dvc repro`"
        )
    if n != len(ids) or not count or min(shape, default=0) < 1 or size != math.prod(shape):
        raise UserError(
            f"{path}: expected views of {len(ids)} images, {shape} each, found {flat.shape}; make"
            " the file again"
        )
    return flat.reshape(n, count, *shape), ids
