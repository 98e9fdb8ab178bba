"""Printed characters and photographed backgrounds that need only the installed packages."""

from functools import cache
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont

FONTS = (
    "DejaVuSans",
    "DejaVuSans-Bold",
    "DejaVuSans-Oblique",
    "DejaVuSans-BoldOblique",
    "DejaVuSansMono",
    "DejaVuSansMono-Bold",
    "DejaVuSansMono-Oblique",
    "DejaVuSerif",
    "DejaVuSerif-Bold",
    "DejaVuSerif-Italic",
    "STIXGeneral",
    "STIXGeneralBol",
    "STIXGeneralItalic",
    "STIXGeneralBolIta",
    "cmr10",
    "cmss10",
    "cmtt10",
    "cmb10",
)


@cache
def _font(name: str, size: int) -> ImageFont.FreeTypeFont:
    import matplotlib  # noqa: PLC0415 - for its fonts alone

    folder = Path(matplotlib.get_data_path(), "fonts", "ttf")
    return ImageFont.truetype(str(folder / f"{name}.ttf"), size)


def ink(character: str, font: str, size: int, rng: np.random.Generator) -> np.ndarray:
    """One character as an ink mask, turned, scaled and shifted at random.

    The glyph fills 60-85 % of the height, is turned by up to 15 degrees and shifted by up to 6 % of
    the side. Returns float32 ``(size, size)`` in [0, 1], 1 where there is ink.
    """
    height = rng.uniform(0.60, 0.85) * size
    angle = rng.uniform(-15, 15)
    shift = rng.uniform(-0.06, 0.06, 2) * size
    canvas = Image.new("L", (4 * size, 4 * size))
    draw = ImageDraw.Draw(canvas)
    draw.text((2 * size, 2 * size), character, 255, _font(font, 2 * size), anchor="mm")
    canvas = canvas.rotate(angle, Image.Resampling.BICUBIC)
    left, top, right, bottom = canvas.getbbox()
    scale = (bottom - top) / height
    centre = ((left + right) / 2, (top + bottom) / 2)
    half = scale * size / 2
    x, y = centre[0] - shift[0] * scale, centre[1] - shift[1] * scale
    box = (x - half, y - half, x + half, y + half)
    patch = canvas.transform(
        (2 * size, 2 * size), Image.Transform.EXTENT, box, Image.Resampling.BICUBIC
    ).resize((size, size), Image.Resampling.BOX)
    return np.asarray(patch, np.float32) / 255


@cache
def _photographs() -> tuple[np.ndarray, ...]:
    from sklearn.datasets import load_sample_images  # noqa: PLC0415 - a second

    return tuple(load_sample_images().images)


def photograph_patch(size: int, rng: np.random.Generator) -> np.ndarray:
    """A random square of scikit-learn's two sample photographs, uint8 ``(size, size, 3)``."""
    photographs = _photographs()
    photograph = photographs[rng.integers(len(photographs))]
    height, width, _ = photograph.shape
    side = int(rng.integers(size, 4 * size))
    top, left = rng.integers(height - side), rng.integers(width - side)
    square = Image.fromarray(photograph[top : top + side, left : left + side])
    return np.asarray(square.resize((size, size), Image.Resampling.BOX))


def blend(mask: np.ndarray, background: np.ndarray) -> np.ndarray:
    """``|background - ink|``: the character as an inversion of what lies behind it.

    Ganin et al. (2016) made MNIST-M so. ``mask`` float ``(s, s)`` in [0, 1], ``background`` uint8
    ``(s, s, 3)``; returns uint8 ``(s, s, 3)``.
    """
    difference = np.abs(background.astype(np.float32) - 255 * mask[..., None])
    return np.rint(difference).astype(np.uint8)
