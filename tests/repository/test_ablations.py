"""The files of experiments/ as what they are: queues of changes to parameters that there are."""

import os
import re
import shlex
import subprocess
from pathlib import Path

import pytest
from ruamel.yaml import YAML

from dah import params
from dah.experiments.runs import flat

ROOT = Path(__file__).parents[2]
BENCHMARK = ROOT / "experiments" / "benchmark.sh"
SLURM = ROOT / "experiments" / "slurm.sh"
FILES = sorted({*(ROOT / "experiments").glob("*.sh")} - {BENCHMARK, SLURM})


def changes(path):
    """The one command of a file, and its ``-S key=value`` by key, values as text."""
    command = shlex.split(path.read_text(encoding="utf-8"), comments=True)
    given = [command[i + 1] for i, word in enumerate(command) if word == "-S"]
    return command, dict(change.split("=", 1) for change in given)


def values(text):
    """The values of a sweep, split at the commas outside of brackets."""
    return [YAML(typ="safe").load(v) for v in re.split(r",(?![^\[]*\])", text)]


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_an_ablation_queues_several_values_of_one_parameter(path):
    """The one that the file is named after, over three seeds, of DAH alone."""
    command, changed = changes(path)
    swept = {key: values(text) for key, text in changed.items() if len(values(text)) > 1}
    assert command[:4] == ["dvc", "exp", "run", "--queue"]
    assert list(swept) == [f"dah.{path.stem}"]
    assert {key: values(text) for key, text in changed.items() if key not in swept} == {
        "methods": [["dah"]], "unsupervised": [[]], "train.seeds": [[0, 1, 2]],
        "train.threads": [1],
    }  # fmt: skip


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_every_value_is_a_valid_parameter(path):
    """``params.yaml`` with each of them is accepted, and its own value is among them."""
    content = YAML(typ="safe").load((ROOT / "params.yaml").read_text(encoding="utf-8"))
    _, changed = changes(path)
    swept = values(changed[f"dah.{path.stem}"])
    assert content["dah"][path.stem] in swept
    for value in swept:
        told = {**content, "dah": {**content["dah"], path.stem: value}}
        assert flat(told).keys() == flat(content).keys()
        params.parse(told, path)


@pytest.mark.parametrize("preset", ["office31_mobilenet", "mnist_usps"])
def test_the_benchmark_runs_a_preset_with_three_seeds_and_shows_all_tables(tmp_path, preset):
    """What it asks DVC and the library for, by stand-ins that write down how they are called."""
    for name in ("dvc", "python"):
        file = tmp_path / name
        file.write_text(f'#!/bin/sh\nprintf "%s\\n" "{name} $*" >> {tmp_path}/asked\n')
        file.chmod(0o755)
    environment = os.environ | {"PATH": f"{tmp_path}:{os.environ['PATH']}"}
    given = ["sh", str(BENCHMARK), preset, "-S", "dah.bits=16"]
    subprocess.run(given, env=environment, check=True)
    changed = "-S train.seeds=[0,1,2] -S train.threads=1 -S dah.bits=16"
    assert (tmp_path / "asked").read_text().splitlines() == [
        f"python -m dah preset {preset}",
        f"dvc exp run --name benchmark-{preset} {changed}",
        "python -m dah results --all",
    ]
    assert (ROOT / "presets" / f"{preset}.yaml").exists()
