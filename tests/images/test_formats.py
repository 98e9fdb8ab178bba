"""Formats beside the common ones: TIFF always, AVIF and HEIC where there is a reader."""

import importlib.util
import io

import numpy as np
import pytest
from numpy.testing import assert_allclose
from PIL import Image

from dah.images import decode as decoding
from dah.images import formats
from dah.images.contents import Unread
from dah.images.decode import decode, decode_all
from dah.images.formats import HEAD, begins_like_image, lacking, named_image

COLOURS = np.array([[[220, 40, 30], [40, 200, 60]], [[30, 60, 210], [230, 220, 40]]], np.uint8)
HEIC = b"\0\0\0\x18ftypheic" + bytes(40)


def stored(kind, turn=1, mode="RGB", **options):
    """Four quarters of 20 x 20 pixels, with EXIF's orientation."""
    picture = Image.fromarray(COLOURS.repeat(20, axis=0).repeat(20, axis=1)).convert(mode)
    exif, buffer = Image.Exif(), io.BytesIO()
    exif[0x0112] = turn
    picture.save(buffer, kind, exif=exif.tobytes(), **options)
    return buffer.getvalue()


def centres(square):
    """The pixels in the middle of the quarters."""
    n = len(square) // 4
    return square[n :: 2 * n, n :: 2 * n]


KINDS = ["TIFF", "JPEG", "AVIF", "HEIF"]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(("turn", "quarters"), [(1, 0), (3, 2), (6, 3), (8, 1)])
def test_every_format_is_turned_once_as_exif_says(kind, turn, quarters):
    """Pillow turns a TIFF itself."""
    if kind not in ("JPEG", *formats.FORMATS):
        pytest.skip(f"there is no reader of {kind} here")
    found = centres(decode(stored(kind, turn), 40))
    assert_allclose(found, np.rot90(COLOURS, quarters), atol=45)


@pytest.mark.parametrize("options", [{}, {"compression": "tiff_lzw"}, {"compression": "jpeg"}])
def test_tiff_is_read(options):
    """Compressed or not."""
    assert_allclose(centres(decode(stored("TIFF", **options), 40)), COLOURS, atol=25)


def test_tiff_of_16_bits_is_scaled():
    """Its white is white."""
    buffer = io.BytesIO()
    Image.fromarray(np.full((8, 8), 65535, np.uint16)).save(buffer, "TIFF")
    assert (decode(buffer.getvalue(), 8) == 255).all()


@pytest.mark.parametrize("values", [np.float32(0.5), np.int32(10**6)])
def test_numbers_without_a_white_are_refused(values):
    """Measurements in 32 bits would come out black, or as noise."""
    buffer = io.BytesIO()
    Image.fromarray(np.full((8, 8), values)).save(buffer, "TIFF")
    with pytest.raises(ValueError, match="32 bits of grey"):
        decode(buffer.getvalue(), 8)


def test_an_image_without_a_reader_says_what_to_install(monkeypatch):
    """By its first bytes, whatever it is called; and so does an AVIF for an old Pillow."""
    monkeypatch.setattr(formats, "FORMATS", ("JPEG", "PNG"))
    monkeypatch.setattr(decoding, "FORMATS", ("JPEG", "PNG"))
    ((_, reason),) = decode_all([("a.heic", HEIC)], 8)
    assert reason == "HEIF, which pillow-heif reads: pip install 'dah[heic]'"
    assert lacking(b"\0\0\0\x18ftypavif").startswith("AVIF, which")
    assert lacking(b"\0\0\0\x18ftypqt  ") is None
    assert lacking(stored("PNG")[:HEAD]) is None


def test_the_reason_of_what_was_not_read_is_kept():
    """It is listed with the images that cannot be read."""
    assert list(decode_all([("a", Unread("is a link"))], 8)) == [("a", "is a link")]


def test_images_are_known_by_names_and_beginnings():
    """A film in the container of HEIC is none."""
    assert all(named_image(f"a/b{end}") for end in (".JPG", ".jfif", ".TIF", ".heic", ".CR2"))
    assert not any(named_image(f"a/b{end}") for end in (".mp4", ".txt", "", "jpg"))
    kinds = ("JPEG", "PNG", "BMP", "GIF", "WEBP", "TIFF")
    assert all(begins_like_image(stored(kind)[:HEAD]) for kind in kinds)
    assert begins_like_image(HEIC[:HEAD])
    assert not begins_like_image(b"\0\0\0\x18ftypisom")
    assert not begins_like_image(b"%PDF-1.7")


def test_heic_is_read_where_its_extra_is_installed():
    """``pip install 'dah[heic]'``."""
    assert ("HEIF" in formats.FORMATS) == (importlib.util.find_spec("pillow_heif") is not None)
