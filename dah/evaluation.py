"""Figures of one task from codes, predictions and the target's labels."""

from collections.abc import Iterable, Mapping, Sequence

import numpy as np

from dah import retrieval, statistics
from dah.artifacts import Codes
from dah.retrieval import Histograms
from dah.ties import map_spread

Figures = dict[str, dict[str, float]]
ORACLE = "suh"  # learns from target labels: an upper bound, not a result
DomainFigures = dict[str, dict[str, float | str]]


def accuracy(predicted: np.ndarray, labels: np.ndarray) -> float:
    """Correctly classified images in percent; both int64 ``(n,)`` of the same images."""
    return 100 * float(np.mean(predicted == labels))


def confusion_matrix(predicted: np.ndarray, labels: np.ndarray, categories: int) -> np.ndarray:
    """How many images of each category, a row, are taken for each category, a column.

        n_ij = |{images : label = i, predicted = j}|

    Both int64 ``(n,)`` of the same images. Returns int64 ``(C, C)``. Raises ValueError where the
    lengths differ and for a category outside 0 ... C - 1.
    """
    if predicted.shape != labels.shape:
        raise ValueError(
            f"found {len(predicted)} predictions of {len(labels)} labels: pass one per image, in"
            " the same order"
        )
    for name, values in (("prediction", predicted), ("label", labels)):
        outside = values[(values < 0) | (values >= categories)]
        if len(outside):
            raise ValueError(
                f"{len(outside)} of {len(values)} {name}s are outside 0 ... {categories - 1}, the"
                f" first is {outside[0]}: number both alike"
            )
    cells = np.bincount(categories * labels + predicted, minlength=categories**2)
    return cells.reshape(categories, categories)


def category_accuracy(confusion: np.ndarray) -> np.ndarray:
    """Correctly classified images of each category in percent, ``100 n_ii / sum over j of n_ij``.

    A confusion matrix int64 ``(C, C)``, rows the truth. Returns float64 ``(C,)``, nan for a
    category without an image. Their mean, weighted by the images of each, is ``accuracy``.
    """
    images = confusion.sum(axis=1)
    shares = np.full(len(confusion), np.nan)
    return 100 * np.divide(confusion.diagonal(), images, out=shares, where=images > 0)


def code_figures(
    codes: Codes, source_labels: np.ndarray, target_labels: np.ndarray, is_query: np.ndarray
) -> tuple[dict[str, float], Histograms | None]:
    """Figures of one method's export, and the histograms of its retrieval within the target.

    ``accuracy`` from codes and ``accuracy_real`` from real outputs (percent, eq. 6); ``map``:
    queries of the target against the rest of it (Table 4), ``map_lowest`` and ``map_highest`` what
    a sort could make of it; ``map_cross``: the same queries against the whole source (authors'
    code); ``precision_radius_2``: within Hamming radius 2 of the rest of the target; ``imbalance``,
    ``correlation`` and ``collisions`` of the target's codes; ``domain_error``. A method that does
    not classify has no accuracy, one without codes no retrieval and None for histograms. Labels
    int64, rows as in `codes`.
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
            **dict(zip(("map_lowest", "map_highest"), map_spread(within), strict=True)),
            "precision_radius_2": retrieval.precision_within_radius(within, 2),
            "imbalance": statistics.imbalance(codes.target, codes.bits),
            "collisions": statistics.collisions(codes.target)[1],
        }
        correlation = statistics.mean_correlation(codes.target, codes.bits)
        if correlation is not None:
            figures["correlation"] = correlation
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
    return _means(_gathered(tasks.values()))


def mean_and_deviation(runs: Sequence[Figures]) -> tuple[Figures, Figures]:
    """Mean and standard deviation of each figure and method over runs of several seeds.

        m = 1/n sum over runs of x_i,   s = sqrt(1/(n - 1) sum over runs of (x_i - m)^2)

    over the n runs that have it, six decimals. A figure that a single run has is in the means
    alone: one run tells nothing of the deviation.
    """
    gathered = _gathered(runs)
    deviations: Figures = {}
    for figure, methods in gathered.items():
        for method, over in methods.items():
            if len(over) > 1:
                deviation = round(float(np.std(over, ddof=1)), 6)
                deviations.setdefault(figure, {})[method] = deviation
    return _means(gathered), deviations


def _gathered(runs: Iterable[Figures]) -> dict[str, dict[str, list[float]]]:
    """The values of each figure and method, one for each of the runs or tasks that have it."""
    values: dict[str, dict[str, list[float]]] = {}
    for run in runs:
        for figure, methods in run.items():
            for method, value in methods.items():
                values.setdefault(figure, {}).setdefault(method, []).append(value)
    return values


def _means(values: Mapping[str, Mapping[str, Sequence[float]]]) -> Figures:
    return {
        figure: {method: round(float(np.mean(over)), 6) for method, over in methods.items()}
        for figure, methods in values.items()
    }
