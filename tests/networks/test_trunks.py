"""Trunks from torchvision: its own activations, its own weights, and nothing else is loaded."""

import io
import os
import subprocess
import sys
import tarfile
from pathlib import Path
from urllib.error import URLError

import numpy as np
import pytest
import torch
from PIL import Image
from torch.testing import assert_close

from dah.errors import UserError
from dah.networks.build import build_trunk
from dah.networks.weights import load_weights
from dah.vision import torchvision

MEAN, DEVIATION = [0.485, 0.456, 0.406], [0.229, 0.224, 0.225]
SHARED = Path(os.environ.get("DAH_SHARED_DATA", Path(__file__).parents[3] / "shared" / "data"))
MOBILENET = SHARED.parent / "weights" / "mobilenet_v2_features.pth"
OFFICE = SHARED / "office31.tar"


def random_images():
    """Smaller than the trunks expect, which the tests need not wait for."""
    return torch.rand(2, 3, 96, 96, generator=torch.Generator().manual_seed(0))


def save(path, state):
    torch.save(state, path)
    return path


@pytest.fixture(scope="module")
def state():
    """The weights of a whole MobileNetV2; batch norm's, constant at first, are random too."""
    torch.manual_seed(1)
    weights = torchvision.models.mobilenet_v2(weights=None).state_dict()
    return {key: torch.rand_like(w) if w.ndim == 1 else w for key, w in weights.items()}


@pytest.mark.parametrize(
    ("name", "classifier", "widths"),
    [
        ("alexnet", "classifier.6", (4096, 4096)),
        ("resnet18", "fc", (512,)),
        ("mobilenet_v2", "classifier.1", (1280,)),
        pytest.param("vgg16", "classifier.6", (4096, 4096), marks=pytest.mark.slow),
    ],
)
def test_the_classifier_on_a_trunk_gives_torchvisions_scores(tmp_path, name, classifier, widths):
    """Normalisation, weights and the last activation are those of the whole network."""
    torch.manual_seed(0)
    whole = torchvision.models.get_model(name, weights=None).eval()
    trunk = build_trunk(name).eval()
    load_weights(trunk, name, save(tmp_path / "whole.pth", whole.state_dict()))
    images = random_images()
    normalised = torchvision.transforms.functional.normalize(images, MEAN, DEVIATION)
    with torch.inference_mode():
        activations = trunk(images)
        assert_close(whole.get_submodule(classifier)(activations[-1]), whole(normalised))
    assert trunk.widths == tuple(layer.shape[1] for layer in activations) == widths


def test_alexnet_gives_fc6_and_fc7_after_their_rectifiers_without_dropout():
    """In training mode too: the hash network's losses see the same image twice alike."""
    torch.manual_seed(0)
    trunk = build_trunk("alexnet").train()
    with torch.inference_mode():
        fc6, fc7 = trunk(random_images())
        again = trunk(random_images())
        assert_close(fc7, torch.relu(trunk.model.classifier[4](fc6)))
    assert_close((fc6, fc7), again, rtol=0, atol=0)
    assert fc6.min() == fc7.min() == 0
    assert 0 < (fc6 > 0).float().mean() < 1


@pytest.mark.parametrize(
    ("name", "size", "widths"),
    [
        ("vgg16", 224, (4096, 4096)),
        ("resnet50", 224, (2048,)),
        ("efficientnet_b3", 300, (1536,)),
        ("swin_v2_t", 256, (768,)),
        ("vit_b_16", 224, (768,)),
    ],
)
def test_sizes_are_those_of_the_published_weights(name, size, widths):
    with torch.device("meta"):
        trunk = build_trunk(name)
    assert (trunk.input_size, trunk.widths) == (size, widths)


def test_unknown_names_are_answered_with_near_ones():
    with pytest.raises(UserError, match=r"there is no trunk 'resnet5'; the nearest .*resnet50"):
        build_trunk("resnet5")
    for name in ("squeezenet1_0", "inception_v3", "fcn_resnet50"):
        with pytest.raises(UserError, match=f"no trunk '{name}'"):
            build_trunk(name)


def test_torchvision_is_imported_only_for_its_own_trunks():
    code = (
        "import sys; from dah.networks import build_trunk; build_trunk('lenet');"
        " sys.exit('torchvision' in sys.modules)"
    )
    root = Path(__file__).parents[2]
    subprocess.run([sys.executable, "-c", code], cwd=root, check=True)


@pytest.mark.parametrize(
    "form", ["plain", "state_dict", "model", "module.", "headless", "counters"]
)
def test_all_forms_of_a_local_file_give_the_same_weights(tmp_path, state, form):
    changed = {
        "plain": state,
        "state_dict": {"state_dict": state, "epoch": 3},
        "model": {"model": state},
        "module.": {"state_dict": {f"module.{key}": weight for key, weight in state.items()}},
        "headless": {key: w for key, w in state.items() if key.startswith("features")},
        "counters": {key: w for key, w in state.items() if not key.endswith("_tracked")},
    }
    trunk = build_trunk("mobilenet_v2")
    load_weights(trunk, "mobilenet_v2", str(save(tmp_path / "w.pth", changed[form])))
    for key, weight in trunk.model.state_dict().items():
        assert_close(weight, state[key], rtol=0, atol=0)
    assert not any(key.startswith("classifier") for key in trunk.model.state_dict())


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            lambda state: {key: w for key, w in state.items() if ".17." not in key},
            r"lacks 15 of 260 weights of mobilenet_v2, first features\.17\.conv\.0\.0\.weight",
        ),
        (
            lambda state: state | {"neck.weight": torch.ones(2), "neck.bias": torch.ones(2)},
            r"has 2 weights that mobilenet_v2 has not, first neck\.weight",
        ),
        (
            lambda state: state | {"features.0.1.bias": torch.ones(31)},
            r"features\.0\.1\.bias is \(31,\), mobilenet_v2 has \(32,\)",
        ),
        (
            lambda state: state | {"features.0.1.bias": torch.full([32], torch.nan)},
            r"features\.0\.1\.bias holds values that are not finite",
        ),
        (lambda state: list(state.values()), "expected a state_dict of torch, found list"),
        (lambda state: {"epoch": 3}, "expected a state_dict of torch, found dict"),
    ],
)
def test_weights_that_do_not_fill_the_trunk_are_refused(tmp_path, state, change, message):
    trunk = build_trunk("mobilenet_v2")
    before = trunk.model.features[0][0].weight.clone()
    path = save(tmp_path / "w.pth", change(state))
    with pytest.raises(UserError, match=rf"w\.pth: {message}"):
        load_weights(trunk, "mobilenet_v2", path)
    assert_close(trunk.model.features[0][0].weight, before, rtol=0, atol=0)


