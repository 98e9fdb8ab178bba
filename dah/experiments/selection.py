"""A choice among runs by figures that need no target label; the paper's is the domain error."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from dah.errors import UserError
from dah.experiments.runs import (
    QUEUE,
    SEEDS,
    VALIDATION,
    Experiment,
    by_setting,
    mark,
    varying,
    without_repeats,
    written,
)
from dah.report.tables import ABSENT, aligned

BEST: dict[str, Callable[..., float]] = {
    "domain_error": max,
    "information_maximisation": max,
    "neighbourhood_density": max,
    "entropy": min,
    "embedded_risk": min,
}
SOURCE_ACCURACY = "source_accuracy"


@dataclass(frozen=True)
class Candidate:
    """Runs of one setting, by the parameters that set it apart.

    ``figures``: each validator's mean over tasks and seeds; ``source_accuracy``: percent, the mean
    over seeds in the task where it is lowest.
    """

    label: str
    names: tuple[str, ...]
    seeds: int
    figures: dict[str, float]
    source_accuracy: float


def comparable(
    experiments: Iterable[Experiment], method: str
) -> tuple[list[Experiment], list[Experiment]]:
    """The experiments that have a method's figures of the first one's tasks, and those of others.

    Means over other tasks would not be comparable. Raises ``UserError`` where none has figures.
    """
    experiments = list(experiments)
    validated = [e for e in experiments if _runs(e, method)]
    if not validated:
        path = VALIDATION.format(task="<task>", seed="<seed>")
        raise UserError(
            f"none of {len(experiments)} finished runs has {method} in {path}; run some: {QUEUE}"
        )
    tasks = tasks_of(validated[0], method)
    compared = [e for e in validated if tasks_of(e, method) == tasks]
    return compared, [e for e in validated if tasks_of(e, method) != tasks]


def candidates(experiments: Sequence[Experiment], method: str) -> list[Candidate]:
    """What experiments that are comparable, those of one setting together, say of a method."""
    parameters = varying(experiments)
    found = []
    for group in map(without_repeats, by_setting(experiments)):
        first = group[0].parameters
        shown = [f"{name}={written(first[name])}" for name in parameters if name in first]
        label = (" ".join(shown) or group[0].name) + mark(group[0])
        found.append(_candidate(label, group, method))
    return found


def tasks_of(experiment: Experiment, method: str) -> list[str]:
    """The tasks of which an experiment has a method's figures, sorted."""
    return sorted({task for task, _ in _runs(experiment, method)})


def _runs(experiment: Experiment, method: str) -> dict[tuple[str, int], dict[str, float]]:
    """Each task's and seed's figures of a method; those of seeds that are not its own left out."""
    runs = {}
    for seed in experiment.seeds:
        for task in experiment.tasks:
            content = experiment.metrics.get(VALIDATION.format(task=task, seed=seed), {})
            figures = {figure: of[method] for figure, of in content.items() if method in of}
            if SOURCE_ACCURACY in figures:
                runs[task, seed] = figures
    return runs


def _candidate(label: str, group: Sequence[Experiment], method: str) -> Candidate:
    runs = {key: figures for e in group for key, figures in _runs(e, method).items()}
    kept: dict[str, list[float]] = {}
    for (task, _), figures in runs.items():
        kept.setdefault(task, []).append(figures[SOURCE_ACCURACY])
    return Candidate(
        label=label,
        names=tuple(e.name for e in group),
        seeds=len({seed for _, seed in runs}),
        figures={
            figure: float(np.mean([of[figure] for of in runs.values()]))
            for figure in BEST
            if all(figure in of for of in runs.values())
        },
        source_accuracy=min(float(np.mean(values)) for values in kept.values()),
    )


def preferred(validator: str, among: Sequence[Candidate]) -> Candidate | None:
    """The candidate that a validator likes best, the first of equals; None where none has it."""
    having = [c for c in among if validator in c.figures]
    return BEST[validator](having, key=lambda c: c.figures[validator]) if having else None


def choose(among: Sequence[Candidate], least: float) -> Candidate:
    """The paper's choice: the largest domain error, of candidates that keep the source's accuracy.

    A weight that destroys the features also confuses the domains, so that a candidate needs a
    source accuracy of `least` percent in every task. Raises ``UserError`` where none has it, or no
    domain error. Section 5.2.
    """
    top = max(among, key=lambda c: c.source_accuracy)
    if top.source_accuracy < least:
        raise UserError(
            f"no candidate has a source accuracy of {least:g} % in every task; the highest is"
            f" {top.source_accuracy:.2f} % of {top.label}; lower --source-accuracy"
        )
    chosen = preferred("domain_error", [c for c in among if c.source_accuracy >= least])
    if chosen is None:
        raise UserError("no candidate has a domain error; a domain needs at least five images")
    return chosen


def candidates_table(among: Sequence[Candidate]) -> str:
    """The validators of every candidate as text, with a star where each would choose by itself."""
    heads = [f"{name.replace('_', ' ')}, {best.__name__}" for name, best in BEST.items()]
    rows = [["", SEEDS.split(".")[1], "source accuracy, %", *heads]]
    stars = {validator: preferred(validator, among) for validator in BEST}
    for candidate in among:
        cells = [
            f"{candidate.figures[name]:#.4g}{'*' if stars[name] is candidate else ' '}"
            if name in candidate.figures
            else ABSENT
            for name in BEST
        ]
        seeds, accuracy = str(candidate.seeds), f"{candidate.source_accuracy:.2f}"
        rows.append([candidate.label, seeds, accuracy, *cells])
    return aligned(rows)
