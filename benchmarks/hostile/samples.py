"""Whole small files of every kind that the project reads."""

import io
import json
import tarfile
import zipfile
from collections.abc import Callable
from hashlib import sha256
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import torch
from PIL import Image, ImageCms
from scipy.io import savemat

from dah.encoder.file import EncoderParts, write_encoder
from dah.encoder.imagecodes import Header, Rows, writing
from dah.files.artifacts import Codes, write_codes, write_features, write_images
from dah.images.formats import AVIF
from dah.networks.build import build_trunk
from dah.networks.checkpoints import write_model
from dah.networks.heads import build_network
from dah.search.index import CONTENTS, build_index, shard_path
from dah.search.kinds import EFFORT
from dah.tasks.lists import Task, write_task

ROOT = Path(__file__).parents[2]
FILTERS = {"conv1": 11, "conv2": 5, "conv3": 3, "conv4": 3, "conv5": 3, "fc6": 6, "fc7": 1}
POOLED = ("conv1", "conv2", "conv5")
STRIDES, PADS = {"conv1": 4}, {"conv2": 2, "conv3": 1, "conv4": 1, "conv5": 1}
CATEGORIES = ["mug", "pen", "bike"]
SEARCHES = find_spec("faiss") is not None


def written(write: Callable[[Path], None], folder: Path, name: str) -> bytes:
    """What a writer of the project puts into a file."""
    write(folder / name)
    return (folder / name).read_bytes()


def picture(mode: str = "RGB", side: int = 40, seed: int = 0) -> Image.Image:
    """Smooth colours, so that every part of a decoder is used."""
    noise = np.random.default_rng(seed).integers(0, 256, (6, 8, 3), np.uint8)
    return Image.fromarray(noise).resize((side + 9, side), Image.Resampling.BICUBIC).convert(mode)


def encoded(form: str, mode: str = "RGB", **options: object) -> bytes:
    """An image file."""
    file = io.BytesIO()
    picture(mode).save(file, form, **options)
    return file.getvalue()


def images() -> dict[str, list[bytes]]:
    """Image files of each form, with the extras that decoders parse: EXIF, ICC, palettes."""
    exif = Image.Exif()
    exif[0x0112] = 6
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    extras = {"exif": exif.tobytes(), "icc_profile": profile}
    frames = [picture("P", seed=1), picture("P", seed=2)]
    return {
        "JPEG": [
            encoded("JPEG", **extras),
            encoded("JPEG", "CMYK", progressive=True),
            encoded("JPEG", "L"),
        ],
        "PNG": [
            encoded("PNG", "RGBA", **extras),
            encoded("PNG", "P", transparency=0),
            encoded("PNG", "I;16"),
            encoded("PNG", save_all=True, append_images=[picture(seed=3)]),
        ],
        "BMP": [encoded("BMP"), encoded("BMP", "P"), encoded("BMP", "1")],
        "GIF": [encoded("GIF", "P"), encoded("GIF", save_all=True, append_images=frames)],
        "WebP": [
            encoded("WEBP", **extras),
            encoded("WEBP", "RGBA", lossless=True),
            encoded("WEBP", save_all=True, append_images=[picture(seed=3)]),
        ],
        "TIFF": [
            encoded("TIFF", **extras),
            encoded("TIFF", "RGBA", compression="tiff_lzw"),
            encoded("TIFF", "I;16", compression="tiff_adobe_deflate"),
            encoded("TIFF", "1", compression="group4"),
            encoded("TIFF", compression="jpeg", save_all=True, append_images=[picture(seed=3)]),
            encoded("TIFF", "L", big_tiff=True),
        ],
        **({"AVIF": [encoded("AVIF"), encoded("AVIF", "RGBA", **extras)]} if AVIF else {}),
    }


def codes(probabilities: bool) -> Codes:
    """The export of five images, with and without what a network adds."""
    rng = np.random.default_rng(0)
    source, target = (rng.integers(0, 256, (n, 2), np.uint8) for n in (3, 2))
    shares = np.full((2, 3), 1 / 3, np.float32) if probabilities else None
    return Codes(16, source, list("abc"), target, list("de"), shares, shares, 0.25)


def encoded_images(path: Path) -> None:
    """Codes of five images from two folders, as `encode` writes them."""
    rng = np.random.default_rng(0)
    rows = Rows(
        origins=[f"/photos/{i % 2}" for i in range(5)],
        names=[f"ä{i}.png" for i in range(5)],
        codes=rng.integers(0, 256, (5, 2), np.uint8),
        labels=(np.arange(5) % len(CATEGORIES)).astype(np.int32),
        probabilities=rng.random(5).astype(np.float32),
        far=np.arange(5) == 3,
        outputs=rng.standard_normal((5, 16)).astype(np.float16),
    )
    header = Header(16, CATEGORIES, "/models/e.pt", "f" * 16, calibrated=True, outputs=True)
    with writing(path, header) as append:
        append(rows)


def indexes(folder: Path) -> dict[str, list[bytes]]:
    """The files of an index of those codes: a shard of each kind, and what is said of it."""
    encoded_images(folder / "i.h5")
    made: dict[str, list[bytes]] = {}
    for kind in EFFORT:
        index = build_index([folder / "i.h5"], folder / "index", kind)
        made[f"index {kind}"] = [shard_path(index.folder, 0).read_bytes()]
        if kind == "flat":
            made[CONTENTS] = [(index.folder / CONTENTS).read_bytes()]
    return made


