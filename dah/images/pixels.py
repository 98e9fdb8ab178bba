"""Pictures in memory instead of files: PIL images, arrays and tensors, alone or in batches."""

from collections.abc import Iterable, Iterator, Sequence
from os import PathLike
from typing import Any

import numpy as np
from PIL import Image
from torch import Tensor

from dah.errors import UserError
from dah.images.decode import Picture, prepare

TAKEN = (
    "paths, PIL images, arrays (h, w, 3), tensors (3, h, w) or (h, w, 3), or several of one kind"
)
Pixels = Image.Image | np.ndarray | Tensor


def listed(images: Any) -> list[Any]:
    """One picture or path as a list, and any number of them with batches taken apart.

    Raises ``UserError`` for anything else, and for paths and pictures together.
    """
    if isinstance(images, str | PathLike | Pixels):
        images = [images]
    elif isinstance(images, bytes | dict) or not isinstance(images, Iterable):
        raise _unknown(images)
    found = []
    for image in images:
        if not isinstance(image, str | PathLike | Pixels):
            raise _unknown(image)
        batch = isinstance(image, np.ndarray | Tensor) and image.ndim == 4
        found += list(image) if batch else [image]
    of_files = sum(isinstance(image, str | PathLike) for image in found)
    if 0 < of_files < len(found):
        raise UserError(
            f"expected paths or pictures, found {of_files} paths and {len(found) - of_files}"
            " pictures; encode them in two calls"
        )
    return found


def pictures(images: Sequence[Pixels], size: int) -> Iterator[tuple[str, Picture | str]]:
    """Each picture by its number, prepared as ``decode`` prepares files, or why it cannot be read.

    Arrays ``(h, w, 3)`` and tensors ``(3, h, w)`` or ``(h, w, 3)``, the first of these where both
    fit: sRGB as uint8, or as floats in [0, 1]. Raises ``UserError`` for others.
    """
    for number, given in enumerate(images):
        name = str(number)
        image = given if isinstance(given, Image.Image) else Image.fromarray(_pixels(given, name))
        try:
            yield name, Picture(prepare(image, size), *image.size)
        except ValueError as error:
            yield name, str(error)


def _pixels(given: np.ndarray | Tensor, name: str) -> np.ndarray:
    """uint8 ``(h, w, 3)``."""
    kind, shape = type(given).__name__, tuple(given.shape)
    first = isinstance(given, Tensor) and shape[:1] == (3,)
    if len(shape) != 3 or 0 in shape or not (first or shape[-1] == 3):
        wanted = "(3, h, w) or (h, w, 3)" if isinstance(given, Tensor) else "(h, w, 3)"
        raise UserError(
            f"picture {name}: expected a shape of {wanted} for {kind}, found {shape}; give a"
            " PIL image where it is grey or transparent"
        )
    if isinstance(given, Tensor):
        values = given.detach().cpu()
        values = values.permute(1, 2, 0) if first else values
        given = (values.float() if values.is_floating_point() else values).numpy()
    if given.dtype == np.uint8:
        return np.ascontiguousarray(given)
    if given.dtype.kind != "f":
        raise UserError(
            f"picture {name}: expected uint8 of 0 to 255 or floats of 0 to 1, found {given.dtype};"
            " convert it to uint8"
        )
    low, high = float(given.min()), float(given.max())
    if not (low >= 0 and high <= 1):  # not a number, too
        raise UserError(
            f"picture {name}: expected floats of 0 to 1, found {low:g} to {high:g}; undo a"
            " normalisation, or divide by 255"
        )
    return np.rint(given * 255).astype(np.uint8)


def _unknown(given: Any) -> UserError:
    return UserError(f"expected {TAKEN}, found {type(given).__name__}")
