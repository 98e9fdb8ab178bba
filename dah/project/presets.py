"""Presets: the keys of ``params.yaml`` that a data set needs otherwise, and a way to set them."""

from collections.abc import Mapping
from io import StringIO
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedMap
from ruamel.yaml.error import CommentMark
from ruamel.yaml.nodes import ScalarNode
from ruamel.yaml.representer import BaseRepresenter
from ruamel.yaml.tokens import CommentToken

from dah import params
from dah.errors import UserError
from dah.files.artifacts import replacing
from dah.params import read_yaml

DEFAULT = "digits"


def apply_preset(name: str, folder: Path, path: Path) -> None:
    """Write a preset's values into a parameter file; comments and all other keys stay.

    `folder` holds ``<name>.yaml``; the values of ``digits.yaml``, which has every key that some
    preset sets, come first, so that nothing of an earlier preset is left. Raises ``UserError``
    where there is no such preset, the parameter file is not valid, or would not be.
    """
    available = sorted(file.stem for file in folder.glob("*.yaml"))
    if name not in available:
        raise UserError(f"{folder} has no preset {name!r}; it has {', '.join(available)}")
    yaml = YAML()
    yaml.indent(mapping=2, sequence=4, offset=2)
    yaml.width = 4096
    yaml.representer.add_representer(type(None), _null)
    params.load(path)
    content = read_yaml(path, yaml)
    for preset in (DEFAULT, name):
        values = folder / f"{preset}.yaml"
        _overlay(content, read_yaml(values), values)
    params.parse(content, folder / f"{name}.yaml")
    text = StringIO()
    yaml.dump(content, text)
    with replacing(path) as part:
        part.write_text(text.getvalue(), encoding="utf-8")


def _overlay(content: Any, values: Any, path: Path) -> None:
    """Set the leaves of `values`, read from `path`, in `content`.

    What stands after a list, the next key's comment, is kept with its last item and goes to the new
    last one, or to the next key where the list becomes empty.
    """
    if not isinstance(values, Mapping):
        raise UserError(f"{path}: expected keys of params.yaml, found {values!r}")
    for key, value in values.items():
        if key not in content:
            raise UserError(f"{path}: params.yaml has no key {key!r} in that place")
        if isinstance(content[key], Mapping):
            _overlay(content[key], value, path)
        elif isinstance(content[key], list) and isinstance(value, list):
            comments = content[key].ca.items
            after = comments.pop(len(content[key]) - 1, None)
            content[key][:] = value
            if after is not None and value:
                comments[len(value) - 1] = after
            elif after is not None:
                _before_next(content, key, after[0])
        else:
            content[key] = value


def _before_next(content: CommentedMap, key: str, comment: CommentToken) -> None:
    """Keep a comment that stood after the list `key` in front of the key that follows it."""
    keys = list(content)
    token = CommentToken(comment.value.removeprefix("\n"), CommentMark(0))
    of_next = content.ca.items.setdefault(keys[keys.index(key) + 1], [None, None, None, None])
    of_next[1] = [token]


def _null(representer: BaseRepresenter, _: None) -> ScalarNode:
    return representer.represent_scalar("tag:yaml.org,2002:null", "null")
