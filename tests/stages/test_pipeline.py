"""What dvc.yaml promises: no path from the truth to training, and every file that a stage reads."""

import ast
import re
from dataclasses import fields
from pathlib import Path

import dvc.api
import pytest
from clones import OUTPUTS, clone, commit, ran, run, write_pipeline, written_by_stand_ins
from ruamel.yaml import YAML

from dah.params import Train, load
from dah.project.outputs import stages_of

ROOT = Path(__file__).parents[2]
PIPELINE = YAML(typ="safe").load((ROOT / "dvc.yaml").read_text(encoding="utf-8"))
STAGES = PIPELINE["stages"]


def paths(stage, *kinds):
    """The paths under some keys of a stage, whether plain or with options."""
    for kind in kinds:
        for entry in STAGES[stage].get(kind, []):
            yield entry if isinstance(entry, str) else next(iter(entry))


def touches(path, other):
    """Whether one path may be the other or lie within it: ``${...}`` is like any other such."""
    a, b = ([re.sub(r"\$\{[^}]*\}", "$", part) for part in Path(p).parts] for p in (path, other))
    return a[: len(b)] == b[: len(a)]


def readers(path):
    """The stages that depend on a path."""
    return {s for s in STAGES if any(touches(path, dep) for dep in paths(s, "deps"))}


def downstream(stage):
    """All stages that a stage's outputs reach."""
    found, waiting = set(), [stage]
    while waiting:
        for output in paths(waiting.pop(), *OUTPUTS):
            new = readers(output) - found
            found |= new
            waiting += new
    return found


def test_only_evaluation_and_the_oracle_depend_on_the_truth():
    """data/truth is an input of evaluate and of SuH; what comes of it is evaluated and reported."""
    assert readers("data/truth") == {"evaluate", "oracle"}
    assert downstream("evaluate") == {"report"}
    assert downstream("oracle") == {"evaluate", "report"}


def test_only_the_split_reads_the_labels():
    """data/labels holds both domains' categories; the lists that split writes do not.

    Table 1, which counts them, is read by nothing but the report.
    """
    assert readers("data/labels") == {"split", "describe"}
    assert downstream("describe") == {"report"}
    assert "data/raw" not in {dep for s in STAGES for dep in paths(s, "deps") if s != "resize"}
    assert readers("data/raw") == {"resize"}


def test_the_graph_is_what_the_design_draws():
    """Training leads to evaluation, and not the other way round."""
    assert downstream("train") == {"encode", "evaluate", "export", "report"}
    assert downstream("backbone") == {
        "features", "describe", "adapt", "transfer", "hash", "oracle", "train", "encode",
        "evaluate", "export", "report",
    }  # fmt: skip
    assert downstream("export") == set()
    assert downstream("transfer") == downstream("hash") == {"evaluate", "report"}
    assert downstream("report") == set()


CHECKED = {"data/checked.txt"}  # a dependency for the order alone
KEPT = "data/downloads", "data/checksums.txt", "data/checkpoints"  # outlive a stage that was killed


def command_paths(stage):
    """The paths that a stage's command names."""
    words = {word for word in STAGES[stage]["cmd"].split() if "/" in word}
    return {word for word in words if not any(touches(word, kept) for kept in KEPT)}


@pytest.mark.parametrize("stage", STAGES)
def test_every_path_of_a_command_is_declared(stage):
    """A file that is read or written behind the graph's back could carry labels."""
    declared = set(paths(stage, "deps", *OUTPUTS))
    assert command_paths(stage) <= declared
    used = {path for path in declared if Path(path).parts[0] not in ("dah", "stages")}
    assert used - CHECKED == command_paths(stage) - CHECKED


def test_the_check_runs_before_any_other_stage():
    """It refuses what DVC would delete, which it does before each stage of its own outputs."""
    assert downstream("check") == set(STAGES) - {"check"}


