"""``params.yaml`` as frozen dataclasses; every mistake in it is refused here, by its key's name."""

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, fields, is_dataclass
from pathlib import Path
from types import NoneType
from typing import Annotated, Any, Literal, get_args, get_origin, get_type_hints

from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from dah.errors import UserError


@dataclass(frozen=True)
class AtLeast:
    """The smallest value that a key may have."""

    bound: float

    def __str__(self) -> str:
        return f"at least {self.bound:g}"

    def holds(self, value: float) -> bool:
        return value >= self.bound


@dataclass(frozen=True)
class AtMost:
    """The largest value that a key may have."""

    bound: float

    def __str__(self) -> str:
        return f"at most {self.bound:g}"

    def holds(self, value: float) -> bool:
        return value <= self.bound


@dataclass(frozen=True)
class Above:
    """A value that a key must exceed."""

    bound: float

    def __str__(self) -> str:
        return f"above {self.bound:g}"

    def holds(self, value: float) -> bool:
        return value > self.bound


Count = Annotated[int, AtLeast(1)]
Weight = Annotated[float, AtLeast(0)]
Positive = Annotated[float, Above(0)]
Seed = Annotated[int, AtLeast(0), AtMost(2**32 - 1)]
Share = Annotated[float, AtLeast(0), AtMost(1)]


@dataclass(frozen=True)
class Dataset:
    name: Literal["digits", "office31", "office_home", "folder"]
    path: str | None
    seed: Seed


@dataclass(frozen=True)
class Images:
    size: Annotated[int, AtLeast(8), AtMost(4096)]
    on_error: Literal["stop", "skip"]


@dataclass(frozen=True)
class Backbone:
    name: str
    weights: str
    epochs: Count
    seed: Seed


@dataclass(frozen=True)
class Dah:
    bits: Annotated[int, AtLeast(1), AtMost(1024)]
    samples_per_class: Count
    gamma: Weight
    eta: Weight
    like_weight: Positive
    quantization: Weight


@dataclass(frozen=True)
class Augment:
    aspect: Annotated[float, AtLeast(1), AtMost(4)]
    flip: bool
    colour: Share


@dataclass(frozen=True)
class Train:
    epochs: Count
    learning_rate: Positive
    final_learning_rate: Positive
    finetune: Literal["all", "head"]
    bottleneck: Count
    trunk_factor: Share
    momentum: Annotated[float, AtLeast(0), AtMost(0.999)]
    weight_decay: Weight
    clip: Positive | None
    augment: Augment
    device: Literal["auto", "cpu", "cuda"]
    seed: Seed


@dataclass(frozen=True)
class Gfk:
    dim: Count


@dataclass(frozen=True)
class Tca:
    dim: Count
    mu: Positive


@dataclass(frozen=True)
class Coral:
    ridge: Positive


@dataclass(frozen=True)
class Jda:
    dim: Count
    mu: Positive
    rounds: Count


@dataclass(frozen=True)
class Adapt:
    gfk: Gfk
    tca: Tca
    coral: Coral
    jda: Jda


@dataclass(frozen=True)
class Params:
    """The whole of ``params.yaml``; the file's comments say what each key does.

    Raises ``UserError`` where two keys contradict each other: a task whose domain is not listed, a
    name that stands twice.
    """

    dataset: Dataset
    domains: tuple[str, ...]
    tasks: tuple[str, ...]
    methods: tuple[Literal["dah", "dah-e", "noda"], ...]
    images: Images
    backbone: Backbone
    dah: Dah
    train: Train
    adapt: Adapt

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
        if self.backbone.weights == "letters" and self.backbone.name != "lenet":
            raise UserError(
                f"backbone.weights is 'letters', which pretrain lenet, not {self.backbone.name!r};"
                " set it to imagenet or to a file"
            )
        for key in ("domains", "tasks", "methods"):
            names = getattr(self, key)
            twice = sorted({name for name in names if names.count(name) > 1})
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


def load(path: Path) -> Params:
    """Read and validate a parameter file.

    Raises ``UserError``, one line that names the file and the key, for a missing or unreadable
    file, an unknown or missing key, a wrong type and a value out of range.
    """
    return parse(read_yaml(path, YAML(typ="safe")), path)


def parse(content: Any, path: Path) -> Params:
    """The content of the parameter file `path`; raises ``UserError`` as ``load`` does."""
    try:
        return _read(Params, content, "")
    except UserError as error:
        raise UserError(f"{path}: {error}") from error


def read_yaml(path: Path, yaml: YAML) -> Any:
    """The content of a YAML file. Raises ``UserError`` where it cannot be read or is not YAML."""
    try:
        return yaml.load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"{path}: cannot be read: {error}") from error
    except YAMLError as error:
        raise UserError(f"{path}: not YAML: {' '.join(str(error).split())}") from error


def _read(kind: Any, value: Any, key: str) -> Any:
    """``value`` as ``kind``, or a ``UserError`` that names ``key``."""
    if is_dataclass(kind):
        return _read_section(kind, value, key)
    origin, arguments = get_origin(kind), get_args(kind)
    if origin is Annotated:
        number = _read(arguments[0], value, key)
        for bound in arguments[1:]:
            if not bound.holds(number):
                raise UserError(f"{key} must be {bound}, found {value!r}")
        return number
    if origin is Literal:
        if value not in arguments:
            raise UserError(f"{key} must be one of {', '.join(arguments)}, found {value!r}")
        return value
    if origin is tuple:
        if not isinstance(value, list) or not value:
            raise UserError(f"{key} must be a list of at least one name, found {value!r}")
        return tuple(_read(arguments[0], item, f"{key}[{i}]") for i, item in enumerate(value))
    if NoneType in arguments:
        return None if value is None else _read(arguments[0], value, key)
    return _read_scalar(kind, value, key)


def _read_section(kind: type, value: Any, key: str) -> Any:
    place = f"section {key}" if key else "the file"
    if not isinstance(value, Mapping):
        raise UserError(f"{place} must hold keys with values, found {value!r}")
    known = [field.name for field in fields(kind)]
    for name in value:
        if name not in known:
            raise UserError(
                f"{place} has the unknown key {name!r}; known there are {', '.join(known)}"
            )
    for name in known:
        if name not in value:
            raise UserError(f"{place} lacks the key {name!r}")
    hints = get_type_hints(kind, include_extras=True)
    prefix = f"{key}." if key else ""
    return kind(**{name: _read(hints[name], value[name], prefix + name) for name in known})


def _read_scalar(kind: type, value: Any, key: str) -> Any:
    if kind is float and isinstance(value, int) and not isinstance(value, bool):
        value = float(value)
    names = {int: "a whole number", float: "a number", bool: "true or false", str: "text"}
    if not isinstance(value, kind) or (isinstance(value, bool) and kind is not bool):
        raise UserError(f"{key} must be {names[kind]}, found {value!r}")
    if kind is float and not math.isfinite(value):
        raise UserError(f"{key} must be finite, found {value!r}")
    return value
