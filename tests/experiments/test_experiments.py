"""DVC's experiments as a list of runs, in tables over seeds, and as candidates for a choice."""

import json
import statistics
import sys
from pathlib import Path

import numpy as np
import pytest
from numpy.testing import assert_allclose

from dah.__main__ import main
from dah.errors import UserError
from dah.experiments.commits import read_committed
from dah.experiments.comparison import experiments_table, pooled
from dah.experiments.runs import (
    Experiment,
    by_setting,
    finished,
    flat,
    foreign_note,
    varying,
    with_figures,
    without_repeats,
    written,
)
from dah.experiments.selection import (
    candidates,
    candidates_table,
    choose,
    comparable,
    preferred,
    tasks_of,
)
from dah.machine import machine
from tests.clones import ROOT, commit, run

SETTING = {"tasks": ("a-b", "c-d"), "dah.gamma": 300.0, "train.seeds": (0,), "methods": ("dah",)}


HERE = (machine(),)


def experiment(name="one", metrics=None, machines=HERE, **changed):
    """A run of this machine, some parameters changed, dots written as two underscores."""
    named = {key.replace("__", "."): value for key, value in changed.items()}
    return Experiment(name, SETTING | named, metrics or {}, machines)


def shown(rev, name, experiments=None, error=None, gamma=300.0):
    """An entry of ``dvc exp show --json``."""
    data = {
        "params": {"params.yaml": {"data": {"dah": {"gamma": gamma}, "train": {"seeds": [0, 1]}}}},
        "metrics": {"metrics/a-b.json": {"data": {"accuracy": {"dah": 50.0}}}},
    }
    return {"rev": rev, "name": name, "data": data, "error": error, "experiments": experiments}


def queued(name, state, error=None):
    """An experiment of the queue; one that ran at once has no executor."""
    executor = state and {"state": state}
    return {"revs": [shown(name, name, error=error)], "executor": executor, "name": name}


def test_only_finished_runs_are_experiments():
    """What waits, runs or has failed is shown with the metrics of another commit."""
    failure = {"msg": "Experiment run failed"}
    runs = [
        queued("done", "success"),
        queued("at-once", None),
        queued("waiting", "queued"),
        queued("busy", "running"),
        queued("broken", "failed", failure),
        queued("odd", None, failure),
    ]
    listed = [
        shown("workspace", None),
        shown("b4a70a05f3", "main", runs),
        shown("c0ffee12ab", None),
    ]
    assert [run["name"] for run in finished(listed)] == ["main", "done", "at-once", None]


def test_a_run_has_the_figures_of_its_own_tasks_and_seeds():
    """Files of others may lie in its commit; where a task's own are missing, it was not run."""
    figures, error = {"accuracy": {"dah": 50.0}}, {"domain_error": {"dah": 0.2}}
    cost = {"machine": {"train@a-b-dah-0": "AMD", "fetch": "Intel"}}
    files = {("c0", "metrics/a-b.json"): figures, ("c0", "metrics/cost.json"): cost}
    files |= {("c0", f"metrics/validation/a-b/{seed}.json"): error for seed in (0, 7)}
    files["c1", "metrics/c-d.json"] = figures
    runs = [("c0", experiment("fresh", tasks=("a-b",))), ("c1", experiment("stale"))]
    (fresh,) = with_figures(runs, files)
    assert (fresh.name, fresh.machines) == ("fresh", ("AMD",))
    paths = "metrics/a-b.json", "metrics/validation/a-b/0.json"
    assert fresh.metrics == dict(zip(paths, (figures, error), strict=True))


def test_parameters_are_flat_and_written_as_dvc_takes_them():
    """Lists become tuples, so that settings can be compared; 300.0 is 300."""
    assert flat({"a": {"b": 1, "c": {"d": [1, 2]}}, "e": None}) == {
        "a.b": 1, "a.c.d": (1, 2), "e": None,
    }  # fmt: skip
    values = (300.0, 0.05, 16, ("fc6", "fc7"), None, True)
    assert [written(v) for v in values] == ["300", "0.05", "16", "[fc6,fc7]", "None", "True"]


