"""What labels dah-p's target without a look at target labels: accuracy of the way back.

    python benchmarks/pseudo_labels.py [--tasks amazon-webcam,...] [--neighbours 7,15,25] ...

Labels each task's target from its source by features of the frozen trunk (``data/features``), then
the source from the target's labels in the same way, and compares those with the source's own:
reverse validation (Zhong et al., ECML 2010). Changes one parameter of ``pseudo_labels`` at a time
and prints its values with the mean over the tasks. Target labels are not read.
"""

from argparse import ArgumentParser
from dataclasses import replace
from pathlib import Path

import numpy as np

from dah.deep.labelling import spread
from dah.params import PseudoLabels, load
from dah.tasks.inputs import read_fc7
from dah.tasks.lists import read_lists

GRID = {"neighbours": int, "alpha": float, "dim": int, "rounds": int}


def way_back(Xs: np.ndarray, ys: np.ndarray, Xt: np.ndarray, options: PseudoLabels) -> float:
    """Percent of the source's labels that come back from the target's pseudo-labels."""
    there = spread(Xs, ys, Xt, options).argmax(axis=1)
    present, numbered = np.unique(there, return_inverse=True)
    back = spread(Xt, numbered, Xs, options).argmax(axis=1)
    return 100 * float(np.mean(present[back] == ys))


def main() -> None:
    parser = ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, default=Path("data"))
    parser.add_argument("--params", type=Path, default=Path("params.yaml"))
    parser.add_argument("--tasks", help="separated by commas; all of the parameters' if left out")
    for name in GRID:
        parser.add_argument(f"--{name}", default="", help="values, separated by commas")
    given = parser.parse_args()
    params = load(given.params)
    tasks = given.tasks.split(",") if given.tasks else params.tasks
    print("| parameter | value | " + " | ".join(tasks) + " | mean |")
    print("|" + "---|" * (len(tasks) + 3))
    for name, kind in GRID.items():
        for value in filter(None, getattr(given, name).split(",")):
            options = replace(params.pseudo_labels, **{name: kind(value)})
            found = []
            for task in tasks:
                lists = read_lists(given.data / "tasks" / task)
                Xs, Xt = read_fc7(given.data / "features", params.domains_of(task), lists)
                found.append(way_back(Xs, lists.source_labels, Xt, options))
            row = " | ".join(f"{percent:.1f}" for percent in (*found, np.mean(found)))
            print(f"| {name} | {value} | {row} |", flush=True)


if __name__ == "__main__":
    main()
