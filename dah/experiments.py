"""DVC's experiments: what each run was told and what it found."""

import json
import subprocess
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dah.errors import UserError
from dah.params import read_yaml
from dah.tables import read_json

PARAMS = "params.yaml"
SEEDS = "train.seeds"
# How much is run and how its sums are rounded, not what is computed.
EXTENT = (SEEDS, "methods", "unsupervised", "oracles", "train.threads")
FIGURES = "metrics/{task}.json"
VALIDATION = "metrics/validation/{task}/{seed}.json"
QUEUE = "dvc exp run --queue -S 'dah.gamma=100,300,1000' && dvc queue start"


@dataclass(frozen=True)
class Experiment:
    """A finished run: its parameters by dotted names, lists as tuples; its metrics by path."""

    name: str
    parameters: Mapping[str, Any]
    metrics: Mapping[str, Mapping[str, Any]]


def show(revision: str) -> list[Experiment]:
    """The finished experiments that start from a commit, and the commit itself, as DVC knows them.

    Raises ``UserError`` with DVC's own words where it knows of none.
    """
    command = [sys.executable, "-m", "dvc", "exp", "show", "--json", "--rev", revision]
    shown = subprocess.run(command, capture_output=True, text=True, check=False)
    if shown.returncode:
        reason = shown.stderr.strip().splitlines() or ["no reason given"]
        raise UserError(f"dvc exp show: {reason[0].removeprefix('ERROR: ')}")
    return finished(json.loads(shown.stdout))


def finished(commits: Iterable[Mapping[str, Any]]) -> list[Experiment]:
    """The finished runs of ``dvc exp show --json``, without the workspace.

    A run that is queued, failed or under way is left out: DVC shows it with the metrics of the
    commit that it starts from, which are not its own. So is a commit whose parameters name a task
    that it has no figures of, since it was made before they were run.
    """
    found = []
    for commit in commits:
        if commit["rev"] == "workspace":
            continue
        runs = [commit]
        for experiment in commit["experiments"] or []:
            state = (experiment["executor"] or {}).get("state", "success")
            runs += experiment["revs"][:1] if state == "success" else []
        found += [_experiment(run) for run in runs if run["data"] and not run["error"]]
    return [experiment for experiment in found if _has_figures(experiment)]


def _has_figures(experiment: Experiment) -> bool:
    tasks = experiment.parameters.get("tasks", ())
    return all(FIGURES.format(task=task) in experiment.metrics for task in tasks)


def _experiment(run: Mapping[str, Any]) -> Experiment:
    files = run["data"]["metrics"] or {}
    parameters = (run["data"]["params"] or {}).get(PARAMS, {})
    return Experiment(
        name=run["name"] or run["rev"][:7],
        parameters=flat(parameters.get("data", {})),
        metrics={path: file["data"] for path, file in files.items() if file.get("data")},
    )


def read_folder(folder: Path) -> Experiment:
    """A run that lies in a folder: its ``params.yaml`` and its metrics that need no target label.

    Raises ``UserError`` where one of them is missing.
    """
    parameters = flat(read_yaml(folder / PARAMS))
    paths = [
        VALIDATION.format(task=task, seed=seed)
        for task in parameters.get("tasks", ())
        for seed in parameters.get(SEEDS, ())
    ]
    return Experiment(str(folder), parameters, {path: read_json(folder / path) for path in paths})


def flat(section: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Nested parameters by dotted names, lists as tuples: ``{"dah.bits": 64, ...}``."""
    values: dict[str, Any] = {}
    for key, value in section.items():
        if isinstance(value, Mapping):
            values |= flat(value, f"{prefix}{key}.")
        else:
            values[f"{prefix}{key}"] = tuple(value) if isinstance(value, list) else value
    return values


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
    """Experiments between which no parameter differs together, in order of those that differ."""
    groups: dict[tuple[Any, ...], list[Experiment]] = {}
    names = varying(experiments)
    for experiment in experiments:
        key = tuple(experiment.parameters.get(name) for name in names)
        groups.setdefault(key, []).append(experiment)
    return [groups[key] for key in sorted(groups, key=lambda key: [*map(_numbers_first, key)])]


def _numbers_first(value: Any) -> tuple[bool, float, str]:
    """A key that orders values of any type."""
    is_number = isinstance(value, (int, float))
    return not is_number, value if is_number else 0.0, written(value)


def without_repeats(group: Iterable[Experiment]) -> list[Experiment]:
    """Runs of one setting of which no two share a seed: the one with more seeds stays."""
    kept: list[Experiment] = []
    for experiment in sorted(group, key=lambda e: -len(seeds_of(e))):
        if not any(set(seeds_of(experiment)) & set(seeds_of(other)) for other in kept):
            kept.append(experiment)
    return kept


def seeds_of(experiment: Experiment) -> tuple[int, ...]:
    """The seeds that an experiment trained with."""
    return experiment.parameters.get(SEEDS, ())


def written(value: Any) -> str:
    """A parameter as ``dvc exp run -S`` takes it: ``300``, ``[fc6,fc7]``."""
    if isinstance(value, tuple):
        return f"[{','.join(map(written, value))}]"
    return f"{value:g}" if isinstance(value, float) else str(value)