def imported(path):
    """Names of the modules, and of what is imported from them, anywhere in a Python file."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


DOOR = ROOT / "dah" / "__init__.py"  # imports nothing until a person asks for load_encoder
# What starts a stage, validates its parameters, whose values DVC tracks, and notes what it took. It
# computes nothing, so that a change of it must not train again; check alone, which refuses, has it.
INFORMING = {
    "dah/exports.py",
    "dah/machine.py",
    "dah/names.py",
    "dah/params",
    "dah/process.py",
    "dah/project",
    "stages/__init__.py",
    "stages/command.py",
}


def wing(path):
    """What ``dvc.yaml`` names of a file of code: its package in ``dah``, else itself."""
    parts = path.relative_to(ROOT).parts
    return "/".join(parts[:2])


def project_files(module):
    """The project's files that importing a dotted name runs, empty packages left out."""
    parts = module.split(".")
    for end in range(1, len(parts) + 1):
        stem = ROOT.joinpath(*parts[:end])
        for path in (stem.with_suffix(".py"), stem / "__init__.py"):
            if (
                path.is_file()
                and path != DOOR
                and (path.stem != "__init__" or list(imported(path)))
            ):
                yield path


def code_of(stage):
    """A stage's script and the packages of all that it imports of this project, directly or not.

    What only informs is left out, with what it alone imports.
    """
    found, waiting = set(), [ROOT / "stages" / f"{stage}.py"]
    passed = set() if stage == "check" else INFORMING
    while waiting:
        path = waiting.pop()
        if path not in found and wing(path) not in passed:
            found.add(path)
            for module in imported(path):
                waiting += project_files(module)
    return {wing(path) for path in found}


def test_what_shows_and_searches_trains_nothing():
    """Report, search, page, commands: but for stages that nothing comes of, and check."""
    for stage in set(STAGES) - {"report", "export", "check"}:
        used = {path.split("/")[1] for path in code_of(stage) if path.startswith("dah/")}
        assert not used & {"report", "search", "web", "commands", "experiments", "encoder"}, stage


@pytest.mark.parametrize("stage", STAGES)
def test_dependencies_on_code_are_the_imports(stage):
    """A change of a package re-runs exactly the stages that use it."""
    declared = {path for path in paths(stage, "deps") if path.startswith(("dah", "stages"))}
    assert declared == code_of(stage)


def parameters_read(stage):
    """Dotted names below the argument ``params`` in a stage's script; a method's are domains."""
    tree = ast.parse((ROOT / "stages" / f"{stage}.py").read_text(encoding="utf-8"))
    for node in ast.walk(tree):
        names, inner = [], node
        while isinstance(inner, ast.Attribute):
            names.insert(0, inner.attr)
            inner = inner.value
        if names and isinstance(inner, ast.Name) and inner.id == "params":
            yield ".".join(["domains"] if names == ["domains_of"] else names)


def related(key, other):
    """Whether one dotted key is the other or a part of it."""
    return touches(key.replace(".", "/"), other.replace(".", "/")) or touches(
        other.replace(".", "/"), key.replace(".", "/")
    )


@pytest.mark.parametrize("stage", sorted(set(STAGES) - {"check"}))
def test_parameters_that_a_script_reads_are_declared(stage):
    """A parameter that a stage reads re-runs it when it changes, and no other does."""
    declared, read = list(paths(stage, "params")), list(parameters_read(stage))
    assert [name for name in read if not any(related(name, key) for key in declared)] == []
    assert [key for key in declared if not any(related(key, name) for name in read)] == []


@pytest.mark.parametrize("stage", STAGES)
def test_every_stage_says_what_it_does(stage):
    """``dvc stage list`` reads as a table of contents."""
    assert STAGES[stage]["desc"]


def test_the_metrics_are_the_headline():
    """What ``dvc metrics diff`` and ``dvc exp show`` have by themselves fits a screen."""
    declared = {path for stage in STAGES for path in paths(stage, "metrics")}
    assert declared == {"metrics/summary.json", "metrics/others.json"}
    assert "metrics" not in PIPELINE


@pytest.mark.parametrize("stage", ["train", "oracle"])
def test_a_training_depends_on_all_options_but_the_list_of_seeds(stage):
    """Its own seed is in its name; a seed that is added trains alone; data/views tells of views."""
    options = {f"train.{field.name}" for field in fields(Train)}
    declared = {name for name in paths(stage, "params") if name.startswith("train")}
    assert declared == options - {"train.seeds", "train.views", "train.views_gib"}


