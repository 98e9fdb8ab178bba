"""A table of experiments: mean and deviation of a figure over the seeds of every setting."""

import re
from collections.abc import Mapping, Sequence
from math import sqrt
from typing import Any

from dah.errors import UserError
from dah.experiments.runs import (
    QUEUE,
    Experiment,
    by_setting,
    foreign_note,
    mark,
    varying,
    without_repeats,
    written,
)
from dah.report.tables import ABSENT, aligned, decimals

TARGET = re.compile(r"metrics/(?P<task>[^/]+)\.json")
MEAN = "means"


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


def experiments_table(
    experiments: Sequence[Experiment], figure: str, method: str | None = None
) -> str:
    """A figure of one or all methods and every setting: mean and deviation over seeds, as text.

    A column for each parameter that differs, then one for each task and the mean over tasks, and
    the names by which ``dvc exp apply`` knows the runs; those of other machines have a mark,
    and a note. Raises ``UserError`` where no experiment has the figure, or none the method.
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
    methods = dict.fromkeys(name for e in having for name in _methods(e, figure))
    if method is not None and method not in methods:
        raise UserError(
            f"no finished experiment has {figure!r} of {method!r}; known are {', '.join(methods)}"
        )
    parameters = varying(having)
    tasks = dict.fromkeys(task for e in having for task, of in _tasks(e).items() if figure in of)
    tasks.pop(MEAN, None)
    rows = [["method", *parameters, "seeds", *tasks, "mean", "runs"]]
    counted = []
    for group in by_setting(having):
        first = group[0].parameters
        values = [written(first[name]) if name in first else ABSENT for name in parameters]
        for name in methods if method is None else [method]:
            runs = without_repeats(e for e in group if name in _methods(e, figure))
            if runs:
                counted += runs
                seeds = str(sum(len(e.seeds) for e in runs))
                cells = [_cell(runs, task, figure, name) for task in (*tasks, MEAN)]
                names = " ".join(e.name + mark(e) for e in runs)
                rows.append([name, *values, seeds, *cells, names])
    return f"{aligned(rows)}\n{foreign_note(counted)}".rstrip()


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
            runs.append((max(1, len(experiment.seeds)), value, deviation))
    if not runs:
        return ABSENT
    mean, deviation = pooled(runs)
    text = f"{mean:.{decimals(figure)}f}"
    return text if deviation is None else f"{text} \u00b1 {deviation:.{decimals(figure)}f}"
