"""Pictures in memory: the same squares and codes as their files, or one clear line."""

import io
from pathlib import Path

import numpy as np
import pytest
import torch
from encoders import BITS, SIZE, draw, parts, picture
from numpy.testing import assert_array_equal
from PIL import Image, ImageCms

from dah.encoder.encoder import assemble
from dah.errors import UserError
from dah.images.decode import decode, prepare
from dah.images.pixels import pictures

SHAPES = [(30, 44), (44, 30), (SIZE, SIZE), (9, 200)]


@pytest.fixture(scope="module")
def encoder():
    """A LeNet with random weights."""
    return assemble(parts(), Path("e.pt"), "cpu")


def pixels(seed, shape=(30, 44)):
    """uint8 ``(h, w, 3)`` of an image of coarse noise."""
    return np.array(Image.open(io.BytesIO(picture(seed, shape=shape))))


def stored(image, kind="PNG", **options):
    """An image file, lossless."""
    file = io.BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


@pytest.mark.parametrize("kind", ["PNG", "TIFF"])
@pytest.mark.parametrize("mode", ["RGB", "L", "P", "RGBA", "CMYK", "1", "I;16"])
def test_an_image_in_memory_is_its_lossless_file(mode, kind):
    """In every mode that a format keeps; the image itself stays as it was."""
    base = Image.fromarray(pixels(1))
    image = Image.fromarray(np.array(base.convert("L"), np.uint16) * 200) if mode == "I;16" else (
        base.convert(mode)
    )  # fmt: skip
    if mode == "RGBA":
        image.putalpha(base.convert("L"))
    try:
        file = stored(image, kind)
    except OSError:
        pytest.skip(f"{kind} keeps no {mode}")
    before = image.tobytes()
    assert_array_equal(prepare(image, SIZE), decode(file, SIZE))
    assert (image.mode, image.tobytes()) == (mode, before)


def test_turns_and_profiles_count_as_in_a_file():
    """EXIF says how to turn, an ICC profile what the numbers mean."""
    image = Image.fromarray(pixels(2))
    exif = Image.Exif()
    exif[0x0112] = 6
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("LAB")).tobytes()
    for options in ({"exif": exif}, {"icc_profile": profile}):
        file = stored(image, **options)
        assert_array_equal(prepare(Image.open(io.BytesIO(file)), SIZE), decode(file, SIZE))
    turned = stored(image, exif=exif)
    assert (decode(turned, SIZE) != decode(stored(image), SIZE)).any()


@pytest.mark.parametrize("shape", SHAPES)
def test_all_forms_of_a_picture_have_the_code_of_its_file(encoder, tmp_path, shape):
    """A path, a PIL image, an array, tensors of both orders and of floats."""
    array = pixels(3, shape)
    (tmp_path / "a.png").write_bytes(stored(Image.fromarray(array)))
    expected = encoder.encode(tmp_path / "a.png")
    tensor = torch.from_numpy(array)
    channels_first = tensor.permute(2, 0, 1)
    forms = [
        Image.open(tmp_path / "a.png"),
        Image.fromarray(array),
        array,
        array[:, ::-1][:, ::-1],
        array / 255,
        np.clip(array - 0.4, 0, 255) / 255,  # the nearest of 256 shades
        (array / 255).astype(np.float32),
        tensor,
        channels_first,
        channels_first.contiguous().float() / 255,
        (channels_first.double() / 255).requires_grad_(),
    ]
    square = decode((tmp_path / "a.png").read_bytes(), SIZE)
    for form in forms:
        ((_, prepared),) = pictures([form], SIZE)
        assert_array_equal(prepared.square, square)
        found = encoder.encode(form)
        assert_array_equal(found.codes, expected.codes)
        assert_array_equal(found.probabilities, expected.probabilities)
        assert (found.names, found.failures) == (["0"], {})


def test_batches_lists_and_generators_keep_their_order(encoder, tmp_path):
    """More than the network sees at once; several batches, as a loader gives them, are one."""
    arrays = [pixels(seed, (SIZE, SIZE)) for seed in range(40)]
    expected = np.concatenate([encoder.encode(array).codes for array in arrays])
    assert len(np.unique(expected, axis=0)) > 10
    stacked = np.stack(arrays)
    batch = torch.from_numpy(stacked).permute(0, 3, 1, 2)
    mixed = [Image.fromarray(arrays[0]), *batch[1:3], *arrays[3:]]
    for form in (stacked, batch, batch / 255, arrays, mixed, iter(arrays), batch.split(16)):
        found = encoder.encode(form)
        assert_array_equal(found.codes, expected)
        assert found.names == [str(number) for number in range(40)]
    assert encoder.encode([]).codes.shape == (0, 2)
    assert encoder.encode(stacked[:0]).codes.shape == (0, 2)


def test_a_picture_that_is_damaged_is_a_failure_and_no_end(encoder):
    """As a damaged file is, under its number."""
    cut = Image.open(io.BytesIO(picture(5)[:70]))
    grey = Image.fromarray(np.ones((40, 40), np.float32))
    found = encoder.encode([pixels(4), cut, pixels(6), grey])
    assert found.names == ["0", "2"]
    assert set(found.failures) == {"1", "3"}
    assert "PNG" in found.failures["1"]
    assert "32 bits of grey" in found.failures["3"]


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (7, "expected paths, PIL images, arrays .* found int"),
        (None, "found NoneType"),
        (b"\x89PNG", "found bytes"),
        ([pixels(0), 7], "found int"),
        ({"a.png": 1}, "found dict"),
        (np.zeros((30, 44), np.uint8), r"expected a shape of \(h, w, 3\) .*, found \(30, 44\)"),
        (np.zeros((3, 30, 44), np.uint8), r"expected a shape of \(h, w, 3\) .*, found \(3, 30, 44"),
        (np.zeros((30, 44, 4), np.uint8), r"found \(30, 44, 4\); give a PIL image"),
        (np.zeros((30, 0, 3), np.uint8), r"found \(30, 0, 3\)"),
        (torch.zeros(1, 30, 44), r"expected a shape of \(3, h, w\) or \(h, w, 3\) for Tensor"),
        (np.zeros((30, 44, 3), np.int64), "expected uint8 .* found int64"),
        (np.zeros((30, 44, 3), bool), "found bool"),
        (np.full((30, 44, 3), "x"), "found <U1"),
        (np.full((30, 44, 3), 255.0), "expected floats of 0 to 1, found 255 to 255; undo"),
        (torch.full((3, 30, 44), -1.0), "found -1 to -1"),
        (np.full((30, 44, 3), np.nan), "found nan to nan"),
        ([pixels(0), torch.full((3, 9, 9), 2.0)], "picture 1: expected floats"),
        (["a.png", pixels(0)], "found 1 paths and 1 pictures; encode them in two calls"),
    ],
)  # fmt: skip
def test_what_is_no_picture_is_told_in_a_line(encoder, given, message):
    """What was expected, what was found, and which one it was."""
    with pytest.raises(UserError, match=message) as caught:
        encoder.encode(given)
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 250


def test_an_encoder_says_what_it_is_in_a_line(encoder, tmp_path):
    """No weights and no codes; so do its parts and what it found."""
    found = encoder.encode(draw(tmp_path, ["a.png", "b.png"]))
    assert repr(encoder) == (
        f"Encoder(lenet, {BITS} bits, 3 categories, squares of {SIZE} pixels, on cpu,"
        f" fingerprint {encoder.fingerprint})"
    )
    assert repr(found) == "Encoded(2 images, codes of 2 bytes, 3 categories, 0 failures)"
    assert len(repr(encoder.parts)) < 200
