"""What ran, for the head of the page: data, parameters, software, machine, time."""

import platform
import subprocess
from dataclasses import asdict
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

from dah.files.tables import read_json
from dah.machine import processor
from dah.params import Params, defaults, leaves, read_yaml
from dah.project.root import PRESETS, SCHEMA

PACKAGES = "dah", "torch", "scikit-learn", "dvc"


def facts(params: Params, root: Path) -> dict[str, str]:
    """Titles and values: `root` is the project's folder, whose presets and commit are named."""
    preset, changed = changes(params, root)
    shown = ", ".join(f"{key} {value}" for key, value in changed.items())
    seeds = ", ".join(map(str, params.train.seeds))
    return {
        "data set": params.dataset.name,
        "tasks": ", ".join(params.tasks),
        "trunk": f"{params.backbone.name}, {_learning(params)}",
        "bits": str(params.dah.bits),
        "seeds": seeds,
        f"changed from preset {preset}": shown or "nothing",
        "software": ", ".join(f"{name} {version(name)}" for name in PACKAGES),
        "machine": f"{processor()}, Python {platform.python_version()}",
        "made": f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC, commit {commit(root)}",
    }


def _learning(params: Params) -> str:
    finetune = params.train.finetune
    if isinstance(finetune, int):
        return f"its last {finetune} blocks learn" if finetune > 1 else "its last block learns"
    named = {"all": "all layers learn", "head": "frozen"}
    return named.get(finetune, f"learns from {finetune} on")


def changes(params: Params, root: Path) -> tuple[str, dict[str, Any]]:
    """The preset of the data set that is nearest, and the keys whose values are not its own.

    A preset's values lie over the defaults of the project's schema; seeds, threads and places are
    no settings of a method and are left out.
    """
    given = {key: _plain(value) for key, value in leaves(asdict(params))}
    start = defaults(read_json(root / SCHEMA, ("properties",)))
    found = []
    for file in sorted((root / PRESETS).glob("*.yaml")):
        values = dict(leaves(read_yaml(file)))
        expected = start | values
        if expected[("dataset", "name")] == params.dataset.name:
            differing = {
                ".".join(key): given[key]
                for key, value in expected.items()
                if key in given and given[key] != _plain(value) and key not in LEFT_OUT
            }
            found.append((len(differing), file.stem, differing))
    _, name, differing = min(found, default=(0, "none", {}))
    return name, differing


LEFT_OUT = {
    ("dataset", "path"),
    ("backbone", "weights"),
    ("train", "seeds"),
    ("train", "threads"),
    ("train", "device"),
    ("train", "processes"),
}


def _plain(value: Any) -> Any:
    return list(value) if isinstance(value, tuple | list) else value


def commit(root: Path) -> str:
    """The short name of git's commit, with a plus where files differ from it; or ``unknown``."""

    def git(*arguments: str) -> str:
        return subprocess.run(
            ["git", *arguments], cwd=root, capture_output=True, text=True, check=True
        ).stdout.strip()

    try:
        return git("rev-parse", "--short", "HEAD") + "+" * bool(git("diff", "HEAD", "--stat"))
    except (OSError, subprocess.CalledProcessError):
        return "unknown"
