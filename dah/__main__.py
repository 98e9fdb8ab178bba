"""``python -m dah``: commands beside the pipeline."""

import sys
from argparse import ArgumentParser
from pathlib import Path

from dah.errors import UserError
from dah.report import TITLES, text_table
from dah.tables import read_json

METRICS = Path("metrics")


def results() -> None:
    """Print the tables of the last run."""
    summary = read_json(METRICS / "summary.json")
    tasks = {
        path.stem: read_json(path)
        for path in sorted(METRICS.glob("*.json"))
        if path.stem != "summary"
    }
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
    except UserError as error:
        sys.exit(f"dah: {error}")


if __name__ == "__main__":
    main()
