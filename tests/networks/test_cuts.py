"""A trunk in two: both parts are the whole, the upper learns, what cannot be cut is said."""

import pytest
import torch
from torch import nn
from torch.testing import assert_close

from dah.errors import UserError
from dah.networks.build import build_trunk
from dah.networks.cuts import block_names, cut
from dah.networks.heads import build_network
from dah.networks.vgg_f import VggF

NARROW = (8, 8, 8, 8, 8, 32, 16)


def built(name):
    torch.manual_seed(0)
    return VggF(NARROW) if name == "vgg_f" else build_trunk(name)


def images_for(trunk, count=2):
    draw = torch.Generator().manual_seed(0)
    return torch.rand(count, 3, trunk.input_size, trunk.input_size, generator=draw)


@pytest.mark.parametrize("name", ["lenet", "vgg_f", "resnet18", "mobilenet_v2"])
def test_both_parts_are_the_whole(name):
    """At every block: the trunk's activations, without one that the upper part begins with."""
    trunk = built(name).eval()
    images = images_for(trunk)
    with torch.inference_mode():
        expected = trunk(images)
        for number in range(1, len(block_names(trunk)) + 1):
            parts = cut(trunk, number)
            found = parts.upper(parts.lower(images))
            assert_close(found, expected[len(expected) - len(found) :], rtol=1e-4, atol=1e-5)


def test_blocks_are_counted_from_above():
    """Names are the publisher's; a module's name is that of its first block."""
    trunk = built("resnet18")
    names = block_names(trunk)
    assert names == [f"layer{stage}.{i}" for stage in range(1, 5) for i in range(2)]
    for number, name in enumerate(reversed(names), 1):
        assert cut(trunk, number).name == cut(trunk, name).name == name
    assert cut(trunk, "layer4").name == "layer4.0"
    assert block_names(built("lenet")) == ["convolutions.3", "fc6.0", "fc7.0"]
    assert block_names(built("vgg_f")) == ["conv2", "conv3", "conv4", "conv5", "fc6", "fc7"]


def test_every_weight_is_in_one_part():
    """Those above the cut are the network's own; those below get no gradient and do not move."""
    network = build_network(built("resnet18"), 8, 16, 3)
    learner = network.learner(3)
    lower = cut(network.trunk, 3).lower
    above = {id(p) for p in learner.parameters()}
    below = {id(p) for p in lower.parameters()}
    assert above.isdisjoint(below)
    assert above | below == {id(p) for p in network.parameters()}
    before = {name: value.clone() for name, value in network.state_dict().items()}
    with torch.no_grad():
        x = lower.eval()(images_for(network.trunk))
    learner.train()(x).u.square().sum().backward()
    torch.optim.SGD(learner.parameters(), 0.1).step()
    learnt = ("trunk.model.layer3.1", "trunk.model.layer4", "head")
    for name, value in network.named_parameters():
        if "bias" not in name:  # the gradient of one before a batch norm is zero
            assert torch.equal(value, before[name]) != name.startswith(learnt), name


def test_norms_of_a_trunk_that_is_cut_keep_their_moments():
    """Below the cut and above it, while the head's own norm and the factors above it learn."""
    network = build_network(built("mobilenet_v2").eval(), 8, 16, 1)
    learner = network.learner(1).train()
    norms = [(n, m) for n, m in network.named_modules() if "BatchNorm" in type(m).__name__]
    assert [name for name, layer in norms if layer.training] == ["head.norm"]
    before = {name: layer.running_mean.clone() for name, layer in norms}
    with torch.no_grad():
        x = cut(network.trunk, 1).lower(images_for(network.trunk))
    learner(x).u.square().sum().backward()
    moved = [name for name, layer in norms if not torch.equal(layer.running_mean, before[name])]
    assert moved == ["head.norm"]
    assert [name for name, layer in norms if layer.weight.grad is not None] == [
        "trunk.model.features.18.1", "head.norm",
    ]  # fmt: skip


def test_what_learns_is_what_mmd_acts_on():
    """Two activations and fc8 where fc6 learns; fc7 and fc8 where that is the lowest layer."""
    for name, finetune, bottleneck, widths in (
        ("vgg_f", "conv5", 0, (32, 16, 8)),
        ("vgg_f", "fc6", 0, (32, 16, 8)),
        ("vgg_f", "fc7", 0, (16, 8)),
        ("mobilenet_v2", 1, 24, (1280, 24, 8)),
    ):
        network = build_network(built(name), 8, 24, finetune).eval()
        assert network.shape["bottleneck"] == bottleneck
        lower = cut(network.trunk, finetune).lower
        outputs = network.learner(finetune)(lower(images_for(network.trunk)))
        assert tuple(layer.shape[1] for layer in outputs.layers) == widths


class Forked(nn.Module):
    """Three ways from the image to the end: no place has a single value below it."""

    input_size, widths = 8, (4,)

    def __init__(self):
        super().__init__()
        self.first, self.second, self.third = (nn.Conv2d(3, 4, 1) for _ in range(3))

    def forward(self, images):
        both = self.first(images) + self.second(images)
        return ((both + self.third(images)).mean(dim=(2, 3)),)


class Deciding(Forked):
    """What it does depends on the image."""

    def forward(self, images):
        return super().forward(images if images.sum() > 0 else -images)


def test_what_cannot_be_cut_is_said():
    trunk = built("resnet18")
    refused = (
        (trunk, 9, r"9 blocks are to learn.* last 8 at most.*layer4\.1, layer4"),
        (trunk, "layer5", r"below a layer 'layer5'; .* one of the layers layer4\.1, layer4"),
        (Forked(), 1, "1 blocks are to learn.* can be cut nowhere; set it to all or head"),
        (Deciding(), 1, "no chain of layers that can be followed .* to all or head"),
    )
    for whole, finetune, message in refused:
        with pytest.raises(UserError, match=message):
            cut(whole, finetune)
