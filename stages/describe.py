"""Table 1: each domain's counts and sizes, and how well a linear SVM does on its fc7."""

from argparse import Namespace

import numpy as np
from tqdm import tqdm

from dah.evaluation.datasets import sizes, svm_accuracy
from dah.evaluation.figures import by_figure, left_out
from dah.files.artifacts import read_features
from dah.files.tables import LABELS, SKIPPED, as_integers, read_table, rows_of, write_json
from dah.params import Params
from stages.command import run


def main(params: Params, given: Namespace) -> None:
    figures = {}
    for domain in tqdm(params.domains, "describe", unit="domain"):
        path = given.labels / f"{domain}.csv"
        table = read_table(path, LABELS)
        categories = table["category"]
        width, height = (as_integers(table[side], path) for side in ("width", "height"))
        figures[domain] = sizes(categories, width, height)
        skipped = read_table(given.skipped / f"{domain}.csv", SKIPPED)["file"]
        figures[domain]["skipped"] = len(skipped)
        if any(categories):
            fc7, ids = read_features(given.features / f"{domain}.h5")
            rows = rows_of(ids, table["id"], given.features / f"{domain}.h5")
            labels = np.unique(categories, return_inverse=True)[1]
            accuracy = svm_accuracy(fc7[rows], labels, params.dataset.seed)
            if accuracy is not None:
                figures[domain] |= zip(("svm_accuracy", "svm_deviation"), accuracy, strict=True)
    write_json(given.metrics, by_figure(figures))
    for line in left_out(figures):
        print(line)


if __name__ == "__main__":
    run(main, "--labels", "--skipped", "--features", "--metrics")
