"""``python -m dah``: commands beside the pipeline."""

import csv
import os
import sys
from argparse import ArgumentParser
from contextlib import chdir, nullcontext
from io import TextIOWrapper
from pathlib import Path

from dah import params
from dah.artifacts import read_codes, unwritable
from dah.commands.arguments import add_commands
from dah.comparison import experiments_table
from dah.data.tasks import read_lists
from dah.errors import UserError
from dah.experiments import read_folder, show
from dah.predictions import columns
from dah.predictions import predictions as target_predictions
from dah.presets import apply_preset
from dah.project import project_root
from dah.report import column_of, text_tables
from dah.selection import candidates, candidates_table, choose
from dah.tables import LABELS, read_figures, read_json, read_table, rows_of

DATA = Path("data")
METRICS = Path("metrics")
PARAMS = Path("params.yaml")
PRESETS = Path("presets")


def results() -> None:
    """Print the tables of the last run."""
    summary = read_figures(METRICS / "summary.json")
    tasks = {task: read_figures(METRICS / f"{task}.json") for task in params.load(PARAMS).tasks}
    columns = [column_of(name, of) for name, of in {**tasks, "mean": summary}.items()]
    print(text_tables(columns, read_json(METRICS / "domains.json", ("images",))))
    print(f"\nTables and pictures to look at: {METRICS / 'report.html'}")


def predictions(task: str, method: str, seed: int | None) -> None:
    """Print file, category, probability and code of a task's target images as CSV."""
    parameters = params.load(PARAMS)
    _, target = parameters.domains_of(task)
    run = parameters.train.seeds[0] if seed is None else seed
    path = DATA / "labels" / f"{target}.csv"
    table = read_table(path, LABELS)
    codes = read_codes(DATA / "codes" / task / str(run) / "deep" / f"{method}.h5")
    files = [table["file"][row] for row in rows_of(table["id"], codes.target_ids, path)]
    categories = read_lists(DATA / "tasks" / task).categories
    writer = csv.writer(sys.stdout, lineterminator="\n")
    writer.writerow(columns(codes))
    writer.writerows(target_predictions(codes, categories, files))


def preset(name: str) -> None:
    """Set the parameters of a preset in params.yaml."""
    apply_preset(name, PRESETS, PARAMS)
    print(f"{PARAMS} now has the values of {PRESETS / name}.yaml; `git diff {PARAMS}` shows them")


def select(folders: list[Path], method: str, source_accuracy: float, revision: str) -> None:
    """Choose among runs without target labels: DVC's experiments, or runs in folders."""
    runs = [read_folder(folder) for folder in folders] or show(revision)
    found = candidates(runs, method)
    print(candidates_table(found))
    chosen = choose(found, source_accuracy)
    print(f"\nLargest domain error at a source accuracy of {source_accuracy:g} % or more:")
    print(f"{chosen.label} ({', '.join(chosen.names)})")


def experiments(figure: str, method: str | None, revision: str) -> None:
    """Print a figure of DVC's experiments: mean and standard deviation over seeds."""
    print(experiments_table(show(revision), figure, method))


OF_PROJECT = (results, predictions, preset, experiments)


def main() -> None:
    parser = ArgumentParser(prog="python -m dah", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("results", help=results.__doc__).set_defaults(call=results)
    command = commands.add_parser("predictions", help=predictions.__doc__)
    command.add_argument("task", help="<source>-<target>")
    command.add_argument("method", help="a hashing method that was trained: dah, dah-e, noda")
    command.add_argument("--seed", type=int, help="of the training; default: the first")
    command.set_defaults(call=predictions)
    command = commands.add_parser("preset", help=preset.__doc__)
    command.add_argument("name", help="digits, office31, ...: a file of presets/ without .yaml")
    command.set_defaults(call=preset)
    command = commands.add_parser("select", help=select.__doc__)
    command.add_argument("folders", nargs="*", type=Path, help="params.yaml and metrics/ of a run")
    command.add_argument("--method", default="dah", help="default: dah")
    command.add_argument("--source-accuracy", type=float, default=99.0, help="percent; default: 99")
    command.add_argument("--revision", default="HEAD", help="whose experiments; default: HEAD")
    command.set_defaults(call=select)
    command = commands.add_parser("experiments", help=experiments.__doc__)
    command.add_argument("figure", nargs="?", default="accuracy", help="accuracy, map, ...")
    command.add_argument("--method", help="dah, itq, ...; default: all")
    command.add_argument("--revision", default="HEAD", help="whose experiments; default: HEAD")
    command.set_defaults(call=experiments)
    add_commands(commands)
    if isinstance(sys.stdout, TextIOWrapper):  # a file's name may be no text of the terminal's
        sys.stdout.reconfigure(errors="backslashreplace")
    given = vars(parser.parse_args())
    call, _ = given.pop("call"), given.pop("command")
    try:
        of_project = call in OF_PROJECT or (call is select and not given["folders"])
        with chdir(project_root(Path.cwd())) if of_project else nullcontext():
            call(**given)
        sys.stdout.flush()
    except UserError as error:
        sys.exit(f"dah: {error}")
    except BrokenPipeError:  # the reader, `head` say, has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    except OSError as error:
        sys.exit(f"dah: {unwritable(error.filename or Path.cwd(), error)}")


if __name__ == "__main__":
    main()
