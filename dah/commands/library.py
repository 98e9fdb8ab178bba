"""Note what the installed library holds; dvc repro does so in a project that init wrote."""

from argparse import ArgumentParser
from pathlib import Path

from dah.project.library import LIBRARY, write_library


def arguments(command: ArgumentParser) -> None:
    """What it takes."""
    command.add_argument(
        "--out", type=Path, default=LIBRARY, help=f"the file of digests; {LIBRARY} by default"
    )


def run(out: Path) -> None:
    """Write the version, and a digest of each package."""
    write_library(out)
