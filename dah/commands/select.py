"""Choose among runs without target labels: DVC's experiments, or runs in folders."""

from argparse import ArgumentParser
from pathlib import Path

from dah.experiments.runs import foreign_note, read_folder, show
from dah.experiments.selection import candidates, candidates_table, choose, comparable, tasks_of
from dah.project.root import at_root


def arguments(command: ArgumentParser) -> None:
    """What it takes."""
    command.add_argument(
        "folders", nargs="*", type=Path, metavar="FOLDER", help="params.yaml and metrics/ of a run"
    )
    command.add_argument("--method", default="dah", help="default: dah")
    command.add_argument("--source-accuracy", type=float, default=99.0, help="percent; default: 99")
    command.add_argument("--revision", default="HEAD", help="whose experiments; default: HEAD")


def run(folders: list[Path], method: str, source_accuracy: float, revision: str) -> None:
    """Print the candidates and the choice."""
    if folders:
        runs = [read_folder(folder) for folder in folders]
    else:
        with at_root():
            runs = show(revision)
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
