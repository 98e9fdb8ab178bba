"""From the bytes of an image file to a square of sRGB pixels."""

import os
import struct
import warnings
import zlib
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import lru_cache
from io import BytesIO
from itertools import islice
from typing import NamedTuple

import numpy as np
from PIL import Image, ImageCms, JpegImagePlugin, UnidentifiedImageError

from dah.images.contents import Unread
from dah.images.formats import FORMATS, HEAD, lacking
from dah.images.memory import Memory
from dah.images.scans import scans

MAX_PIXELS = 89_478_485  # beyond which Pillow warns; of a JPEG, after it was decoded smaller
MAX_SCANS = 100  # of a progressive JPEG, which usually has 10: each is a pass over all pixels
PIXEL = 9  # bytes that a decoded pixel takes at the peak: a palette's with transparency
WIDE_PIXEL = 16  # of 32 bits of grey; and of formats whose library keeps pictures of its own
WIDE_FORMATS = {"WEBP", "AVIF", "HEIF"}
MAX_BYTES = PIXEL * MAX_PIXELS  # that decoding one image may take: 768 MiB
MEMORY = Memory(2**30)  # that all threads may take together for decoding
_PER_THREAD = 16  # images that a thread decodes between two hand-overs
DAMAGE = (
    OSError,
    SyntaxError,
    ValueError,
    struct.error,
    zlib.error,
    EOFError,
    IndexError,
    KeyError,
    TypeError,
    OverflowError,
    RuntimeError,
)
_ORIENTATION = 0x0112
_TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}


class Picture(NamedTuple):
    """A square of pixels uint8 ``(size, size, 3)``, and the width and height that its file has."""

    square: np.ndarray
    width: int
    height: int


def decode(data: bytes, size: int) -> np.ndarray:
    """An image file's centre square, its shorter side scaled to ``size`` pixels.

    JPEG, PNG, BMP, WebP and the first frame of GIF and TIFF, AVIF and HEIC where their readers are
    there; turned as EXIF says, an embedded ICC profile applied, transparency laid on white. Returns
    sRGB uint8 ``(size, size, 3)``.

    Raises ``ValueError`` with a short reason where the data are no such image, are truncated or
    damaged, or would unpack to more than ``MAX_PIXELS`` or take more than ``MAX_BYTES``, or have
    more than ``MAX_SCANS`` passes over the pixels. Waits while others take most of ``MEMORY``.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return _decode(data, size).square


def prepare(image: Image.Image, size: int) -> np.ndarray:
    """An image's centre square as of ``decode``; the image is loaded where it was not yet.

    Raises ``ValueError`` with a short reason where it cannot be.
    """
    with _reasons(image.format or "image"):
        image.load()
        turn = _turn(image)  # of a TIFF, which Pillow turns as it loads it, none
    square = _square(_plain(image), size)
    if turn is not None:
        square = square.transpose(turn)
    return np.array(_srgb(square, image.info.get("icc_profile")))


def decode_all(
    members: Iterable[tuple[str, bytes]], size: int, threads: int | None = None
) -> Iterator[tuple[str, Picture | str]]:
    """Each member's name with its picture, decoded as by ``decode``, or why it cannot be read.

    In the order given, on all cores unless ``threads`` says otherwise; at most 16 members per
    thread are in memory. Decoding and scaling run outside Python's global lock.
    """
    threads = threads or os.cpu_count() or 1
    members = iter(members)
    with ThreadPoolExecutor(threads) as pool:
        while chunk := list(islice(members, _PER_THREAD * threads)):
            # Warning filters are one per process: changed only while the caller waits here.
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                pictures = list(pool.map(lambda member: _attempt(member[1], size), chunk))
            for (name, _), picture in zip(chunk, pictures, strict=True):
                yield name, picture


def _attempt(data: bytes, size: int) -> Picture | str:
    if isinstance(data, Unread):
        return data.reason
    try:
        return _decode(data, size)
    except ValueError as error:
        return lacking(data[:HEAD]) or str(error)


def _decode(data: bytes, size: int) -> Picture:
    passes = scans(data, MAX_SCANS + 1) if _is_jpeg(data) else []
    if len(passes) > MAX_SCANS:
        raise ValueError(f"more than {MAX_SCANS} scans")
    with _reasons("image"):
        image = _opened(data)
    width, height = image.size
    image.draft(None, (size, size))  # JPEG: decode at 1/2, 1/4, 1/8 where that suffices
    needed = _needed(image, width * height, passes)
    if needed > MAX_BYTES:
        most = width * height * MAX_BYTES // needed
        raise ValueError(f"more than {most // 10**6} million pixels")
    with MEMORY.taken(needed), image:
        return Picture(prepare(image, size), width, height)


def _is_jpeg(data: bytes) -> bool:
    return data.startswith(b"\xff\xd8\xff")


def _opened(data: bytes) -> Image.Image:
    """The image, its header read; of a JPEG the size is not looked at, as it is decoded smaller."""
    if not _is_jpeg(data):
        return Image.open(BytesIO(data), formats=FORMATS)
    try:
        return JpegImagePlugin.jpeg_factory(BytesIO(data))
    except DAMAGE as error:
        raise UnidentifiedImageError from error


def _needed(image: Image.Image, pixels: int, passes: Sequence[int]) -> int:
    """The bytes that decoding takes at its peak, for an image of so many pixels in its file.

    A JPEG of several scans is kept whole: 2 bytes for each sample of each of its layers.
    """
    wide = image.format in WIDE_FORMATS or image.mode in {"I", "F"}
    needed = (WIDE_PIXEL if wide else PIXEL) * image.width * image.height
    if not passes:
        return needed
    sides = [(across, down) for _, across, down, _ in image.layer]
    largest = max((a for a, _ in sides), default=0) * max((d for _, d in sides), default=0)
    in_scans = "progressive" in image.info or passes[0] < len(sides)
    samples = pixels * sum(a * d for a, d in sides) // max(1, largest)
    return needed + 2 * samples * in_scans


@contextmanager
def _reasons(kind: str) -> Iterator[None]:
    """Pillow's many errors as ``ValueError`` with a few words."""
    try:
        yield
    except UnidentifiedImageError as error:
        raise ValueError(f"not a readable image of {', '.join(FORMATS)}") from error
    except Image.DecompressionBombError as error:
        raise ValueError(f"more than {MAX_PIXELS // 10**6} million pixels") from error
    except DAMAGE as error:
        damage = "truncated" if "truncated" in str(error) else "damaged"
        raise ValueError(f"{damage} {kind} ({type(error).__name__})") from error


