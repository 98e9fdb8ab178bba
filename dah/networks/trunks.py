"""Trunks from torchvision: its classification models without their last, linear layer."""

from difflib import get_close_matches
from http.client import HTTPException
from pickle import UnpicklingError

import torch
from torch import Tensor, nn
from torch.fx import wrap
from torch.nn.functional import adaptive_avg_pool2d

from dah.errors import UserError
from dah.vision import torchvision

models = torchvision.models


wrap("pooled_to")  # one step of a trunk that is cut in two


class TorchvisionTrunk(nn.Module):
    """A classification model of torchvision, by name, up to its classifier, without dropout.

    RGB float ``(n, 3, input_size, input_size)`` in [0, 1], normalised here as its published weights
    expect, to a tuple of float ``(n, width)``: fc6 and fc7 after their rectifiers for AlexNet and
    VGG, the pooled features alone for all others. `model` holds the weights under torchvision's
    names; `left_out` holds the classifier's name. Raises ``UserError`` for any other name.
    """

    def __init__(self, name: str) -> None:
        super().__init__()
        if name not in trunk_names():
            near = ", ".join(get_close_matches(name, ["lenet", "vgg_f", *trunk_names()], cutoff=0))
            raise UserError(f"there is no trunk {name!r}; the nearest names are {near}")
        expected = next(iter(models.get_model_weights(name))).transforms()
        (self.input_size,) = expected.crop_size
        self.register_buffer("mean", _colours(expected.mean), persistent=False)
        self.register_buffer("deviation", _colours(expected.std), persistent=False)
        self.model = models.get_model(name, weights=None)
        linear = [
            (path, layer)
            for path, layer in self.model.named_modules()
            if isinstance(layer, nn.Linear)
        ]
        name, classifier = linear[-1]
        self.left_out = (name,)
        self.model.set_submodule(name, nn.Identity())
        if isinstance(self.model, models.AlexNet | models.VGG):
            self.widths = tuple(layer.out_features for _, layer in linear[:-1])
        else:
            self.widths = (classifier.in_features,)
        for layer in self.model.modules():
            if isinstance(layer, nn.Dropout):
                layer.p = 0.0

    def forward(self, images: Tensor) -> tuple[Tensor, ...]:
        x = (images - self.mean) / self.deviation
        if not isinstance(self.model, models.AlexNet | models.VGG):
            return (self.model(x),)
        x = self.model.features(x)
        x = pooled_to(x, self.model.avgpool.output_size).flatten(1)
        activations = []
        for layer in self.model.classifier:
            x = layer(x)
            if isinstance(layer, nn.ReLU):
                activations.append(x)
        return tuple(activations)


def pooled_to(x: Tensor, size: tuple[int, int]) -> Tensor:
    """Means of maps ``(n, C, h, w)`` over `size` windows, where they are not of that size already.

    Ours are; the gradient of the pooling does not repeat itself on a GPU.
    """
    return x if tuple(x.shape[2:]) == size else adaptive_avg_pool2d(x, size)


def trunk_names() -> list[str]:
    """The classification models of torchvision that end in one linear layer.

    SqueezeNet has none; GoogLeNet and Inception have auxiliary classifiers beside it.
    """
    other = ("squeezenet", "googlenet", "inception")
    return [name for name in models.list_models(models) if not name.startswith(other)]


def published(name: str) -> dict[str, Tensor]:
    """The first published ImageNet weights of a model, downloaded into torch's usual cache.

    They are the ones of the model's paper, as in the literature on domain adaptation; later ones
    come from longer training recipes. Raises ``UserError`` where the download fails.
    """
    weights = next(iter(models.get_model_weights(name)))
    try:
        return models.get_model(name, weights=weights, progress=False).state_dict()
    except (OSError, HTTPException, RuntimeError, UnpicklingError, EOFError) as error:
        reason = str(error).split("\n", 1)[0]
        raise UserError(
            f"the ImageNet weights of {name} cannot be had from {weights.url}: {reason};"
            " get that file elsewhere and set backbone.weights to its path"
        ) from error


def _colours(values: list[float]) -> Tensor:
    return torch.tensor(values).view(3, 1, 1)
