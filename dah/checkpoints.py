"""Trunks and trained networks in files: weights with the plain values that build them again."""

import io
from collections.abc import Callable, Mapping
from pathlib import Path
from pickle import UnpicklingError
from typing import Any, TypeVar

import torch
from torch import nn

from dah.artifacts import replacing
from dah.errors import UserError
from dah.networks import Network, build_trunk

Module = TypeVar("Module", bound=nn.Module)


def write_model(path: Path, state: Mapping[str, torch.Tensor], config: Mapping[str, Any]) -> None:
    """Store a network's ``state_dict`` with the plain values that build it again."""
    buffer = io.BytesIO()
    tensors = {name: tensor.detach().cpu() for name, tensor in state.items()}
    torch.save({"config": dict(config), "state": tensors}, buffer)
    with replacing(path) as part:
        part.write_bytes(buffer.getvalue())


def read_model(path: Path) -> tuple[dict[str, torch.Tensor], dict[str, Any]]:
    """The ``state_dict`` and its config; loads tensors and plain values only, never code."""
    try:
        content = torch.load(path, map_location="cpu", weights_only=True)
        return content["state"], content["config"]
    except (OSError, RuntimeError, UnpicklingError, EOFError, KeyError, TypeError) as error:
        reason = str(error).split("\n", 1)[0]
        raise UserError(f"{path}: expected a model of this project, found: {reason}") from error


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
        network = build()
        network.load_state_dict(state)
    except (KeyError, TypeError, RuntimeError) as error:
        reason = " ".join(str(error).split())
        raise UserError(f"{path}: its weights do not fit its network: {reason}") from error
    return network
