"""A small encoder with random weights, a pipeline's folders around it, and images for it."""

import io

import numpy as np
import torch
from PIL import Image

from dah.encoder.file import EncoderParts
from dah.files.artifacts import Codes, write_codes, write_images
from dah.images.archives import write_tar
from dah.networks.build import build_trunk
from dah.networks.checkpoints import write_model
from dah.networks.heads import build_network
from dah.tasks.lists import Task, write_task

CATEGORIES = ["mug", "pen", "sofa"]
BITS = 12
SIZE = 32


def parts(seed=0, bits=BITS, trunk="lenet", size=SIZE):
    """An encoder whose codes differ between images: fc8 is spread, batch norm has statistics."""
    torch.manual_seed(seed)
    network = build_network(build_trunk(trunk), bits, 16, "head")
    torch.nn.init.normal_(network.head.fc8.weight)
    network.head.norm.running_mean.uniform_(-1, 1)
    rng = np.random.default_rng(seed)
    return EncoderParts(
        state=network.state_dict(),
        shape={"trunk": trunk, **network.shape},
        size=size,
        categories=CATEGORIES,
        source_codes=np.packbits(rng.integers(0, 2, (9, bits), np.uint8), axis=1),
        source_labels=np.array([0, 1, 2, 0, 1, 2, 0, 0, 1]),
        sharpness=10.0,
    )


def pipeline(folder, given, task="studio-street", *between):
    """The folders that the pipeline leaves; returns the network's file."""
    network = folder.joinpath("models", task, *between, "dah.pt")
    write_model(
        network, given.state, {**given.shape, "method": "dah", "sharpness": given.sharpness}
    )
    ids = [f"s{row}" for row in range(len(given.source_labels))]
    listed = Task(given.categories, given.source_labels, np.array([0]), ["query"])
    write_task(listed, ids, ["t0"], folder / "tasks" / task, folder / "truth.csv")
    shares = np.full((1, len(given.categories)), 1 / 3, np.float32)
    target = given.source_codes[:1]
    codes = Codes(given.bits, given.source_codes, ids, target, ["t0"], shares, shares, 0.5)
    write_codes(folder.joinpath("codes", task, *between, "deep", "dah.h5"), codes)
    squares = np.zeros((len(ids), given.size, given.size, 3), np.uint8)
    write_images(folder / "images" / "studio.h5", enumerate(squares), ids, given.size)
    return network


def picture(seed, kind="PNG", shape=(30, 44)):
    """An image file of coarse coloured noise."""
    pixels = np.random.default_rng(seed).integers(0, 256, (5, 6, 3), np.uint8)
    stored = io.BytesIO()
    Image.fromarray(pixels).resize(shape[::-1]).save(stored, kind)
    return stored.getvalue()


def draw(folder, names):
    """Image files of the given names in a folder."""
    for seed, name in enumerate(names):
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(picture(seed))
    return folder


def archive(path, names):
    """The same images in a tar."""
    write_tar(path, ((name, picture(seed)) for seed, name in enumerate(names)))
    return path
