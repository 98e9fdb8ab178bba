"""Where the project is that a command works on: the clone that the working folder lies in."""

from collections.abc import Iterator
from contextlib import chdir, contextmanager
from pathlib import Path

from dah.errors import UserError

DATA = Path("data")
METRICS = Path("metrics")
PARAMS = Path("params.yaml")
PRESETS = Path("presets")
SCHEMA = Path("params.schema.json")


def project_root(folder: Path) -> Path:
    """The nearest folder, `folder` or one above it, with a ``params.yaml``.

    Raises ``UserError`` where there is none.
    """
    for place in (folder, *folder.parents):
        if (place / PARAMS).is_file():
            return place
    raise UserError(
        f"{folder}: expected a clone of the project, found no {PARAMS} in this folder nor above it;"
        " change to the folder of the clone, or begin one of your own: dah init FOLDER"
    )


@contextmanager
def at_root() -> Iterator[None]:
    """In the block, or the function that it decorates, the project's root is the working folder."""
    with chdir(project_root(Path.cwd())):
        yield
