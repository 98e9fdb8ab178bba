"""Figures of methods, tasks and runs: how they are arranged, their means and deviations."""

import math
from collections.abc import Iterable, Mapping

import numpy as np

Figures = dict[str, dict[str, float]]
DomainFigures = dict[str, dict[str, float | str]]

LEFT_OUT = "not_finite"  # the figure that counts those which are not


def by_figure(methods: Mapping[str, Mapping[str, float]]) -> Figures:
    """``{method: {figure: value}}`` turned into ``{figure: {method: value}}``, six decimals.

    What is not finite is left out, so that no figure ends a run; LEFT_OUT counts how many of a
    method's are missing for that.
    """
    figures: Figures = {}
    for method, values in methods.items():
        for figure, value in values.items():
            if not _is_finite(value):
                counts = figures.setdefault(LEFT_OUT, {})
                counts[method] = counts.get(method, 0) + 1
                continue
            kept = round(value, 6) if isinstance(value, float) else value
            figures.setdefault(figure, {})[method] = kept
    return figures


def left_out(methods: Mapping[str, Mapping[str, float]]) -> list[str]:
    """What ``by_figure`` leaves out, a line for each figure of a method."""
    return [
        f"left out, since it is {value}: {figure} of {method}"
        for method, values in methods.items()
        for figure, value in values.items()
        if not _is_finite(value)
    ]


def means(runs: Iterable[Figures]) -> Figures:
    """The mean of each figure and method over the runs, or tasks, that have it; six decimals."""
    return {
        figure: {method: round(float(np.mean(over)), 6) for method, over in methods.items()}
        for figure, methods in _gathered(runs).items()
    }


def deviations(runs: Iterable[Figures]) -> Figures:
    """The standard deviation of each figure and method over runs of several seeds.

        s = sqrt(1/(n - 1) sum over runs of (x_i - m)^2)

    over the n runs that have it, m their mean; six decimals. A figure that a single run has is left
    out: one run tells nothing of the deviation.
    """
    return {
        figure: {m: round(float(np.std(over, ddof=1)), 6) for m, over in methods.items()}
        for figure, methods in (
            (figure, {m: over for m, over in methods.items() if len(over) > 1})
            for figure, methods in _gathered(runs).items()
        )
        if methods
    }


def _gathered(runs: Iterable[Figures]) -> dict[str, dict[str, list[float]]]:
    """The values of each figure and method, one for each of the runs or tasks that have it."""
    values: dict[str, dict[str, list[float]]] = {}
    for run in runs:
        for figure, methods in run.items():
            for method, value in methods.items():
                values.setdefault(figure, {}).setdefault(method, []).append(value)
    return values


def _is_finite(value: float | str) -> bool:
    return not isinstance(value, float) or math.isfinite(value)
