"""What other runs left is found, and what this run makes is not."""

import subprocess
import sys
from dataclasses import replace
from pathlib import Path

from dah.leftovers import leftovers, runs_of
from dah.params import load

ROOT = Path(__file__).parents[1]
DEFAULT = load(ROOT / "params.yaml")
MADE = (
    "images/hand.h5",
    "labels/print.csv",
    "evaluation/hand-scene.json",
    "models/print-hand/0/dah.pt",
    "codes/print-hand/0/deep/dah.h5",
    "codes/print-hand/0/unsupervised/itq.h5",
    "tasks/print-hand/source.csv",
)
LEFT = (
    "images/webcam.h5",
    "skipped/webcam.csv",
    "evaluation/amazon-webcam.json",
    "models/print-hand/0/dan.pt",
    "models/print-hand/7",
    "codes/print-hand/7",
    "codes/print-hand/0/oracle",
)


def test_only_what_is_not_listed_is_left(tmp_path):
    """Domains, tasks, seeds, methods and oracles of another run."""
    for name in (*MADE, *LEFT):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch() if path.suffix else path.mkdir()
    found = {str(path.relative_to(tmp_path)) for path in leftovers(tmp_path, DEFAULT)}
    assert found == set(LEFT)
    with_oracle = replace(DEFAULT, oracles=("suh",))
    assert tmp_path / "codes/print-hand/0/oracle" not in set(leftovers(tmp_path, with_oracle))


def test_nothing_is_left_where_nothing_ran(tmp_path):
    """A fresh clone has no folders."""
    assert list(leftovers(tmp_path, DEFAULT)) == []


def test_runs_are_named_as_dvc_names_them():
    """Every stage that DVC makes of the default has its run here, and no run is without a stage."""
    listed = subprocess.run(
        [sys.executable, "-m", "dvc", "stage", "list", "--name-only"],
        cwd=ROOT, capture_output=True, text=True, check=True,
    ).stdout  # fmt: skip
    runs = {name.split("@")[1] for name in listed.split() if "@" in name}
    assert runs == runs_of(DEFAULT)
