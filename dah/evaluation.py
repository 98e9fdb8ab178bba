"""Figures of one task from codes, predictions and the target's labels."""

from collections.abc import Mapping

import numpy as np

from dah import retrieval
from dah.artifacts import Codes
from dah.retrieval import Histograms

Figures = dict[str, dict[str, float]]
DomainFigures = dict[str, dict[str, float | str]]


def accuracy(predicted: np.ndarray, labels: np.ndarray) -> float:
    """Correctly classified images in percent; both int64 ``(n,)`` of the same images."""
    return 100 * float(np.mean(predicted == labels))


def code_figures(
    codes: Codes, source_labels: np.ndarray, target_labels: np.ndarray, is_query: np.ndarray
) -> tuple[dict[str, float], Histograms | None]:
    """Figures of one method's export, and the histograms of its retrieval within the target.

    ``accuracy`` from codes and ``accuracy_real`` from real outputs (percent, eq. 6); ``map``:
    queries of the target against the rest of it (Table 4); ``map_cross``: the same queries against
    the whole source (authors' code); ``precision_radius_2``: within Hamming radius 2 of the rest
    of the target; ``domain_error``. A method that does not classify has no accuracy, one without
    codes no retrieval and None for histograms. Labels int64, rows as in `codes`.
    """
    figures, within = {}, None
    if codes.probabilities.shape[1]:
        figures["accuracy"] = accuracy(codes.probabilities.argmax(axis=1), target_labels)
    if codes.bits and codes.probabilities.shape[1]:
        figures["accuracy_real"] = accuracy(codes.probabilities_real.argmax(axis=1), target_labels)
    if codes.bits:
        queries, labels = codes.target[is_query], target_labels[is_query]
        within = retrieval.histograms(
            queries, labels, codes.target[~is_query], target_labels[~is_query], bits=codes.bits
        )
        figures |= {
            "map": retrieval.mean_over_queries(retrieval.average_precision(within)),
            "precision_radius_2": retrieval.precision_within_radius(within, 2),
        }
    if codes.bits and len(codes.source):
        figures["map_cross"] = retrieval.mean_average_precision(
            queries, labels, codes.source, source_labels
        )
    if codes.domain_error is not None:
        figures["domain_error"] = codes.domain_error
    return figures, within


def by_figure(methods: Mapping[str, Mapping[str, float]]) -> Figures:
    """``{method: {figure: value}}`` turned into ``{figure: {method: value}}``, six decimals."""
    figures: Figures = {}
    for method, values in methods.items():
        for figure, value in values.items():
            kept = round(value, 6) if isinstance(value, float) else value
            figures.setdefault(figure, {})[method] = kept
    return figures


def mean_over_tasks(tasks: Mapping[str, Figures]) -> Figures:
    """The mean of each figure and method over the tasks that have it: those with target labels."""
    values: dict[str, dict[str, list[float]]] = {}
    for task in tasks.values():
        for figure, methods in task.items():
            for method, value in methods.items():
                values.setdefault(figure, {}).setdefault(method, []).append(value)
    return {
        figure: {method: round(float(np.mean(over)), 6) for method, over in methods.items()}
        for figure, methods in values.items()
    }
