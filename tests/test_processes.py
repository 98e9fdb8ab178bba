"""Stages that start several processes: the same files, one line for a mistake, one exit code."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose

from dah.artifacts import read_features, write_images
from dah.checkpoints import write_model
from dah.networks import build_trunk

ROOT = Path(__file__).parents[1]
FAILING = """
import os, sys, time
from stages import processes

processes.PATIENCE = 0.1
if "RANK" not in os.environ:
    sys.exit(processes.start(2))
if os.environ["RANK"] == "{failing}":
    sys.exit("a mistake")
time.sleep({wait})
"""

COUNTING = """
import os, sys
from pathlib import Path
from dah.distributed import processes_here
from stages import processes

if "RANK" not in os.environ:
    sys.exit(processes.start(3))
Path(os.environ["RANK"]).write_text(str(processes_here()))
"""


def call(*arguments, cwd):
    """A Python module's run: exit code and standard error."""
    result = subprocess.run(
        [sys.executable, "-m", *arguments],
        cwd=cwd,
        env={"PYTHONPATH": f"{ROOT}:{cwd}", "PATH": "", "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    return result.returncode, result.stderr


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Nine images and a trunk; parameters of one process and of two."""
    path = tmp_path_factory.mktemp("stage")
    text = (ROOT / "params.yaml").read_text(encoding="utf-8")
    for count in (1, 2):
        (path / str(count)).mkdir()
        changed = text.replace("processes: 1", f"processes: {count}")
        (path / str(count) / "params.yaml").write_text(changed, encoding="utf-8")
    rng = np.random.default_rng(0)
    pixels = rng.integers(0, 256, (9, 32, 32, 3), dtype=np.uint8)
    write_images(path / "hand.h5", enumerate(pixels), [f"id{i}" for i in range(9)], 32)
    torch.manual_seed(0)
    write_model(path / "backbone.pt", build_trunk("lenet").state_dict(), {"trunk": "lenet"})
    return path


def features(folder, count, images="hand"):
    paths = "--images", f"../{images}.h5", "--backbone", "../backbone.pt", "--out", "fc7.h5"
    return call("stages.features", *paths, cwd=folder / str(count))


def test_features_of_two_processes_are_those_of_one(folder):
    """One file, all images in their order."""
    assert [features(folder, count)[0] for count in (1, 2)] == [0, 0]
    (one, ids), (two, same) = (read_features(folder / str(n) / "fc7.h5") for n in (1, 2))
    assert ids == same
    assert_allclose(two, one, rtol=1e-5, atol=1e-5)
    assert sorted(path.name for path in (folder / "2").iterdir()) == ["fc7.h5", "params.yaml"]


def test_a_mistake_in_two_processes_is_one_line(folder):
    """Said by the first of them, with the exit code of a mistake."""
    code, error = features(folder, 2, "foot")
    assert code == 1
    assert error.startswith("features: ../foot.h5: expected ")
    assert error.count("\n") == 1


@pytest.mark.parametrize(("failing", "wait"), [(1, 0), (1, 600), (0, 600)])
def test_a_failure_of_any_process_ends_all(tmp_path, failing, wait):
    """Its line is shown, and nobody waits for the other."""
    (tmp_path / "failing.py").write_text(FAILING.format(failing=failing, wait=wait))
    assert call("failing", cwd=tmp_path) == (1, "a mistake\n")


def test_each_process_knows_how_many_share_the_machine(tmp_path):
    """By which it divides the threads."""
    (tmp_path / "counting.py").write_text(COUNTING)
    assert call("counting", cwd=tmp_path) == (0, "")
    assert {path.name: path.read_text() for path in tmp_path.glob("[0-9]")} == {
        "0": "3", "1": "3", "2": "3",
    }  # fmt: skip
