"""Print file, category, probability and code of a task's target images as CSV."""

import csv
import sys
from argparse import ArgumentParser

from dah import params
from dah.encoder.predictions import columns, predictions
from dah.errors import UserError
from dah.files.artifacts import read_codes
from dah.files.tables import LABELS, read_table, rows_of
from dah.project.root import DATA, PARAMS, at_root
from dah.tasks.lists import read_lists


def arguments(command: ArgumentParser) -> None:
    """What it takes."""
    command.add_argument("task", metavar="TASK", help="<source>-<target>")
    command.add_argument("method", metavar="METHOD", help="one that was trained: dah-p, dah, ...")
    command.add_argument("--seed", type=int, help="of the training; default: the first")


@at_root()
def run(task: str, method: str, seed: int | None) -> None:
    """Read the codes of a training and print a row for each target image."""
    parameters = params.load(PARAMS)
    _, target = parameters.domains_of(task)
    if method not in parameters.methods:
        raise UserError(
            f"there are no predictions of {method!r}; expected one of"
            f" {', '.join(parameters.methods)}, the deep methods that params.yaml lists;"
            " unsupervised hashing makes codes alone"
        )
    run = parameters.train.seeds[0] if seed is None else seed
    if run not in parameters.train.seeds:
        trained = ", ".join(map(str, parameters.train.seeds))
        raise UserError(f"seed {run} is not trained; train.seeds in params.yaml has {trained}")
    path = DATA / "labels" / f"{target}.csv"
    table = read_table(path, LABELS)
    codes = read_codes(DATA / "codes" / task / str(run) / "deep" / f"{method}.h5")
    files = [table["file"][row] for row in rows_of(table["id"], codes.target_ids, path)]
    categories = read_lists(DATA / "tasks" / task).categories
    writer = csv.writer(sys.stdout, lineterminator="\n")
    writer.writerow(columns(codes))
    writer.writerows(predictions(codes, categories, files))
