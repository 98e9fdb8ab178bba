"""``python -m dah``: commands beside the pipeline."""

import csv
import os
import sys
from argparse import ArgumentParser
from collections.abc import Callable
from contextlib import chdir, nullcontext
from io import TextIOWrapper
from pathlib import Path

from dah import params
from dah.commands.arguments import Version, add_commands
from dah.encoder.predictions import columns
from dah.encoder.predictions import predictions as target_predictions
from dah.errors import UserError
from dah.experiments.comparison import experiments_table
from dah.experiments.runs import foreign_note, read_folder, show
from dah.experiments.selection import candidates, candidates_table, choose, comparable, tasks_of
from dah.files.artifacts import read_codes, unwritable
from dah.files.tables import LABELS, read_figures, read_json, read_table, rows_of
from dah.project.presets import apply_preset
from dah.project.root import project_root
from dah.report.headline import headline
from dah.report.tables import column_of, text_tables
from dah.tasks.lists import read_lists

ABOUT = "What dvc repro found, and codes of your own images. COMMAND --help says more of each."
DATA = Path("data")
METRICS = Path("metrics")
PARAMS = Path("params.yaml")
PRESETS = Path("presets")


def results(every: bool = False) -> None:
    """Print the results of the last run: accuracy and mAP, or all tables."""
    mean = read_figures(METRICS / "means.json")
    tasks = {task: read_figures(METRICS / f"{task}.json") for task in params.load(PARAMS).tasks}
    columns = [column_of(name, of) for name, of in {**tasks, "mean": mean}.items()]
    if every:
        print(text_tables(columns, read_json(METRICS / "domains.json", ("images",))))
    else:
        print(headline(columns) or "No target has labels, so that there is no accuracy and no mAP.")
        print("All tables: python -m dah results --all")
    print(f"Tables and pictures to look at: {METRICS / 'report.html'}")


def predictions(task: str, method: str, seed: int | None) -> None:
    """Print file, category, probability and code of a task's target images as CSV."""
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
    writer.writerows(target_predictions(codes, categories, files))


def preset(name: str) -> None:
    """Set the parameters of a preset in params.yaml."""
    apply_preset(name, PRESETS, PARAMS)
    print(f"{PARAMS} now has the values of {PRESETS / name}.yaml; `git diff {PARAMS}` shows them")


def select(folders: list[Path], method: str, source_accuracy: float, revision: str) -> None:
    """Choose among runs without target labels: DVC's experiments, or runs in folders."""
    runs = [read_folder(folder) for folder in folders] or show(revision)
    compared, others = comparable(runs, method)
    found = candidates(compared, method)
    print(candidates_table(found))
    for run in others:
        left = ", ".join(tasks_of(run, method))
        print(f"left out, since its tasks are others ({left}): {run.name}")
    if note := foreign_note(compared):
        print(note)
    chosen = choose(found, source_accuracy)
    print(f"\nLargest domain error at a source accuracy of {source_accuracy:g} % or more:")
    print(f"{chosen.label} ({', '.join(chosen.names)})")


def experiments(figure: str, method: str | None, revision: str) -> None:
    """Print a figure of DVC's experiments: mean and standard deviation over seeds."""
    print(experiments_table(show(revision), figure, method))


OF_PROJECT = (results, predictions, preset, experiments)


def parser() -> ArgumentParser:
    """All commands with their arguments, each with a description."""
    made = ArgumentParser(prog="python -m dah", description=ABOUT)
    made.add_argument("--version", action=Version, help="print the version and end")
    commands = made.add_subparsers(dest="command", required=True, metavar="COMMAND")

    def add(call: Callable[..., None]) -> ArgumentParser:
        line = call.__doc__.splitlines()[0]
        command = commands.add_parser(call.__name__, help=line.rstrip("."), description=line)
        command.set_defaults(call=call)
        return command

    command = add(results)
    command.add_argument(
        "--all", action="store_true", dest="every", help="every figure of every task"
    )
    command = add(predictions)
    command.add_argument("task", metavar="TASK", help="<source>-<target>")
    command.add_argument("method", metavar="METHOD", help="one that was trained: dah, dah-e, noda")
    command.add_argument("--seed", type=int, help="of the training; default: the first")
    command = add(preset)
    command.add_argument(
        "name", metavar="NAME", help="digits, office31, ...: a file of presets/ without .yaml"
    )
    command = add(select)
    command.add_argument(
        "folders", nargs="*", type=Path, metavar="FOLDER", help="params.yaml and metrics/ of a run"
    )
    command.add_argument("--method", default="dah", help="default: dah")
    command.add_argument("--source-accuracy", type=float, default=99.0, help="percent; default: 99")
    command.add_argument("--revision", default="HEAD", help="whose experiments; default: HEAD")
    command = add(experiments)
    command.add_argument(
        "figure", nargs="?", default="accuracy", metavar="FIGURE", help="accuracy, map, ..."
    )
    command.add_argument("--method", help="dah, itq, ...; default: all")
    command.add_argument("--revision", default="HEAD", help="whose experiments; default: HEAD")
    add_commands(commands)
    return made


def main() -> None:
    """Run the command that was asked for; a user's mistake ends it in one line."""
    if isinstance(sys.stdout, TextIOWrapper):  # a file's name may be no text of the terminal's
        sys.stdout.reconfigure(errors="backslashreplace")
    given = vars(parser().parse_args())
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
