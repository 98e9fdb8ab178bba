"""Reading ``params.yaml``; every mistake in it is refused here, in a line with the key's name."""

from collections.abc import Mapping
from dataclasses import fields
from pathlib import Path
from reprlib import repr as shortened
from typing import Any, get_type_hints

from pydantic import TypeAdapter, ValidationError

from dah.errors import UserError
from dah.params.sections import Params
from dah.params.yaml_file import read_yaml

PARAMS = TypeAdapter(Params)
KINDS = {
    "int_type": "a whole number",
    "float_type": "a number",
    "bool_type": "true or false",
    "string_type": "text",
    "tuple_type": "a list",
    "finite_number": "finite",
    "greater_than_equal": "at least {ge:g}",
    "less_than_equal": "at most {le:g}",
    "greater_than": "above {gt:g}",
}


def load(path: Path) -> Params:
    """Read and validate a parameter file.

    Raises ``UserError``, one line that names the file and the key, for a missing or unreadable
    file, an unknown or missing key, a wrong type and a value out of range.
    """
    return parse(read_yaml(path), path)


def parse(content: Any, path: Path) -> Params:
    """The content of the parameter file `path`; raises ``UserError`` as ``load`` does."""
    try:
        return PARAMS.validate_python(content)
    except ValidationError as error:
        mistakes = error.errors(include_url=False)
        first = min(mistakes, key=lambda mistake: mistake["type"] == "missing")  # a key misspelt
        raise UserError(f"{path}: {_told(first, content)}") from error
    except UserError as error:
        raise UserError(f"{path}: {str(error)[:500]}") from error


def _told(mistake: Mapping[str, Any], content: Any) -> str:
    """One of pydantic's errors in a line of ours, with the dotted key."""
    place, kind, found = mistake["loc"], mistake["type"], _shown(mistake["input"])
    key = "".join(f"[{of}]" if isinstance(of, int) else f".{of}" for of in place).lstrip(".")
    inside, whole = (f"section {'.'.join(of)}" if of else "the file" for of in _names(place))
    if kind == "missing":
        return f"{inside} lacks the key {place[-1]!r}"
    if kind in ("unexpected_keyword_argument", "invalid_key"):
        section = Params
        for name in place[:-1]:
            section = get_type_hints(section)[name]
        known = ", ".join(field.name for field in fields(section))
        return f"{inside} has the unknown key {_shown(place[-1])}; known there are {known}"
    if kind in ("dataclass_type", "dataclass_exact_type"):
        return f"{whole} must hold keys with values, found {found}"
    if kind == "literal_error":
        allowed = mistake["ctx"]["expected"].replace("'", "").replace(" or ", ", ")
        return f"{key} must be one of {allowed}, found {found}"
    if kind == "float_type" and type(mistake["input"]) is int:  # too large for a float
        kind = "finite_number"
    return f"{key} must be {KINDS[kind].format(**mistake.get('ctx', {}))}, found {found}"


def _names(place: tuple[Any, ...]) -> tuple[list[str], list[str]]:
    """The names of the section that a key stands in, and of the key itself."""
    names = [str(of) for of in place]
    return names[:-1], names


def _shown(value: Any) -> str:
    """A value in a message: a few lines of YAML can be a list of a billion entries."""
    return shortened(value)[:100]
