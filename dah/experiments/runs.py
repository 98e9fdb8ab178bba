"""DVC's experiments: what each run was told and what it found."""

import json
import subprocess
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from dah.errors import UserError
from dah.experiments.commits import read_committed
from dah.files.tables import read_json
from dah.machine import machine
from dah.params import leaves, read_yaml
from dah.project.costs import machines_of

PARAMS = "params.yaml"
SEEDS = "train.seeds"
# How much is run and how its sums are rounded, not what is computed.
EXTENT = (SEEDS, "methods", "transfer", "unsupervised", "oracles", "train.threads")
FIGURES = "metrics/{task}.json"
MEANS = "metrics/means.json"
COST = "metrics/cost.json"
VALIDATION = "metrics/validation/{task}/{seed}.json"
FOREIGN = "\u2020"  # a dagger
BASELINE = "dvc repro && git commit --all --message 'Baseline of this machine'"
QUEUE = "dvc exp run --queue -S 'dah.gamma=100,300,1000' && dvc queue start"


@dataclass(frozen=True)
class Experiment:
    """A finished run: its parameters by dotted names, lists as tuples; its metrics by path.

    ``machines``: on which its networks were trained; empty where that is not on record.
    """

    name: str
    parameters: Mapping[str, Any]
    metrics: Mapping[str, Mapping[str, Any]]
    machines: tuple[str, ...] = ()

    @property
    def tasks(self) -> tuple[str, ...]:
        return self.parameters.get("tasks", ())

    @property
    def seeds(self) -> tuple[int, ...]:
        return self.parameters.get(SEEDS, ())


def show(revision: str) -> list[Experiment]:
    """The finished experiments that start from a commit, and the commit itself, as DVC knows them.

    Raises ``UserError`` with DVC's own words where it knows of none, and where there is no DVC.
    """
    if find_spec("dvc") is None:
        raise UserError("experiments need DVC, which is not installed: pip install 'dah[pipeline]'")
    command = [sys.executable, "-m", "dvc", "exp", "show", "--json", "--rev", revision]
    shown = subprocess.run(command, capture_output=True, text=True, check=False)
    if shown.returncode:
        reason = shown.stderr.strip().splitlines() or ["no reason given"]
        raise UserError(f"dvc exp show: {reason[0].removeprefix('ERROR: ')}")
    runs = [_experiment(run) for run in finished(json.loads(shown.stdout))]
    return with_figures(
        runs, read_committed((run, path) for run, e in runs for path in paths_of(e))
    )


