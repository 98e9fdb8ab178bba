"""``params.yaml`` as frozen dataclasses: which keys there are, and what they may be."""

import re
from reprlib import repr as shortened
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, ConfigDict, Field, Strict
from pydantic.dataclasses import dataclass

from dah.datasets import LAYOUTS
from dah.errors import UserError
from dah.names import DEEP, ORACLES, TRANSFER, UNSUPERVISED

SECTION = ConfigDict(extra="forbid", allow_inf_nan=False)
Whole = Annotated[int, Strict()]
Number = Annotated[float, Strict()]
Text = Annotated[str, Strict()]
Switch = Annotated[bool, Strict()]
Count = Annotated[Whole, Field(ge=1)]
Weight = Annotated[Number, Field(ge=0)]
Positive = Annotated[Number, Field(gt=0)]
Seed = Annotated[Whole, Field(ge=0, le=2**32 - 1)]
Share = Annotated[Number, Field(ge=0, le=1)]
Names = tuple[Text, ...]


def _blocks(value: Any) -> Any:
    """``all``, ``head``, a number of blocks from 1 on, or the name of a layer."""
    if type(value) is int and 1 <= value <= 1000:
        return value
    if isinstance(value, str) and re.fullmatch(r"\w[\w.]{0,199}", value):
        return value
    raise UserError(
        "train.finetune must be all, head, a number of blocks from 1 on or a layer's name, found"
        f" {shortened(value)[:100]}"
    )


Finetune = Annotated[Count | Text, BeforeValidator(_blocks)]


@dataclass(frozen=True, config=SECTION)
class Dataset:
    name: Literal[tuple(LAYOUTS)]
    path: Text | None
    seed: Seed


@dataclass(frozen=True, config=SECTION)
class Images:
    size: Annotated[Whole, Field(ge=8, le=4096)]
    on_error: Literal["stop", "skip"]


@dataclass(frozen=True, config=SECTION)
class Backbone:
    name: Text
    weights: Text
    engine: Literal["torch", "onnx"]
    epochs: Count
    seed: Seed


@dataclass(frozen=True, config=SECTION)
class Dah:
    bits: Annotated[Whole, Field(ge=1, le=1024)]
    samples_per_class: Count
    sharpness: Annotated[Number, Field(gt=0, le=1024)]
    gamma: Weight
    mmd_estimate: Literal["quadratic", "linear"]
    mmd_layers: Count
    eta: Weight
    like_weight: Positive
    quantization: Weight


@dataclass(frozen=True, config=SECTION)
class Softmax:
    learning_rate: Positive
    final_learning_rate: Positive
    mmd: Weight
    adversary: Weight


@dataclass(frozen=True, config=SECTION)
class PseudoLabels:
    warm_up: Annotated[Whole, Field(ge=0)]
    every: Count
    dim: Count
    neighbours: Count
    alpha: Annotated[Number, Field(ge=0, le=0.999)]
    rounds: Count
    structure: Share
    weight: Weight


@dataclass(frozen=True, config=SECTION)
class Augment:
    aspect: Annotated[Number, Field(ge=1, le=4)]
    flip: Switch
    colour: Share


@dataclass(frozen=True, config=SECTION)
class Train:
    epochs: Count
    learning_rate: Positive
    final_learning_rate: Positive
    finetune: Finetune
    views: Annotated[Whole, Field(ge=1, le=64)]
    views_gib: Positive
    head_epochs: Annotated[Whole, Field(ge=0)]
    bottleneck: Annotated[Whole, Field(ge=1, le=65536)]
    trunk_factor: Share
    momentum: Annotated[Number, Field(ge=0, le=0.999)]
    weight_decay: Weight
    clip: Positive | None
    augment: Augment
    device: Literal["auto", "cpu", "cuda"]
    precision: Literal["fp32", "tf32", "bf16"]
    compile: Switch
    threads: Annotated[Whole, Field(ge=1, le=1024)] | None
    processes: Annotated[Whole, Field(ge=1, le=64)]
    seeds: tuple[Seed, ...]


