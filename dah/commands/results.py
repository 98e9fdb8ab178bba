"""Print the results of the last run: accuracy and mAP, or all tables."""

from argparse import ArgumentParser
from typing import Any

from dah import params
from dah.errors import UserError
from dah.files.tables import read_figures, read_json
from dah.project.root import METRICS, PARAMS, at_root
from dah.report.headline import headline
from dah.report.tables import column_of, text_tables


def arguments(command: ArgumentParser) -> None:
    """What it takes."""
    command.add_argument(
        "--all", action="store_true", dest="every", help="every figure of every task"
    )


@at_root()
def run(every: bool = False) -> None:
    """Read the metrics of the last run and print them."""
    mean = _figures("means")
    tasks = {task: _figures(task) for task in params.load(PARAMS).tasks}
    columns = [column_of(name, of) for name, of in {**tasks, "mean": mean}.items()]
    if every:
        print(text_tables(columns, read_json(METRICS / "domains.json", ("images",))))
    else:
        print(headline(columns) or "No target has labels, so that there is no accuracy and no mAP.")
        print("All tables: python -m dah results --all")
    print(f"Tables and pictures to look at: {METRICS / 'report.html'}")


def _figures(name: str) -> dict[str, Any]:
    path = METRICS / f"{name}.json"
    if not path.exists():
        raise UserError(
            f"{path}: no run has made this file yet; `dvc repro` runs the tasks of {PARAMS}"
        )
    return read_figures(path)
