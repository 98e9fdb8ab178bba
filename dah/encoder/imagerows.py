"""Images that were encoded, in memory: what they share, and what each has."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np


@dataclass(frozen=True)
class Header:
    """What all codes of a file share: the model's path, its fingerprint, bits and categories.

    ``calibrated``: whether probabilities are, or scores by eq. 6; ``outputs``: whether the file has
    the network's real outputs.
    """

    bits: int
    categories: list[str]
    model: str
    fingerprint: str
    calibrated: bool = False
    outputs: bool = False


class Rows(NamedTuple):
    """Some images: origins and names, packed codes, labels int32 and probabilities float32.

    ``far``: bool, which are of none of the categories, None for none of them; ``outputs``: float16
    ``(n, bits)``, None where they are not kept.
    """

    origins: list[str]
    names: list[str]
    codes: np.ndarray
    labels: np.ndarray
    probabilities: np.ndarray
    far: np.ndarray | None = None
    outputs: np.ndarray | None = None

    def of(self, rows: Sequence[int] | np.ndarray) -> "Rows":
        """Some of the images, in the order given."""
        origins, names = ([column[row] for row in rows] for column in self[:2])
        arrays = (None if column is None else column[rows] for column in self[2:])
        return Rows(origins, names, *arrays)
