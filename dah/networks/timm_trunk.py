"""Trunks from timm: any of its models as pooled features, with its own input size and colours."""

import importlib
from difflib import get_close_matches
from types import ModuleType

import torch
from torch import Tensor, nn

from dah.errors import UserError

PREFIX = "timm/"


class TimmTrunk(nn.Module):
    """A model of timm up to its classifier, by its name there, such as ``timm/convnext_tiny``.

    RGB float ``(n, 3, input_size, input_size)`` in [0, 1], normalised here as the model's own
    configuration says, to a tuple of one float ``(n, width)``: its pooled features. `model` holds
    the weights under timm's names; `left_out` are the names of its classifiers. It has no dropout
    and leaves no layers out. Raises ``UserError`` for any other name, for a model that does not
    look at RGB squares, and where timm is not installed.
    """

    def __init__(self, name: str) -> None:
        super().__init__()
        timm = _timm()
        known = name.removeprefix(PREFIX)
        try:
            self.model = _built(timm, known)
        except RuntimeError as error:
            if not timm.is_model(known):
                raise UserError(_unknown(timm, known)) from error
            raise UserError(f"timm cannot build {known}: {str(error)[:200]}") from error
        config = timm.data.resolve_model_data_config(self.model)
        channels, height, self.input_size = config["input_size"]
        if (channels, height) != (3, self.input_size):
            raise UserError(f"{name} looks at {config['input_size']}, not at squares of RGB")
        for colour, values in (("mean", config["mean"]), ("deviation", config["std"])):
            self.register_buffer(colour, torch.tensor(values).view(3, 1, 1), persistent=False)
        self.widths = (getattr(self.model, "head_hidden_size", None) or self.model.num_features,)
        classifier = self.model.pretrained_cfg.get("classifier") or ()
        self.left_out = (classifier,) if isinstance(classifier, str) else tuple(classifier)

    def forward(self, images: Tensor) -> tuple[Tensor, ...]:
        return (self.model((images - self.mean) / self.deviation),)


def published(name: str) -> dict[str, Tensor]:
    """The weights that timm's hub publishes for a model, downloaded into its usual cache.

    Raises ``UserError`` where there are none, or the download fails.
    """
    timm = _timm()
    known = name.removeprefix(PREFIX)
    try:
        return timm.create_model(known, pretrained=True, num_classes=0).state_dict()
    except Exception as error:  # whatever the hub's client and its transports raise
        reason = " ".join(str(error).split())[:300] or type(error).__name__
        raise UserError(
            f"the pretrained weights of {name} cannot be had from timm's hub: {reason}; get them"
            " elsewhere (.safetensors or torch's state_dict) and set backbone.weights to the file"
        ) from error


def _built(timm: ModuleType, name: str) -> nn.Module:
    """A model without its classifier; one that takes squares of any size takes its own alone.

    So its layers can be followed (``dah.networks.cuts``), and its outputs are the same.
    """
    model = timm.create_model(name, num_classes=0)
    if getattr(model, "dynamic_img_size", False):
        model = timm.create_model(name, num_classes=0, dynamic_img_size=False)
    return model


def _timm() -> ModuleType:
    try:
        importlib.import_module("dah.vision")  # timm imports torchvision
        return importlib.import_module("timm")
    except ModuleNotFoundError as error:
        raise UserError(
            f"a trunk of timm needs {error.name}, which is not here; run pip install 'dah[timm]'"
        ) from error


def _unknown(timm: ModuleType, name: str) -> str:
    near = get_close_matches(name, timm.list_models(), n=3, cutoff=0)
    return f"timm has no model {name[:100]!r}; the nearest names are {', '.join(near)}"
