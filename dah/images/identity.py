"""Opaque names for images: neither an id nor the order of the images tells their category."""

from collections.abc import Sequence
from hashlib import blake2b

import numpy as np


def opaque_ids(domain: str, files: Sequence[str], seed: int) -> list[str]:
    """An id of 16 hexadecimal digits for each file of a domain.

    A keyed hash of domain and file name, so that an image keeps its id when others come or go.
    """
    key = seed.to_bytes(8, "little")
    return [
        blake2b(f"{domain}/{file}".encode(), digest_size=8, key=key).hexdigest() for file in files
    ]


def shuffled(ids: Sequence[str]) -> np.ndarray:
    """Row int64 of each image when all lie in the order of their ids: a seeded shuffle."""
    rows = np.empty(len(ids), np.int64)
    rows[np.argsort(np.array(ids), kind="stable")] = np.arange(len(ids))
    return rows
