"""VGG-F: MatConvNet's file gives the activations that MatConvNet's definitions give."""

import h5py
import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose, assert_array_equal
from scipy.io import savemat

from dah.errors import UserError
from dah.networks.build import build_trunk
from dah.networks.matconvnet import convert_matconvnet
from dah.networks.vgg_f import VggF, response_norm
from dah.networks.weights import load_weights

WIDTHS = (6, 7, 5, 8, 6, 10, 9)
CHAIN = (3, *WIDTHS)
FILTERS = {"conv1": 11, "conv2": 5, "conv3": 3, "conv4": 3, "conv5": 3, "fc6": 6, "fc7": 1}
OVERHANG = [0, 1, 0, 1]


def conv(name, rng, old, stride=1, pad=0):
    """A layer as the file holds it: filters height x width x in x out, single precision."""
    place = list(FILTERS).index(name)
    side, channels, out = FILTERS[name], CHAIN[place], CHAIN[place + 1]
    scale = np.sqrt(2 / (side * side * channels))
    filters = (rng.standard_normal((side, side, channels, out)) * scale).astype(np.float32)
    biases = rng.standard_normal((1, out)).astype(np.float32)
    layer = {"type": "conv", "name": name, "stride": [stride] * 2, "pad": [pad] * 4}
    if old:
        return layer | {"filters": filters, "biases": biases}
    cell = np.empty(2, dtype=object)
    cell[:] = filters, biases
    return layer | {"weights": cell, "dilate": 1, "precious": False, "opts": {}}


def network(old=False, seed=0):
    """The layers of `imagenet-vgg-f.mat`, narrow."""
    rng = np.random.default_rng(seed)

    def relu(name):
        return {"type": "relu", "name": name} | ({} if old else {"leak": 0})

    def pool(name):
        layer = {"type": "pool", "name": name, "method": "max", "pool": [3, 3]}
        return layer | {"stride": [2, 2], "pad": OVERHANG}

    def lrn(name):
        kind = "normalize" if old else "lrn"
        return {"type": kind, "name": name, "param": np.float32([5, 2, 1e-4, 0.75])}

    return [
        conv("conv1", rng, old, stride=4),
        relu("relu1"),
        lrn("norm1"),
        pool("pool1"),
        conv("conv2", rng, old, pad=2),
        relu("relu2"),
        lrn("norm2"),
        pool("pool2"),
        conv("conv3", rng, old, pad=1),
        relu("relu3"),
        conv("conv4", rng, old, pad=1),
        relu("relu4"),
        conv("conv5", rng, old, pad=1),
        relu("relu5"),
        pool("pool5"),
        conv("fc6", rng, old),
        relu("relu6"),
        conv("fc7", rng, old),
        relu("relu7"),
        {"type": "softmax", "name": "prob"},
    ]


def mean_image(seed=1):
    return np.random.default_rng(seed).uniform(80, 140, (224, 224, 3)).astype(np.float32)


def write(path, layers, mean, old=False):
    cell = np.empty(len(layers), dtype=object)
    cell[:] = layers
    about = {"imageSize": [224.0, 224.0, 3.0], "averageImage": mean}
    normalization = {"normalization": about}
    content = {"layers": cell} | (normalization if old else {"meta": normalization})
    savemat(path, content, oned_as="row")
    return path


def convolve(x, filters, biases, stride, pad):
    """Height x width x channels: the sum over the filter's places of a shifted product."""
    x = np.pad(x, ((pad, pad), (pad, pad), (0, 0)))
    side = filters.shape[0]
    size = (x.shape[0] - side) // stride + 1
    y = np.tile(biases.astype(np.float64), (size, size, 1))
    for i in range(side):
        for j in range(side):
            end = stride * (size - 1) + 1
            y += x[i : i + end : stride, j : j + end : stride] @ filters[i, j].astype(np.float64)
    return y


