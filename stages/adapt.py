"""The shallow baselines on fc7: none, GFK, TCA, CORAL and JDA, each with two classifiers.

A baseline that these data have too few images or directions for is left out with a word.
"""

from argparse import Namespace

import numpy as np
from threadpoolctl import threadpool_limits
from tqdm import tqdm

from dah.files.omissions import write_omissions
from dah.files.tables import PREDICTIONS, write_table
from dah.linalg import unit_rows
from dah.params import Params
from dah.shallow import adapt
from dah.shallow.classifiers import linear_svm, nearest_neighbour
from dah.tasks.inputs import read_fc7
from dah.tasks.lists import read_lists
from stages.command import run


def main(params: Params, given: Namespace) -> None:
    threadpool_limits(params.train.threads)
    lists = read_lists(given.lists)
    read = read_fc7(given.features, params.domains_of(given.task), lists)
    Xs, Xt = (unit_rows(rows.astype(np.float64)) for rows in read)
    del read  # of very many images every copy is a GiB
    ys = lists.source_labels
    gfk, tca, coral, jda = (getattr(params.adapt, name) for name in ("gfk", "tca", "coral", "jda"))
    methods = {
        "none": lambda: (Xs, Xt),
        "gfk": lambda: adapt.gfk(Xs, Xt, gfk.dim),
        "tca": lambda: adapt.tca(Xs, Xt, tca.dim, tca.mu),
        "coral": lambda: adapt.coral(Xs, Xt, coral.ridge),
        "jda": lambda: adapt.jda(Xs, ys, Xt, jda.dim, jda.mu, jda.rounds),
    }
    left_out = {}
    for name in tqdm(methods, "adapt", unit="method"):
        try:
            Zs, Zt = map(unit_rows, methods[name]())
        except ValueError as error:
            left_out[name] = f"adapt.{name}: {error}"
            continue
        labels = nearest_neighbour(Zs, ys, Zt), linear_svm(Zs, ys, Zt)
        rows = zip(lists.target_ids, *labels, strict=True)
        write_table(given.out / f"{name}.csv", PREDICTIONS, rows)
        del Zs, Zt
    for line in write_omissions(given.out, given.task, left_out):
        print(line)


if __name__ == "__main__":
    run(main, "--task", "--lists", "--features", "--out")