@pytest.fixture
def stand_in(tmp_path):
    """The pipeline's own dvc.yaml in a clone, each command replaced by one that writes its outputs.

    A change of a written file is one of the code that it stands for.
    """
    folder = clone(tmp_path / "dah", {})
    write_pipeline(folder, written_by_stand_ins(folder))
    assert ran(folder) == stages_of(load(folder / "params.yaml"))
    return folder


def replaced(path, old, new):
    """A file with one thing changed."""
    text = path.read_text(encoding="utf-8")
    assert text.count(old) == 1
    path.write_text(text.replace(old, new), encoding="utf-8")


@pytest.mark.slow
def test_what_is_there_stays_where_something_is_added(stand_in):
    """A method's name, a seed, a method: new trainings run, and what gathers all; no other does."""
    replaced(stand_in / "dah/params/sections.py", "class Dataset:", "class Dataset:  # changed")
    for name in ("dah/params/reading.py", "dah/project/costs.py", "stages/command.py"):
        with (stand_in / name).open("a", encoding="utf-8") as file:
            file.write("# changed\n")
    assert ran(stand_in) == {"check"}
    replaced(stand_in / "params.yaml", "  seeds:\n    - 0\n", "  seeds:\n    - 0\n    - 1\n")
    tasks, methods = ("print-hand", "hand-scene"), ("dah-p", "dah", "dah-e", "noda")
    gathering = {"check", *(f"evaluate@{task}" for task in tasks)}
    added = {f"{stage}@{task}-1" for stage in ("encode", "transfer", "hash") for task in tasks}
    added |= {f"train@{task}-{method}-1" for task in tasks for method in methods}
    assert ran(stand_in) == gathering | added | {"report"}
    replaced(stand_in / "params.yaml", "  - noda\n", "  - noda\n  - dan\n")
    added = {f"train@{task}-dan-{seed}" for task in tasks for seed in (0, 1)}
    gathering |= {f"encode@{task}-{seed}" for task in tasks for seed in (0, 1)}
    assert ran(stand_in) == gathering | added | {"export", "report"}


@pytest.mark.slow
def test_another_repository_takes_network_and_encoder(stand_in, tmp_path):
    """By path, and as artifacts once a tag says which commit has a version; an update follows."""
    network, encoder = "data/models/print-hand/0/dah.pt", "data/encoder/encoder.pt"
    commit(stand_in, "run")
    run(stand_in, "git", "tag", "--annotate", "--message", "first", "encoder@v1.0.0")
    made = (stand_in / network).read_bytes(), (stand_in / encoder).read_bytes()
    other = tmp_path / "other"
    other.mkdir()
    run(other, "dvc", "init", "--no-scm")
    run(other, "dvc", "get", stand_in, network, "--out", "a.pt")
    assert (other / "a.pt").read_bytes() == made[0]
    run(other, "dvc", "artifacts", "get", stand_in, "encoder", "--rev", "v1.0.0", "--out", "c.pt")
    run(other, "dvc", "import", stand_in, encoder, "--out", "d.pt")
    assert (other / "c.pt").read_bytes() == (other / "d.pt").read_bytes() == made[1]
    found = dvc.api.artifacts_show("encoder", version="v1.0.0", repo=str(stand_in))
    assert found["path"] == encoder
    assert dvc.api.read(encoder, repo=str(stand_in), mode="rb") == made[1]
    with (stand_in / "write.sh").open("a", encoding="utf-8") as file:
        file.write("echo again >> data/encoder/encoder.pt\n")
    run(stand_in, "dvc", "repro", "--force", "--single-item", "export")
    commit(stand_in, "again")
    run(other, "dvc", "update", "d.pt.dvc")
    assert (other / "d.pt").read_bytes() == made[1] + b"again\n"
    run(other, "dvc", "import-url", stand_in / "data/raw/hand.tar", "photographs.tar")
    assert (other / "photographs.tar").read_bytes() == (stand_in / "data/raw/hand.tar").read_bytes()
