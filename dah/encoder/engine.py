"""ONNX Runtime as the engine of an encoder on a CPU, where it gives the same codes."""

import time
from pathlib import Path

import numpy as np
from torch import Tensor, nn

from dah.compute.augment import centre_crop
from dah.compute.graphs import SAMPLE, Look, agreeing, place_of
from dah.compute.inference import folded
from dah.encoder.file import EncoderParts
from dah.errors import UserError

WORTH = 60.0  # seconds of torch's work, a fifth of which a graph saves; to make it takes 4 to 9
SLIGHT = 2e-3  # seconds of torch's work on one image, below which a graph gains nothing (LeNet's)
QUICK = 0.5  # the same for a graph that is there: to load and check it takes 0.2


class Outputs(nn.Module):
    """From squares uint8 ``(n, size, size, 3)`` to u alone: what the encoder itself computes."""

    def __init__(self, parts: EncoderParts, path: Path) -> None:
        super().__init__()
        network = parts.network(path)
        self.side = network.input_size
        self.network = folded(network)

    def forward(self, image: Tensor) -> Tensor:
        u: Tensor = self.network(centre_crop(image, self.side)).u
        return u


def faster(
    look: Look, parts: EncoderParts, path: Path, engine: str, images: int | None
) -> tuple[Look | None, str]:
    """ONNX Runtime in place of `look`, torch's own outputs u of squares; or None, and the reason.

    With the engine ``auto`` that is where encoding so many `images` takes torch longer than making
    its graph, or loading one that was made before, pays for, and where both agree on a sample; of
    an unknown number (None) where the graph is there. There is no reason to tell where it is not
    worth it. With ``onnx`` whatever hinders raises ``UserError``.
    """
    place, squares = place_of(parts.fingerprint()), sample(parts.size)
    must, there = engine == "onnx", place.is_file()
    if not must and images is None and not there:
        return None, ""
    if not must and images is not None:
        each = _seconds(look, squares[:1]) if images else 0
        if each < SLIGHT or images * each < (QUICK if there else WORTH):
            return None, ""
    try:
        found = agreeing(place, lambda: Outputs(parts, path), parts.size, look, squares)
    except UserError as error:
        if must:
            raise
        return None, f"engine: torch; {error}"
    return found, ""


def sample(size: int) -> np.ndarray:
    """Some squares uint8 ``(n, size, size, 3)`` of coarse and fine noise."""
    rng = np.random.default_rng(0)
    coarse = rng.integers(0, 192, (SAMPLE, 8, 8, 3))
    rows = np.arange(size) * 8 // size
    fine = rng.integers(0, 64, (SAMPLE, size, size, 3))
    return (coarse[:, rows][:, :, rows] + fine).astype(np.uint8)


def _seconds(look: Look, squares: np.ndarray) -> float:
    """What an image takes, once all is warm."""
    look(squares)
    start = time.perf_counter()
    look(squares)
    return (time.perf_counter() - start) / len(squares)
