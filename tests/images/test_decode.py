"""Decoding: every format, mode and turn against pixels computed here; hostile files are reasons."""

import io
import os
import re
import struct
import subprocess
import sys
import tarfile
import threading
import warnings
import zlib
from itertools import count, islice
from pathlib import Path

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from PIL import Image, ImageCms

from benchmarks.hostile.bombs import jpeg_of_scans
from dah.images import decode as decoding
from dah.images.decode import decode, decode_all
from dah.images.memory import Memory
from dah.images.scans import scans

SHARED = Path(os.environ.get("DAH_SHARED_DATA", Path(__file__).parents[3] / "shared" / "data"))
RED, GREEN, BLUE, YELLOW = (200, 30, 40), (20, 180, 60), (30, 50, 220), (230, 220, 20)


def quarters(width=64, height=64):
    """Four colours: red and green above blue and yellow."""
    pixels = np.empty((height, width, 3), np.uint8)
    pixels[: height // 2, : width // 2], pixels[: height // 2, width // 2 :] = RED, GREEN
    pixels[height // 2 :, : width // 2], pixels[height // 2 :, width // 2 :] = BLUE, YELLOW
    return Image.fromarray(pixels)


def encoded(image, form, **options):
    buffer = io.BytesIO()
    image.save(buffer, form, **options)
    return buffer.getvalue()


def corners(square):
    """The mean colours of the quarters, away from their edges."""
    n = len(square)
    near, far = slice(n // 8, 3 * n // 8), slice(5 * n // 8, 7 * n // 8)
    return [square[rows, columns].mean((0, 1)) for rows in (near, far) for columns in (near, far)]


@pytest.mark.parametrize(
    ("form", "options", "tolerance"),
    [
        ("JPEG", {"quality": 95}, 4),
        ("JPEG", {"quality": 95, "progressive": True}, 4),
        ("PNG", {}, 1),
        ("BMP", {}, 1),
        ("GIF", {}, 1),
        ("WEBP", {"lossless": True}, 1),
        ("WEBP", {"quality": 90}, 6),
    ],
)
@pytest.mark.parametrize("size", [16, 64, 100])
def test_every_format_keeps_its_colours_and_places(form, options, tolerance, size):
    """Four quarters, scaled down, kept and scaled up."""
    square = decode(encoded(quarters(), form, **options), size)
    assert square.shape == (size, size, 3)
    assert square.dtype == np.uint8
    assert square.flags.c_contiguous
    assert square.flags.writeable
    assert_allclose(corners(square), [RED, GREEN, BLUE, YELLOW], atol=tolerance)


def test_a_square_of_the_right_size_is_kept_exactly():
    """No filter touches what needs no scaling."""
    pixels = np.random.default_rng(0).integers(0, 256, (40, 40, 3), np.uint8)
    assert_array_equal(decode(encoded(Image.fromarray(pixels), "PNG"), 40), pixels)


@pytest.mark.parametrize(("width", "height"), [(90, 40), (40, 90), (41, 40), (40, 1000)])
def test_the_centre_square_is_kept(width, height):
    """Twin: slice the array, twice where an odd rest leaves half a pixel on either side."""
    y, x = np.mgrid[:height, :width]
    ramp = np.stack([x * 2 % 256, y // 4, np.full_like(x, 7)], axis=-1).astype(np.uint8)
    top, left = (height - 40) / 2, (width - 40) / 2
    low = ramp[int(top) : int(top) + 40, int(left) : int(left) + 40].astype(float)
    high = ramp[-int(-top // 1) :, -int(-left // 1) :][:40, :40].astype(float)
    square = decode(encoded(Image.fromarray(ramp), "PNG"), 40)
    assert_allclose(square, (low + high) / 2, atol=1)


def test_scaling_down_averages():
    """A one-pixel chequerboard becomes grey, never a moire: the filter is as wide as the step."""
    board = np.indices((512, 512)).sum(0) % 2 * np.uint8(255)
    square = decode(encoded(Image.fromarray(board.astype(np.uint8)), "PNG"), 30)
    assert_allclose(square, 127.5, atol=2)


def test_jpeg_at_reduced_scale_agrees_with_full_decoding():
    """Against decoding whole and scaling with the widest filter: above 38 dB."""
    rng = np.random.default_rng(0)
    coarse = Image.fromarray(rng.integers(0, 256, (30, 40, 3), np.uint8))
    image = coarse.resize((400, 300), Image.Resampling.BICUBIC)
    data = encoded(image, "JPEG", quality=92)
    whole = Image.open(io.BytesIO(data)).resize(
        (96, 96), Image.Resampling.LANCZOS, (50, 0, 350, 300)
    )
    error = np.mean((decode(data, 96).astype(float) - np.asarray(whole, float)) ** 2)
    assert error < 255**2 / 10**3.8


TURNS = {
    1: lambda a: a,
    2: lambda a: a[:, ::-1],
    3: lambda a: a[::-1, ::-1],
    4: lambda a: a[::-1],
    5: lambda a: a.transpose(1, 0, 2),
    6: lambda a: np.rot90(a, -1),
    7: lambda a: np.rot90(a, 2).transpose(1, 0, 2),
    8: np.rot90,
}


@pytest.mark.parametrize("form", ["JPEG", "PNG", "WEBP"])
@pytest.mark.parametrize("turn", [*TURNS, 0, 9])
def test_the_turn_that_exif_asks_for_is_applied(form, turn):
    """Twin: turn the decoded array; a number that means nothing turns nothing."""
    image = quarters(96, 64)
    options = {"lossless": True} if form == "WEBP" else {}
    exif = Image.Exif()
    exif[0x0112] = turn
    expected = TURNS.get(turn, TURNS[1])(decode(encoded(image, form, **options), 32))
    assert_array_equal(decode(encoded(image, form, exif=exif, **options), 32), expected)


def test_damaged_exif_turns_nothing():
    """The pixels are whole, so the image counts."""
    expected = decode(encoded(quarters(), "JPEG"), 32)
    for exif in (b"Exif\0\0garbage", b"Exif\0\0II*\0\xff\xff\xff\xff", b"Exif\0\0"):
        assert_array_equal(decode(encoded(quarters(), "JPEG", exif=exif), 32), expected)


def test_cmyk_jpeg_of_adobe():
    """Stored inverted, as Adobe does: rgb = (255 - ink) (255 - black) / 255."""
    inks = np.array([60, 120, 200, 50])
    data = encoded(Image.new("CMYK", (64, 64), tuple(inks.tolist())), "JPEG", quality=100)
    assert b"Adobe" in data
    expected = (255 - inks[:3]) * (255 - inks[3]) / 255
    assert_allclose(decode(data, 32)[16, 16], expected, atol=2)


def test_ycck_jpeg_of_adobe():
    """The same stored bytes read as YCCK: Y Cb Cr to inverted inks by hand, BT.601."""
    stored = np.array([90, 140, 110, 205])  # Y, Cb, Cr, inverted black
    inks = tuple((255 - stored).tolist())
    data = bytearray(encoded(Image.new("CMYK", (64, 64), inks), "JPEG", quality=100))
    data[data.index(b"Adobe") + 11] = 2  # the transform: YCCK
    y, cb, cr, k = stored
    red = y + 1.402 * (cr - 128)
    green = y - 0.344136 * (cb - 128) - 0.714136 * (cr - 128)
    blue = y + 1.772 * (cb - 128)
    # libjpeg holds C = 255 - R; what Adobe stores inverted is ink, so paper shines through as C
    expected = (255 - np.array([red, green, blue])) * k / 255
    assert_allclose(decode(bytes(data), 32)[16, 16], expected, atol=3)


@pytest.mark.parametrize("mode", ["L", "1"])
@pytest.mark.parametrize("form", ["PNG", "BMP", "JPEG", "GIF"])
def test_grey_becomes_three_equal_colours(mode, form):
    """Also one bit a pixel, which is scaled as grey and not by its nearest pixel."""
    if (mode, form) == ("1", "JPEG"):
        pytest.skip("JPEG has no images of one bit")
    board = (np.indices((64, 64)).sum(0) % 2 * 255).astype(np.uint8)
    square = decode(encoded(Image.fromarray(board).convert(mode), form), 16)
    assert_allclose(square, 127.5, atol=2)
    assert_array_equal(square[..., 0], square[..., 1])
    assert_array_equal(square[..., 0], square[..., 2])


def test_sixteen_bits_of_grey_are_scaled_to_eight():
    """65535 is white: round(v * 255 / 65535), where Pillow alone would clip."""
    values = np.linspace(0, 65535, 64 * 64).astype(np.uint16).reshape(64, 64)
    expected = np.rint(values / 257)[..., None].repeat(3, axis=2)
    assert_array_equal(decode(encoded(Image.fromarray(values), "PNG"), 64), expected)


@pytest.mark.parametrize("form", ["PNG", "WEBP"])
def test_transparency_is_laid_on_white(form):
    """colour * a + 255 * (1 - a); what is wholly transparent is white, whatever its colour."""
    alpha = np.array([0, 64, 128, 255], np.uint8).repeat(8)[None, :].repeat(32, axis=0)
    pixels = np.dstack([np.full((32, 32, 3), (200, 10, 90), np.uint8), alpha])
    a = alpha[..., None] / 255
    options = {"lossless": True, "exact": True} if form == "WEBP" else {}
    square = decode(encoded(Image.fromarray(pixels), form, **options), 32)
    assert_allclose(square, pixels[..., :3] * a + 255 * (1 - a), atol=1)


def test_hidden_colours_do_not_bleed_when_scaled():
    """Black behind full transparency leaves no dark rim on a white shape."""
    pixels = np.zeros((64, 64, 4), np.uint8)
    pixels[:, 31:] = 255
    assert decode(encoded(Image.fromarray(pixels), "PNG"), 20).min() >= 254


@pytest.mark.parametrize("mode", ["P", "L", "1", "RGB"])
def test_a_transparent_colour_of_a_png_is_white(mode):
    """The tRNS chunk of palettes, greys and true colours."""
    image = Image.new("RGB", (32, 32), "white")
    image.paste("black", (0, 0, 16, 32))
    image = image.convert(mode)
    black = image.getpixel((0, 0))
    assert decode(encoded(image, "PNG"), 32)[:, :14].max() == 0
    assert decode(encoded(image, "PNG", transparency=black), 32).min() == 255


def test_a_palette_with_degrees_of_transparency():
    """One alpha per palette entry; Pillow would warn and drop it."""
    image = Image.new("P", (32, 32), 1)
    image.putpalette([0, 0, 0, 200, 100, 0])
    square = decode(encoded(image, "PNG", transparency=bytes([0, 51])), 32)
    assert_allclose(square[0, 0], np.array([200, 100, 0]) * 0.2 + 255 * 0.8, atol=1)


@pytest.mark.parametrize("form", ["GIF", "PNG", "WEBP"])
def test_the_first_frame_of_an_animation_counts(form):
    """Red first, then blue."""
    frames = [Image.new("RGB", (32, 32), colour) for colour in (RED, BLUE)]
    options = {"lossless": True} if form == "WEBP" else {}
    data = encoded(frames[0], form, save_all=True, append_images=frames[1:], **options)
    assert_allclose(decode(data, 16)[8, 8], RED, atol=2)


def swapped_profile():
    """An ICC profile like sRGB whose red primary is sRGB's green, and the other way round."""
    data = bytearray(ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes())
    places = {bytes(data[132 + 12 * i : 136 + 12 * i]): 136 + 12 * i for i in range(data[131])}
    red, green = (slice(places[tag], places[tag] + 8) for tag in (b"rXYZ", b"gXYZ"))
    data[red], data[green] = data[green], data[red]
    return bytes(data)


@pytest.mark.parametrize("form", ["JPEG", "PNG", "WEBP"])
def test_an_embedded_profile_is_applied(form):
    """Primaries exchanged in the profile exchange the colours; sRGB's own changes nothing."""
    image = Image.new("RGB", (32, 32), RED)
    options = {"lossless": True} if form == "WEBP" else {}
    same = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    plain = decode(encoded(image, form, icc_profile=same, **options), 32)
    swapped = decode(encoded(image, form, icc_profile=swapped_profile(), **options), 32)
    assert_allclose(plain[16, 16], RED, atol=3)
    assert_allclose(swapped[16, 16], [RED[1], RED[0], RED[2]], atol=3)


@pytest.mark.parametrize("mode", ["RGB", "L", "CMYK"])
def test_a_profile_that_does_not_fit_is_passed_over(mode):
    """Garbage, and a profile of other colours than the image's."""
    image = Image.new("RGB", (32, 32), (90, 90, 90)).convert(mode)
    expected = decode(encoded(image, "JPEG"), 32)
    broken = [b"garbage" * 40, swapped_profile()[:200]]
    for profile in broken if mode == "RGB" else [*broken, swapped_profile()]:
        assert_array_equal(decode(encoded(image, "JPEG", icc_profile=profile), 32), expected)


def test_the_smallest_and_the_largest_sides():
    """18 x 18, one row of pixels, and 6500 x 4900, the extremes of Office-Home."""
    assert decode(encoded(quarters(18, 18), "JPEG"), 256).shape == (256, 256, 3)
    assert decode(encoded(quarters(300, 2), "PNG"), 64).shape == (64, 64, 3)
    assert decode(encoded(Image.new("L", (1, 1), 9), "PNG"), 8).max() == 9
    large = encoded(Image.new("RGB", (6500, 4900), RED), "JPEG")
    assert_allclose(decode(large, 64)[32, 32], RED, atol=3)


def png_of(width, height):
    """A PNG header that announces a size, without the pixels."""
    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    chunks = [(b"IHDR", head), (b"IDAT", zlib.compress(bytes(9))), (b"IEND", b"")]
    body = (
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        for kind, data in chunks
    )
    return b"\x89PNG\r\n\x1a\n" + b"".join(body)


NOISE = Image.fromarray(np.random.default_rng(0).integers(0, 256, (64, 64, 3), np.uint8))
UNREADABLE = {
    "empty": (b"", "not a readable image"),
    "text": (b"<html>Not found</html>", "not a readable image"),
    "fake": (b"\xff\xd8\xff" + bytes(300), "not a readable image"),
    "other format": (encoded(quarters(), "PPM"), "not a readable image"),
    "bomb": (png_of(30000, 30000), "more than 89 million pixels"),
    "too many": (png_of(13000, 6900), "more than 89 million pixels"),
    "scans": (jpeg_of_scans(101, 64), "more than 100 scans"),
    "cut JPEG": (encoded(NOISE, "JPEG")[:-900], "truncated JPEG"),
    "cut PNG": (encoded(NOISE, "PNG")[:-900], "truncated PNG"),
    "cut BMP": (encoded(NOISE, "BMP")[:-900], "truncated BMP"),
    "cut GIF": (encoded(NOISE, "GIF")[:-900], "truncated GIF"),
    "cut WebP": (encoded(NOISE, "WEBP")[:-900], "damaged"),
    "few pixels": (png_of(9000, 9000), "truncated PNG"),
}


@pytest.mark.parametrize("name", UNREADABLE)
def test_what_is_no_whole_image_is_a_short_reason(name):
    """One line of a few words, none of the image's bytes, no warning."""
    data, reason = UNREADABLE[name]
    with pytest.raises(ValueError, match=reason) as error:
        decode(data, 32)
    assert len(str(error.value)) < 80
    assert str(error.value).isprintable()


def test_a_large_jpeg_is_decoded_small():
    """The bound is on what is decoded: 110 million pixels at an eighth are 1.7 million."""
    file = io.BytesIO()
    Image.new("L", (11000, 10000), 90).save(file, "JPEG")
    assert_array_equal(decode(file.getvalue(), 32), np.full((32, 32, 3), 90))


VIDEO = b"\0\0\0\x18ftypmp42" + b"\xff\xda\0\x08\x01\x01\0\x01\x3f\0" * 200
TRAILER = {"video": VIDEO, "another image": jpeg_of_scans(101, 64), "zeros": bytes(99)}


@pytest.mark.parametrize("behind", TRAILER)
@pytest.mark.parametrize("progressive", [False, True])
def test_what_stands_behind_a_jpeg_does_not_count(behind, progressive):
    """A motion photo is the photograph, whatever bytes its video has."""
    photo = encoded(NOISE, "JPEG", progressive=progressive)
    assert_array_equal(decode(photo + TRAILER[behind], 32), decode(photo, 32))


def test_what_stands_in_the_header_of_a_jpeg_does_not_count():
    """An EXIF preview's bytes are content of its segment."""
    photo = encoded(NOISE, "JPEG")
    exif = b"Exif\0\0" + VIDEO
    segment = b"\xff\xe1" + struct.pack(">H", len(exif) + 2) + exif
    assert_array_equal(decode(photo[:2] + segment + photo[2:], 32), decode(photo, 32))


def test_the_first_of_several_pictures_of_a_camera_counts():
    """MPO: red first, then blue."""
    frames = [Image.new("RGB", (640, 480), colour) for colour in (RED, BLUE)]
    data = encoded(frames[0], "MPO", save_all=True, append_images=frames[1:])
    assert_allclose(decode(data, 64)[32, 32], RED, atol=3)


@pytest.mark.parametrize(
    ("layers", "options", "expected"),
    [
        ("RGB", {}, [3]),
        ("L", {}, [1]),
        ("CMYK", {}, [4]),
        ("L", {"restart_marker_blocks": 1}, [1]),
        ("RGB", {"progressive": True}, [3, 1, 1, 1, 1, 1, 3, 1, 1, 1]),
    ],
)
def test_scans_are_those_that_were_written(layers, options, expected):
    """Of each as many components as it has; ten are libjpeg's own script for colours."""
    assert scans(encoded(NOISE.convert(layers), "JPEG", **options), 100) == expected


def test_scans_are_looked_for_where_libjpeg_looks():
    """Lengths below 2, unknown markers and bytes between segments hide none; most are enough."""
    scan = b"\xff\xda\0\x08\x01\x01\0\x00\x3f\0"
    assert scans(b"\xff\xd8" + b"\xff\xfe\0\0" + scan * 3, 9) == [1, 1, 1]
    assert scans(b"\xff\xd8" + b"\xff\x02\xff\xff" + scan + b"ab\xff\0" + scan, 9) == [1, 1]
    assert scans(b"\xff\xd8" + scan * 300, 101) == [1] * 101
    assert scans(b"\xff\xd8" + scan[:4], 9) == []


def resized(data, width, height):
    """A JPEG whose header tells another size; what lacks of its blocks is found at decoding."""
    data = bytearray(data)
    frame = re.search(rb"\xff[\xc0\xc2]\0\x0b\x08|\xff[\xc0\xc2]\0\x11\x08", data).start()
    struct.pack_into(">HH", data, frame + 5, height, width)
    return bytes(data)


def test_a_jpeg_of_200_megapixels_is_decoded():
    """A telephone's largest photographs, of which an eighth of each side is decoded."""
    block = encoded(Image.new("L", (8, 8), 128), "JPEG")
    scan = block.index(b"\xff\xda")
    coded = block[scan + 10 : -2]  # one block of grey: six bits, a difference of 0 and the end
    tables = resized(block[: scan + 10], 16320, 12240)
    assert coded == b"\x2b"  # 00 1010, filled up with ones
    bits = (0b001010 << 18 | 0b001010 << 12 | 0b001010 << 6 | 0b001010).to_bytes(3)
    blocks = 16320 // 8 * 12240 // 8
    picture = next(decode_all([("a", tables + bits * (blocks // 4) + b"\xff\xd9")], 256))[1]
    assert_array_equal(picture.square, np.full((256, 256, 3), 128))
    assert (picture.width, picture.height) == (16320, 12240)


COLOURS = encoded(NOISE, "JPEG", progressive=True, subsampling=0)
SPLIT = COLOURS.replace(b"\xff\xc2", b"\xff\xc0").replace(
    b"\xff\xda\0\x0c\x03", b"\xff\xda\0\x0c\x01"
)


@pytest.mark.parametrize(
    ("data", "most"),
    [
        pytest.param(resized(COLOURS, 16320, 12240), 131, id="progressive"),
        pytest.param(resized(SPLIT, 16320, 12240), 131, id="a scan for each colour"),
        pytest.param(encoded(Image.new("L", (7100, 7100)), "WEBP", method=0), 50, id="WebP"),
    ],
)
def test_an_image_that_takes_too_much_memory_is_refused(data, most):
    """All samples of a JPEG of several scans are kept; libwebp keeps several pictures."""
    with pytest.raises(ValueError, match=f"more than {most} million pixels"):
        decode(data, 32)


MEASURE = """
import re, sys
from dah.images import decode as decoding

def peak():
    return int(re.search(r"VmHWM:\\s+(\\d+)", open("/proc/self/status").read())[1]) * 1024

data, told = sys.stdin.buffer.read(), []
needed = decoding._needed
decoding._needed = lambda *given: told.append(needed(*given)) or told[0]
before = peak()
decoding.decode(data, 64)
print(peak() - before, *told)
"""


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="no /proc to measure memory by")
@pytest.mark.parametrize(
    ("mode", "form", "options"),
    [
        ("RGBA", "WEBP", {"lossless": True, "method": 0}),
        ("RGBA", "PNG", {}),
        ("P", "PNG", {"transparency": 0}),
        ("RGBA", "TIFF", {"compression": "tiff_lzw"}),
        ("I", "TIFF", {}),
        ("RGBA", "AVIF", {"speed": 10}),
        ("RGBA", "HEIF", {}),
        ("RGB", "JPEG", {"progressive": True, "subsampling": 0}),
        ("RGB", "JPEG", {"progressive": True, "subsampling": 2}),
    ],
)
def test_decoding_takes_what_is_told(mode, form, options):
    """Measured in a process of its own, of 8 million pixels, and 6 MiB for anything else."""
    if form not in decoding.FORMATS:
        pytest.skip(f"there is no reader of {form} here")
    data = encoded(Image.new(mode, (3200, 2500)), form, **options)
    done = subprocess.run(
        [sys.executable, "-c", MEASURE], input=data, capture_output=True, check=True,
        cwd=Path(__file__).parents[2],
    )  # fmt: skip
    taken, told = map(int, done.stdout.split())
    assert told / 2 < taken < told + 6 * 2**20


def test_threads_share_the_memory(monkeypatch):
    """Of images that take all of it one at a time is decoded, small ones beside each other."""
    running, most, lock = [0], [0], threading.Lock()

    def counted(image, size):
        with lock:
            running[0] += 1
            most[0] = max(most[0], running[0])
        square = scaling(image, size)
        with lock:
            running[0] -= 1
        return square

    scaling = decoding._square
    members = [(str(i), encoded(NOISE, "BMP")) for i in range(20)]
    monkeypatch.setattr(decoding, "_square", counted)
    monkeypatch.setattr(decoding, "MEMORY", Memory(decoding.PIXEL * NOISE.width * NOISE.height))
    squares = list(decode_all(members, 16, threads=8))
    assert most == [1]
    assert all(not isinstance(picture, str) for _, picture in squares)


def test_memory_is_given_back():
    """Never more than all, also after an error, and a wish for more than there is waits for all."""
    memory, held, most, lock = Memory(10), [0], [0], threading.Lock()

    def work(amount):
        for _ in range(50):
            with memory.taken(amount):
                with lock:
                    held[0] += min(amount, 10)
                    most[0] = max(most[0], held[0])
                with lock:
                    held[0] -= min(amount, 10)

    with pytest.raises(RuntimeError, match="in the block"), memory.taken(7):
        raise RuntimeError("in the block")
    threads = [threading.Thread(target=work, args=(amount,)) for amount in (1, 3, 4, 10, 99)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(10)
        assert not thread.is_alive()
    assert 0 < most[0] <= 10


def test_a_hundred_scans_are_decoded():
    """Ten are usual in a progressive JPEG; each more is a pass over all of its blocks."""
    assert decode(jpeg_of_scans(100, 64), 32).shape == (32, 32, 3)


@pytest.mark.parametrize("form", ["JPEG", "PNG", "BMP", "GIF", "WEBP"])
def test_random_damage_is_a_square_or_a_reason(form):
    """200 files with flipped bytes, mostly in the header, with warnings as errors."""
    rng = np.random.default_rng(0)
    whole = encoded(NOISE, form)
    for i in range(200):
        data = bytearray(whole[: rng.integers(1, len(whole))] if i % 4 == 0 else whole)
        for place in rng.integers(0, min(len(data), 10 ** rng.integers(1, 5)), 3):
            data[place] = rng.integers(256)
        ((_, found),) = decode_all([("damaged", bytes(data))], 16, threads=1)
        if isinstance(found, str):
            assert found.isprintable()
        else:
            assert found.square.shape == (16, 16, 3)


def test_warning_filters_are_left_as_they_were():
    """Also while the squares of decode_all are being used."""
    before = list(warnings.filters)
    image = encoded(quarters(), "JPEG")
    for _ in decode_all([("a", image), ("b", image)], 16, threads=2):
        assert warnings.filters == before
    decode(image, 16)
    assert warnings.filters == before


@pytest.mark.parametrize("threads", [None, 1, 3])
def test_all_members_come_back_in_order(threads):
    """One after another gives the same, unreadable members included."""
    rng = np.random.default_rng(0)
    members = [
        (f"{i}.png", encoded(Image.new("RGB", (20, 30 + i), tuple(rng.integers(0, 256, 3))), "PNG"))
        for i in range(100)
    ]
    members[17] = ("17.png", b"")
    members[99] = ("99.png", UNREADABLE["cut PNG"][0])
    found = list(decode_all(iter(members), 16, threads))
    assert [name for name, _ in found] == [name for name, _ in members]
    for (_, picture), (name, data) in zip(found, members, strict=True):
        if name in {"17.png", "99.png"}:
            with pytest.raises(ValueError, match=r"readable|truncated") as error:
                decode(data, 16)
            assert picture == str(error.value)
        else:
            assert_array_equal(picture.square, decode(data, 16))
            assert (picture.width, picture.height) == (20, 30 + int(name.removesuffix(".png")))


def test_members_are_taken_as_they_are_needed():
    """An endless archive gives its first squares: at most 16 members per thread are read ahead."""
    image = encoded(quarters(), "JPEG")
    taken = count()
    endless = ((str(next(taken)), image) for _ in count())
    squares = decode_all(endless, 16, threads=2)
    assert [name for name, _ in islice(squares, 40)] == [str(i) for i in range(40)]
    assert next(taken) <= 40 + 2 * 16
    squares.close()


def test_a_broken_archive_stops_decoding():
    """The error of the members' source comes through as it is."""

    def members():
        yield "a", encoded(quarters(), "JPEG")
        raise RuntimeError("the archive ends here")

    with pytest.raises(RuntimeError, match="the archive ends here"):
        list(decode_all(members(), 16))


@pytest.mark.slow
def test_all_of_office_31_decodes():
    """4110 real photographs; every fortieth against whole decoding and the widest filter."""
    path = SHARED / "office31.tar"
    if not path.exists():
        pytest.skip(f"{path.name} is not in DAH_SHARED_DATA nor in ../shared/data")
    with tarfile.open(path) as tar:
        members = [(m.name, tar.extractfile(m).read()) for m in tar if m.isfile()]
    quality = []
    for i, (name, picture) in enumerate(decode_all(members, 256)):
        assert not isinstance(picture, str), f"{name}: {picture}"
        if i % 40 == 0:
            image = Image.open(io.BytesIO(members[i][1])).convert("RGB")
            assert image.width == image.height
            whole = np.asarray(image.resize((256, 256), Image.Resampling.LANCZOS), float)
            quality.append(10 * np.log10(255**2 / np.mean((picture.square - whole) ** 2)))
    assert i == 4109
    assert np.median(quality) > 44
    assert min(quality) > 30
