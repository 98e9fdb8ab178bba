"""The encoder as an ONNX graph, beside PyTorch."""

import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from encoders import BITS, CATEGORIES, parts, picture, pipeline
from numpy.testing import assert_allclose, assert_array_equal
from torch.nn.functional import interpolate

from dah import samples
from dah.compute.augment import centre_crop
from dah.encoder.encoder import assemble
from dah.encoder.portable import Portable, write_onnx
from dah.errors import UserError
from dah.images.decode import decode

ELSEWHERE = Path("model.pt")
SHAPES = [(1, 32, 32, 3), (4, 57, 40, 3), (2, 40, 133, 3), (3, 20, 21, 3)]


def outputs_by_torch(given, images):
    """u of images of any size: centre square, antialiased bicubic, crop, network."""
    height, width = images.shape[1:3]
    side = min(height, width)
    top, left = (height - side) // 2, (width - side) // 2
    square = torch.from_numpy(images[:, top : top + side, left : left + side]).permute(0, 3, 1, 2)
    size = given.size, given.size
    scaled = interpolate(square.float(), size, mode="bicubic", antialias=True).clamp(0, 255)
    network = given.network(ELSEWHERE)
    edge = (given.size - network.input_size) // 2
    inside = slice(edge, edge + network.input_size)
    with torch.inference_mode():
        return network(scaled[:, :, inside, inside] / 255).u.numpy()


@pytest.fixture(scope="module", params=["lenet", "mobilenet_v2"])
def exported(request, tmp_path_factory):
    """The parts of an encoder, and a session of its graph."""
    pytest.importorskip("onnxscript", reason="onnxscript is not installed: pip install onnxscript")
    runtime = pytest.importorskip(
        "onnxruntime", reason="onnxruntime is not installed: pip install onnxruntime"
    )
    sizes = {"lenet": 32, "mobilenet_v2": 240}
    given = parts(trunk=request.param, size=sizes[request.param])
    path = tmp_path_factory.mktemp("onnx") / "e.onnx"
    write_onnx(path, given)
    return given, runtime.InferenceSession(path, providers=["CPUExecutionProvider"])


@pytest.mark.parametrize("shape", SHAPES)
def test_outputs_are_pytorchs(exported, shape):
    """u within 1e-5 for images of any shape, bits equal away from zero."""
    given, session = exported
    rng = np.random.default_rng(shape[0])
    pixels = np.kron(rng.integers(0, 256, (*shape[:1], 8, 8, 3)), np.ones((1, 20, 20, 1)))
    images = pixels[:, : shape[1], : shape[2]].astype(np.uint8)
    u, codes, _ = session.run(None, {"image": images})
    expected = outputs_by_torch(given, images)
    assert_allclose(u, expected, atol=1e-5, rtol=0)
    assert u.std() > 0.1
    sure = np.abs(expected) > 1e-5
    assert_array_equal(np.unpackbits(codes, axis=1, count=BITS)[sure], (expected >= 0)[sure])


def test_squares_have_the_codes_of_the_encoder(exported):
    """Scaling leaves a square of the stored size as it is; probabilities are eq. 6."""
    given, session = exported
    encoder = assemble(given, ELSEWHERE, "cpu")
    squares = np.stack([decode(picture(seed), given.size) for seed in range(6)])
    u, codes, shares = session.run(None, {"image": squares})
    assert_allclose(u, encoder.outputs(squares), atol=1e-5, rtol=0)
    assert_array_equal(codes, encoder.codes(squares))
    assert_allclose(shares, encoder.probabilities(codes), atol=1e-6)
    network = given.network(ELSEWHERE)
    view = centre_crop(torch.from_numpy(squares), network.input_size)
    with torch.inference_mode():
        assert_allclose(u, network(view).u.numpy(), atol=1e-5, rtol=0)


def test_probabilities_have_the_encoders_temperature(exported, tmp_path):
    """In the graph as in the library; the metadata name it, and the reach."""
    runtime = type(exported[1])
    given = replace(parts(), temperature=2.5, reach=4)
    write_onnx(tmp_path / "e.onnx", given)
    session = runtime(tmp_path / "e.onnx", providers=["CPUExecutionProvider"])
    encoder = assemble(given, ELSEWHERE, "cpu")
    squares = np.stack([decode(picture(seed), given.size) for seed in range(4)])
    _, codes, shares = session.run(None, {"image": squares})
    assert_allclose(shares, encoder.probabilities(codes), atol=1e-6)
    properties = session.get_modelmeta().custom_metadata_map
    assert (properties["temperature"], properties["reach"]) == ("2.5", "4")


def test_of_very_many_source_images_the_same_ones_are_compared(monkeypatch):
    """By the graph's network as by the encoder."""
    given, most = parts(), 4
    count = len(given.source_labels)
    assert count > most
    monkeypatch.setattr(samples, "MANY", most)
    monkeypatch.setattr(samples, "COMPARED", most)
    few = samples.compared(given.source_labels)
    assert len(few) < count
    rng = np.random.default_rng(0)
    squares = rng.integers(0, 256, (5, given.size, given.size, 3), np.uint8)
    images = torch.from_numpy(squares).permute(0, 3, 1, 2).float()
    with torch.inference_mode():
        _, code, shares = Portable(given, ELSEWHERE).eval()(images)
    encoder = assemble(given, ELSEWHERE, "cpu", "torch")
    assert_allclose(shares.numpy(), encoder.probabilities(code.numpy()), rtol=1e-4, atol=1e-6)
    source = given.source_codes[few], given.source_labels[few]
    alone = replace(given, source_codes=source[0], source_labels=source[1])
    expected = assemble(alone, ELSEWHERE, "cpu", "torch").probabilities(code.numpy())
    assert_allclose(shares.numpy(), expected, rtol=1e-4, atol=1e-6)


def test_the_graph_names_its_categories(exported):
    """In the order of the columns of probabilities."""
    given, session = exported
    properties = session.get_modelmeta().custom_metadata_map
    assert properties["categories"].split("\n") == CATEGORIES
    assert properties["fingerprint"] == given.fingerprint()
    assert [output.name for output in session.get_outputs()] == ["u", "code", "probability"]


def test_without_onnx_the_remedy_is_told(tmp_path, monkeypatch):
    """One line with the command."""
    network = pipeline(tmp_path, parts())
    monkeypatch.setitem(sys.modules, "onnx", None)
    with pytest.raises(
        UserError, match=r"needs onnx, which is not installed: pip install 'dah\[onnx\]'"
    ):
        write_onnx(network.with_suffix(".onnx"), parts())