class Trap:
    """An object whose unpickling writes a file."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return Path.touch, (self.path,)


def test_files_that_are_not_weights_are_refused(tmp_path):
    """Missing, another format, and one that would run code: it does not."""
    trunk = build_trunk("lenet")
    with pytest.raises(UserError, match=r"backbone\.weights: .*absent\.pth is not a file"):
        load_weights(trunk, "lenet", tmp_path / "absent.pth")
    (tmp_path / "text.pth").write_text("weights")
    (tmp_path / "empty.pth").write_bytes(b"")
    save(tmp_path / "trap.pth", {"weight": Trap(tmp_path / "sprung")})
    for name in ("text", "empty", "trap"):
        with pytest.raises(UserError, match=rf"{name}\.pth: expected a state_dict of torch"):
            load_weights(trunk, "lenet", tmp_path / f"{name}.pth")
    assert not (tmp_path / "sprung").exists()
    with pytest.raises(UserError, match="holds weights of vgg_f, not of lenet"):
        load_weights(trunk, "lenet", save(tmp_path / "w.mat", {}))


def test_imagenet_weights_come_through_torchs_cache(tmp_path, state, monkeypatch):
    """The first publication of the name; no network is needed once the file is there."""
    monkeypatch.setattr(torch.hub, "get_dir", lambda: str(tmp_path))
    (tmp_path / "checkpoints").mkdir()
    save(tmp_path / "checkpoints" / "mobilenet_v2-b0353104.pth", state)
    trunk = build_trunk("mobilenet_v2")
    load_weights(trunk, "mobilenet_v2", "imagenet")
    for key, weight in trunk.model.state_dict().items():
        assert_close(weight, state[key], rtol=0, atol=0)


def test_a_failed_download_says_what_to_do(tmp_path, monkeypatch):
    def refuse(*_, **__):
        raise URLError("no route to host")

    monkeypatch.setattr(torch.hub, "get_dir", lambda: str(tmp_path))
    monkeypatch.setattr(torch.hub, "urlopen", refuse)
    message = r"mobilenet_v2 cannot be had from https://.*no route.*set backbone\.weights to its"
    with pytest.raises(UserError, match=message):
        load_weights(build_trunk("mobilenet_v2"), "mobilenet_v2", "imagenet")
    with pytest.raises(UserError, match=r"no weights of vgg_f; get https://.*imagenet-vgg-f\.mat"):
        load_weights(torch.nn.Identity(), "vgg_f", "imagenet")
    with pytest.raises(UserError, match="no imagenet weights of lenet"):
        load_weights(build_trunk("lenet"), "lenet", "imagenet")


def photographs(domain, categories, each):
    """Squares of 224 pixels from Office-31, float ``(n, 3, 224, 224)``, and their categories."""
    images, labels = [], []
    with tarfile.open(OFFICE) as tar:
        for label, category in enumerate(categories):
            folder = f"{domain}/images/{category}/"
            names = sorted(n for n in tar.getnames() if n.startswith(folder) and n.endswith("jpg"))
            for name in names[:each]:
                image = Image.open(io.BytesIO(tar.extractfile(name).read())).convert("RGB")
                images.append(np.asarray(image.resize((224, 224))))
                labels.append(label)
    return torch.from_numpy(np.stack(images)).permute(0, 3, 1, 2) / 255, np.array(labels)


@pytest.mark.slow
@pytest.mark.skipif(not MOBILENET.is_file(), reason="no weights/mobilenet_v2_features.pth here")
@pytest.mark.skipif(not OFFICE.is_file(), reason="no data/office31.tar here")
def test_real_weights_see_what_is_on_real_photographs():
    """The nearest other photograph by cosine shows the same thing; random weights see it less."""
    categories = ["bike", "calculator", "headphones", "keyboard", "mug", "projector"]
    images, labels = photographs("amazon", categories, 6)
    trunk = build_trunk("mobilenet_v2").eval()
    random = nearest_is_alike(trunk, images, labels)
    load_weights(trunk, "mobilenet_v2", MOBILENET)
    assert nearest_is_alike(trunk, images, labels) > max(0.9, random + 0.2)


def nearest_is_alike(trunk, images, labels):
    with torch.inference_mode():
        (features,) = trunk(images)
    unit = torch.nn.functional.normalize(features)
    alike = unit @ unit.T - 2 * torch.eye(len(unit))
    return (labels[alike.argmax(dim=1).numpy()] == labels).mean()
