"""The real pipeline by real DVC, reduced to two epochs, in a repository of its own."""

import json
import re
import shlex
import sys
import time

import pytest
from clones import ROOT, clone, commit, run
from numpy.testing import assert_allclose

from dah.files.artifacts import read_codes

REDUCED = {
    "  epochs: 36": "  epochs: 2",
    "  epochs: 8": "  epochs: 1",
    "  - hand-scene\n": "",
    "  - noda\n": "  - dann\n",
    "  warm_up: 12": "  warm_up: 1",
    "oracles: []": "oracles:\n  - suh",
    "  seeds:\n    - 0\n": "  seeds:\n    - 0\n    - 1\n",
}


@pytest.fixture(scope="module")
def repository(tmp_path_factory):
    """The project with small parameters, reproduced once and committed."""
    folder = clone(tmp_path_factory.mktemp("clone") / "dah", REDUCED)
    run(folder, "dvc", "repro")
    commit(folder, "repro")
    return folder


@pytest.mark.slow
def test_every_promised_file_is_there(repository):
    """Codes, predictions, metrics, curves and the page, for every task and method."""
    figures = json.loads((repository / "metrics/print-hand.json").read_text())
    assert set(figures["accuracy"]) == {
        "none", "gfk", "tca", "coral", "jda", "dah-p", "dah", "dah-e", "dann", "psca",
    }  # fmt: skip
    assert set(figures["map_cross"]) == {
        "dah-p", "dah", "dah-e", "psca", "itq", "kmeans", "ba", "bdnn",
    }  # fmt: skip
    assert set(figures["map"]) == set(figures["map_cross"]) | {"suh"}
    assert set(figures["deviation"]["accuracy"]) == {"dah-p", "dah", "dah-e", "dann", "psca"}
    assert set(figures["a_distance"]) == {"dah-p", "dah", "dah-e", "dann"}
    assert figures == json.loads((repository / "metrics/means.json").read_text())
    headline = [
        json.loads((repository / f"metrics/{of}.json").read_text()) for of in ("summary", "others")
    ]
    for name in ("accuracy", "map", "map_cross"):
        assert figures[name] == headline[0][name] | headline[1][name]
        assert list(headline[0][name])[:3] == ["dah-p", "dah", "dah-e"]
    assert not set(headline[1]["accuracy"]) & {"dah-p", "dah", "dah-e", "dann"}
    codes = read_codes(repository / "data/codes/print-hand/0/deep/dah.h5")
    assert (codes.bits, codes.source.shape, codes.target.shape) == (64, (900, 8), (899, 8))
    assert_allclose(codes.probabilities.sum(axis=1), 1, rtol=1e-5)
    page = (repository / "metrics/report.html").read_text()
    for part in ("Precision and recall", "Nearest images by", "Map of fc7, dah", "Confusion, dann"):
        assert part in page
    validation = json.loads((repository / "metrics/validation/print-hand/1.json").read_text())
    assert set(validation["source_accuracy"]) == {"dah-p", "dah", "dah-e", "dann"}
    stages = json.loads((repository / "metrics/cost.json").read_text())["seconds"]
    assert {"fetch", "features@hand", "train@print-hand-dah-1", "oracle@print-hand-suh-0"} <= set(
        stages
    )
    assert not list((repository / "data/checkpoints").rglob("*.pt"))
    curves = repository / "metrics/training/print-hand/0/dah"
    assert (curves / "plots/metrics/objective.tsv").exists()
    assert [path.name for path in curves.iterdir()] == ["plots"]


@pytest.mark.slow
def test_a_second_repro_does_nothing(repository):
    """No stage runs twice, and git sees no change."""
    assert "Running stage" not in run(repository, "dvc", "repro")
    assert run(repository, "git", "status", "--porcelain") == ""


