"""Tables and metrics: what does not belong together is refused where it is read."""

import numpy as np
import pytest

from dah.errors import UserError
from dah.files.tables import read_figures, read_json, read_table
from dah.tasks.lists import Labelled, Task, read_lists, write_task


@pytest.fixture
def task(tmp_path):
    """A stored task of two categories."""
    labels = np.array([0, 1, 1])
    ids = ["s0", "s1", "s2"], ["t0", "t1", "t2"]
    stored = Task(["mug", "pen"], labels, labels, ["database", "query", "database"])
    write_task(stored, *ids, tmp_path / "lists", tmp_path / "truth.csv")
    return tmp_path


def test_a_task_comes_back(task):
    """Labels of both domains by their ids, in the order asked for."""
    found = Labelled(task / "lists", task / "truth.csv").of(["s2", "s0"], ["t1", "t0"])
    assert (found.source.tolist(), found.target.tolist()) == ([1, 0], [1, 0])
    assert found.is_query.tolist() == [True, False]


@pytest.mark.parametrize(
    ("file", "old", "new", "message"),
    [
        ("lists/source.csv", "s2,1", "s2,2", r"source\.csv: expected labels from 0 to 1, as .*cat"),
        ("lists/source.csv", "s2,1", "s2,-1", r"source\.csv: expected labels .* found -1 to 1"),
        ("lists/source.csv", "s2", "s1", r"source\.csv: an id stands twice"),
        ("lists/target.csv", "t2", "t1", r"target\.csv: an id stands twice"),
        ("lists/categories.csv", "1,pen", "2,pen", r"categories\.csv: .* in order, found 0,2; spl"),
        (
            "truth.csv",
            "t2,1",
            "t2,2",
            r"truth\.csv: expected labels below 2, .* found 2; they be",
        ),
        ("truth.csv", "t2,1", "t2,-2", r"truth\.csv: expected labels from -1 on and the roles da"),
        ("truth.csv", "query", "Query", r"truth\.csv: .* roles database and query, found others"),
    ],
)
def test_lists_that_do_not_fit_are_refused(task, file, old, new, message):
    """The file that is at fault is named."""
    text = (task / file).read_text(encoding="utf-8")
    assert old in text
    (task / file).write_text(text.replace(old, new), encoding="utf-8")
    with pytest.raises(UserError, match=message):
        Labelled(task / "lists", task / "truth.csv").of(["s0"], ["t0"])


def test_a_long_header_is_cut(tmp_path):
    """A refusal stays one line that can be read."""
    (tmp_path / "a.csv").write_text("x" * 10_000 + "\n", encoding="utf-8")
    with pytest.raises(UserError, match=r"a\.csv: expected the columns id, found 'x{100}'$"):
        read_table(tmp_path / "a.csv", ("id",))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[1]", "expected metrics as a JSON object, found a list"),
        ('{"map": {"dah": -Infinity}}', "expected metrics as JSON, found: -Infinity, which is no"),
        ('{"map": {"dah": 1e999}}', "expected a number for each method of 'map', found"),
        ('{"map": {"dah": true}}', "expected a number for each method of 'map', found"),
        ('{"deviation": 1}', "expected a number for each method of 'deviation', found"),
        ('{"deviation": {"map": {"dah": null}}}', "expected a number for each method of 'map'"),
    ],
)
def test_metrics_that_are_none_are_refused(tmp_path, text, message):
    """What is no number would be printed as one."""
    (tmp_path / "m.json").write_text(text, encoding="utf-8")
    with pytest.raises(UserError, match=rf"m\.json: {message}"):
        read_figures(tmp_path / "m.json")


def test_metrics_of_another_stage_are_refused(tmp_path):
    """A missing key is named; others may stand beside it."""
    (tmp_path / "m.json").write_text('{"map": {}, "deviation": {}}', encoding="utf-8")
    assert read_json(tmp_path / "m.json", ("map",)) == read_figures(tmp_path / "m.json")
    with pytest.raises(UserError, match=r"m\.json: expected metrics with 'images', found none"):
        read_json(tmp_path / "m.json", ("images",))


def test_lists_without_categories_are_refused(task):
    """A header alone."""
    (task / "lists" / "categories.csv").write_text("label,category\n", encoding="utf-8")
    with pytest.raises(UserError, match=r"categories\.csv: expected the labels .* found none"):
        read_lists(task / "lists")
