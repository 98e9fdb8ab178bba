"""MatConvNet's ``imagenet-vgg-f.mat`` as the weights of ``VggF``.

The file holds the network layer by layer, parameters of pooling and normalisation included. What
decides the activations is compared with what ``VggF`` computes; a difference is refused, so that no
other network (VGG-M, the batch-normalised retraining of VGG-F) passes for it.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch

from dah.errors import UserError
from dah.files.matlab import load_matlab
from dah.networks.vgg_f import LRN, VggF


class Layer(NamedTuple):
    """A layer that the file must hold: each setting with the values that mean the same here."""

    name: str
    kind: str
    settings: Mapping[str, tuple]


def _conv(name: str, filters: int, stride: int, pad: int) -> Layer:
    settings = {
        "filters": ([filters, filters],),
        "stride": ([stride, stride],),
        "pad": ([pad] * 4,),
        "dilate": ([1, 1],),
    }
    return Layer(name, "conv", settings)


def _relu(name: str) -> Layer:
    return Layer(name, "relu", {"leak": ([0],)})


def _lrn(name: str) -> Layer:
    return Layer(name, "lrn", {"param": (list(LRN),)})


def _pool(name: str, *pads: list[int]) -> Layer:
    settings = {"method": ("max",), "pool": ([3, 3],), "stride": ([2, 2],), "pad": pads}
    return Layer(name, "pool", settings)


OVERHANG = [0, 1, 0, 1]  # top, bottom, left, right
NONE = [0, 0, 0, 0]  # the same where the side is odd: 27 and 13 pixels before pool2 and pool5
LAYERS = (
    _conv("conv1", 11, 4, 0),
    _relu("relu1"),
    _lrn("norm1"),
    _pool("pool1", OVERHANG),
    _conv("conv2", 5, 1, 2),
    _relu("relu2"),
    _lrn("norm2"),
    _pool("pool2", OVERHANG, NONE),
    _conv("conv3", 3, 1, 1),
    _relu("relu3"),
    _conv("conv4", 3, 1, 1),
    _relu("relu4"),
    _conv("conv5", 3, 1, 1),
    _relu("relu5"),
    _pool("pool5", OVERHANG, NONE),
    _conv("fc6", 6, 1, 0),
    _relu("relu6"),
    _conv("fc7", 1, 1, 0),
    _relu("relu7"),
)
DEFAULTS = {"leak": 0, "dilate": 1, "method": "max", "stride": 1, "pad": 0}
REPEATS = {"stride": 2, "pool": 2, "dilate": 2, "pad": 4}  # length that a single number stands for


def convert_matconvnet(path: Path) -> dict[str, torch.Tensor]:
    """The ``state_dict`` of ``VggF`` from a MatConvNet network file (MATLAB 5 format).

    Old files (``filters``, ``biases``, ``normalization``) and newer ones (``weights``, ``meta``)
    alike; dropout and whatever follows relu7 are left aside. The mean is subtracted as the file has
    it, which is what MatConvNet's own scripts do: a whole mean image stays one, a mean colour fills
    the square. Raises ``UserError`` for another kind of file and for a network that differs.
    """
    content = load_matlab(path)
    if not isinstance(content.get("net", content), Mapping):
        raise UserError(f"{path}: expected a MatConvNet network, found no struct in 'net'")
    net = content.get("net", content)
    layers = [layer for layer in _cells(net.get("layers")) if _kind(layer) != "dropout"]
    state = {"mean": _mean(path, net)}
    channels = 3
    for place, expected in enumerate(LAYERS):
        if place == len(layers):
            raise UserError(f"{path}: the network ends before {expected.name}, expected VGG-F")
        _check(path, layers[place], expected)
        if expected.kind == "conv":
            weight, bias = _weights(path, layers[place], expected.name, channels)
            channels = len(bias)
            if expected.name.startswith("fc"):
                weight = weight.flatten(1)
            state |= {f"{expected.name}.weight": weight, f"{expected.name}.bias": bias}
    return state


def _cells(layers: Any) -> list[Mapping[str, Any]]:
    """The layers as a list, empty where the file has none."""
    if isinstance(layers, list):
        return [layer if isinstance(layer, Mapping) else {} for layer in layers]
    return []


def _kind(layer: Mapping[str, Any]) -> str:
    kind = str(layer.get("type"))
    return "lrn" if kind == "normalize" else kind


def _check(path: Path, layer: Mapping[str, Any], expected: Layer) -> None:
    """Refuse a layer of another type, or one with a setting that ``VggF`` does not implement."""
    if _kind(layer) != expected.kind:
        raise UserError(
            f"{path}: expected VGG-F with {expected.kind} as {expected.name}, found {_kind(layer)}"
        )
    for name, values in expected.settings.items():
        if name == "filters":
            found = list(_parts(layer)[0].shape[:2])
        else:
            found = _setting(layer.get(name, DEFAULTS.get(name)), REPEATS.get(name, 1))
        if found not in values:
            raise UserError(
                f"{path}: {expected.name} has {name} {found}, VGG-F has {values[0]} there"
            )


def _setting(value: Any, repeats: int) -> str | list:
    """Text as it is; numbers as a list, rounded to single precision's digits, scalars repeated."""
    if not isinstance(value, int | np.ndarray):
        return str(value)[:80]
    numbers = [float(f"{number:.6g}") for number in np.ravel(value)]
    return numbers * repeats if len(numbers) == 1 else numbers


def _parts(layer: Mapping[str, Any]) -> tuple[np.ndarray, np.ndarray]:
    """Filters ``(height, width, channels in, out)`` and biases ``(out,)`` of either form."""
    stored = layer.get("weights", [layer.get("filters"), layer.get("biases")])
    if not isinstance(stored, list) or len(stored) != 2:
        stored = [None, None]
    filters, biases = (p if isinstance(p, np.ndarray) else np.empty(0) for p in stored)
    # MATLAB drops the last sides of 1
    return filters.reshape(filters.shape + (1,) * (4 - filters.ndim)), biases.ravel()


def _weights(
    path: Path, layer: Mapping[str, Any], name: str, channels: int
) -> tuple[torch.Tensor, torch.Tensor]:
    """Filters float ``(out, in, height, width)`` and biases float ``(out,)``."""
    filters, biases = _parts(layer)
    if filters.ndim != 4 or filters.shape[2:] != (channels, len(biases)):
        raise UserError(
            f"{path}: {name} has filters {filters.shape} and {len(biases)} biases, expected"
            f" (height, width, {channels}, {len(biases)})"
        )
    weight = np.ascontiguousarray(filters.transpose(3, 2, 0, 1), dtype=np.float32)
    return torch.from_numpy(weight), torch.from_numpy(biases.astype(np.float32))


def _mean(path: Path, net: Mapping[str, Any]) -> torch.Tensor:
    """The mean image float ``(3, 224, 224)``."""
    place, side = net, VggF.input_size
    for name in ("meta", "normalization"):
        found = place.get(name, {} if name == "normalization" else net)
        place = found if isinstance(found, Mapping) else {}
    if not isinstance(place.get("averageImage"), np.ndarray):
        raise UserError(f"{path}: expected a MatConvNet network, found no averageImage in it")
    mean = place["averageImage"].astype(np.float32).squeeze()
    if mean.shape not in ((3,), (side, side, 3)):
        raise UserError(
            f"{path}: averageImage must be {side} x {side} x 3 or 3 numbers, found {mean.shape}"
        )
    image = np.broadcast_to(mean, (side, side, 3)).transpose(2, 0, 1)
    return torch.from_numpy(np.ascontiguousarray(image))
