"""Presets: the keys of ``params.yaml`` that a data set needs otherwise, and a way to set them."""

from collections.abc import Mapping
from io import StringIO
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.nodes import ScalarNode
from ruamel.yaml.representer import BaseRepresenter

from dah import params
from dah.artifacts import replacing
from dah.errors import UserError

DEFAULT = "digits"


def apply_preset(name: str, folder: Path, path: Path) -> None:
    """Write a preset's values into a parameter file; comments and all other keys stay.

    `folder` holds ``<name>.yaml``; the values of ``digits.yaml``, which has every key that some
    preset sets, come first, so that nothing of an earlier preset is left. Raises ``UserError``
    where there is no such preset, a file is not YAML, or the result is not valid.
    """
    available = sorted(file.stem for file in folder.glob("*.yaml"))
    if name not in available:
        raise UserError(f"{folder} has no preset {name!r}; it has {', '.join(available)}")
    yaml = YAML()
    yaml.indent(mapping=2, sequence=4, offset=2)
    yaml.width = 4096
    yaml.representer.add_representer(type(None), _null)
    content = params.read_yaml(path, yaml)
    for preset in (DEFAULT, name):
        _overlay(content, params.read_yaml(folder / f"{preset}.yaml", YAML(typ="safe")))
    text = StringIO()
    yaml.dump(content, text)
    with replacing(path) as part:
        part.write_text(text.getvalue(), encoding="utf-8")
        params.load(part)


def _overlay(content: Any, values: Mapping[str, Any]) -> None:
    """Set the leaves of `values` in `content`.

    What stands after a list, the next key's comment, is kept with its last item and goes to the new
    last one.
    """
    for key, value in values.items():
        if isinstance(value, Mapping):
            _overlay(content[key], value)
        elif isinstance(value, list):
            comments = content[key].ca.items
            after = comments.pop(len(content[key]) - 1, None)
            content[key][:] = value
            if after is not None:
                comments[len(value) - 1] = after
        else:
            content[key] = value


def _null(representer: BaseRepresenter, _: None) -> ScalarNode:
    return representer.represent_scalar("tag:yaml.org,2002:null", "null")
