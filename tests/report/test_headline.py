"""The results in one table: the best first, short enough for a screen."""

import shutil
import sys
from pathlib import Path

import pytest

from dah import __main__ as commands
from dah.report.headline import WIDEST, headline
from dah.report.tables import column_of

ROOT = Path(__file__).parents[2]
SHALLOW = ("coral", "gfk", "jda", "none", "tca")
DEEP = ("dah", "dah-e", "noda", "source", "dan", "dann")
HASHING = ("dah", "dah-e", "noda", "psca", "suh", "itq", "kmeans", "ba", "bdnn")


def columns(tasks, deviation=True):
    """Every method that there is on so many tasks, and their mean."""
    accuracy = {name: 40.0 + i for i, name in enumerate((*SHALLOW, *DEEP, "psca", "suh"))}
    figures = {
        "accuracy": accuracy,
        "accuracy_svm": dict.fromkeys(SHALLOW, 55.0),
        "map": {name: 0.3 + i / 100 for i, name in enumerate(HASHING)},
        "map_cross": dict.fromkeys(HASHING, 0.5),
    }
    if deviation:
        figures["deviation"] = {"accuracy": {"dah": 1.26}, "map": {"dah": 0.0114}}
    names = [f"amazon{i}-webcam{i}" for i in range(tasks)]
    return [column_of(name, figures) for name in [*names, "mean"]]


def names_in(text):
    """The first words of a table's rows."""
    return [
        line.split("  ")[1]
        for line in text.splitlines()
        if line.startswith("  ") and line[2] != " "
    ]


def test_the_best_are_first_and_the_oracle_is_last():
    """By accuracy, then the methods that do not classify by mAP; classifiers are named."""
    given = {
        "accuracy": {"none": 60.0, "dah": 70.0, "dan": 65.0, "suh": 99.0},
        "accuracy_svm": {"none": 66.0},
        "map": {"dah": 0.5, "itq": 0.4, "ba": 0.45, "suh": 0.9},
    }
    text = headline([column_of("p-h", given), column_of("mean", given)])
    assert names_in(text) == [
        "dah", "none + SVM", "dan (softmax)", "none + 1-NN", "ba", "itq", "suh (oracle)"
    ]  # fmt: skip
    lines = {line.split("  ")[1]: line.split()[-4:] for line in text.splitlines() if "  " in line}
    assert lines["dah"] == ["70.0*", "70.0*", "0.500*", "0.500*"]
    assert lines["suh (oracle)"] == ["99.0", "99.0", "0.900", "0.900"]
    assert lines["itq"] == ["-", "-", "0.400", "0.400"]


@pytest.mark.parametrize("tasks", [1, 2, 6, 12, 30])
def test_it_fits_a_screen_whatever_ran(tasks):
    """With every method, deviations and any number of tasks: no method is missing."""
    text = headline(columns(tasks))
    assert len(text.splitlines()) + 2 < 40
    assert max(map(len, text.splitlines())) <= WIDEST
    named = {name.split()[0] for name in names_in(text)}
    assert named == {*SHALLOW, *DEEP, *HASHING}


def test_without_labels_there_is_none():
    """No accuracy and no mAP."""
    assert headline([column_of("a-b", {"domain_error": {"dah": 0.2}})]) == ""


@pytest.fixture
def project(tmp_path, monkeypatch):
    """The parameters and metrics of this clone."""
    shutil.copy(ROOT / "params.yaml", tmp_path)
    shutil.copytree(ROOT / "metrics", tmp_path / "metrics")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def printed(monkeypatch, capsys, *arguments):
    """What ``python -m dah results`` prints."""
    monkeypatch.setattr(sys, "argv", ["dah", "results", *arguments])
    commands.main()
    return capsys.readouterr().out


def test_results_are_short_unless_all_are_asked_for(project, monkeypatch, capsys):
    """The table, where the rest is, and the page; the rest with --all."""
    short = printed(monkeypatch, capsys)
    assert len(short.splitlines()) < 40
    assert "accuracy, %" in short
    assert "python -m dah results --all" in short
    assert "metrics/report.html" in short.splitlines()[-1]
    every = printed(monkeypatch, capsys, "--all")
    assert len(every.splitlines()) > 100
    assert "A-distance" in every


def test_make_repro_ends_with_the_headline():
    """Nothing is printed after it, and the stage does not print the tables too."""
    recipe = (ROOT / "Makefile").read_text(encoding="utf-8").split("\nrepro:")[1].split("\n\n")[0]
    assert recipe.splitlines()[-1].strip() == "python -m dah results"
    assert "text_tables" not in (ROOT / "stages/report.py").read_text(encoding="utf-8")
