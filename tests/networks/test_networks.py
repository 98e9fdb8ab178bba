"""The hash network computes what section 4 says, and comes back from its file."""

import pytest
import torch
from torch.testing import assert_close

from dah.errors import UserError
from dah.networks.build import build_trunk
from dah.networks.checkpoints import load_network, load_trunk, read_model, write_model
from dah.networks.heads import Head, Network, build_network
from dah.networks.shapes import shapes_alone


def network(bits=8):
    torch.manual_seed(0)
    return Network(build_trunk("lenet"), bits)


def images(n=6):
    return torch.rand(n, 3, 28, 28, generator=torch.Generator().manual_seed(1))


def test_u_is_tanh_of_normalised_fc8():
    """u = tanh((fc8 - mean) / sqrt(variance + eps)) over the batch, fc8 linear in fc7."""
    net = network().train()
    fc6, fc7, fc8 = net(images()).layers
    assert (fc6.shape, fc7.shape, fc8.shape) == ((6, 256), (6, 128), (6, 8))
    assert min(fc6.min(), fc7.min()) == 0
    assert_close(fc8, fc7 @ net.head.fc8.weight.T + net.head.fc8.bias)
    deviation = (fc8.var(dim=0, correction=0) + net.head.norm.eps).sqrt()
    assert_close(net(images()).u, torch.tanh((fc8 - fc8.mean(dim=0)) / deviation))


def test_in_evaluation_an_image_does_not_see_its_batch():
    """The code of an image is its own."""
    net = network().eval()
    assert_close(net(images()).u[2:3], net(images()[2:3]).u)


def test_rows_of_outputs():
    """A part of a batch keeps layers and outputs together."""
    whole = network().eval()(images())
    part = whole.rows(slice(2, 5))
    assert_close(part.u, whole.u[2:5])
    assert_close(part.layers, tuple(layer[2:5] for layer in whole.layers))


def test_the_new_layer_starts_small():
    """fc8: deviation 0.01, no bias."""
    fc8 = network(64).head.fc8
    assert_close(fc8.weight.std().item(), 0.01, rtol=0.05, atol=0)
    assert not fc8.bias.any()


def test_a_network_comes_back_from_its_file(tmp_path):
    """Weights, batch statistics and configuration."""
    net = network()
    net.train()(images())
    config = {"trunk": "lenet", **net.shape, "method": "dah"}
    write_model(tmp_path / "a.pt", net.state_dict(), config)
    assert read_model(tmp_path / "a.pt")[1] == config
    again = load_network(tmp_path / "a.pt")
    assert torch.equal(again.eval()(images()).u, net.eval()(images()).u)
    write_model(tmp_path / "t.pt", net.trunk.state_dict(), {"trunk": "lenet"})
    assert torch.equal(load_trunk(tmp_path / "t.pt")(images())[1], net.trunk(images())[1])


def test_foreign_models_are_refused(tmp_path):
    """Not there, not a model, of another shape: one line that names the file."""
    path = tmp_path / "a.pt"
    with pytest.raises(UserError, match=r"a\.pt: expected a model of this project"):
        load_network(path)
    path.write_bytes(b"<html>")
    with pytest.raises(UserError, match=r"a\.pt: expected a model of this project"):
        load_network(path)
    torch.save([1, 2], path)
    with pytest.raises(UserError, match=r"a\.pt: expected a model of this project"):
        load_network(path)
    write_model(path, network(8).state_dict(), {"trunk": "lenet", **network(9).shape})
    with pytest.raises(UserError, match=r"a\.pt: its weights do not fit its network") as caught:
        load_network(path)
    assert "\n" not in str(caught.value)


def test_code_in_a_model_is_not_run(tmp_path):
    """A pickle that would call a function is refused."""

    class Trap:
        def __reduce__(self):
            return (open, (str(tmp_path / "trapped"), "w"))

    torch.save({"config": Trap(), "state": {}}, tmp_path / "a.pt")
    with pytest.raises(UserError, match="expected a model of this project"):
        read_model(tmp_path / "a.pt")
    assert not (tmp_path / "trapped").exists()


def test_a_bottleneck_stands_for_fc7():
    """fc7 = max(0, W x + b) of the trunk's last activation; fc8 is linear in it."""
    torch.manual_seed(0)
    head = Head(6, 4, bottleneck=5)
    x = torch.randn(7, 6)
    fc7, fc8 = head(x).layers
    assert_close(fc7, (x @ head.fc7.weight.T + head.fc7.bias).clamp_min(0))
    assert_close(fc8, fc7 @ head.fc8.weight.T + head.fc8.bias)


@pytest.mark.parametrize(
    ("trunk", "finetune", "bottleneck", "widths"),
    [
        ("lenet", "all", 0, (256, 128, 8)),
        ("lenet", "head", 32, (256, 128, 32, 8)),
        ("mobilenet_v2", "all", 32, (1280, 32, 8)),
        ("mobilenet_v2", "head", 32, (1280, 32, 8)),
    ],
)
def test_the_layers_that_mmd_acts_on(trunk, finetune, bottleneck, widths):
    """A new fc7 where the trunk has none or is frozen; the head has its own layers alone."""
    net = build_network(build_trunk(trunk), 8, 32, finetune).eval()
    side = net.input_size
    outputs = net(torch.rand(1, 3, side, side))
    assert net.shape["bottleneck"] == bottleneck
    assert tuple(layer.shape[1] for layer in outputs.layers) == widths
    own = net.head(torch.rand(1, net.trunk.widths[-1])).layers
    assert tuple(layer.shape[1] for layer in own) == (*(w for w in (bottleneck,) if w), 8)


@pytest.mark.parametrize("trunk", ["lenet", "mobilenet_v2"])
def test_shapes_alone_are_those_of_the_network(trunk):
    """The same names, shapes and dtypes, and not a byte of memory."""
    with shapes_alone():
        found = build_trunk(trunk).state_dict()
    assert {value.device.type for value in found.values()} == {"meta"}
    expected = build_trunk(trunk).state_dict()
    assert {n: (v.shape, v.dtype) for n, v in found.items()} == {
        n: (v.shape, v.dtype) for n, v in expected.items()
    }
