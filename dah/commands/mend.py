"""Restore or delete files of DVC's own that a kill cut off."""

import json
import subprocess
from argparse import ArgumentParser
from collections.abc import Callable
from pathlib import Path
from typing import Any

from dvc.exceptions import DvcException
from dvc.lock import LockBase, make_lock
from dvc.repo import Repo
from dvc.rwlock import RWLOCK_FILE, RWLOCK_LOCK, SCHEMA
from dvc.schema import COMPILED_LOCKFILE_SCHEMA
from dvc.utils.serialize import parse_yaml
from voluptuous import Invalid

from dah import params
from dah.errors import UserError
from dah.files.artifacts import replacing
from dah.project.leftovers import refuse_loss

LOCK = Path("dvc.lock")
RWLOCK = Path(".dvc", "tmp", RWLOCK_FILE)
READERS: dict[Path, Callable[[str], Any]] = {  # as DVC reads them
    LOCK: lambda text: COMPILED_LOCKFILE_SCHEMA(parse_yaml(text, LOCK)),
    RWLOCK: lambda text: SCHEMA(json.loads(text)),
}
CONFLICT = b"<<<<<<< "


def arguments(_: ArgumentParser) -> None:
    """It takes none."""


def run() -> None:
    """Mend the repository of the working folder, and say what was done.

    Raises ``UserError`` also where a run would then delete what no run made; that the parameters
    can be read is left to the run.
    """
    try:
        root = Path(Repo.find_root())
    except DvcException as error:
        raise UserError(str(error)) from error
    for deed in mend(root):
        print(deed)
    try:
        given = params.load(root / "params.yaml")
    except UserError:
        return
    refuse_loss(root, root / "data", given)


def mend(root: Path) -> list[str]:
    """What was done to DVC's files in the repository `root`, a sentence each; whole ones are left.

    A cut-off ``dvc.lock`` becomes that of the last commit, or is deleted where there is none; what
    was finished since is in DVC's run cache, whence ``dvc repro`` takes it. ``rwlock``, the list of
    files that running stages hold, is deleted. A ``dvc.lock`` with the marks of a merge's conflict
    is left for its author. Raises ``UserError`` where DVC holds its own locks, which it does not
    while the command of a stage runs, and where git cannot say what the last commit has.
    """
    broken = [name for name in READERS if not is_whole(root, name)]
    if not broken:
        return []
    try:
        with Repo(root) as repo, repo.lock, rwlock_guard(repo):
            broken = [name for name in READERS if not is_whole(root, name)]
            return [f"{name} was cut off: {restore(root, name)}" for name in broken]
    except DvcException as error:
        raise UserError(f"{root / broken[0]}: cannot be mended: {error}") from error


def rwlock_guard(repo: Repo) -> LockBase:
    """What DVC holds while it reads and writes ``rwlock``."""
    hardlink = repo.config["core"].get("hardlink_lock", False)
    return make_lock(f"{repo.tmp_dir}/{RWLOCK_LOCK}", repo.tmp_dir, hardlink_lock=hardlink)


def restore(root: Path, name: Path) -> str:
    """Give ``dvc.lock`` the content of the last commit, delete what no commit has; which."""
    content = committed(root, name) if name == LOCK else None
    if content is None or not passes(READERS[name], content):
        (root / name).unlink()
        return "deleted"
    with replacing(root / name) as part:
        part.write_bytes(content)
    return "restored from the last commit"


def committed(root: Path, name: Path) -> bytes | None:
    """A file as the last commit has it; None without repository, commit or file.

    Raises ``UserError`` where there is a repository and git does not answer: it is not installed,
    the repository is another user's (in a container, say) or damaged.
    """
    if not any((folder / ".git").exists() for folder in (root, *root.parents)):
        return None
    head = git(root, name, "status", "--porcelain=v2", "--branch", "--untracked-files=no")
    if b"# branch.oid (initial)" in head:
        if b"# branch.head (unknown)" not in head:
            return None
        raise unanswered(root, name, "HEAD cannot be read")
    if not git(root, name, "ls-tree", "--name-only", "HEAD", f"./{name.as_posix()}"):
        return None
    return git(root, name, "show", f"HEAD:./{name.as_posix()}")


def git(root: Path, name: Path, *command: str) -> bytes:
    """What git answers in the folder `root`."""
    try:
        return subprocess.run(
            ["git", "--no-optional-locks", *command], cwd=root, capture_output=True, check=True
        ).stdout
    except OSError as error:
        raise unanswered(root, name, str(error)) from error
    except subprocess.CalledProcessError as error:
        raise unanswered(root, name, error.stderr.decode(errors="replace")) from error


def unanswered(root: Path, name: Path, why: str) -> UserError:
    """What to say where only git knows what a file was."""
    return UserError(
        f"{root / name}: was cut off, and git does not tell what the last commit has of it"
        f" ({' '.join(why.split())[:300]}); it is left as it is, let git answer `git show"
        f" HEAD:{name}` and run mend again"
    )


def is_whole(root: Path, name: Path) -> bool:
    """Whether a file is not there, DVC can read it, or a person has to: it is in conflict."""
    try:
        content = (root / name).read_bytes()
    except FileNotFoundError:
        return True
    return CONFLICT in content or passes(READERS[name], content)


def passes(read: Callable[[str], Any], content: bytes) -> bool:
    """Whether a reader takes what a file has, as UTF-8."""
    try:
        read(content.decode())
    except (DvcException, ValueError, Invalid):
        return False
    return True
