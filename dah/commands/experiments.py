"""Print a figure of DVC's experiments: mean and standard deviation over seeds."""

from argparse import ArgumentParser

from dah.experiments.comparison import experiments_table
from dah.experiments.runs import show
from dah.project.root import at_root


def arguments(command: ArgumentParser) -> None:
    """What it takes."""
    command.add_argument(
        "figure", nargs="?", default="accuracy", metavar="FIGURE", help="accuracy, map, ..."
    )
    command.add_argument("--method", help="dah, itq, ...; default: all")
    command.add_argument("--revision", default="HEAD", help="whose experiments; default: HEAD")


@at_root()
def run(figure: str, method: str | None, revision: str) -> None:
    """Print the table of all experiments of a commit."""
    print(experiments_table(show(revision), figure, method))
