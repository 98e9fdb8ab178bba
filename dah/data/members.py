"""Names of the members of archives and folders: those of plain files below, and no others."""

import re
from pathlib import Path

from dah.errors import UserError

MAX_NAME = 1000  # characters
JUNK = {"__MACOSX", ".DS_Store", "Thumbs.db", "desktop.ini"}


def safe_name(path: Path, stored: str) -> str | None:
    """A member's name without ``./``, None where it is junk; refused where it is unsafe."""
    parts = stored.split("/")
    if stored.startswith("/") or ".." in parts or re.match(r"[A-Za-z]:", stored):
        raise refused(path, stored, "leads out of the archive")
    if len(stored) > MAX_NAME:
        raise refused(path, stored, f"has a name of {len(stored)} characters")
    if "\\" in stored or any(not c.isprintable() for c in stored):
        raise refused(path, stored, "holds a backslash or a character that is not printable")
    kept = [part for part in parts if part not in {"", "."}]
    junk = any(part in JUNK or part.startswith("._") for part in kept)
    return None if junk or not kept else "/".join(kept)


class Refused(UserError):
    """A member that cannot be taken; ``name``, and ``why`` in a few words."""

    def __init__(self, message: str, name: str, why: str) -> None:
        super().__init__(message)
        self.name = name
        self.why = why


def refused(path: Path, name: str, why: str) -> Refused:
    """What to say of a member that no archive of images has."""
    message = (
        f"{path}: expected plain files with relative names, found the member {name[:100]!r}, which"
        f" {why}; remove it or pack the archive anew"
    )
    return Refused(message, name, why)