def stored(folder: Path) -> dict[str, list[bytes]]:
    """The HDF5 files between the stages, and the models of torch."""
    rng = np.random.default_rng(0)
    squares, fc7 = rng.integers(0, 256, (4, 8, 8, 3), np.uint8), rng.random((4, 3), np.float32)
    trunk = build_trunk("lenet")
    network = build_network(trunk, 8, 0, "head")
    config = {"trunk": "lenet", "method": "dah", **network.shape}
    state = trunk.state_dict()
    packed, labels = rng.integers(0, 256, (6, 1), np.uint8), np.arange(6) % len(CATEGORIES)
    shape = {"trunk": "lenet", **network.shape}
    encoder = EncoderParts(network.state_dict(), shape, 32, CATEGORIES, packed, labels, 10.0)

    def models(path: Path) -> None:
        torch.save(state, path, _use_new_zipfile_serialization=False)

    return {
        "HDF5 images": [
            written(lambda p: write_images(p, enumerate(squares), list("abcd"), 8), folder, "i.h5")
        ],
        "HDF5 features": [written(lambda p: write_features(p, fc7, list("abcd")), folder, "f.h5")],
        "HDF5 codes": [
            written(lambda p, more=more: write_codes(p, codes(more)), folder, "c.h5")
            for more in (False, True)
        ],
        "HDF5 encoded": [written(encoded_images, folder, "e.h5")],
        "encoder": [
            written(lambda p: write_encoder(p, encoder), folder, "e.pt"),
        ],
        "model": [
            written(lambda p: write_model(p, network.state_dict(), config), folder, "m.pt")
        ],
        "trunk": [written(lambda p: write_model(p, state, {"trunk": "lenet"}), folder, "t.pt")],
        "weights": [written(lambda p: torch.save(state, p), folder, "w.pth"),
                    written(models, folder, "w.pth")],
    }  # fmt: skip


def archives() -> dict[str, list[bytes]]:
    """A data set of four images, packed in every way."""
    members = [(f"set/a/images/{c}/{i}.png", encoded("PNG")) for c in ("mug", "pen") for i in "01"]
    packed: dict[str, list[bytes]] = {"zip": [], "tar": []}
    for compression in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        file = io.BytesIO()
        with zipfile.ZipFile(file, "w", compression) as archive:
            for name, data in members:
                archive.writestr(name, data)
        packed["zip"].append(file.getvalue())
    for form in (tarfile.PAX_FORMAT, tarfile.GNU_FORMAT):
        file = io.BytesIO()
        with tarfile.open(fileobj=file, mode="w", format=form) as archive:
            for name, data in members:
                header = tarfile.TarInfo(f"{'long/' * 25}{name}")
                header.size = len(data)
                archive.addfile(header, io.BytesIO(data))
        packed["tar"].append(file.getvalue())
    return packed


def matconvnet(folder: Path) -> list[bytes]:
    """VGG-F with one filter a layer in MatConvNet's form, packed and not."""
    layers, channels = [], 3
    for name, side in FILTERS.items():
        cell = np.empty(2, object)
        cell[:] = np.ones((side, side, channels, 2), np.float32), np.ones((1, 2), np.float32)
        pad, stride = [PADS.get(name, 0)] * 4, [STRIDES.get(name, 1)] * 2
        layers.append({"type": "conv", "weights": cell, "stride": stride, "pad": pad})
        layers.append({"type": "relu"})
        if name in POOLED:
            if name != "conv5":
                layers.append({"type": "lrn", "param": np.float32([5, 2, 1e-4, 0.75])})
            layers.append(
                {"type": "pool", "method": "max", "pool": [3, 3], "stride": [2, 2]}
                | {"pad": [0, 1, 0, 1]}
            )
        channels = 2
    cell = np.empty(len(layers), object)
    cell[:] = layers
    content = {"layers": cell, "meta": {"normalization": {"averageImage": np.ones(3, np.float32)}}}
    return [
        written(lambda p, z=z: savemat(p, content, do_compression=z), folder, "v.mat")
        for z in (False, True)
    ]


def tables(folder: Path) -> dict[str, list[bytes]]:
    """The lists of a task, each under the name of its file, metrics and the parameters."""
    labels = np.array([0, 1, 2, 0, 1])
    task = Task(CATEGORIES, labels, labels, ["query", "database"] * 2 + ["database"])
    sides = ([f"{side}{i}" for i in range(5)] for side in "st")
    write_task(task, *sides, folder / "lists", folder / "truth.csv")
    lists = {path.name: [path.read_bytes()] for path in (folder / "lists").iterdir()}
    figures = {"accuracy": {"dah": 51.2, "itq": 3.0}, "deviation": {"accuracy": {"dah": 1.5}}}
    return {
        **lists,
        "truth.csv": [(folder / "truth.csv").read_bytes()],
        "labels.csv": [
            b"id,category,file,width,height\na,mug,mug/1.png,3,4\nb,pen,pen/2.png,3,4\n"
        ],
        "metrics": [json.dumps(figures, indent=2).encode()],
        "params.yaml": [(ROOT / "params.yaml").read_bytes()],
        "SHA256": [f"{sha256().hexdigest()}  office31.archive\n".encode()],
    }


def samples(folder: Path) -> dict[str, list[bytes]]:
    """The whole files of every kind; `folder` is scratch."""
    return {
        **images(),
        **stored(folder),
        **(indexes(folder) if SEARCHES else {}),
        **archives(),
        "MatConvNet": matconvnet(folder),
        **tables(folder),
    }