@dataclass(frozen=True, config=SECTION)
class Gfk:
    dim: Count


@dataclass(frozen=True, config=SECTION)
class Tca:
    dim: Count
    mu: Positive


@dataclass(frozen=True, config=SECTION)
class Coral:
    ridge: Positive


@dataclass(frozen=True, config=SECTION)
class Jda:
    dim: Count
    mu: Positive
    rounds: Count


@dataclass(frozen=True, config=SECTION)
class Adapt:
    gfk: Gfk
    tca: Tca
    coral: Coral
    jda: Jda


@dataclass(frozen=True, config=SECTION)
class Psca:
    landmarks: Count
    mmd: Positive
    sparsity: Positive
    agreement: Positive
    rounds: Count
    ridge: Positive


@dataclass(frozen=True, config=SECTION)
class Params:
    """The whole of ``params.yaml``; the file's comments say what each key does.

    Raises ``UserError`` where two keys contradict each other (a task whose domain is not listed),
    for an empty list that must have an entry, and for an entry that stands twice.
    """

    dataset: Dataset
    domains: Names
    tasks: Names
    methods: tuple[Literal[tuple(DEEP)], ...]
    transfer: tuple[Literal[tuple(TRANSFER)], ...]
    unsupervised: tuple[Literal[tuple(UNSUPERVISED)], ...]
    oracles: tuple[Literal[ORACLES], ...]
    images: Images
    backbone: Backbone
    dah: Dah
    softmax: Softmax
    pseudo_labels: PseudoLabels
    train: Train
    adapt: Adapt
    psca: Psca

    def __post_init__(self) -> None:
        if self.dataset.name == "digits" and self.dataset.path is not None:
            raise UserError(
                f"dataset.path is {self.dataset.path!r}, but the digits are made, not read;"
                " set it to null"
            )
        if self.dataset.name == "folder" and self.dataset.path is None:
            raise UserError(
                "dataset.path is null, but dataset.name is 'folder'; set it to the folder or"
                " archive that holds <domain>/<category>/<image>"
            )
        if self.backbone.weights in ("letters", "train") and self.backbone.name != "lenet":
            raise UserError(
                f"backbone.weights is {self.backbone.weights!r}, which is for lenet, not for"
                f" {self.backbone.name!r}; set it to imagenet or to a file"
            )
        lists = {key: getattr(self, key) for key in ("domains", "tasks", "methods")}
        lists["train.seeds"] = self.train.seeds
        for key, entries in lists.items():
            if not entries:
                raise UserError(f"{key} is an empty list; it needs at least one entry")
        lists |= {key: getattr(self, key) for key in ("transfer", "unsupervised", "oracles")}
        for key, entries in lists.items():
            twice = sorted({entry for entry in entries if entries.count(entry) > 1})
            if twice:
                raise UserError(f"{key}: {twice[0]!r} stands twice; name it once")
        for name in self.domains:
            if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_.-]*", name):
                raise UserError(
                    f"domains: {name!r} cannot be a file name; use letters, digits, '_', '.', '-'"
                )
        for task in self.tasks:
            self.domains_of(task)

    def domains_of(self, task: str) -> tuple[str, str]:
        """The source and the target domain of a task ``<source>-<target>``."""
        readings = [
            (source, target)
            for source in self.domains
            for target in self.domains
            if task == f"{source}-{target}" and source != target
        ]
        if not readings:
            raise UserError(
                f"tasks: {task!r} is not '<source>-<target>' of two different listed domains;"
                f" listed are {', '.join(self.domains)}"
            )
        if len(readings) > 1:
            shown = " and ".join(f"{source!r} to {target!r}" for source, target in readings)
            raise UserError(f"tasks: {task!r} could be {shown}; rename a domain")
        return readings[0]
