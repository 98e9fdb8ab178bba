"""``python -m dah``, or ``dah``: commands beside the pipeline."""

import os
import sys
from argparse import ArgumentParser
from importlib import import_module
from io import TextIOWrapper
from pathlib import Path

from dah.commands import NAMES, described
from dah.commands.arguments import Version
from dah.errors import UserError
from dah.files.artifacts import unwritable
from dah.process import settle

ABOUT = "What dvc repro found, and codes of your own images. COMMAND --help says more of each."
PIPELINE = ("dvc", "dvclive", "gdown", "matplotlib", "psutil", "requests")  # the extra of that name
ADDED = "pip install 'dah[pipeline]'"


def parser(chosen: str | None) -> ArgumentParser:
    """All commands with their descriptions, the `chosen` one with its arguments and its work."""
    called = "dah" if Path(sys.argv[0]).stem == "dah" else "python -m dah"
    made = ArgumentParser(prog=called, description=ABOUT)
    made.add_argument("--version", action=Version, help="print the version and end")
    commands = made.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for name in NAMES:
        line = described(name)
        command = commands.add_parser(name, help=line.rstrip("."), description=line)
        if name == chosen:
            module = import_module(f"dah.commands.{name}")
            module.arguments(command)
            command.set_defaults(run=module.run)
    return made


def main() -> None:
    """Run the command that was asked for; a user's mistake ends it in one line."""
    settle()
    if isinstance(sys.stdout, TextIOWrapper):  # a file's name may be no text of the terminal's
        sys.stdout.reconfigure(errors="backslashreplace")
    try:
        chosen = next((word for word in sys.argv[1:] if word in NAMES), None)
        given = vars(parser(chosen).parse_args())
        run, _ = given.pop("run"), given.pop("command")
        run(**given)
        sys.stdout.flush()
    except UserError as error:
        sys.exit(f"dah: {error}")
    except ModuleNotFoundError as error:
        if error.name not in PIPELINE:
            raise
        sys.exit(f"dah: {chosen} needs {error.name}, which is not installed: {ADDED}")
    except BrokenPipeError:  # the reader, `head` say, has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    except OSError as error:
        sys.exit(f"dah: {unwritable(error.filename or Path.cwd(), error)}")


if __name__ == "__main__":
    main()