@pytest.mark.slow
def test_what_a_kill_of_dvc_cut_off_is_mended(repository):
    """DVC refuses both files; after ``mend`` nothing has to run again, and git sees no change."""
    for name, left in (("dvc.lock", "schema: '2."), (".dvc/tmp/rwlock", '{"write": {"/da')):
        (repository / name).write_text(left)
        run(repository, "dvc", "repro", code=255)
        assert "was cut off" in run(repository, sys.executable, "-m", "dah", "mend")
        assert "Running stage" not in run(repository, "dvc", "repro")
        assert run(repository, "git", "status", "--porcelain") == ""


@pytest.mark.slow
def test_a_clone_pulls_what_another_pushed(repository, tmp_path):
    """A folder as remote: the other clone has every byte, and its repro runs nothing."""
    other = tmp_path / "other"
    run(tmp_path, "git", "clone", "--quiet", str(repository), str(other))
    for folder in (repository, other):
        run(
            folder, "dvc", "remote", "add", "--local", "--default", "there", str(tmp_path / "there")
        )
    assert "pushed" in run(repository, "dvc", "push")
    run(other, "dvc", "pull")
    assert "Running stage" not in run(other, "dvc", "repro")
    assert run(other, "git", "status", "--porcelain") == ""
    codes = "data/codes/print-hand/0/deep/dah.h5"
    assert (other / codes).read_bytes() == (repository / codes).read_bytes()


@pytest.mark.slow
def test_a_forced_training_gives_the_same_bytes(repository):
    """Two runs with one seed: identical codes, metrics and curves."""
    before = (repository / "data/codes/print-hand/0/deep/dah.h5").read_bytes()
    stages = "train@print-hand-dah-0", "encode@print-hand-0", "evaluate@print-hand"
    run(repository, "dvc", "repro", "--single-item", "--force", *stages)
    assert (repository / "data/codes/print-hand/0/deep/dah.h5").read_bytes() == before
    assert run(repository, "git", "status", "--porcelain", "--", ".", ":!metrics/cost.json") == ""


@pytest.mark.slow
def test_an_experiment_runs_what_depends_on_it_alone(repository):
    """bits = 16 trains again and leaves images, trunk, features and baselines as they are."""
    log = run(repository, "dvc", "exp", "run", "-S", "dah.bits=16", "--name", "short")
    ran = {line.split("'")[1].split("@")[0] for line in log.splitlines() if "Running stage" in line}
    assert ran == {
        "check",
        "split",
        "train",
        "encode",
        "hash",
        "transfer",
        "oracle",
        "evaluate",
        "export",
        "report",
    }
    assert read_codes(repository / "data/codes/print-hand/0/deep/dah.h5").target.shape == (899, 2)
    metrics = run(repository, "dvc", "metrics", "diff")
    assert "map.dah" in metrics
    assert len(metrics.splitlines()) < 40
    assert "seconds" not in metrics
    task = run(repository, "dvc", "metrics", "diff", "--targets", "metrics/print-hand.json")
    assert "collisions.dah" in task
    assert "dah.bits" in run(repository, "dvc", "params", "diff")


@pytest.mark.slow
def test_the_plots_are_drawn_without_a_warning(repository):
    """A curve of each term of each training, and precision over recall in the order of the radius.

    Also of a training that another revision lacks.
    """
    plots = run(repository, "dvc", "plots", "show")
    assert "WARNING" not in plots
    page = (repository / "dvc_plots/index.html").read_text(encoding="utf-8")
    assert "objective" in page
    assert '"field": "method"' in page
    assert '"radius": "number"' in page
    assert "metrics.json" not in page
    run(repository, "dvc", "plots", "diff", "HEAD")