def finished(commits: Iterable[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """The finished runs of ``dvc exp show --json``, without the workspace.

    A run that is queued, failed or under way is left out: DVC shows it with the files of the commit
    that it starts from, which are not its own.
    """
    found = []
    for commit in commits:
        if commit["rev"] == "workspace":
            continue
        runs = [commit]
        for experiment in commit["experiments"] or []:
            state = (experiment["executor"] or {}).get("state", "success")
            runs += experiment["revs"][:1] if state == "success" else []
        found += [run for run in runs if run["data"] and not run["error"]]
    return found


def _experiment(run: Mapping[str, Any]) -> tuple[str, Experiment]:
    """The commit of a run, and the run without its metrics."""
    parameters = (run["data"]["params"] or {}).get(PARAMS, {}).get("data", {})
    return run["rev"], Experiment(run["name"] or run["rev"][:7], flat(parameters), {})


def with_figures(
    runs: Iterable[tuple[str, Experiment]], files: Mapping[tuple[str, str], Mapping[str, Any]]
) -> list[Experiment]:
    """Runs by their commits with what `files` has of them, by commit and path.

    A commit whose parameters name a task that it has no figures of is left out: it was made before
    they were run.
    """
    found = []
    for run, experiment in runs:
        metrics = {path: files[run, path] for path in paths_of(experiment) if (run, path) in files}
        machines = tuple(machines_of(metrics.pop(COST, {})))
        found.append(replace(experiment, metrics=metrics, machines=machines))
    return [e for e in found if all(FIGURES.format(task=task) in e.metrics for task in e.tasks)]


def paths_of(experiment: Experiment) -> list[str]:
    """The files of a run's figures; another task's, which its folder may have too, are none."""
    validation = [
        VALIDATION.format(task=task, seed=seed)
        for task in experiment.tasks
        for seed in experiment.seeds
    ]
    return [*(FIGURES.format(task=task) for task in experiment.tasks), MEANS, COST, *validation]


def read_folder(folder: Path) -> Experiment:
    """A run that lies in a folder: its ``params.yaml`` and its metrics that need no target label.

    Raises ``UserError`` where one of them is missing.
    """
    run = Experiment(str(folder), flat(read_yaml(folder / PARAMS)), {})
    paths = [VALIDATION.format(task=task, seed=seed) for task in run.tasks for seed in run.seeds]
    cost = read_json(folder / COST) if (folder / COST).exists() else {}
    metrics = {path: read_json(folder / path) for path in paths}
    return replace(run, metrics=metrics, machines=tuple(machines_of(cost)))


def flat(section: Mapping[str, Any]) -> dict[str, Any]:
    """Nested parameters by dotted names, lists as tuples: ``{"dah.bits": 64, ...}``."""
    return {
        ".".join(map(str, keys)): tuple(value) if isinstance(value, list) else value
        for keys, value in leaves(section)
    }


def varying(experiments: Sequence[Experiment]) -> list[str]:
    """The parameters that differ between experiments, in the file's order.

    Those that say how much is run, the seeds and the lists of methods, are left out.
    """
    names = dict.fromkeys(name for e in experiments for name in e.parameters)
    return [
        name
        for name in names
        if name not in EXTENT and len({e.parameters.get(name) for e in experiments}) > 1
    ]


def by_setting(experiments: Sequence[Experiment]) -> list[list[Experiment]]:
    """Experiments between which no parameter differs together, in order of those that differ.

    Those of other machines are apart: training amplifies what two machines round otherwise.
    """
    groups: dict[tuple[Any, ...], list[Experiment]] = {}
    names = varying(experiments)
    for experiment in experiments:
        key = (*(experiment.parameters.get(name) for name in names), experiment.machines)
        groups.setdefault(key, []).append(experiment)
    return [groups[key] for key in sorted(groups, key=lambda key: [*map(_numbers_first, key)])]


def _numbers_first(value: Any) -> tuple[bool, float, str]:
    """A key that orders values of any type."""
    is_number = isinstance(value, (int, float))
    return not is_number, value if is_number else 0.0, written(value)


def without_repeats(group: Iterable[Experiment]) -> list[Experiment]:
    """Runs of one setting of which no two share a seed: the one with more seeds stays."""
    kept: list[Experiment] = []
    for experiment in sorted(group, key=lambda e: -len(e.seeds)):
        if not any(set(experiment.seeds) & set(other.seeds) for other in kept):
            kept.append(experiment)
    return kept


def mark(experiment: Experiment) -> str:
    """What stands behind the name of a run that was not trained on this machine; else nothing."""
    return "" if experiment.machines == (machine(),) else FOREIGN


def foreign_note(experiments: Iterable[Experiment]) -> str:
    """What to say below a table with such marks, two lines; nothing where it has none."""
    foreign = [e for e in experiments if mark(e)]
    if not foreign:
        return ""
    names = sorted({name for e in foreign for name in e.machines or ("one not on record",)})
    return (
        f"{FOREIGN} trained on another machine ({'; '.join(names)}; this one: {machine()}), which"
        " rounds otherwise;\n  compare runs of one machine, from a baseline of its own:"
        f" {BASELINE}"
    )


def written(value: Any) -> str:
    """A parameter as ``dvc exp run -S`` takes it: ``300``, ``[fc6,fc7]``."""
    if isinstance(value, tuple):
        return f"[{','.join(map(written, value))}]"
    return f"{value:g}" if isinstance(value, float) else str(value)
