"""Images per second that reach a network: ``python benchmarks/loading.py [--device cuda]``.

Ours, decoded once and viewed on the training device from memory, beside torchvision's ImageFolder
in a DataLoader, which decodes in every epoch; both from the same JPEG files, made here.
"""

import argparse
import tempfile
from collections.abc import Callable
from pathlib import Path
from time import perf_counter

import numpy as np
import torch
from PIL import Image
from torch.utils.data import DataLoader

from dah.compute.augment import random_view
from dah.compute.devices import choose_device
from dah.images.archives import read_members
from dah.images.decode import decode_all
from dah.params import Augment
from dah.vision import torchvision

COUNT, BATCH = 512, 64
STORED, SEEN = 256, 224  # pixels
VIEWS = Augment(aspect=1.5, flip=True, colour=0.1)


def write_jpegs(folder: Path) -> None:
    """Smooth random photographs of 400 by 300 pixels in four categories."""
    rng = np.random.default_rng(0)
    for i in range(COUNT):
        path = folder / str(i % 4) / f"{i}.jpg"
        path.parent.mkdir(parents=True, exist_ok=True)
        coarse = Image.fromarray(rng.integers(0, 256, (30, 40, 3), dtype=np.uint8))
        coarse.resize((400, 300), Image.Resampling.BICUBIC).save(path, quality=90)


def images_per_second(work: Callable[[], object], device: torch.device) -> float:
    begin = perf_counter()
    work()
    if device.type == "cuda":
        torch.cuda.synchronize()
    return COUNT / (perf_counter() - begin)


def loader_rate(folder: Path, device: torch.device, workers: int) -> float:
    """An epoch of the usual pipeline, its workers already running."""
    steps = torchvision.transforms
    crop, flip = steps.RandomResizedCrop(SEEN), steps.RandomHorizontalFlip()
    view = steps.Compose([crop, flip, steps.ToTensor()])
    data = torchvision.datasets.ImageFolder(folder, view)
    pinned = device.type == "cuda"
    loader = DataLoader(
        data, BATCH, True, num_workers=workers, pin_memory=pinned, persistent_workers=workers > 0
    )

    def epoch() -> None:
        for images, _ in loader:
            images.to(device, memory_format=torch.channels_last, non_blocking=True)

    epoch()
    return images_per_second(epoch, device)


def own_rates(folder: Path, device: torch.device) -> tuple[float, float]:
    """Decoding, once before training; views of an epoch."""
    squares: list[np.ndarray] = []

    def decode() -> None:
        squares.extend(picture.square for _, picture in decode_all(read_members(folder), STORED))

    decoded = images_per_second(decode, device)
    pixels = torch.from_numpy(np.stack(squares)).to(device)
    view = random_view("all", SEEN, VIEWS, device, np.stack(squares[:32]))
    noise = torch.Generator(device).manual_seed(0)

    def epoch() -> None:
        for rows in torch.randperm(COUNT).to(device).split(BATCH):
            view(pixels[rows], noise, len(rows), slice(None))

    epoch()
    return decoded, images_per_second(epoch, device)


def measure(device: torch.device, workers: int) -> dict[str, float]:
    """Images per second of decoding, of our views and of the loader."""
    with tempfile.TemporaryDirectory() as folder:
        write_jpegs(Path(folder))
        loaded = loader_rate(Path(folder), device, workers)
        decoded, viewed = own_rates(Path(folder), device)
    return {"decoding, once": decoded, "views": viewed, f"ImageFolder, {workers} workers": loaded}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--device", default="auto", choices=["auto", "cpu", "cuda"])
    parser.add_argument("--workers", type=int, default=torch.get_num_threads())
    arguments = parser.parse_args()
    for name, rate in measure(choose_device(arguments.device), arguments.workers).items():
        print(f"{name:24}{rate:8.0f} images/s")


if __name__ == "__main__":
    main()
