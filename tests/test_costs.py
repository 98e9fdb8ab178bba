"""Costs of stages: one changes, the others stay, and those of other runs go."""

import numpy as np
import pytest

from dah.costs import keep_costs, peak_mebibytes, record_cost
from dah.tables import read_json


def test_a_stage_changes_its_own_cost(tmp_path):
    """Names in order, whichever came first."""
    path = tmp_path / "metrics/cost.json"
    record_cost(path, "train@a-b-dah-0", 3.14159)
    record_cost(path, "check", 1)
    record_cost(path, "train@a-b-dah-0", 2)
    costs = read_json(path)
    assert list(costs["seconds"].items()) == [("check", 1), ("train@a-b-dah-0", 2)]
    assert set(costs["peak_mebibytes"]) == set(costs["seconds"])


def test_costs_of_other_runs_go(tmp_path):
    """Stages without a matrix stay."""
    path = tmp_path / "cost.json"
    for stage in ("fetch", "resize@a", "resize@z", "train@a-b-dah-0", "train@a-b-dah-1"):
        record_cost(path, stage, 1)
    keep_costs(path, {"a", "a-b-dah-0"})
    assert set(read_json(path)["seconds"]) == {"fetch", "resize@a", "train@a-b-dah-0"}
    keep_costs(tmp_path / "none.json", set())
    assert not (tmp_path / "none.json").exists()


def test_the_peak_grows_with_what_is_held():
    """By a hundred mebibytes that are written to."""
    before = peak_mebibytes()
    held = np.ones(before * 2**17 + 100 * 2**17)
    assert peak_mebibytes() >= before + 90
    assert held[0] == 1


@pytest.mark.parametrize("content", [b"{", b"\xff", b"[]", b'{"seconds": {"train": null}}'])
def test_a_damaged_file_of_costs_ends_no_stage(tmp_path, capsys, content):
    """A stage that trained for hours is not lost for it: the costs begin anew, with a word."""
    path = tmp_path / "cost.json"
    path.write_bytes(content)
    keep_costs(path, {"a"})
    record_cost(path, "train@a", 5)
    assert read_json(path)["seconds"] == {"train@a": 5}
    assert "the costs begin anew" in capsys.readouterr().out


def test_costs_that_cannot_be_written_end_no_stage(tmp_path, capsys):
    """A folder stands where the file should be."""
    path = tmp_path / "cost.json"
    (path / "in the way").mkdir(parents=True)
    record_cost(path, "train@a", 5)
    assert "cost.json: cannot be written" in capsys.readouterr().out
