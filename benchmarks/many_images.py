"""An archive of many small images in two domains, to see what the pipeline makes of a large set.

    python benchmarks/many_images.py --images 50000 --out /tmp/many.tar
    dvc exp run -S dataset.name=folder -S dataset.path=/tmp/many.tar -S 'domains=[plain,blended]' \
        -S 'tasks=[plain-blended]' -S train.epochs=2 -S pseudo_labels.warm_up=1 -S train.threads=1

makes so many images of 32 pixels of each domain, ``<domain>/<category>/<number>.png``, ten
categories, and runs all stages on them; ``metrics/cost.json`` has what each took. ``plain``: a
printed digit, dark on light, shifted; ``blended``: |background - digit|, the background a random
slope, both with noise, every pixel from one seed. They are many, not hard.
"""

import argparse
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path

import numpy as np
from PIL import Image

from dah.images.archives import write_tar
from dah.images.glyphs import FONTS, ink

SIZE, OF_EACH, MOST_SHIFT, NOISE = 32, 3, 2, 12.0
DOMAINS = "plain", "blended"


def members(images: int, seed: int = 0) -> Iterator[tuple[str, bytes]]:
    """Name and PNG of each image, domain by domain, category by category."""
    rng = np.random.default_rng(seed)
    masks = [
        [ink(digit, font, SIZE, rng) for font in FONTS for _ in range(OF_EACH)]
        for digit in "0123456789"
    ]
    for domain in DOMAINS:
        for category, of in enumerate(masks):
            for number in range(category, images, len(masks)):
                pixels = drawn(of[rng.integers(len(of))], domain, rng)
                file = BytesIO()
                Image.fromarray(pixels).save(file, "PNG")
                yield f"{domain}/{category}/{number:07}.png", file.getvalue()


def drawn(mask: np.ndarray, domain: str, rng: np.random.Generator) -> np.ndarray:
    """One image, uint8 ``(32, 32)``, of an ink mask in [0, 1]."""
    mask = np.roll(mask, rng.integers(-MOST_SHIFT, MOST_SHIFT + 1, 2), axis=(0, 1))
    if domain == "plain":
        clean = rng.uniform(200, 255) * (1 - rng.uniform(0.7, 1.0) * mask)
    else:
        down, across = (np.linspace(*rng.uniform(0, 127, 2), SIZE) for _ in range(2))
        clean = np.abs(down[:, None] + across - 255 * mask)
    return (clean + rng.normal(0, NOISE, mask.shape)).clip(0, 255).astype(np.uint8)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--images", type=int, default=50_000, help="of each domain")
    parser.add_argument("--out", type=Path, default=Path("many.tar"))
    given = parser.parse_args()
    write_tar(given.out, members(given.images))
    print(f"{given.out}: {len(DOMAINS)} domains of {given.images} images")
