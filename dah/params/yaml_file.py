"""YAML files as plain values."""

from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from dah.errors import UserError

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
