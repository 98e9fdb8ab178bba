"""Measure a task's codes and predictions against the truth of its target."""

from argparse import Namespace
from pathlib import Path

import numpy as np

from dah.evaluation.figures import by_figure, deviations, left_out, means
from dah.evaluation.illustrations import illustrations, unlabelled_illustrations
from dah.evaluation.targets import accuracy, code_figures, target_figures
from dah.files.artifacts import Codes, read_codes
from dah.files.omissions import read_omissions
from dah.files.tables import (
    CURVE,
    PREDICTIONS,
    as_integers,
    read_table,
    rows_of,
    write_json,
    write_table,
)
from dah.params import Params
from dah.retrieval.precision import precision_recall
from dah.tasks.lists import Labelled, Truth
from stages.command import run


def read_run(folder: Path, params: Params) -> tuple[dict[str, Codes], dict[str, str]]:
    """The export of every method of one seed, and why some baselines have none."""
    kinds = {"deep": params.methods, "transfer": params.transfer}
    kinds |= {"unsupervised": params.unsupervised, "oracle": params.oracles}
    paths = {m: folder / kind / f"{m}.h5" for kind, methods in kinds.items() for m in methods}
    reasons = {}
    for kind in ("transfer", "unsupervised", "oracle"):
        reasons |= read_omissions(folder / kind)
    codes = {method: read_codes(path) for method, path in paths.items() if method not in reasons}
    return codes, reasons


def shallow(path: Path, truth: Truth) -> dict[str, float]:
    """The accuracies, in percent, of a shallow method's two classifiers."""
    table = read_table(path, PREDICTIONS)
    labels = truth.labels[rows_of(truth.ids, table["id"], path)]
    neighbour, svm = (as_integers(table[name], path) for name in PREDICTIONS[1:])
    return {"accuracy": accuracy(neighbour, labels), "accuracy_svm": accuracy(svm, labels)}


def main(params: Params, given: Namespace) -> None:
    labelled = Labelled(given.lists, given.truth)
    truth, categories = labelled.truth, labelled.lists.categories
    seedless, curves, pictures, runs = {}, {}, {}, []
    omitted = read_omissions(given.predictions)
    if truth.known:
        seedless = {
            path.stem: shallow(path, truth)
            for path in sorted(given.predictions.glob("*.csv"))
            if path.stem not in omitted
        }
    else:
        print(f"{given.truth}: the target has no labels: accuracy and mAP are left out")
    for seed in params.train.seeds:
        (codes, reasons), labels, figures = read_run(given.codes / str(seed), params), {}, {}
        omitted |= reasons
        for method, of in codes.items():
            figures[method], within = {}, None
            labels[method] = labelled.of(of.source_ids, of.target_ids)
            if truth.known:
                figures[method], within = target_figures(of, labels[method])
            figures[method] |= code_figures(of)
            if within is not None and not runs:
                precision, recall = np.round(precision_recall(within), 6).tolist()
                curves[method] = {"recall": recall, "precision": precision}
        if not runs:
            draw = illustrations if truth.known else unlabelled_illustrations
            pictures = draw(codes, labels, len(categories), seed)
        runs.append(figures)
        for line in left_out(figures):
            print(f"seed {seed}: {line}")
    of_each = [by_figure(figures) for figures in runs]
    mean = means(by_figure(seedless | figures) for figures in runs)
    deviation = deviations(of_each)
    write_json(given.metrics, mean | ({"deviation": deviation} if deviation else {}))
    record = {"figures": mean, "runs": of_each, "categories": categories, **pictures}
    write_json(given.record, record | {"precision_recall": curves, "left_out": omitted})
    rows = (
        (method, radius, *point)
        for method, curve in curves.items()
        for radius, point in enumerate(zip(*curve.values(), strict=True))
    )
    write_table(given.curves, CURVE, rows)


if __name__ == "__main__":
    inputs = "lists", "truth", "predictions", "codes"
    run(main, *(f"--{name}" for name in (*inputs, "metrics", "record", "curves")))