@pytest.mark.slow
def test_editors_are_told_titles_and_templates(repository):
    """What the DVC extension of VS Code asks for: every plot can be drawn, and nothing failed."""
    answer = run(repository, "dvc", "plots", "diff", "HEAD", "--json", "--split")
    plots = json.loads(answer[answer.index("{") :])
    assert set(plots) == {"data"}
    drawn = {name: plot for name, (plot,) in plots["data"].items()}
    curves = {name for name in drawn if name.startswith("metrics/curves/")}
    assert curves == {"metrics/curves/print-hand.csv"}
    assert len(drawn) > 20
    for name, plot in drawn.items():
        title = plot["anchor_definitions"]["<DVC_METRIC_TITLE>"]
        parts = (
            ["Retrieval"] if name in curves else [name.split("/")[4], f"seed {name.split('/')[3]}"]
        )
        assert [part in title for part in ("print-hand", *parts)] == [True] * (1 + len(parts))
        assert plot["content"]["$schema"].startswith("https://vega.github.io/schema/vega-lite/")
    answer = run(repository, "dvc", "exp", "show", "--json")
    for baseline in json.loads(answer[answer.index("[") :]):
        assert baseline["error"] is None
        assert list(baseline["data"]["metrics"]) == ["metrics/summary.json", "metrics/others.json"]


@pytest.mark.slow
def test_the_documented_commands_narrow_the_table_of_experiments(repository):
    """Each ``dvc exp show`` of the documents has few columns, and the experiment."""
    text = "\n".join(
        (ROOT / name).read_text(encoding="utf-8") for name in ("README.md", "docs/experiments.md")
    )
    commands = set(re.findall(r"^(dvc exp show .*?)(?: *#.*)?$", text, re.MULTILINE))
    assert commands
    for command in commands:
        lines = run(repository, *shlex.split(command)).splitlines()
        assert max(map(len, lines)) <= 120, command
        table = "\n".join(lines)
        assert [part in table for part in ("short", "accuracy.dah", "dah.bits")] == [True] * 3
    table = run(repository, sys.executable, "-m", "dah", "experiments", "map", "--method", "dah")
    assert table.splitlines()[0].split()[-1] == "runs"
    assert "another machine" not in table
    row = next(line.split() for line in table.splitlines() if line.split()[1] == "16")
    assert row[-1] == "short"
    run(repository, "dvc", "exp", "apply", row[-1])
    chosen = run(repository, sys.executable, "-m", "dah", "select", "--source-accuracy", "0")
    assert re.search(r"\ndah\.bits=(16|64) \(", chosen)


@pytest.mark.slow
def test_two_workers_of_a_queue_do_not_disturb_each_other(repository):
    """Both experiments end well, each with codes of its own length."""
    for bits in (8, 12):
        change = "--queue", "--name", f"bits{bits}", "-S", f"dah.bits={bits}"
        run(repository, "dvc", "exp", "run", *change)
    run(repository, "dvc", "queue", "start", "--jobs", "2")
    deadline = time.monotonic() + 1200
    while (status := run(repository, "dvc", "queue", "status")).count("Success") < 2:
        assert "Failed" not in status, status
        assert time.monotonic() < deadline, status
        time.sleep(5)
    for bits, width in ((8, 1), (12, 2)):
        run(repository, "dvc", "exp", "apply", f"bits{bits}")
        codes = read_codes(repository / "data/codes/print-hand/1/deep/dah.h5")
        assert (codes.bits, codes.target.shape) == (bits, (899, width))


@pytest.mark.slow
def test_a_mistake_ends_in_one_clear_line(repository):
    """DVC passes on the stage's sentence and fails before any work."""
    path = repository / "params.yaml"
    text = path.read_text(encoding="utf-8")
    for key, value, message, stages in (
        (
            "samples_per_class: 5",
            "samples_per_class: 91",
            "dah.samples_per_class is 91, but category",
            2,
        ),
        ("eta: 3.0", "eta: 3.0\n  etta: 2", "section dah has the unknown key 'etta'", 1),
    ):
        path.write_text(text.replace(key, value), encoding="utf-8")
        log = run(repository, "dvc", "repro", code=255)
        assert message in log
        assert "Traceback" not in log
        assert log.count("Running stage") == stages
    path.write_text(text, encoding="utf-8")
