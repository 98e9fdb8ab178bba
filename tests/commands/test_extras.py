"""The library without the packages of the pipeline: its extra is an extra."""

import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement

from dah.__main__ import PIPELINE

ROOT = Path(__file__).parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
# A Python that has none of them.
WITHOUT = f"""
import sys
from importlib.machinery import PathFinder

there = PathFinder.find_spec

def find_spec(name, path=None, target=None):
    return None if name.partition(".")[0] in {PIPELINE!r} else there(name, path, target)

PathFinder.find_spec = find_spec
sys.argv = ["dah", *sys.argv[1:]]
"""


def without(code, *arguments):
    """What a run of `code` says where nothing of the extra is installed, and its exit status."""
    done = subprocess.run(
        [sys.executable, "-c", WITHOUT + code, *arguments],
        cwd=ROOT, capture_output=True, text=True, check=False,
    )  # fmt: skip
    return done.returncode, done.stdout + done.stderr


def test_the_extra_is_what_a_message_speaks_of():
    """The same names in pyproject.toml, none of which everybody has to install."""
    names = {Requirement(text).name for text in PROJECT["optional-dependencies"]["pipeline"]}
    assert names == set(PIPELINE)
    assert not names & {Requirement(text).name for text in PROJECT["dependencies"]}


def test_codes_need_nothing_of_the_pipeline():
    """The commands on encoders and indexes, the page, and the training loop are imported."""
    modules = [f"dah.commands.{name}" for name in ("encode", "index", "search", "serve", "export")]
    modules += ["dah.deep.training", "dah.evaluation.targets", "dah.hashing", "dah.shallow.adapt"]
    assert without("import " + ", ".join(modules)) == (0, "")


@pytest.mark.parametrize(("command", "needs"), [("mend", "mend needs dvc"), ("experiments", "DVC")])
def test_a_command_of_the_pipeline_names_the_extra(command, needs):
    """In one line."""
    code, said = without("from dah.__main__ import main; main()", command)
    assert code == 1
    assert said.startswith("dah: ")
    assert needs in said
    assert said.endswith("which is not installed: pip install 'dah[pipeline]'\n")
    assert said.count("\n") == 1


def test_a_project_begins_without_the_pipeline(tmp_path):
    """init says what is to be installed before the first run."""
    code, said = without("from dah.__main__ import main; main()", "init", str(tmp_path / "mine"))
    assert code == 0, said
    assert said.endswith("then: pip install 'dah[pipeline]' && dvc repro && dah results\n")
    asked = (tmp_path / "mine" / "requirements.txt").read_text(encoding="utf-8")
    assert asked.startswith("dah[pipeline,search,serve]")
