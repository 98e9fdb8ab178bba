"""Trunks and trained networks in files: weights with the plain values that build them again."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar

import torch
from torch import nn

from dah.errors import UserError
from dah.files.tensors import is_weight, load_tensors, save_tensors
from dah.networks.build import build_trunk
from dah.networks.heads import Network
from dah.networks.shapes import shapes_alone

Module = TypeVar("Module", bound=nn.Module)


def write_model(path: Path, state: Mapping[str, torch.Tensor], config: Mapping[str, Any]) -> None:
    """Store a network's ``state_dict`` with the plain values that build it again."""
    tensors = {name: tensor.detach().cpu() for name, tensor in state.items()}
    save_tensors(path, {"config": dict(config), "state": tensors})


def read_model(path: Path) -> tuple[dict[str, torch.Tensor], dict[str, Any]]:
    """The ``state_dict`` and its config; loads tensors and plain values only, never code."""
    content = load_tensors(path, "a model of this project")
    parts = [content.get(name) for name in ("state", "config")] if type(content) is dict else []
    if not parts or not all(isinstance(part, Mapping) for part in parts):
        raise UserError(f"{path}: expected a model of this project, found {type(content).__name__}")
    state, config = parts
    for name, value in state.items():
        if not is_weight(value):
            found = type(value).__name__
            raise UserError(f"{path}: expected the weight {str(name)[:80]!r}, found {found}")
    return state, config


def load_trunk(path: Path) -> nn.Module:
    """The pretrained trunk of the backbone stage; its config is ``{"trunk": name}``."""
    state, config = read_model(path)
    return _filled(path, state, lambda: build_trunk(config["trunk"]))


def load_network(path: Path) -> Network:
    """A trained network; its config is ``{"trunk": name}`` and ``Network``'s arguments by name."""
    return network_of(path, *read_model(path))


def network_of(path: Path, state: Mapping[str, torch.Tensor], config: Mapping[str, Any]) -> Network:
    """The network of what ``read_model`` gave; errors name its path."""

    def build() -> Network:
        shape = {name: config[name] for name in ("outputs", "bottleneck", "softmax")}
        return Network(build_trunk(config["trunk"]), **shape)

    return _filled(path, state, build)


def _filled(path: Path, state: Mapping[str, torch.Tensor], build: Callable[[], Module]) -> Module:
    try:
        with shapes_alone():  # a config may ask for any width
            build().load_state_dict(state, assign=True)
        network = build()
        network.load_state_dict(state)
    except (AttributeError, KeyError, TypeError, ValueError, RuntimeError, UserError) as error:
        reason = " ".join(str(error).split())[:300]
        raise UserError(f"{path}: its weights do not fit its network: {reason}") from error
    for name, value in network.state_dict().items():
        if not torch.isfinite(value).all():
            raise UserError(f"{path}: {name} holds values that are not finite; make it again")
    return network
