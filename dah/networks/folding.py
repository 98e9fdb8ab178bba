"""Fewer steps for the same function, once a network has stopped learning."""

import copy
from functools import partial

import torch
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_weights

SEEN = 1, 3  # images and colours of the example that a network is followed on


def fold_batch_norms(network: nn.Module, seen: int | Tensor) -> nn.Module:
    """A copy of a network in evaluation mode, its batch norms within the convolutions before them.

        gamma (W * x + b - mu) / s + beta = (gamma / s) W * x + gamma (b - mu) / s + beta

    with s the square root of the running variance plus epsilon. Which norm follows which
    convolution is seen as an input goes through: `seen` itself, one row of what the network takes,
    or an image ``(1, 3, seen, seen)``; what a norm does besides (timm's hold an activation too)
    stays. The outputs, of several the last, differ by rounding; where they would differ by more,
    since something else sees a convolution's output, the copy is as it was.
    """
    if isinstance(seen, int):
        generator = torch.Generator().manual_seed(0)
        example = torch.rand(*SEEN, seen, seen, generator=generator)
    else:
        example = seen.clone()  # a network may begin with a step in place
    folded = copy.deepcopy(network).eval()
    pairs, expected = _pairs(folded, example)
    if not pairs:
        return folded
    for convolution, norm in pairs:
        layer = folded.get_submodule(norm)
        _fold(folded.get_submodule(convolution), layer)
        rest = [getattr(layer, name) for name in ("drop", "act") if hasattr(layer, name)]
        folded.set_submodule(norm, nn.Sequential(*rest))
    with torch.inference_mode():
        outputs = _last(folded(example))
    scale = expected.abs().max().clamp_min(1e-6)
    kept = bool((outputs - expected).abs().max() <= 1e-3 * scale)
    return folded if kept else copy.deepcopy(network).eval()


def _pairs(network: nn.Module, example: Tensor) -> tuple[list[tuple[str, str]], Tensor]:
    """The names of convolutions and of the norms that see what they gave, both called once.

    And what the network makes of the example.
    """
    given: list[tuple[str, Tensor]] = []
    found: dict[str, str] = {}
    calls: list[str] = []

    def see(name: str, layer: nn.Module, inputs: tuple[Tensor, ...], output: Tensor) -> None:
        calls.append(name)
        if isinstance(layer, nn.Conv2d):
            given.append((name, output))
            return
        for convolution, seen in given:
            if seen is inputs[0]:
                found[name] = convolution

    hooks = [
        layer.register_forward_hook(partial(see, name))
        for name, layer in network.named_modules()
        if isinstance(layer, nn.Conv2d | nn.BatchNorm2d)
    ]
    with torch.inference_mode():
        outputs = _last(network(example))
    for hook in hooks:
        hook.remove()
    once = {name for name in calls if calls.count(name) == 1}
    pairs = [(c, norm) for norm, c in found.items() if {c, norm} <= once]
    return pairs, outputs


def _last(outputs: Tensor | tuple[Tensor, ...]) -> Tensor:
    return outputs if isinstance(outputs, Tensor) else outputs[-1]


def _fold(convolution: nn.Conv2d, norm: nn.BatchNorm2d) -> None:
    """Give a convolution the weights of itself and the norm after it."""
    convolution.weight, convolution.bias = fuse_conv_bn_weights(
        convolution.weight,
        convolution.bias,
        norm.running_mean,
        norm.running_var,
        norm.eps,
        norm.weight,
        norm.bias,
    )
