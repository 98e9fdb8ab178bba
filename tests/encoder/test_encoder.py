"""From image files to codes and categories."""

import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest
import torch
from encoders import BITS, CATEGORIES, SIZE, archive, draw, parts, picture, pipeline
from numpy.testing import assert_allclose, assert_array_equal

import dah
from dah.compute.augment import centre_crop
from dah.encoder.encoder import assemble, load_encoder
from dah.encoder.file import write_encoder
from dah.images.decode import decode
from dah.networks.build import build_trunk
from dah.networks.folding import fold_batch_norms
from dah.retrieval.hamming import hamming_distances

NAMES = [f"{i:02}.png" for i in range(40)]


@pytest.fixture(scope="module")
def encoder(tmp_path_factory):
    """A LeNet with random weights."""
    path = tmp_path_factory.mktemp("encoder") / "e.pt"
    write_encoder(path, parts())
    return load_encoder(path)


def bits_by_hand(seed):
    """The code of one image, bit by bit: decoded, cropped, through the network alone."""
    square = torch.from_numpy(decode(picture(seed), SIZE))[None]
    with torch.no_grad():
        u = parts().network("e.pt")(centre_crop(square, 28)).u[0]
    return [int(value >= 0) for value in u]


def test_codes_are_those_of_the_network_one_by_one(encoder, tmp_path):
    """Bit i of an image is bit 7 - i % 8 of byte i // 8; batches and threads change nothing."""
    found = encoder.encode(archive(tmp_path / "a.tar", NAMES))
    assert found.names == NAMES
    assert found.codes.shape == (40, 2)
    assert len(np.unique(found.codes, axis=0)) > 20
    for seed, code in enumerate(found.codes):
        bits = [int(code[i // 8]) >> (7 - i % 8) & 1 for i in range(BITS)]
        assert bits == bits_by_hand(seed)


def test_probabilities_are_eq_6_of_the_codes(encoder):
    """p_ij = mean_k exp(10 / d <h_i, h_k^j>), over the sum of these, in plain loops."""
    codes = np.array([[0b10110011, 0b01010000], [0, 0]], np.uint8)
    given = encoder.parts
    signs = [[1 if b else -1 for b in np.unpackbits(code)[:BITS]] for code in given.source_codes]
    for code, row in zip(codes, encoder.probabilities(codes), strict=True):
        h = [1 if b else -1 for b in np.unpackbits(code)[:BITS]]
        means = []
        for category in range(3):
            chosen = [s for s, y in zip(signs, given.source_labels, strict=True) if y == category]
            inner = [sum(a * b for a, b in zip(h, s, strict=True)) for s in chosen]
            means.append(np.mean(np.exp(10 / BITS * np.array(inner))))
        assert_allclose(row, np.array(means) / np.sum(means), rtol=1e-5)


def test_bad_images_are_told_and_the_others_encoded(encoder, tmp_path):
    """Neither their neighbours nor their order suffer."""
    draw(tmp_path, NAMES[:5])
    (tmp_path / "02.png").write_bytes(b"no image")
    (tmp_path / "03.png").write_bytes(picture(3)[:60])
    found = encoder.encode([tmp_path])
    assert found.names == ["00.png", "01.png", "04.png"]
    assert set(found.failures) == {"02.png", "03.png"}
    assert "not a readable image" in found.failures["02.png"]
    assert_array_equal(found.codes[2], encoder.encode(tmp_path / "04.png").codes[0])


def test_nothing_to_encode_is_no_codes(encoder, tmp_path):
    """An empty folder, and one of bad images, keep the widths."""
    (tmp_path / "empty").mkdir()
    found = encoder.encode(tmp_path / "empty")
    assert (found.codes.shape, found.probabilities.shape) == ((0, 2), (0, 3))


def test_three_lines_are_enough(tmp_path):
    """``from dah import load_encoder`` takes an encoder's file or a network of the pipeline."""
    given = parts()
    write_encoder(tmp_path / "e.pt", given)
    image = draw(tmp_path / "i", ["a.png"]) / "a.png"
    codes = []
    for path in (tmp_path / "e.pt", pipeline(tmp_path / "data", given, "a-b", "3")):
        loaded = dah.load_encoder(path)
        assert (loaded.bits, loaded.categories) == (BITS, CATEGORIES)
        codes.append(loaded.encode(image).codes)
    assert_array_equal(*codes)
    with pytest.raises(AttributeError, match="no attribute 'other'"):
        _ = dah.other


def test_importing_dah_imports_nothing_heavy():
    """Commands that need no network start at once."""
    program = "import sys, dah; assert 'torch' not in sys.modules; assert 'h5py' not in sys.modules"
    subprocess.run([sys.executable, "-c", program], check=True)


@pytest.mark.parametrize("name", ["mobilenet_v2", "resnet18"])
def test_folding_leaves_no_batch_norm_and_the_same_function(name):
    """Weights, running means and variances are random; the original is not touched."""
    torch.manual_seed(0)
    model = build_trunk(name).model.eval()
    for layer in model.modules():
        if isinstance(layer, torch.nn.BatchNorm2d):
            for values, low, high in (
                (layer.weight, 0.8, 1.2),
                (layer.bias, -0.1, 0.1),
                (layer.running_mean, -0.1, 0.1),
                (layer.running_var, 0.8, 1.2),
            ):
                torch.nn.init.uniform_(values, low, high)
    before = {key: value.clone() for key, value in model.state_dict().items()}
    folded = fold_batch_norms(model, 96)
    assert not any(isinstance(layer, torch.nn.BatchNorm2d) for layer in folded.modules())
    images = torch.rand(2, 3, 96, 96)
    with torch.inference_mode():
        expected = model(images)
        torch.testing.assert_close(folded(images), expected, rtol=1e-4, atol=1e-5)
    assert float(expected.std()) > 1e-3
    for key, value in model.state_dict().items():
        torch.testing.assert_close(value, before[key], rtol=0, atol=0)


def test_a_convolution_that_something_else_sees_is_not_folded():
    """Its own output is still needed as it is."""

    class Twice(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.convolution = torch.nn.Conv2d(3, 4, 1)
            self.norm = torch.nn.BatchNorm2d(4)
            torch.nn.init.uniform_(self.norm.running_mean)

        def forward(self, x):
            x = self.convolution(x)
            return x + self.norm(x)

    model = Twice().eval()
    x = torch.rand(1, 3, 5, 5)
    torch.testing.assert_close(fold_batch_norms(model, 5)(x), model(x))


def test_a_folded_trunk_gives_the_same_codes(tmp_path):
    """An encoder of torchvision's trunk, beside the network as it was trained."""
    given = replace(parts(trunk="mobilenet_v2", size=224), source_labels=np.arange(9) % 3)
    loaded = assemble(given, tmp_path, "cpu")
    squares = np.random.default_rng(0).integers(0, 256, (3, 224, 224, 3), np.uint8)
    with torch.inference_mode():
        u = given.network(tmp_path)(centre_crop(torch.from_numpy(squares), 224)).u.numpy()
    assert_allclose(loaded.outputs(squares), u, atol=1e-5)
    sure = np.abs(u) > 1e-4
    bits = np.unpackbits(loaded.codes(squares), axis=1, count=BITS)
    assert_array_equal(bits[sure], (u >= 0)[sure])


def test_probabilities_are_calibrated_and_decide_as_before(tmp_path):
    """At a temperature they are flatter, and without one they are eq. 6's."""
    plain = assemble(parts(), tmp_path, "cpu")
    warm = assemble(replace(parts(), temperature=3.0), tmp_path, "cpu")
    codes = np.packbits(np.random.default_rng(1).integers(0, 2, (50, BITS), np.uint8), axis=1)
    p, q = plain.probabilities(codes), warm.probabilities(codes)
    powers = p.astype(float) ** (1 / 3)
    assert_allclose(q, powers / powers.sum(axis=1, keepdims=True), rtol=1e-5)
    assert_array_equal(q.argmax(axis=1), p.argmax(axis=1))
    assert (plain.is_calibrated, warm.is_calibrated) == (False, True)
    assert plain.fingerprint == warm.fingerprint


def test_what_lies_far_from_the_source_is_told(tmp_path):
    """Beyond the reach, and nothing where there is none; with every image its real outputs."""
    squares = np.random.default_rng(0).integers(0, 256, (20, SIZE, SIZE, 3), np.uint8)
    plain = assemble(parts(), tmp_path, "cpu")
    codes = plain.codes(squares)
    nearest = hamming_distances(codes, plain.parts.source_codes).min(axis=1)
    assert not plain.far(codes).any()
    for reach in (0, int(np.median(nearest)), BITS):
        limited = assemble(replace(parts(), reach=reach), tmp_path, "cpu")
        assert_array_equal(limited.far(codes), nearest > reach)
    found = limited.encode(draw(tmp_path / "f", ["a.png", "b.png"]))
    assert found.far.tolist() == [False, False]
    assert found.outputs.dtype == np.float16
    assert_array_equal(np.packbits(found.outputs >= 0, axis=1), found.codes)
