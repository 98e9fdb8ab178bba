"""Where the project is that a command works on: the clone that the working folder lies in."""

from pathlib import Path

from dah.errors import UserError

PARAMS = "params.yaml"


def project_root(folder: Path) -> Path:
    """The nearest folder, `folder` or one above it, with a ``params.yaml``.

    Raises ``UserError`` where there is none.
    """
    for place in (folder, *folder.parents):
        if (place / PARAMS).is_file():
            return place
    raise UserError(
        f"{folder}: expected a clone of the project, found no {PARAMS} in this folder nor above it;"
        " change to the folder of the clone"
    )
