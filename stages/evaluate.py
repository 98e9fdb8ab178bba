"""Measure a task's codes and predictions against the truth of its target."""

from argparse import Namespace
from pathlib import Path

import numpy as np

from dah.artifacts import read_codes
from dah.data.tasks import Truth, read_lists, read_truth
from dah.evaluation import ORACLE, accuracy, by_figure, code_figures
from dah.params import Params
from dah.retrieval import precision_recall
from dah.tables import (
    CURVE,
    PREDICTIONS,
    as_integers,
    read_table,
    rows_of,
    write_json,
    write_table,
)
from stages.command import run

UNSUPERVISED = ("itq", "kmeans", "ba", "bdnn")


def shallow(path: Path, truth: Truth) -> dict[str, float]:
    table = read_table(path, PREDICTIONS)
    labels = truth.labels[rows_of(truth.ids, table["id"], path)]
    neighbour, svm = (as_integers(table[name], path) for name in PREDICTIONS[1:])
    return {"accuracy": accuracy(neighbour, labels), "accuracy_svm": accuracy(svm, labels)}


def main(params: Params, given: Namespace) -> None:
    lists, truth = read_lists(given.lists), read_truth(given.truth)
    codes = {method: read_codes(given.codes / f"{method}.h5") for method in params.methods}
    codes |= {method: read_codes(given.hashing / f"{method}.h5") for method in UNSUPERVISED}
    codes[ORACLE] = read_codes(given.oracle)
    figures, curves = {}, {}
    if truth.known:
        for path in sorted(given.predictions.glob("*.csv")):
            figures[path.stem] = shallow(path, truth)
    else:
        print(f"{given.truth}: the target has no labels: accuracy and mAP are left out")
    for method, of in codes.items():
        if not truth.known:
            figures[method] = {} if of.domain_error is None else {"domain_error": of.domain_error}
            continue
        rows = rows_of(truth.ids, of.target_ids, given.truth)
        source = rows_of(lists.source_ids, of.source_ids, given.lists / "source.csv")
        figures[method], counts = code_figures(
            of, lists.source_labels[source], truth.labels[rows], truth.is_query[rows]
        )
        if counts is not None:
            precision, recall = np.round(precision_recall(counts), 6).tolist()
            curves[method] = {"recall": recall, "precision": precision}
    metrics = by_figure(figures)
    write_json(given.metrics, metrics)
    write_json(given.record, {"figures": metrics, "precision_recall": curves})
    write_table(
        given.curves,
        CURVE,
        (
            (method, radius, *point)
            for method, curve in curves.items()
            for radius, point in enumerate(zip(*curve.values(), strict=True))
        ),
    )


if __name__ == "__main__":
    inputs = "lists", "truth", "predictions", "codes", "hashing", "oracle"
    outputs = "metrics", "record", "curves"
    run(main, *(f"--{name}" for name in (*inputs, *outputs)))
