"""How far a run has come: counted by hand, forgotten with the run, told by stages under DVC."""

import subprocess
import sys

from dah.project.progress import ended, keep_end, told

STAGES = {"check", "fetch", "train@a-b-dah-0", "train@a-b-dah-1", "train@a-b-dah-2", "report"}


def test_what_is_left_takes_what_its_like_took_in_this_run():
    """Two trainings of 40 s and 80 s: the third takes a minute, not the hour of before."""
    done = {"check": 1.0, "fetch": 9.0, "train@a-b-dah-0": 40.0, "train@a-b-dah-1": 80.0}
    before = {"train@a-b-dah-2": 3600.0, "report": 60.0}
    assert told("report", STAGES, done, before) == (
        "report: 4 stages done in this run, at most 1 after this one: 1 min"
    )
    assert told("train@a-b-dah-2", STAGES, done, {"report": 20.0}).endswith("after this one: 20 s")
    assert told("check", STAGES, {}, before) == (
        "check: 0 stages done in this run, at most 5 after this one: 61 min and 3 of which no time"
        " is known"
    )


def test_without_any_time_the_number_alone_is_told():
    assert told("check", STAGES, {}, {}) == (
        "check: 0 stages done in this run, at most 5 after this one"
    )


def test_a_record_is_that_of_one_run(tmp_path):
    """Another run begins anew, and what cannot be read is no record."""
    record = tmp_path / "of" / "run.json"
    keep_end("one", "check", 1.25, record)
    keep_end("one", "fetch", 2.0, record)
    assert ended("one", record) == {"check": 1.2, "fetch": 2.0}
    assert ended("two", record) == {}
    keep_end("two", "fetch", 3.0, record)
    assert ended("two", record) == {"fetch": 3.0}
    record.write_text("{")
    assert ended("two", record) == {}


def test_a_record_that_cannot_be_written_ends_nothing(tmp_path, capsys):
    """The stage's work is done; the reason is said in a line."""
    (tmp_path / "of").write_text("a file where the folder would be")
    keep_end("one", "check", 1.0, tmp_path / "of" / "run.json")
    said = capsys.readouterr().out
    assert "cannot be written" in said
    assert said.count("\n") == 1


def test_stages_that_one_dvc_starts_are_one_run(tmp_path):
    """Two shells of it name the same process, those of another one another."""
    ask = f"{sys.executable} -c 'from dah.project.progress import this_run; print(this_run())'"
    script = tmp_path / "dvc"
    script.write_text(f"import os\nfor _ in range(2):\n    os.system({ask!r})\n")
    command = sys.executable, str(script)
    one, two = (
        subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()
        for _ in range(2)
    )
    assert one[0] == one[1] != two[0] == two[1]
    assert " since " in one[0]