def test_runs_of_other_seeds_and_methods_are_of_one_setting():
    """The seeds and the lists of methods say how much is run, every other parameter how."""
    runs = [
        experiment("a", dah__gamma=300),
        experiment("b", train__seeds=(1, 2), methods=("dah", "noda")),
        experiment("c", dah__gamma=100.0),
    ]
    assert varying(runs) == ["dah.gamma"]
    assert [[e.name for e in group] for group in by_setting(runs)] == [["c"], ["a", "b"]]


def test_settings_are_in_order_of_their_values():
    """Numbers by size, before lists and what is not given."""
    given = [1000, None, ("fc7",), 300.0, 30, ("fc6", "fc7")]
    runs = [experiment(str(value), dah__gamma=value) for value in given]
    order = [group[0].parameters["dah.gamma"] for group in by_setting(runs)]
    assert order == [30, 300, 1000, None, ("fc6", "fc7"), ("fc7",)]


def test_a_seed_counts_once():
    """Of runs that share a seed the one with more of them stays."""
    runs = [
        experiment("a"),
        experiment("b", train__seeds=(0, 1, 2)),
        experiment("c", train__seeds=(3,)),
    ]
    assert [e.name for e in without_repeats(runs)] == ["b", "c"]


@pytest.mark.parametrize("sizes", [[1, 1], [3, 1, 2], [4]])
def test_pooled_figures_are_those_of_all_seeds_at_once(sizes):
    """Against the standard library on all values in one list."""
    rng = np.random.default_rng(0)
    runs = [rng.normal(50, 5, n).tolist() for n in sizes]
    each = [
        (len(values), statistics.mean(values), statistics.stdev(values) if values[1:] else None)
        for values in runs
    ]
    everything = [value for values in runs for value in values]
    expected = statistics.mean(everything), statistics.stdev(everything)
    assert_allclose(pooled(each), expected)


def test_pooled_figures_by_hand():
    """1, 3 and 5: mean 3, deviation 2; one run has none; one unknown leaves all unknown."""
    assert_allclose(pooled([(2, 2.0, 2**0.5), (1, 5.0, None)]), (3, 2))
    assert pooled([(1, 4.0, None)]) == (4, None)
    assert pooled([(2, 2.0, None), (1, 5.0, None)]) == (3, None)


def accuracies(first, second, deviation=None, **others):
    """Metrics of two tasks and their mean for ``dah`` and other methods."""
    files = {}
    for name, value in {"a-b": first, "c-d": second, "means": (first + second) / 2}.items():
        files[f"metrics/{name}.json"] = {"accuracy": {"dah": value, **others}}
        if deviation is not None:
            files[f"metrics/{name}.json"]["deviation"] = {"accuracy": {"dah": deviation}}
    return files


def test_the_table_has_a_row_for_every_method_and_setting():
    """Mean and deviation over the seeds of all runs of a setting; a figure without, as it is."""
    runs = [
        experiment("main", accuracies(50.0, 70.0, none=40.0)),
        experiment("two", accuracies(53.0, 70.0, deviation=2**0.5), train__seeds=(1, 2)),
        experiment("other", accuracies(45.0, 80.0), dah__gamma=100),
    ]
    assert experiments_table(runs, "accuracy").splitlines() == [
        "  method  dah.gamma  seeds         a-b         c-d        mean      runs",
        "  dah           100      1        45.0        80.0        62.5     other",
        "  dah           300      3  52.0 ± 2.0  70.0 ± 1.0  61.0 ± 1.3  two main",
        "  none          300      1        40.0        40.0        40.0      main",
    ]
    assert experiments_table(runs, "accuracy", "none").splitlines()[1:] == [
        "  none          300      1  40.0  40.0  40.0  main"
    ]


