"""Write a pipeline to start from into a folder: a project of your own on the installed library."""

from argparse import ArgumentParser
from importlib.util import find_spec
from pathlib import Path

from dah.commands.library import FIRST
from dah.project.beginning import begin


def arguments(command: ArgumentParser) -> None:
    """What it takes."""
    command.add_argument(
        "folder", metavar="FOLDER", type=Path, help="a new folder, or an empty one"
    )


def run(folder: Path) -> None:
    """Write its files, and say what to do next."""
    written = begin(folder)
    print(f"{folder}: {len(written)} files; its README.md says what is in them")
    first = "" if find_spec("dvc") else "pip install 'dah[pipeline]' && "
    print(f"Next: cd {folder} && {FIRST}\nthen: {first}dvc repro && dah results")
