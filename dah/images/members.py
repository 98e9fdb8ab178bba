"""Names of the members of archives and folders: those of plain files below, and no others."""

import re
from pathlib import Path

from dah.errors import UserError

MAX_NAME = 1000  # characters
JUNK = {
    *("__macosx", "icon\r", "temporary items", "network trash folder", "thevolumesettingsfolder"),
    *("thumbs.db", "ehthumbs.db", "desktop.ini", "$recycle.bin", "system volume information"),
    *("@eadir", "#recycle", "#snapshot", "@recycle", "@recently-snapshot", "lost+found"),
    *("_vti_cnf", "__pycache__"),
}


def member_name(archive: Path, stored: str) -> str:
    """A member's name without ``./``; refused where it leads elsewhere or is very long."""
    parts = stored.split("/")
    if stored.startswith("/") or ".." in parts or "\0" in stored:
        raise refused(archive, stored, "leads out of the archive")
    if len(stored) > MAX_NAME:
        raise refused(archive, stored, f"has a name of {len(stored)} characters")
    return "/".join(part for part in parts if part not in {"", "."})


def passed_over(name: str) -> bool:
    """Whether a file is hidden, or what systems and programs leave, or lies in such a folder."""
    return any(part.startswith(".") or part.lower() in JUNK for part in name.split("/"))


def leads_elsewhere(stored: str) -> bool:
    """Whether a name is one of Windows: a path with a drive or with backslashes."""
    return "\\" in stored or re.match(r"[A-Za-z]:/", stored) is not None


def refused(path: Path, name: str, why: str) -> UserError:
    """What to say of a member that no archive of images has."""
    return UserError(
        f"{path}: expected plain files with relative names, found the member {name[:100]!r}, which"
        f" {why}; remove it or pack the archive anew"
    )