def normalise(x, size, kappa, alpha, beta):
    y = np.empty_like(x)
    for k in range(x.shape[2]):
        window = x[:, :, max(0, k - size // 2) : k + size // 2 + 1]
        y[:, :, k] = x[:, :, k] / (kappa + alpha * (window**2).sum(axis=2)) ** beta
    return y


def pooled(x):
    """Windows of 3 every 2 pixels, as many as fit when a row and a column are added at the end."""
    size = (x.shape[0] + 1 - 3) // 2 + 1
    y = np.empty((size, size, x.shape[2]))
    for i in range(size):
        for j in range(size):
            y[i, j] = x[2 * i : 2 * i + 3, 2 * j : 2 * j + 3].max(axis=(0, 1))
    return y


def forward(layers, image, mean):
    """fc6 and fc7 of an image height x width x 3 in 0 ... 255."""
    x, activations = image - mean.astype(np.float64), []
    for layer in layers:
        if layer["type"] == "conv":
            weights = layer.get("weights", (layer.get("filters"), layer.get("biases")))
            x = convolve(x, weights[0], weights[1].ravel(), layer["stride"][0], layer["pad"][0])
        elif layer["type"] == "relu":
            x = np.maximum(x, 0)
        elif layer["type"] in ("lrn", "normalize"):
            x = normalise(x, 5, 2, 1e-4, 0.75)
        elif layer["type"] == "pool":
            x = pooled(x)
        if layer["name"] in ("relu6", "relu7"):
            activations.append(x.ravel())
    return activations


@pytest.mark.parametrize("old", [False, True])
@pytest.mark.parametrize("whole_mean", [True, False])
def test_activations_are_those_of_matconvnets_definitions(tmp_path, old, whole_mean):
    """Both forms of the file, with a mean image and with a mean colour."""
    layers = network(old)
    mean = mean_image() if whole_mean else np.float32([[[120, 110, 100]]])
    trunk = VggF(WIDTHS).eval()
    load_weights(trunk, "vgg_f", write(tmp_path / "vgg.mat", layers, mean, old))
    images = np.random.default_rng(2).integers(0, 256, (2, 224, 224, 3))
    with torch.inference_mode():
        found = trunk(torch.from_numpy(images.transpose(0, 3, 1, 2) / 255).float())
    for row, image in enumerate(images):
        for activations, expected in zip(found, forward(layers, image, mean), strict=True):
            assert np.count_nonzero(expected) > 1
            assert_allclose(activations[row], expected, rtol=1e-4, atol=1e-4 * expected.max())


@pytest.mark.parametrize("channels", [2, 3, 7])
def test_response_normalisation_and_its_gradient(channels):
    """Loops over channels, and finite differences; also of fewer channels than its window."""
    rng = torch.Generator().manual_seed(0)
    x = 30 * torch.randn(2, channels, 2, 3, generator=rng, dtype=torch.float64)
    expected = [normalise(image.permute(1, 2, 0).numpy(), 5, 2, 1e-4, 0.75) for image in x]
    assert_allclose(response_norm(x).permute(0, 2, 3, 1), np.stack(expected), rtol=1e-12)
    assert torch.autograd.gradcheck(response_norm, x.requires_grad_())


def test_the_papers_widths():
    """conv1 of 64 filters of 11 x 11, fc6 and fc7 of 4096; 6 x 6 x 256 enter fc6."""
    with torch.device("meta"):
        trunk = build_trunk("vgg_f")
    assert trunk.widths == (4096, 4096)
    assert trunk.conv1.weight.shape == (64, 3, 11, 11)
    assert trunk.fc6.weight.shape == (4096, 9216)
    assert trunk.fc7.weight.shape == (4096, 4096)


def test_dropout_and_what_follows_fc7_are_left_aside(tmp_path):
    layers = network()
    plain = convert_matconvnet(write(tmp_path / "a.mat", layers, mean_image()))
    layers.insert(17, {"type": "dropout", "name": "dropout6", "rate": 0.5})
    fc8 = conv("fc7", np.random.default_rng(3), old=False) | {"name": "fc8"}
    longer = convert_matconvnet(write(tmp_path / "b.mat", [*layers, fc8], mean_image()))
    assert list(plain) == list(longer) == list(VggF(WIDTHS).state_dict())
    for name, weight in plain.items():
        assert_array_equal(longer[name], weight)


def test_a_network_inside_a_variable_net(tmp_path):
    layers = np.empty(20, dtype=object)
    layers[:] = network()
    about = {"normalization": {"averageImage": mean_image()}}
    savemat(tmp_path / "net.mat", {"net": {"layers": layers, "meta": about}})
    assert_array_equal(convert_matconvnet(tmp_path / "net.mat")["mean"][2], mean_image()[:, :, 2])


@pytest.mark.parametrize(
    ("place", "change", "message"),
    [
        (0, {"stride": 2}, r"conv1 has stride \[2.0, 2.0\], VGG-F has \[4, 4\] there"),
        (1, {"leak": 0.1}, r"relu1 has leak \[0.1\], VGG-F has \[0\]"),
        (1, {"type": "bnorm"}, "expected VGG-F with relu as relu1, found bnorm"),
        (2, {"param": [5, 1, 2e-5, 0.75]}, r"norm1 has param \[5.0, 1.0, 2e-05, 0.75\], VGG-F has"),
        (3, {"pad": 0}, r"pool1 has pad \[0.0, .*\], VGG-F has \[0, 1, 0, 1\]"),
        (3, {"method": "avg"}, "pool1 has method avg, VGG-F has max"),
        (4, {"dilate": 2}, r"conv2 has dilate \[2.0, 2.0\]"),
        (7, {"pool": 2}, r"pool2 has pool \[2.0, 2.0\]"),
        (
            8,
            {"weights": network()[4]["weights"]},
            r"conv3 has filters \[5, 5\], VGG-F has \[3, 3\]",
        ),
        (
            10,
            {"weights": network()[8]["weights"]},
            r"conv4 has filters \(3, 3, 7, 5\) and 5 biases",
        ),
    ],
)
def test_another_network_is_refused_by_its_difference(tmp_path, place, change, message):
    layers = network()
    layers[place] |= change
    with pytest.raises(UserError, match=message):
        convert_matconvnet(write(tmp_path / "other.mat", layers, mean_image()))


def test_padding_that_changes_nothing_is_accepted(tmp_path):
    """27 and 13 pixels are odd: pool2 and pool5 have no window that hangs over."""
    layers = network()
    for place in (7, 14):
        layers[place] |= {"pad": 0}
    convert_matconvnet(write(tmp_path / "vgg.mat", layers, mean_image()))


def test_incomplete_networks_are_refused(tmp_path):
    with pytest.raises(UserError, match=r"short\.mat: the network ends before relu7"):
        convert_matconvnet(write(tmp_path / "short.mat", network()[:18], mean_image()))
    with pytest.raises(UserError, match=r"averageImage must be 224 x 224 x 3 .* \(227, 227, 3\)"):
        convert_matconvnet(write(tmp_path / "a.mat", network(), np.zeros((227, 227, 3))))
    savemat(tmp_path / "b.mat", {"fts": np.ones((2, 3))})
    with pytest.raises(UserError, match="expected a MatConvNet network, found no averageImage"):
        convert_matconvnet(tmp_path / "b.mat")
    savemat(tmp_path / "c.mat", {"net": np.ones((2, 3))})
    with pytest.raises(UserError, match="expected a MatConvNet network, found no struct"):
        convert_matconvnet(tmp_path / "c.mat")


def test_files_that_are_not_matlab_5_are_refused(tmp_path):
    """HDF5 by MATLAB 7.3 with its remedy; text, truncated files and folders with the reason."""
    new = tmp_path / "new.mat"
    h5py.File(new, "w", userblock_size=512).close()
    with new.open("r+b") as file:
        file.write(b"MATLAB 7.3 MAT-file".ljust(124) + b"\x00\x02IM")
    with pytest.raises(UserError, match=r"new\.mat: MATLAB 7\.3 .* save\(\.\.\., '-v7'\)"):
        convert_matconvnet(new)
    (tmp_path / "text.mat").write_text("imagenet-vgg-f " * 20)
    whole = write(tmp_path / "whole.mat", network(), mean_image()).read_bytes()
    (tmp_path / "half.mat").write_bytes(whole[: len(whole) // 2])
    (tmp_path / "empty.mat").write_bytes(b"")
    for name in ("text", "half", "empty"):
        with pytest.raises(UserError, match=rf"{name}\.mat: cannot be read as a MATLAB file: ."):
            convert_matconvnet(tmp_path / f"{name}.mat")
