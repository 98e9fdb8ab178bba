"""The one file that a person needs of a training run: a network, its preprocessing, its source."""

from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from dah.checkpoints import network_of, read_model, write_model
from dah.codes import check_codes
from dah.errors import UserError
from dah.networks import Network

CODES, LABELS = "source.codes", "source.labels"
SHAPE = ("trunk", "outputs", "bottleneck", "softmax")
LARGEST_SHARPNESS = 1024  # as of dah.sharpness


@dataclass(frozen=True)
class EncoderParts:
    """What turns image files into codes and categories.

    ``state`` and ``shape``: weights and plain values of a ``Network`` with a hash head; ``size``:
    side in pixels of the squares that images are decoded to, of which the network sees the centre;
    ``source_codes``: packed uint8 ``(n_s, ceil(bits / 8))``, and ``source_labels`` int64 ``(n_s,)``
    of them, which number ``categories``: what eq. 6 compares a code with, at ``sharpness``.
    """

    state: Mapping[str, Tensor]
    shape: Mapping[str, Any]
    size: int
    categories: list[str]
    source_codes: np.ndarray
    source_labels: np.ndarray
    sharpness: float

    @property
    def bits(self) -> int:
        """Length of the codes."""
        return self.shape["outputs"]

    def fingerprint(self) -> str:
        """16 hexadecimal digits that differ where any code could: of the weights and ``size``."""
        digest = blake2b(f"{self.size} {[self.shape[name] for name in SHAPE]}".encode())
        for name in sorted(self.state):
            digest.update(name.encode())
            digest.update(self.state[name].contiguous().numpy().tobytes())
        return digest.hexdigest()[:16]

    def network(self, path: Path) -> Network:
        """The network, for evaluation; `path` is where errors say that it came from."""
        return network_of(path, self.state, self.shape).eval()


def write_encoder(path: Path, parts: EncoderParts) -> None:
    """Store an encoder: tensors and plain values only."""
    sources = {
        CODES: torch.from_numpy(parts.source_codes),
        LABELS: torch.from_numpy(parts.source_labels),
    }
    config = {name: parts.shape[name] for name in SHAPE}
    config |= {name: getattr(parts, name) for name in ("size", "sharpness")}
    config["categories"] = list(parts.categories)
    write_model(path, {**parts.state, **sources}, config)


def is_encoder(config: Mapping[str, Any]) -> bool:
    """Whether the config of a model's file is an encoder's, and not that of a network alone."""
    return "categories" in config


def read_encoder(path: Path) -> EncoderParts:
    """An encoder as stored by ``write_encoder``."""
    return encoder_of(path, *read_model(path))


def encoder_of(path: Path, state: Mapping[str, Tensor], config: Mapping[str, Any]) -> EncoderParts:
    """The encoder of what ``read_model`` gave; errors name its path."""
    state = dict(state)
    try:
        codes, labels = state.pop(CODES).numpy(), state.pop(LABELS).numpy()
        shape = {name: config[name] for name in SHAPE}
        size, categories, sharpness = (config[name] for name in ("size", "categories", "sharpness"))
        parts = EncoderParts(state, shape, size, categories, codes, labels, sharpness)
    except KeyError as error:
        raise UserError(
            f"{path}: expected an encoder, found a model without {error};"
            " make one with `python -m dah export`"
        ) from error
    check_parts(path, parts)
    return parts


def check_parts(path: Path, parts: EncoderParts) -> None:
    """Raise ``UserError`` where an encoder's parts do not fit each other."""
    if parts.shape["softmax"]:
        raise UserError(
            f"{path}: expected a network with hash codes, found one with a softmax;"
            " take that of dah, dah-e or noda"
        )
    if not isinstance(parts.sharpness, float) or not 0 < parts.sharpness <= LARGEST_SHARPNESS:
        raise UserError(
            f"{path}: expected a sharpness between 0 and {LARGEST_SHARPNESS}, found"
            f" {str(parts.sharpness)[:100]}"
        )
    try:
        check_codes(parts.source_codes, parts.bits)
    except ValueError as error:
        raise UserError(f"{path}: its source codes do not fit its network: {error}") from error
    labels, categories = parts.source_labels, len(parts.categories)
    if len(labels) != len(parts.source_codes):
        raise UserError(
            f"{path}: expected a label for each source code, found {len(labels)} labels and"
            f" {len(parts.source_codes)} codes"
        )
    if not len(labels) or labels.min() < 0 or labels.max() >= categories:
        raise UserError(f"{path}: expected source labels 0 ... {categories - 1} of its categories")
