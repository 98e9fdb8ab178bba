"""The auxiliary problem that pretrains LeNet: printed letters, the counterpart of ImageNet."""

from string import ascii_letters

import numpy as np

from dah.images.glyphs import FONTS, blend, ink, photograph_patch

PER_FONT = 8


def draw_letters(size: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Letters A-Z a-z in every font, on paper, inverted and over photographs.

    No digit and no image of a task is among them. Returns uint8 ``(n, size, size, 3)`` and labels
    int64 ``(n,)`` in 0 ... 51.
    """
    rng = np.random.default_rng([seed, 3])
    images, labels = [], []
    for label, letter in enumerate(ascii_letters):
        for font in FONTS:
            for _ in range(PER_FONT):
                images.append(blend(ink(letter, font, size, rng), _background(size, rng)))
                labels.append(label)
    return np.stack(images), np.array(labels, np.int64)


def _background(size: int, rng: np.random.Generator) -> np.ndarray:
    """A plain colour or a photograph's patch, half and half."""
    if rng.random() < 0.5:
        return photograph_patch(size, rng)
    return np.broadcast_to(rng.integers(0, 256, 3, np.uint8), (size, size, 3))
