"""Costs of stages: one changes, the others stay, and those of other runs go."""

import re
from importlib.metadata import version

import numpy as np
import pytest

from dah.files.tables import read_json
from dah.machine import machine
from dah.project.costs import keep_costs, machines_of, peak_mebibytes, record_cost


def test_a_stage_changes_its_own_cost(tmp_path):
    """Names in order, whichever came first."""
    path = tmp_path / "metrics/cost.json"
    record_cost(path, "train@a-b-dah-0", 3.14159)
    record_cost(path, "check", 1)
    record_cost(path, "train@a-b-dah-0", 2)
    costs = read_json(path)
    assert list(costs["seconds"].items()) == [("check", 1), ("train@a-b-dah-0", 2)]
    assert set(costs["peak_mebibytes"]) == set(costs["seconds"]) == set(costs["machine"])


def test_costs_of_other_stages_go(tmp_path):
    """Also of one that had no matrix when it ran, and of a stage that has another matrix now."""
    path = tmp_path / "cost.json"
    kept = {"fetch", "resize@a", "train@a-b-dah-0", "evaluate@a-b"}
    for stage in (*kept, "resize@z", "train@a-b-dah-1", "evaluate", "encode@a-b"):
        record_cost(path, stage, 1)
    keep_costs(path, kept)
    assert [set(of) for of in read_json(path).values()] == [kept] * 3
    keep_costs(tmp_path / "none.json", set())
    assert not (tmp_path / "none.json").exists()


def test_the_machine_of_a_run_is_that_of_its_trainings(tmp_path):
    """What else was made elsewhere agrees to rounding."""
    path = tmp_path / "cost.json"
    record_cost(path, "train@a-b-dah-0", 1)
    costs = read_json(path)
    assert machines_of(costs) == [machine()]
    costs["machine"] |= {"fetch": "another", "train@a-b-dah-1": "a third"}
    assert machines_of(costs) == sorted([machine(), "a third"])
    assert machines_of({"seconds": {"train@a-b-dah-0": 1}}) == []
    assert machines_of({"machine": 3}) == []


def test_a_machine_is_what_it_computes_with(tmp_path, monkeypatch):
    """Processor, graphics cards and torch; where the system tells no name, its architecture."""
    told = "cpu family\t: 6\nmodel\t\t: 85\nmodel name\t: A  Fine CPU \nmodel name\t: A\n"
    (tmp_path / "cpuinfo").write_text(told)
    for place in "ab":
        (tmp_path / place).mkdir()
        (tmp_path / place / "information").write_text("IRQ: 5\nModel: \t NVIDIA H100 \n")
    monkeypatch.setattr("dah.machine.CPU", tmp_path / "cpuinfo")
    monkeypatch.setattr("dah.machine.GPUS", tmp_path)
    expected = f"A Fine CPU 6/85, NVIDIA H100, torch {version('torch')}"
    assert machine.__wrapped__() == expected
    monkeypatch.setattr("dah.machine.CPU", tmp_path / "nowhere")
    monkeypatch.setattr("dah.machine.GPUS", tmp_path / "nowhere")
    assert re.fullmatch(r"\S.*, torch \S+", machine.__wrapped__())


def test_the_peak_grows_with_what_is_held():
    """By a hundred mebibytes that are written to."""
    before = peak_mebibytes()
    held = np.ones(before * 2**17 + 100 * 2**17)
    assert peak_mebibytes() >= before + 90
    assert held[0] == 1


@pytest.mark.parametrize(
    "content", [b"{", b"\xff", b"[]", b'{"seconds": {"train": null}}', b'{"x": {"train": 1}}']
)
def test_a_damaged_file_of_costs_ends_no_stage(tmp_path, capsys, content):
    """A stage that trained for hours is not lost for it: the costs begin anew, with a word."""
    path = tmp_path / "cost.json"
    path.write_bytes(content)
    keep_costs(path, {"train@a"})
    record_cost(path, "train@a", 5)
    assert read_json(path)["seconds"] == {"train@a": 5}
    assert "the costs begin anew" in capsys.readouterr().out


def test_costs_that_cannot_be_written_end_no_stage(tmp_path, capsys):
    """A folder stands where the file should be."""
    path = tmp_path / "cost.json"
    (path / "in the way").mkdir(parents=True)
    record_cost(path, "train@a", 5)
    assert "cost.json: cannot be written" in capsys.readouterr().out
