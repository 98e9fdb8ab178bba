"""What other runs left is found, and what this run makes is not."""

from dataclasses import replace
from pathlib import Path

from dah.leftovers import leftovers
from dah.params import load

DEFAULT = load(Path(__file__).parents[1] / "params.yaml")
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
