"""Plain values of a YAML file as nested frozen dataclasses; a mistake is named by its key."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, fields, is_dataclass
from pathlib import Path
from reprlib import repr as shortened
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


MAX_BYTES = 2**20


def read_yaml(path: Path, yaml: YAML | None = None) -> Any:
    """The content of a YAML file of at most ``MAX_BYTES``; plain values where no `yaml` is given.

    Raises ``UserError`` where it cannot be read or is not YAML.
    """
    yaml = yaml or YAML(typ="safe", pure=True)  # libyaml crashes where brackets are nested too deep
    try:
        with path.open("rb") as file:
            content = file.read(MAX_BYTES + 1)
        if len(content) > MAX_BYTES:
            raise UserError(f"{path}: expected at most {MAX_BYTES >> 20} MiB of YAML, found more")
        return yaml.load(content.decode())
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"{path}: cannot be read: {error}") from error
    except RecursionError as error:
        raise UserError(f"{path}: not YAML: its brackets are nested too deep") from error
    except (YAMLError, ArithmeticError, LookupError, TypeError, ValueError) as error:
        reason = " ".join(str(error).split())[:500]
        raise UserError(f"{path}: not YAML: {reason or type(error).__name__}") from error


def read_as(kind: Any, value: Any, key: str = "") -> Any:
    """A plain value as `kind`: a dataclass, str, int, float, bool, Literal, tuple or optional.

    A whole number will do for a float; bounds stand in ``Annotated``; dataclasses are read from
    mappings that have all of their fields and no other. Raises ``UserError`` that names the dotted
    `key` of the first mistake.
    """
    if is_dataclass(kind):
        return _read_section(kind, value, key)
    origin, arguments = get_origin(kind), get_args(kind)
    if origin is Annotated:
        number = read_as(arguments[0], value, key)
        for bound in arguments[1:]:
            if not bound.holds(number):
                raise UserError(f"{key} must be {bound}, found {_shown(value)}")
        return number
    if origin is Literal:
        if value not in arguments:
            raise UserError(f"{key} must be one of {', '.join(arguments)}, found {_shown(value)}")
        return value
    if origin is tuple:
        if not isinstance(value, list):
            raise UserError(f"{key} must be a list, found {_shown(value)}")
        return tuple(read_as(arguments[0], item, f"{key}[{i}]") for i, item in enumerate(value))
    if NoneType in arguments:
        return None if value is None else read_as(arguments[0], value, key)
    return _read_scalar(kind, value, key)


def _read_section(kind: type, value: Any, key: str) -> Any:
    place = f"section {key}" if key else "the file"
    if not isinstance(value, Mapping):
        raise UserError(f"{place} must hold keys with values, found {_shown(value)}")
    known = [field.name for field in fields(kind)]
    for name in value:
        if name not in known:
            raise UserError(
                f"{place} has the unknown key {_shown(name)}; known there are {', '.join(known)}"
            )
    for name in known:
        if name not in value:
            raise UserError(f"{place} lacks the key {name!r}")
    hints = get_type_hints(kind, include_extras=True)
    prefix = f"{key}." if key else ""
    return kind(**{name: read_as(hints[name], value[name], prefix + name) for name in known})


def _read_scalar(kind: type, value: Any, key: str) -> Any:
    if kind is float and isinstance(value, int) and not isinstance(value, bool):
        try:
            value = float(value)
        except OverflowError as error:
            raise UserError(f"{key} must be finite, found {_shown(value)}") from error
    names = {int: "a whole number", float: "a number", bool: "true or false", str: "text"}
    if not isinstance(value, kind) or (isinstance(value, bool) and kind is not bool):
        raise UserError(f"{key} must be {names[kind]}, found {_shown(value)}")
    if kind is float and not math.isfinite(value):
        raise UserError(f"{key} must be finite, found {_shown(value)}")
    return value


def _shown(value: Any) -> str:
    """A value in a message: a few lines of YAML can be a list of a billion entries."""
    return shortened(value)[:100]
