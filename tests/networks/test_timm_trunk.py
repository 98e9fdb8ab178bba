"""Trunks from timm: one of each kind, its own normalisation, weights from files, clear refusals."""

import os
from pathlib import Path

import pytest
import torch
from encoders import parts, picture
from torch.testing import assert_close

from dah.encoder.encoder import assemble
from dah.errors import UserError
from dah.networks.build import build_trunk
from dah.networks.cuts import block_names, cut
from dah.networks.folding import fold_batch_norms
from dah.networks.heads import build_network
from dah.networks.weights import check_source, load_weights

pytest.importorskip("dah.vision")  # torchvision as timm needs it
timm = pytest.importorskip("timm")
SHARED = Path(os.environ.get("DAH_SHARED_DATA", Path(__file__).parents[3] / "shared" / "data"))
LITE2 = SHARED.parent / "weights" / "tf_efficientnet_lite2.pth"
CONVOLUTIONAL, ATTENTION, HYBRID = "mobilenetv3_small_050", "vit_tiny_patch16_224", "mobilevit_xxs"
KINDS = CONVOLUTIONAL, ATTENTION, HYBRID


def images_for(trunk, count=2):
    draw = torch.Generator().manual_seed(0)
    return torch.rand(count, 3, trunk.input_size, trunk.input_size, generator=draw)


@pytest.mark.parametrize("name", KINDS)
def test_the_features_are_those_of_the_whole_model(tmp_path, name):
    """Its classifier on them gives its scores; weights come from its own state_dict."""
    torch.manual_seed(0)
    whole = timm.create_model(name).eval()
    trunk = build_trunk(f"timm/{name}").eval()
    torch.save(whole.state_dict(), tmp_path / "whole.pth")
    load_weights(trunk, f"timm/{name}", tmp_path / "whole.pth")
    config = timm.data.resolve_model_data_config(whole)
    assert trunk.input_size == config["input_size"][1]
    images = images_for(trunk)
    mean, deviation = (torch.tensor(config[of]).view(3, 1, 1) for of in ("mean", "std"))
    with torch.inference_mode():
        (features,) = trunk(images)
        scores = whole((images - mean) / deviation)
        assert_close(whole.get_classifier()(features), scores)
    assert features.shape == (2, *trunk.widths)


def test_a_model_for_squares_of_any_size_is_cut_too():
    """Built for its own size it has the same outputs, and layers that can be followed."""
    whole = timm.create_model("test_vit", num_classes=0).eval()
    assert whole.dynamic_img_size
    trunk = build_trunk("timm/test_vit").eval()
    trunk.model.load_state_dict(whole.state_dict())
    images = images_for(trunk)
    parts_of = cut(trunk, 2)
    with torch.inference_mode():
        expected = whole((images - trunk.mean) / trunk.deviation)
        assert_close(trunk(images), (expected,))
        assert_close(parts_of.upper(parts_of.lower(images)), (expected,))
    assert parts_of.name == "blocks.4"


def test_safetensors_are_read(tmp_path):
    """The same weights; a file that is none is refused in a line."""
    from safetensors.torch import save_file  # noqa: PLC0415 - comes with timm

    trunk, other = (build_trunk(f"timm/{CONVOLUTIONAL}") for _ in range(2))
    save_file(trunk.model.state_dict(), tmp_path / "w.safetensors")
    load_weights(other, f"timm/{CONVOLUTIONAL}", tmp_path / "w.safetensors")
    for name, value in trunk.model.state_dict().items():
        assert torch.equal(other.model.state_dict()[name], value)
    (tmp_path / "no.safetensors").write_bytes(b"\x10\0\0\0\0\0\0\0{}")
    with pytest.raises(UserError, match=r"no\.safetensors: expected a file of safetensors, found"):
        load_weights(other, f"timm/{CONVOLUTIONAL}", tmp_path / "no.safetensors")


def test_what_cannot_be_had_is_said():
    with pytest.raises(UserError, match=r"no model 'resnet5'; the nearest names are .*resnet5"):
        build_trunk("timm/resnet5")
    with pytest.raises(UserError, match="imagenet is not for timm/vgg11; set it to pretrained"):
        check_source("timm/vgg11", "imagenet")
    with pytest.raises(UserError, match="pretrained is not for resnet18; set it to imagenet"):
        check_source("resnet18", "pretrained")
    with pytest.raises(UserError, match="is not a file; set it to a file of weights or to pretr"):
        check_source("timm/vgg11", "nowhere.pth")


