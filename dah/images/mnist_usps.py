"""MNIST and USPS as files that are no images: torchvision's, or the .mat of shallow adaptation.

The literature has them whole, training and test images together (70,000 of 28 x 28 and 9298 of
16 x 16 pixels), or 2000 and 1800 of them at 16 x 16: ``MNIST_vs_USPS.mat``, ``USPS_vs_MNIST.mat``
(Long et al. 2013). In these ``X_src`` and ``X_tar`` are 256 x n, each column an image row by row,
values in [0, 1); ``Y_src`` and ``Y_tar`` are the digit and one.
"""

import shutil
import socket
from collections.abc import Iterator, Mapping
from io import BytesIO
from pathlib import Path
from pickle import UnpicklingError
from textwrap import shorten
from types import ModuleType
from typing import Any, NamedTuple

import numpy as np
from PIL import Image

from dah.errors import UserError
from dah.files.matlab import load_matlab
from dah.images.download import TIMEOUT

SIDE = 16
SAMPLE = {"mnist": 2000, "usps": 1800}  # images of the .mat, whichever of the two is the source
FILES = "MNIST/raw, usps.bz2 and usps.t.bz2"
_DAMAGE = (
    *(AssertionError, EOFError, LookupError, OSError, RuntimeError, TypeError, ValueError),
    UnpicklingError,
)


class Scans(NamedTuple):
    """Grey pictures uint8 ``(n, side, side)``, ink bright, and the digit on each, int ``(n,)``."""

    pictures: np.ndarray
    digits: np.ndarray


def holds_scans(source: Path) -> bool:
    """Whether a path is a MATLAB file, or a folder with what torchvision downloads."""
    try:
        if source.is_dir():
            return (source / "MNIST" / "raw").is_dir()
        with source.open("rb") as file:
            return source.suffix.lower() == ".mat" or file.read(7) == b"MATLAB "
    except OSError:
        return False


def read_scans(source: Path) -> dict[str, Scans]:
    """Both domains of a path that ``holds_scans``.

    Raises ``UserError`` for a file that is damaged, or holds something else.
    """
    return _in_torchvision(source) if source.is_dir() else _in_matlab(source)


def download_scans(root: Path) -> None:
    """Let torchvision download both into ``root``, what is there not again; it checks their MD5.

    Nothing stands there before it is whole. Raises ``UserError`` where a file cannot be had.
    """
    sets, part = _datasets(), root.with_name(f"{root.name}.part")
    fetchers = {
        "MNIST": lambda: sets.MNIST(part, download=True),
        "usps.bz2": lambda: sets.USPS(part, train=True, download=True),
        "usps.t.bz2": lambda: sets.USPS(part, train=False, download=True),
    }
    waiting = socket.getdefaulttimeout()
    socket.setdefaulttimeout(TIMEOUT)  # torchvision waits for ever
    try:
        for name, fetch in fetchers.items():
            if not (root / name).exists():
                shutil.rmtree(part, ignore_errors=True)
                fetch()
                root.mkdir(parents=True, exist_ok=True)
                (part / name).replace(root / name)
    except _DAMAGE as error:
        raise UserError(
            f"{root / name}: cannot be downloaded by torchvision ({shorten(str(error), 300)}); run"
            f" it again to go on, or set dataset.path to a folder with {FILES}, or to the"
            " MNIST_vs_USPS.mat of 2000 and 1800 images"
        ) from error
    finally:
        socket.setdefaulttimeout(waiting)
        shutil.rmtree(part, ignore_errors=True)


def scan_members(scans: Scans) -> Iterator[tuple[str, bytes]]:
    """The pictures as ``(<digit>/<number>.png, PNG bytes)``, in the order of their names.

    The number counts a domain's pictures as they came, training before test.
    """
    for row in np.lexsort((np.arange(len(scans.digits)), scans.digits)):
        buffer = BytesIO()
        Image.fromarray(scans.pictures[row]).save(buffer, "PNG")
        yield f"{scans.digits[row]}/{row:05d}.png", buffer.getvalue()


def _datasets() -> ModuleType:
    from dah.vision import torchvision  # noqa: PLC0415 - torch takes seconds

    return torchvision.datasets


def _in_torchvision(root: Path) -> dict[str, Scans]:
    sets = _datasets()
    for _, name, digest in sets.USPS.split_list.values():
        path = root / name
        if not sets.utils.check_integrity(path, digest):
            there = "another file" if path.is_file() else "none"
            raise UserError(
                f"{path}: expected USPS of the MD5 {digest}, found {there}; get it from"
                f" {sets.USPS.split_list['train'][0].rpartition('/')[0]}/, or delete it where the"
                " project downloaded it"
            )
    found = {}
    for domain, read in {"mnist": sets.MNIST, "usps": sets.USPS}.items():
        try:
            parts = [read(root, train=train) for train in (True, False)]
            pictures = np.concatenate([np.asarray(part.data) for part in parts])
            digits = np.concatenate([np.asarray(part.targets) for part in parts])
        except _DAMAGE as error:
            raise UserError(
                f"{root}: expected torchvision's {FILES}, {domain} cannot be read from them"
                f" ({shorten(str(error), 300)}); delete them to get them again"
            ) from error
        found[domain] = _scans(root, domain, pictures, digits)
    return found


def _in_matlab(path: Path) -> dict[str, Scans]:
    content = load_matlab(path)
    scans = dict(_half(path, content, half) for half in ("src", "tar"))
    if scans.keys() != SAMPLE.keys():
        raise UserError(f"{path}: expected MNIST and USPS, found {next(iter(scans))} twice")
    return scans


def _half(path: Path, content: Mapping[str, Any], half: str) -> tuple[str, Scans]:
    """The domain that is the source or the target of a .mat, by its number of images."""
    pixels, digits = (_numbers(content.get(f"{name}_{half}")) for name in "XY")
    shapes = {(SIDE * SIDE, count): domain for domain, count in SAMPLE.items()}
    if pixels.shape not in shapes or digits.size != pixels.shape[1]:
        raise UserError(
            f"{path}: expected X_{half} of {' or '.join(map(str, shapes))} with as many Y_{half},"
            f" found {pixels.shape} and {digits.shape}; set dataset.path to the MNIST_vs_USPS.mat"
            " of 2000 and 1800 images, or to folders of images"
        )
    if not (pixels.min() >= 0 and pixels.max() <= 1):  # NaN is neither
        raise UserError(
            f"{path}: expected X_{half} in [0, 1], found {pixels.min()} to {pixels.max()}; get the"
            " file again"
        )
    grey = np.minimum(pixels * 256, 255).astype(np.uint8)  # MNIST's are k / 256
    domain = shapes[pixels.shape]
    return domain, _scans(path, domain, grey.T.reshape(-1, SIDE, SIDE), np.ravel(digits) - 1)


def _numbers(value: Any) -> np.ndarray:
    return value if isinstance(value, np.ndarray) else np.empty(0)


def _scans(path: Path, domain: str, pictures: np.ndarray, digits: np.ndarray) -> Scans:
    """Refuse categories that are not the ten digits, one for each picture."""
    found = np.unique(digits)
    if len(pictures) != len(digits) or not np.array_equal(found, np.arange(10)):
        raise UserError(
            f"{path}: expected the digits 0 to 9 of {len(pictures)} images of {domain}, found"
            f" {len(digits)} of {', '.join(map(str, found[:12]))}; get the file again"
        )
    return Scans(pictures, digits.astype(int))
