"""``python -m dah``: commands beside the pipeline."""

import os
import sys
from argparse import ArgumentParser
from pathlib import Path

from dah import params
from dah.errors import UserError
from dah.report import TITLES, text_table
from dah.tables import read_json

METRICS = Path("metrics")
PARAMS = Path("params.yaml")


def results() -> None:
    """Print the tables of the last run."""
    summary = read_json(METRICS / "summary.json")
    tasks = {task: read_json(METRICS / f"{task}.json") for task in params.load(PARAMS).tasks}
    for figure in (title for title in TITLES if title in summary):
        print(text_table(figure, tasks, summary), end="\n\n")
    print(f"Tables and curves to look at: {METRICS / 'report.html'}")


def main() -> None:
    parser = ArgumentParser(prog="python -m dah", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("results", help="print the tables of the last run")
    parser.parse_args()
    try:
        results()
        sys.stdout.flush()
    except UserError as error:
        sys.exit(f"dah: {error}")
    except BrokenPipeError:  # the reader, `head` say, has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


if __name__ == "__main__":
    main()