def test_runs_of_other_machines_are_apart_and_marked():
    """Not pooled with those of this one; the note has both machines, and how to get a baseline."""
    runs = [
        experiment("main", accuracies(50.0, 70.0), ("AMD, torch 1",)),
        experiment("old", accuracies(51.0, 70.0), ()),
        experiment("own", accuracies(52.0, 70.0), train__seeds=(1,)),
    ]
    table, note = experiments_table(runs, "accuracy").split("\n\u2020")
    assert {line.split()[-1] for line in table.splitlines()} == {"runs", "old†", "main†", "own"}
    assert f"(AMD, torch 1; one not on record; this one: {machine()})" in note
    assert "dvc repro && git commit" in note
    assert foreign_note(runs[2:]) == ""
    there = experiment("there", validation(0.2), ("AMD, torch 1",))
    found = candidates([experiment("own", validation(0.3)), there], "dah")
    assert {candidate.label for candidate in found} == {"own", "there†"}


def test_a_figure_that_no_run_has_is_one_line():
    """The others are named, or how to make some."""
    runs = [experiment("main", accuracies(50.0, 70.0, deviation=1.0))]
    with pytest.raises(UserError, match=r"has the figure 'mapp'; known are accuracy$"):
        experiments_table(runs, "mapp")
    with pytest.raises(UserError, match="has 'accuracy' of 'dan'; known are dah"):
        experiments_table(runs, "accuracy", "dan")
    with pytest.raises(UserError, match="no finished experiment has figures; run some: dvc exp"):
        experiments_table([experiment()], "map")


def validation(error, source=(100.0, 100.0), seed=0, method="dah", **others):
    """Figures without target labels of two tasks and a seed."""
    return {
        f"metrics/validation/{task}/{seed}.json": {
            "domain_error": {method: error},
            "source_accuracy": {method: accuracy},
            **{name: {method: value} for name, value in others.items()},
        }
        for task, accuracy in zip(("a-b", "c-d"), source, strict=True)
    }


def test_a_candidate_is_a_setting():
    """Means over tasks and seeds; the source's accuracy where it is lowest."""
    both = validation(0.3, (100.0, 99.0), 0) | validation(0.2, (99.0, 98.0), 1)
    runs = [
        experiment("main", both, train__seeds=(0, 1)),
        experiment("other", validation(0.1, entropy=1.5), dah__gamma=100),
    ]
    second, first = candidates(runs, "dah")
    assert (first.label, first.names, first.seeds) == ("dah.gamma=300", ("main",), 2)
    assert_allclose([first.figures["domain_error"], first.source_accuracy], [0.25, 98.5])
    assert_allclose([second.figures["entropy"], second.source_accuracy], [1.5, 100])


def test_figures_of_other_seeds_are_not_a_runs_own():
    """A file that an earlier run left behind, of a seed that the parameters do not name."""
    left = validation(0.3) | validation(0.5, seed=7)
    assert_allclose(candidates([experiment("main", left)], "dah")[0].figures["domain_error"], 0.3)


def test_the_choice_is_the_largest_domain_error_that_keeps_the_source():
    """Gamma 1000 confuses the domains most and has lost a category of one task's source."""
    table = {100: (0.1, 100.0), 300: (0.2, 99.5), 1000: (0.4, 97.0)}
    runs = [
        experiment(f"g{gamma}", validation(error, (100.0, kept)), dah__gamma=gamma)
        for gamma, (error, kept) in table.items()
    ]
    found = candidates(runs, "dah")
    assert choose(found, 99.0).names == ("g300",)
    assert choose(found, 95.0).names == ("g1000",)
    assert preferred("domain_error", found).names == ("g1000",)
    with pytest.raises(
        UserError, match=r"the highest is 100\.00 % of dah\.gamma=100; lower --sour"
    ):
        choose(found, 100.5)


def test_each_validator_has_its_own_best():
    """Entropy and risk the smaller, information and density the larger; stars say which."""
    figures = {
        "information_maximisation": (1.0, 2.0),
        "neighbourhood_density": (4.0, 3.0),
        "entropy": (0.5, 0.1),
        "embedded_risk": (0.2, 0.9),
    }
    runs = [
        experiment(f"e{i}", validation(0.1, **{k: v[i] for k, v in figures.items()}), dah__eta=i)
        for i in range(2)
    ]
    found = candidates(runs, "dah")
    expected = {"e0": ["neighbourhood_density", "embedded_risk"],
                "e1": ["information_maximisation", "entropy"]}  # fmt: skip
    for name, validators in expected.items():
        assert {preferred(v, found).names for v in validators} == {(name,)}
    head, first, second = candidates_table(found).splitlines()
    assert head.endswith("entropy, min  embedded risk, min")
    assert [cell.endswith("*") for cell in first.split()[3:]] == [True, False, True, False, True]
    assert [cell.endswith("*") for cell in second.split()[3:]] == [False, True, False, True, False]


