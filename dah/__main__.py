"""``python -m dah``: commands beside the pipeline."""

import csv
import os
import sys
from argparse import ArgumentParser
from pathlib import Path

from dah import params
from dah.artifacts import read_codes
from dah.commands.arguments import add_commands
from dah.data.tasks import read_lists
from dah.errors import UserError
from dah.predictions import COLUMNS
from dah.predictions import predictions as target_predictions
from dah.presets import apply_preset
from dah.report import text_tables
from dah.tables import LABELS, read_json, read_table, rows_of

DATA = Path("data")
METRICS = Path("metrics")
PARAMS = Path("params.yaml")
PRESETS = Path("presets")


def results() -> None:
    """Print the tables of the last run."""
    summary = read_json(METRICS / "summary.json")
    tasks = {task: read_json(METRICS / f"{task}.json") for task in params.load(PARAMS).tasks}
    print(text_tables(tasks, summary, read_json(METRICS / "domains.json")))
    print(f"\nTables and curves to look at: {METRICS / 'report.html'}")


def predictions(task: str, method: str) -> None:
    """Print file, category, probability and code of a task's target images as CSV."""
    _, target = params.load(PARAMS).domains_of(task)
    path = DATA / "labels" / f"{target}.csv"
    table = read_table(path, LABELS)
    codes = read_codes(DATA / "codes" / task / f"{method}.h5")
    files = [table["file"][row] for row in rows_of(table["id"], codes.target_ids, path)]
    categories = read_lists(DATA / "tasks" / task).categories
    writer = csv.writer(sys.stdout, lineterminator="\n")
    writer.writerow(COLUMNS)
    writer.writerows(target_predictions(codes, categories, files))


def preset(name: str) -> None:
    """Set the parameters of a preset in params.yaml."""
    apply_preset(name, PRESETS, PARAMS)
    print(f"{PARAMS} now has the values of {PRESETS / name}.yaml; `git diff {PARAMS}` shows them")


def main() -> None:
    parser = ArgumentParser(prog="python -m dah", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("results", help=results.__doc__).set_defaults(call=results)
    command = commands.add_parser("predictions", help=predictions.__doc__)
    command.add_argument("task", help="<source>-<target>")
    command.add_argument("method", help="a hashing method that was trained: dah, dah-e, noda")
    command.set_defaults(call=predictions)
    command = commands.add_parser("preset", help=preset.__doc__)
    command.add_argument("name", help="digits, office31, ...: a file of presets/ without .yaml")
    command.set_defaults(call=preset)
    add_commands(commands)
    given = vars(parser.parse_args())
    call, _ = given.pop("call"), given.pop("command")
    try:
        call(**given)
        sys.stdout.flush()
    except UserError as error:
        sys.exit(f"dah: {error}")
    except BrokenPipeError:  # the reader, `head` say, has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


if __name__ == "__main__":
    main()
