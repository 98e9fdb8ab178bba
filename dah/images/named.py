"""The folders and archives whose pictures may be shown: those that the user named.

A file of codes says where its images lie, and may come from a stranger, who could name any folder
of this machine. ``python -m dah encode`` is told by the user: what it was given is noted, a line of
JSON each, in the user's state folder, ``$XDG_STATE_HOME/dah`` or ``~/.local/state/dah``.
"""

import json
import os
from collections.abc import Iterable, Sequence
from pathlib import Path

from dah.errors import UserError


def notes() -> Path:
    """The file with the folders that were named before."""
    home = os.environ.get("XDG_STATE_HOME") or "~/.local/state"
    return Path(home).expanduser() / "dah" / "folders"


def note(folders: Iterable[Path]) -> bool:
    """Note folders and archives that the user named; whether that could be done."""
    try:
        known = set(noted())
        lines = [json.dumps(str(path)) + "\n" for path in folders if path.resolve() not in known]
        if lines:
            notes().parent.mkdir(parents=True, exist_ok=True)
            with notes().open("a", encoding="ascii") as file:
                file.write("".join(lines))
    except (OSError, RuntimeError):  # no home, or a read-only one
        return False
    return True


def noted() -> list[Path]:
    """The folders and archives that were noted; lines that are none are passed over."""
    try:
        lines = notes().read_text(encoding="ascii").splitlines()
    except (OSError, RuntimeError, UnicodeDecodeError):
        return []
    found = []
    for line in lines:
        try:
            path = Path(json.loads(line))
        except (ValueError, TypeError):
            continue
        if path.is_absolute():
            found.append(path)
    return found


def named_now(given: Sequence[Path]) -> list[Path]:
    """Folders and archives as the user names them, resolved; ``UserError`` for one not there."""
    for path in given:
        if not path.exists():
            raise UserError(f"{path}: expected a folder or archive of pictures, found none")
    return [path.resolve() for path in given]


def is_allowed(origin: str, folders: Sequence[Path]) -> bool:
    """Whether a folder or archive is one of these or lies in one."""
    try:
        place = Path(origin).resolve()
    except (OSError, RuntimeError, ValueError):
        return False
    return any(place.is_relative_to(folder) for folder in folders)