def test_without_candidates_there_is_one_line():
    """It says which file is missing, and how to make candidates."""
    message = "none of 1 finished runs has noda in metrics/validation/<task>/<seed>.json; run some"
    with pytest.raises(UserError, match=message):
        comparable([experiment("main", validation(0.3))], "noda")


def test_experiments_of_other_tasks_are_left_out():
    """A mean over other tasks cannot be compared; the first one's tasks count."""
    main = experiment("main", validation(0.3))
    other = experiment("other", validation(0.2), tasks=("a-b",), dah__gamma=100)
    unfinished = experiment("unfinished")
    assert comparable([main, unfinished, other], "dah") == ([main], [other])
    assert comparable([other, main], "dah") == ([other], [main])
    assert [tasks_of(run, "dah") for run in (main, other)] == [["a-b", "c-d"], ["a-b"]]


def test_a_choice_without_domain_errors_is_one_line():
    """Domains of fewer images than the classifier has folds."""
    files = {
        path: {"source_accuracy": {"dah": 100.0}, "entropy": {"dah": 0.1}}
        for path in validation(0.0)
    }
    with pytest.raises(UserError, match="no candidate has a domain error"):
        choose(candidates([experiment("main", files)], "dah"), 99.0)


STAGE = """
import json, os
from ruamel.yaml import YAML

params = YAML(typ="safe").load(open("params.yaml"))
gamma = params["dah"]["gamma"]
assert gamma != 7
os.makedirs("metrics/validation/a-b", exist_ok=True)
for seed in params["train"]["seeds"]:
    figures = {"domain_error": gamma / 1000, "source_accuracy": 99.5 - gamma / 1000, "entropy": 1.0}
    with open(f"metrics/validation/a-b/{seed}.json", "w") as file:
        json.dump({name: {"dah": value} for name, value in figures.items()}, file)
accuracy = {"dah": gamma / 10 + sum(params["train"]["seeds"])}
with open("metrics/a-b.json", "w") as file:
    json.dump({"accuracy": accuracy}, file)
with open("metrics/cost.json", "w") as file:
    json.dump({"machine": {"train@a-b-dah-0": MACHINE}}, file)
"""
PIPELINE = """
stages:
  run:
    matrix: {seed: "${train.seeds}"}
    cmd: python run.py ${item.seed}
    deps: [run.py]
    params: [dah, train]
    outs:
      - metrics/validation/a-b/${item.seed}.json: {cache: false}
  evaluate:
    cmd: python run.py
    params: [dah, train]
    outs:
      - metrics/a-b.json: {cache: false}
"""


