"""Mend what a killed DVC left cut off: it overwrites two of its files in place."""

import json
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

from dvc.exceptions import DvcException
from dvc.lock import LockBase, make_lock
from dvc.repo import Repo
from dvc.rwlock import RWLOCK_FILE, RWLOCK_LOCK, SCHEMA
from dvc.schema import COMPILED_LOCKFILE_SCHEMA
from ruamel.yaml import YAML, YAMLError
from voluptuous import Invalid

from dah.artifacts import replacing
from dah.errors import UserError

LOCK = Path("dvc.lock")
RWLOCK = Path(".dvc", "tmp", RWLOCK_FILE)
READERS: dict[Path, Callable[[str], Any]] = {  # as DVC reads them
    LOCK: lambda text: COMPILED_LOCKFILE_SCHEMA(YAML(typ="safe", pure=True).load(text)),
    RWLOCK: lambda text: SCHEMA(json.loads(text)),
}
CONFLICT = "<<<<<<< "


def run() -> None:
    """Mend the repository of the working folder, and say what was done."""
    for deed in mend(Path()):
        print(deed)


def mend(root: Path) -> list[str]:
    """What was done to DVC's files in the folder `root`, a sentence each; nothing to whole ones.

    A cut-off ``dvc.lock`` becomes that of the last commit, or is deleted where there is none; what
    was finished since is in DVC's run cache, whence ``dvc repro`` takes it. ``rwlock``, the list of
    files that running stages hold, is deleted. A ``dvc.lock`` with the marks of a merge's conflict
    is left for its author. Raises ``UserError`` where DVC is at work in the repository.
    """
    if all(is_whole(root, name) for name in READERS):
        return []
    deeds = []
    try:
        with Repo(root) as repo, repo.lock, rwlock_guard(repo):
            if not is_whole(root, LOCK):
                deeds.append(f"{LOCK} was cut off: {restore(root)}")
            if not is_whole(root, RWLOCK):
                (root / RWLOCK).unlink()
                deeds.append(f"{RWLOCK} was cut off: deleted")
    except DvcException as error:
        raise UserError(f"{root / LOCK}: cannot be mended: {error}") from error
    return deeds


def rwlock_guard(repo: Repo) -> LockBase:
    """What DVC holds while it reads and writes ``rwlock``."""
    hardlink = repo.config["core"].get("hardlink_lock", False)
    return make_lock(f"{repo.tmp_dir}/{RWLOCK_LOCK}", repo.tmp_dir, hardlink_lock=hardlink)


def restore(root: Path) -> str:
    """Give ``dvc.lock`` the content of the last commit, or none; which of them."""
    text = committed(root)
    if text is None or not passes(READERS[LOCK], text):
        (root / LOCK).unlink()
        return "deleted"
    with replacing(root / LOCK) as part:
        part.write_text(text, encoding="utf-8", newline="")
    return "restored from the last commit"


def committed(root: Path) -> str | None:
    """The last commit's ``dvc.lock``; None without git, commit or file."""
    command = ["git", "show", f"HEAD:./{LOCK}"]
    try:
        shown = subprocess.run(command, cwd=root, capture_output=True, check=True)
        return shown.stdout.decode("utf-8")
    except (OSError, subprocess.CalledProcessError, UnicodeDecodeError):
        return None


def is_whole(root: Path, name: Path) -> bool:
    """Whether DVC can read one of its files, or a person has to: it is in conflict."""
    text = text_of(root / name)
    return text is None or CONFLICT in text or passes(READERS[name], text)


def text_of(path: Path) -> str | None:
    """A file's text, whatever its bytes; None without a file."""
    try:
        return path.read_text(encoding="utf-8", errors="replace")
    except FileNotFoundError:
        return None


def passes(read: Callable[[str], Any], text: str) -> bool:
    """Whether a reader takes a text."""
    try:
        read(text)
    except (YAMLError, ValueError, Invalid):
        return False
    return True