def _turn(image: Image.Image) -> Image.Transpose | None:
    """How EXIF says to turn; a damaged entry says nothing."""
    try:
        return _TURNS.get(image.getexif().get(_ORIENTATION))
    except DAMAGE:
        return None


def _plain(image: Image.Image) -> Image.Image:
    """The pixels as RGB, L or CMYK, or as RGBA where some are transparent."""
    if image.mode == "F" or (image.mode == "I" and image.getextrema()[1] >= 2**16):
        raise ValueError("32 bits of grey, whose white is not known")
    if image.mode.startswith("I"):  # 16 bits of grey
        grey = np.asarray(image)
        shades = np.empty(grey.shape, np.uint8)
        for row, of in enumerate(grey):  # one at a time: 32 bits of a whole image are a lot
            shades[row] = (of.astype(np.uint32) * 255 + 32767) // 65535
        return Image.fromarray(shades)
    if image.has_transparency_data:
        return image if image.mode == "RGBA" else image.convert("RGBA")
    return image if image.mode in {"RGB", "L", "CMYK"} else image.convert("RGB")


def _square(image: Image.Image, size: int) -> Image.Image:
    """The centre square, scaled with a filter as wide as the step, on white."""
    width, height = image.size
    side = min(width, height)
    left, top = (width - side) / 2, (height - side) / 2
    box = (left, top, left + side, top + side)
    scaled = image.resize((size, size), Image.Resampling.BICUBIC, box, reducing_gap=3.0)
    if scaled.mode != "RGBA":
        return scaled
    white = Image.new("RGBA", scaled.size, "white")
    return Image.alpha_composite(white, scaled).convert("RGB")


def _srgb(image: Image.Image, profile: bytes | None) -> Image.Image:
    transform = _transform(profile, image.mode) if profile else None
    return transform.apply(image) if transform else image.convert("RGB")


@lru_cache(maxsize=16)
def _transform(profile: bytes, mode: str) -> ImageCms.ImageCmsTransform | None:
    """From the embedded profile to sRGB; None where it is broken or for other colours."""
    try:
        source = ImageCms.ImageCmsProfile(BytesIO(profile))
        return ImageCms.buildTransform(source, ImageCms.createProfile("sRGB"), mode, "RGB")
    except (ImageCms.PyCMSError, *DAMAGE):
        return None