@pytest.mark.slow
def test_commands_read_real_experiments(tmp_path, monkeypatch):
    """A queue of gammas in a DVC repository, one of which fails; runs of two seeds."""
    stage = STAGE.replace("MACHINE", repr(machine()))
    write = {"run.py": stage, "dvc.yaml": PIPELINE}
    write["params.yaml"] = "tasks:\n  - a-b\ndah:\n  gamma: 300\ntrain:\n  seeds:\n    - 0\n"
    for name, text in write.items():
        (tmp_path / name).write_text(text, encoding="utf-8")
    run(tmp_path, "git", "init", "--quiet", "--initial-branch", "main")
    run(tmp_path, "dvc", "init", "--quiet")
    run(tmp_path, "dvc", "repro", "--quiet")
    commit(tmp_path, "base")
    run(tmp_path, "dvc", "exp", "run", "--queue", "-S", "dah.gamma=1000,7")
    run(tmp_path, "dvc", "exp", "run", "--run-all")
    run(tmp_path, "dvc", "exp", "run", "--quiet", "--name", "seed", "-S", "train.seeds=[4]")
    monkeypatch.setenv("PYTHONPATH", str(ROOT))

    def dah(*arguments, code=0):
        return run(tmp_path, sys.executable, "-m", "dah", *arguments, code=code)

    table = [line.split() for line in dah("experiments").splitlines()]
    assert table[0] == ["method", "dah.gamma", "seeds", "a-b", "mean", "runs"]
    (pooled_row,) = [row for row in table if row[:3] == ["dah", "300", "2"]]
    assert pooled_row[3:7] == ["32.0", "±", "2.8", "-"]
    assert {*pooled_row[7:]} == {"main", "seed"}
    (other,) = [row for row in table if row[:5] == ["dah", "1000", "1", "100.0", "-"]]
    run(tmp_path, "dvc", "exp", "apply", other[5])
    run(tmp_path, "git", "checkout", "--quiet", ".")
    assert len(table) == 3
    chosen = dah("select").strip().splitlines()[-1]
    assert chosen.startswith("dah.gamma=300 (")
    assert {*chosen.split("(")[1].strip(")").split(", ")} == {"main", "seed"}
    assert (
        dah("select", "--source-accuracy", "98")
        .strip()
        .splitlines()[-1]
        .startswith("dah.gamma=1000")
    )
    assert "lower --source-accuracy" in dah("select", "--source-accuracy", "99.9", code=1)
    assert "unknown Git revision 'nowhere'" in dah("select", "--revision", "nowhere", code=1)


def test_runs_in_folders_are_candidates_too(tmp_path, monkeypatch, capsys):
    """Each with its params.yaml; other tasks are left out; a missing file is named in one line."""
    both, tasks = ("a-b", "c-d"), ("a-b",)
    for name, gamma, error, of in (
        ("x", 300, 0.2, both),
        ("y", 100, 0.1, both),
        ("z", 9, 1, tasks),
    ):
        for path, content in validation(error).items():
            (tmp_path / name / path).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / name / path).write_text(json.dumps(content), encoding="utf-8")
        told = {"tasks": of, "dah": {"gamma": gamma}, "train": {"seeds": [0]}}
        (tmp_path / name / "params.yaml").write_text(json.dumps(told), encoding="utf-8")
        cost = {"machine": {"train@a-b-dah-0": machine()}}
        (tmp_path / name / "metrics/cost.json").write_text(json.dumps(cost), encoding="utf-8")
    folders = [str(tmp_path / name) for name in "xyz"]
    monkeypatch.setattr(sys, "argv", ["dah", "select", *folders])
    main()
    printed = capsys.readouterr().out
    assert printed.endswith(f"dah.gamma=300 ({folders[0]})\n")
    assert f"\nleft out, since its tasks are others (a-b): {folders[2]}\n" in printed
    assert "another machine" not in printed
    (tmp_path / "y/metrics/validation/c-d/0.json").unlink()
    with pytest.raises(SystemExit, match=r"y/metrics/validation/c-d/0\.json: expected"):
        main()


def test_files_of_commits_are_read_without_a_checkout(tmp_path, monkeypatch):
    """From the folder that one stands in; what is missing, no JSON or a folder is left out."""
    (tmp_path / "in/folder").mkdir(parents=True)
    monkeypatch.chdir(tmp_path / "in")
    run(tmp_path, "git", "init", "--quiet")
    for content in ('{"a": 1}', '{"a": 2}'):
        Path("m.json").write_text(content, encoding="utf-8")
        Path("torn.json").write_text('{"a"', encoding="utf-8")
        Path("folder/list.json").write_text("[1]\n\n", encoding="utf-8")
        commit(tmp_path, content)
    new, old = (run(tmp_path, "git", "rev-parse", name).strip() for name in ("HEAD", "HEAD~"))
    paths = "m.json", "folder", "torn.json", "folder/list.json", "no such blob 3", "x\ny", "m.json"
    found = read_committed((revision, path) for revision in (new, old, "0" * 40) for path in paths)
    assert found == {(new, "m.json"): {"a": 2}, (old, "m.json"): {"a": 1}}
    assert read_committed([]) == {}
    monkeypatch.chdir(tmp_path.parent)
    with pytest.raises(UserError, match="git cat-file: fatal: not a git repository"):
        read_committed([(new, "m.json")])
