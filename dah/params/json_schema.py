"""What ``params.yaml`` may hold as JSON Schema, by which editors complete and check it."""

import re
from collections.abc import Iterator
from typing import Any

from pydantic import TypeAdapter

from dah.params.sections import Params

LINE = re.compile(r"( *)(?:# ?(?P<said>.*)|(?P<key>\w+):.*)")


def json_schema(text: str) -> dict[str, Any]:
    """The schema; the comment above a key in `text`, a parameter file, describes that key."""
    schema = TypeAdapter(Params).json_schema()
    schema["$schema"] = "https://json-schema.org/draft/2020-12/schema"
    for keys, said in comments(text):
        place = schema
        for key in keys[:-1]:
            place = schema["$defs"][place["properties"][key]["$ref"].rsplit("/", 1)[1]]
        place["properties"][keys[-1]]["description"] = said
    return schema


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
