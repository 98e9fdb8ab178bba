"""The embedded data set: ten digits in three domains, every pixel made from one seed.

``hand``: one half of scikit-learn's scanned handwritten digits (Alpaydin & Kaynak 1998), 8x8.
``scene``: the other half, blended as |photograph - digit| onto patches of two photographs.
``print``: digits set in the fonts that matplotlib ships, dark on light paper, turned and shifted.
"""

from collections.abc import Callable, Iterator
from io import BytesIO

import numpy as np
from PIL import Image

from dah.images.glyphs import FONTS, blend, ink, photograph_patch

SIZE = 32
PRINTS_PER_FONT = 5


def _handwritten(seed: int, half: int) -> tuple[np.ndarray, np.ndarray]:
    """Half 0 or 1 of a seeded permutation: digits uint8 ``(n, 8, 8)`` and their values."""
    from sklearn.datasets import load_digits  # noqa: PLC0415 - a second

    digits = load_digits()
    order = np.random.default_rng([seed, 0]).permutation(len(digits.target))
    chosen = order[half::2]
    return np.rint(digits.images[chosen] * 255 / 16).astype(np.uint8), digits.target[chosen]


def _hand(seed: int) -> Iterator[tuple[str, Image.Image]]:
    for picture, value in zip(*_handwritten(seed, 0), strict=True):
        yield str(value), Image.fromarray(picture)


def _scene(seed: int) -> Iterator[tuple[str, Image.Image]]:
    rng = np.random.default_rng([seed, 1])
    for picture, value in zip(*_handwritten(seed, 1), strict=True):
        large = Image.fromarray(picture).resize((SIZE, SIZE), Image.Resampling.BICUBIC)
        mask = np.asarray(large, np.float32) / 255
        yield str(value), Image.fromarray(blend(mask, photograph_patch(SIZE, rng)))


def _print(seed: int) -> Iterator[tuple[str, Image.Image]]:
    rng = np.random.default_rng([seed, 2])
    for value in "0123456789":
        for font in FONTS:
            for _ in range(PRINTS_PER_FONT):
                mask = ink(value, font, SIZE, rng)
                paper, darkness = rng.uniform(200, 255), rng.uniform(0.7, 1.0)
                grey = np.rint(paper * (1 - darkness * mask)).astype(np.uint8)
                yield value, Image.fromarray(grey)


DOMAINS: dict[str, Callable[[int], Iterator[tuple[str, Image.Image]]]] = {
    "hand": _hand,
    "scene": _scene,
    "print": _print,
}


def members(domain: str, seed: int) -> Iterator[tuple[str, bytes]]:
    """The domain's images as ``(<category>/<file>.png, PNG bytes)``, in order of making.

    `domain` is a key of DOMAINS.
    """
    for number, (category, picture) in enumerate(DOMAINS[domain](seed)):
        buffer = BytesIO()
        picture.save(buffer, "PNG")
        yield f"{category}/{number:05d}.png", buffer.getvalue()