def test_a_hub_that_cannot_be_reached_says_what_to_do(monkeypatch):
    def refuse(*_, **given):
        raise OSError("no route to host")

    monkeypatch.setattr(timm, "create_model", refuse)
    message = "weights of timm/vgg11 cannot be had from timm's hub: no route to host; get them"
    with pytest.raises(UserError, match=message):
        load_weights(torch.nn.Identity(), "timm/vgg11", "pretrained")


def test_timm_that_is_not_installed_is_named(monkeypatch):
    import importlib  # noqa: PLC0415 - patched below

    real = importlib.import_module

    def without(name):
        if name == "timm":
            raise ModuleNotFoundError("No module named 'timm'", name="timm")
        return real(name)

    monkeypatch.setattr("dah.networks.timm_trunk.importlib.import_module", without)
    with pytest.raises(UserError, match=r"needs timm, which is not here; run pip install 'dah\["):
        build_trunk("timm/vgg11")


@pytest.mark.parametrize("name", [CONVOLUTIONAL, HYBRID, "resnetv2_50"])
def test_folding_changes_nothing_but_the_last_digits(name):
    """Norms with activations of their own among them; statistics are random."""
    torch.manual_seed(0)
    model = build_trunk(f"timm/{name}").model.eval()
    norms = [layer for layer in model.modules() if isinstance(layer, torch.nn.BatchNorm2d)]
    for layer in norms:
        torch.nn.init.uniform_(layer.running_mean, -0.1, 0.1)
        torch.nn.init.uniform_(layer.running_var, 0.8, 1.2)
    folded = fold_batch_norms(model, 128 if name != HYBRID else 256)
    left = [layer for layer in folded.modules() if isinstance(layer, torch.nn.BatchNorm2d)]
    assert len(left) < len(norms) or name == "resnetv2_50"  # whose norms stand before
    images = images_for(build_trunk(f"timm/{name}"))
    with torch.inference_mode():
        expected = model(images)
        assert_close(folded(images), expected, rtol=1e-3, atol=1e-4 * float(expected.abs().max()))


@pytest.mark.parametrize("name", KINDS)
def test_it_can_be_cut(name):
    """Below its last block and below a middle one: both parts are the whole."""
    torch.manual_seed(0)
    trunk = build_trunk(f"timm/{name}").eval()
    names = block_names(trunk)
    images = images_for(trunk)
    with torch.inference_mode():
        (expected,) = trunk(images)
        for finetune in (1, names[len(names) // 2]):
            parts = cut(trunk, finetune)
            (found,) = parts.upper(parts.lower(images))
            assert_close(found, expected, rtol=1e-4, atol=1e-4 * float(expected.abs().max()))


@pytest.mark.parametrize("name", KINDS)
def test_a_network_on_it_learns_and_encodes(tmp_path, name):
    """All layers get a gradient; an encoder of it gives codes of image files."""
    network = build_network(build_trunk(f"timm/{name}"), 8, 16, "all")
    network(images_for(network.trunk, 4)).u.square().sum().backward()
    missing = [n for n, p in network.named_parameters() if p.grad is None]
    assert missing == []
    given = parts(trunk=f"timm/{name}", size=network.input_size)
    encoder = assemble(given, tmp_path / "e.pt", "cpu")
    (tmp_path / "a.png").write_bytes(picture(0))
    assert encoder.encode(tmp_path / "a.png").codes.shape == (1, 2)


@pytest.mark.skipif(not LITE2.is_file(), reason="no weights/tf_efficientnet_lite2.pth here")
def test_real_weights_load():
    """Published ones, with their classifier, which is left out."""
    trunk = build_trunk("timm/tf_efficientnet_lite2").eval()
    load_weights(trunk, "timm/tf_efficientnet_lite2", LITE2)
    assert (trunk.input_size, trunk.widths) == (260, (1280,))
    with torch.inference_mode():
        (features,) = trunk(images_for(trunk, 1))
    assert float(features.std()) > 0.01
