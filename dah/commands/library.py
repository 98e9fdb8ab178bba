"""Note what the installed library holds; dvc repro does so in a project that init wrote."""

import subprocess
from argparse import ArgumentParser
from pathlib import Path

from dah.errors import UserError
from dah.project.library import LIBRARY, write_library

FIRST = "git init && git add --all && git commit -m begin"


def arguments(command: ArgumentParser) -> None:
    """What it takes."""
    command.add_argument(
        "--out", type=Path, default=LIBRARY, help=f"the file of digests; {LIBRARY} by default"
    )


def run(out: Path) -> None:
    """Write the version, and a digest of each package.

    Raises ``UserError`` where git has no commit yet, without which no curve of a training is kept.
    """
    try:
        asked = ["git", "rev-parse", "--quiet", "--verify", "HEAD"]
        committed = subprocess.run(asked, capture_output=True, check=False).returncode == 0
    except OSError:  # there is no git, as DVC says itself
        committed = True
    if not committed:
        raise UserError(
            f"{Path.cwd()}: expected a commit, with which figures are compared; {FIRST}"
        )
    write_library(out)
