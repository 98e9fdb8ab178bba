"""The one file that a person needs of a training run: a network, its preprocessing, its source."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from hashlib import blake2b
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from dah.encoding.calibration import HOTTEST
from dah.errors import UserError
from dah.networks.checkpoints import network_of, read_model, write_model
from dah.networks.heads import Network
from dah.retrieval.codes import check_codes

CODES, LABELS = "source.codes", "source.labels"
SIDES = (8, 4096)  # pixels
MOST_BITS = 1024
MOST_UNITS = 2**20
NUMBERS = (torch.float32, torch.float64, torch.float16, torch.int64)
SHAPE = ("trunk", "outputs", "bottleneck", "softmax")
OPTIONAL = ("temperature", "reach")
LARGEST_SHARPNESS = 1024  # as of dah.sharpness


@dataclass(frozen=True)
class EncoderParts:
    """What turns image files into codes and categories.

    ``state`` and ``shape``: weights and plain values of a ``Network`` with a hash head; ``size``:
    side in pixels of the squares that images are decoded to, of which the network sees the centre;
    ``source_codes``: packed uint8 ``(n_s, ceil(bits / 8))``, and ``source_labels`` int64 ``(n_s,)``
    of them, which number ``categories``: what eq. 6 compares a code with, at ``sharpness``;
    ``temperature`` that calibrates its probabilities (``dah.encoding``), None where none was
    found, as in files of earlier versions; ``reach``: the Hamming distance to the nearest source
    code beyond which an image is of none of the categories (``dah.retrieval``), None for no limit.
    """

    state: Mapping[str, Tensor] = field(repr=False)
    shape: Mapping[str, Any]
    size: int
    categories: list[str] = field(repr=False)
    source_codes: np.ndarray = field(repr=False)
    source_labels: np.ndarray = field(repr=False)
    sharpness: float
    temperature: float | None = None
    reach: int | None = None

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
        network = network_of(path, self.state, self.shape).eval()
        if self.size < network.input_size:
            raise UserError(
                f"{path}: its network sees squares of {network.input_size} pixels, but images are"
                f" prepared with {self.size}; make it again with `python -m dah export`"
            )
        return network


def write_encoder(path: Path, parts: EncoderParts) -> None:
    """Store an encoder: tensors and plain values only."""
    sources = {
        CODES: torch.from_numpy(parts.source_codes),
        LABELS: torch.from_numpy(parts.source_labels),
    }
    config = {name: parts.shape[name] for name in SHAPE}
    config |= {name: getattr(parts, name) for name in ("size", "sharpness", *OPTIONAL)}
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
        codes, labels = (state.pop(name).detach().numpy() for name in (CODES, LABELS))
        shape = {name: config[name] for name in SHAPE}
        size, categories, sharpness = (config[name] for name in ("size", "categories", "sharpness"))
        optional = {name: config.get(name) for name in OPTIONAL}
        parts = EncoderParts(state, shape, size, categories, codes, labels, sharpness, **optional)
    except KeyError as error:
        raise UserError(
            f"{path}: expected an encoder, found a model without {error};"
            " make one with `python -m dah export`"
        ) from error
    except TypeError as error:  # of bits that NumPy has not
        raise UserError(f"{path}: its source codes and labels are no whole numbers") from error
    check_parts(path, parts)
    return parts


def check_parts(path: Path, parts: EncoderParts) -> None:
    """Raise ``UserError`` where an encoder's parts do not fit each other, or are out of range."""
    if parts.shape["softmax"] is not False:
        raise UserError(
            f"{path}: expected a network with hash codes, found one with a softmax;"
            " take that of dah-p, dah, dah-e or noda"
        )
    for name, value, (least, most) in (
        ("size", parts.size, SIDES),
        ("outputs", parts.bits, (1, MOST_BITS)),
        ("bottleneck", parts.shape["bottleneck"], (0, MOST_UNITS)),
    ):
        if type(value) is not int or not least <= value <= most:
            raise UserError(
                f"{path}: expected {name} as a whole number of {least} to {most}, found another;"
                " make the file again with `python -m dah export`"
            )
    texts = [parts.shape["trunk"], *parts.categories] if type(parts.categories) is list else [None]
    if not all(type(text) is str for text in texts):
        raise UserError(f"{path}: expected the names of a trunk and of categories, found none")
    if any(value.dtype not in NUMBERS for value in parts.state.values()):
        raise UserError(f"{path}: expected weights of 16, 32 or 64 bits, found others")
    _check_prediction(path, parts)
    try:
        check_codes(parts.source_codes, parts.bits)
    except ValueError as error:
        raise UserError(f"{path}: its source codes do not fit its network: {error}") from error
    labels, categories = parts.source_labels, len(parts.categories)
    if labels.dtype != np.int64 or labels.ndim != 1:
        raise UserError(
            f"{path}: expected labels as int64 (n,), found {labels.dtype} {labels.shape}"
        )
    if len(labels) != len(parts.source_codes):
        raise UserError(
            f"{path}: expected a label for each source code, found {len(labels)} labels and"
            f" {len(parts.source_codes)} codes"
        )
    if categories > len(labels):
        raise UserError(
            f"{path}: expected source images of every category, found {len(labels)} images and"
            f" {categories} categories"
        )
    if not len(labels) or labels.min() < 0 or labels.max() >= categories:
        raise UserError(f"{path}: expected source labels 0 ... {categories - 1} of its categories")


def _check_prediction(path: Path, parts: EncoderParts) -> None:
    if type(parts.sharpness) is not float or not 0 < parts.sharpness <= LARGEST_SHARPNESS:
        raise UserError(
            f"{path}: expected a sharpness above 0, at most {LARGEST_SHARPNESS}, found another;"
            " make the file again with `python -m dah export`"
        )
    T, reach = parts.temperature, parts.reach
    if not (T is None or (type(T) is float and 1 <= T <= HOTTEST)):
        raise UserError(f"{path}: expected a temperature of 1 to {HOTTEST:g}, found another")
    if not (reach is None or (type(reach) is int and 0 <= reach <= parts.bits)):
        raise UserError(f"{path}: expected a reach of 0 to {parts.bits} bits, found another")
