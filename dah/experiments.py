"""DVC's experiments: what each was told and what it found, and their figures over the seeds."""

import json
import re
import subprocess
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from math import sqrt
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

from dah.errors import UserError
from dah.report import ABSENT, aligned, decimals
from dah.schema import read_yaml
from dah.tables import read_json

PARAMS = "params.yaml"
SEEDS = "train.seeds"
EXTENT = (SEEDS, "methods", "unsupervised", "oracles")  # how much is run, not how
VALIDATION = "metrics/validation/{task}/{seed}.json"
TARGET = re.compile(r"metrics/(?P<task>[^/]+)\.json")
MEAN = "summary"
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
    commit that it starts from, which are not its own.
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
    return found


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
    parameters = flat(read_yaml(folder / PARAMS, YAML(typ="safe")))
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
    """Experiments between which no parameter differs together, in order of the first."""
    groups: dict[tuple[Any, ...], list[Experiment]] = {}
    names = varying(experiments)
    for experiment in experiments:
        key = tuple(experiment.parameters.get(name) for name in names)
        groups.setdefault(key, []).append(experiment)
    return list(groups.values())


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


def pooled(runs: Sequence[tuple[int, float, float | None]]) -> tuple[float, float | None]:
    """Mean and standard deviation over the seeds of several runs, each one's own known.

        m = 1/n sum_r n_r m_r,   s^2 = 1/(n - 1) sum_r ((n_r - 1) s_r^2 + n_r (m_r - m)^2)

    of runs r of n_r seeds, n in all: what all figures at once would give. A run of one seed has no
    deviation; None comes back where n = 1 or a run of several seeds lacks its own.
    """
    n = sum(count for count, _, _ in runs)
    m = sum(count * mean for count, mean, _ in runs) / n
    if n == 1 or any(count > 1 and deviation is None for count, _, deviation in runs):
        return m, None
    squares = sum((c - 1) * (s or 0.0) ** 2 + c * (mean - m) ** 2 for c, mean, s in runs)
    return m, sqrt(squares / (n - 1))


def experiments_table(experiments: Sequence[Experiment], figure: str) -> str:
    """A figure of every method and setting: mean and standard deviation over seeds, as text.

    A column for each parameter that differs, then one for each task and the mean over tasks. Raises
    ``UserError`` where no experiment has the figure.
    """
    having = [e for e in experiments if any(figure in of for of in _tasks(e).values())]
    if not having:
        known = dict.fromkeys(name for e in experiments for of in _tasks(e).values() for name in of)
        known.pop("deviation", None)
        raise UserError(
            f"no finished experiment has the figure {figure!r}; known are {', '.join(known)}"
            if known
            else f"no finished experiment has figures; run some: {QUEUE}"
        )
    parameters = varying(having)
    tasks = dict.fromkeys(task for e in having for task, of in _tasks(e).items() if figure in of)
    tasks.pop(MEAN, None)
    rows = [["method", *parameters, "seeds", *tasks, "mean"]]
    for group in by_setting(having):
        first = group[0].parameters
        values = [written(first[name]) if name in first else ABSENT for name in parameters]
        methods = dict.fromkeys(method for e in group for method in _methods(e, figure))
        for method in methods:
            runs = without_repeats(e for e in group if method in _methods(e, figure))
            seeds = str(sum(len(seeds_of(e)) for e in runs))
            cells = [_cell(runs, task, figure, method) for task in (*tasks, MEAN)]
            rows.append([method, *values, seeds, *cells])
    return aligned(rows)


def _tasks(experiment: Experiment) -> dict[str, Mapping[str, Any]]:
    """The metrics of the tasks, by the file's name, and of their mean."""
    named = ((TARGET.fullmatch(path), content) for path, content in experiment.metrics.items())
    return {match["task"]: content for match, content in named if match}


def _methods(experiment: Experiment, figure: str) -> dict[str, None]:
    """The methods that have a figure, in the metrics' order."""
    return dict.fromkeys(m for of in _tasks(experiment).values() for m in of.get(figure, {}))


def _cell(group: Sequence[Experiment], task: str, figure: str, method: str) -> str:
    runs = []
    for experiment in group:
        content = _tasks(experiment).get(task, {})
        value = content.get(figure, {}).get(method)
        if value is not None:
            deviation = content.get("deviation", {}).get(figure, {}).get(method)
            runs.append((max(1, len(seeds_of(experiment))), value, deviation))
    if not runs:
        return ABSENT
    mean, deviation = pooled(runs)
    text = f"{mean:.{decimals(figure)}f}"
    return text if deviation is None else f"{text} \u00b1 {deviation:.{decimals(figure)}f}"
