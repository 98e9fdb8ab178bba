"""What ``params.yaml`` may hold as JSON Schema, by which editors complete and check it."""

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from pydantic import TypeAdapter
from ruamel.yaml import YAML

from dah.params.sections import Params

LINE = re.compile(r"( *)(?:# ?(?P<said>.*)|(?P<key>\w+):.*)")


def json_schema(text: str) -> dict[str, Any]:
    """The schema, with the comments and values of the parameter file `text`.

    The comment above a key is its description, its value its default.
    """
    schema = TypeAdapter(Params).json_schema()
    schema["$schema"] = "https://json-schema.org/draft/2020-12/schema"
    content = YAML(typ="safe", pure=True).load(text)
    for keys, value in leaves(content):
        _entry(schema, keys)["default"] = value
    for keys, said in comments(text):
        _entry(schema, keys)["description"] = said
    return schema


def defaults(schema: Mapping[str, Any]) -> dict[tuple[str, ...], Any]:
    """The default of every key, as a path, of a schema of ``json_schema``."""

    def of(place: Mapping[str, Any], keys: tuple[str, ...]) -> Iterator[tuple[tuple, Any]]:
        for key, entry in place["properties"].items():
            if "$ref" in entry:
                yield from of(schema["$defs"][entry["$ref"].rsplit("/", 1)[1]], (*keys, key))
            elif "default" in entry:
                yield (*keys, key), entry["default"]

    return dict(of(schema, ()))


def leaves(
    content: Mapping[str, Any], keys: tuple[str, ...] = ()
) -> Iterator[tuple[tuple[str, ...], Any]]:
    """The values of nested mappings, each with its path."""
    for key, value in content.items():
        if isinstance(value, Mapping):
            yield from leaves(value, (*keys, key))
        else:
            yield (*keys, key), value


def _entry(schema: dict[str, Any], keys: Sequence[str]) -> dict[str, Any]:
    place = schema
    for key in keys[:-1]:
        place = schema["$defs"][place["properties"][key]["$ref"].rsplit("/", 1)[1]]
    return place["properties"][keys[-1]]


def comments(text: str) -> Iterator[tuple[list[str], str]]:
    """The keys of a YAML file in block style, as paths, with the comments that stand above them."""
    path: list[tuple[int, str]] = []
    said: list[str] = []
    for line in text.splitlines():
        found = LINE.fullmatch(line)
        if found is None:
            said.clear()
        elif found["key"] is None:
            said.append(found["said"])
        else:
            indent = len(found[1])
            path = [*(of for of in path if of[0] < indent), (indent, found["key"])]
            if said:
                yield [key for _, key in path], " ".join(said)
            said.clear()
