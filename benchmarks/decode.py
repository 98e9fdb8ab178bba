"""Images per second and peak memory of ``dah.images.decode`` beside a plain Pillow loop.

    python benchmarks/decode.py --archive office31.tar --size 256

Both read the archive themselves, each in a process of its own; the fastest of ``--rounds`` counts.
"""

import argparse
import multiprocessing
import resource
import sys
import time
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path

import numpy as np
from PIL import Image

from dah.images.archives import read_members
from dah.images.decode import decode_all


def plain(path: Path, size: int) -> Iterator[np.ndarray]:
    """What one writes first: whole decoding, one core, no crop, profile, turn or check."""
    for _, data in read_members(path):
        yield np.asarray(Image.open(BytesIO(data)).convert("RGB").resize((size, size)))


def ours(path: Path, size: int, threads: int | None) -> Iterator[np.ndarray]:
    for _, picture in decode_all(read_members(path), size, threads):
        yield picture.square


def measure(loop: str, path: Path, size: int) -> tuple[int, float, float, float]:
    """Images, seconds, CPU seconds and peak memory in MiB of one pass."""
    loops = {
        "plain loop": lambda: plain(path, size),
        "decode, 1 thread": lambda: ours(path, size, 1),
        "decode, all cores": lambda: ours(path, size, None),
    }
    begin, cpu = time.perf_counter(), time.process_time()
    images = sum(1 for _ in loops[loop]())
    unit = 2**20 if sys.platform == "darwin" else 2**10
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / unit
    return images, time.perf_counter() - begin, time.process_time() - cpu, peak


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--archive", type=Path, required=True, help="a tar, zip or folder")
    parser.add_argument("--size", type=int, default=256, help="side of the squares, pixels")
    parser.add_argument("--rounds", type=int, default=3)
    arguments = parser.parse_args()
    spawn = multiprocessing.get_context("spawn")
    names = ("plain loop", "decode, 1 thread", "decode, all cores")
    best: dict[str, tuple[int, float, float, float]] = {}
    for _ in range(arguments.rounds):
        for name in names:  # in turn, so that other load meets all alike
            with spawn.Pool(1) as process:
                figures = process.apply(measure, (name, arguments.archive, arguments.size))
            best[name] = min(best.get(name, figures), figures, key=lambda figures: figures[1])
    base = best["plain loop"][0] / best["plain loop"][1]
    print(f"{'':<20}{'images':>8}{'images/s':>10}{'ratio':>7}{'CPU ms each':>13}{'peak MiB':>10}")
    for name, (images, seconds, cpu, peak) in best.items():
        rate = images / seconds
        print(
            f"{name:<20}{images:>8}{rate:>10.0f}{rate / base:>7.2f}"
            f"{1000 * cpu / images:>13.2f}{peak:>10.0f}"
        )


if __name__ == "__main__":
    main()
