"""DVC's own files after a kill: whole ones are left alone, and cut-off ones can be read again."""

import json
import sys

import pytest
from clones import ROOT, commit, run
from dvc.exceptions import DvcException
from dvc.repo import Repo

from dah.commands.mend import LOCK, RWLOCK, mend, rwlock_guard
from dah.errors import UserError

WHOLE = (ROOT / LOCK).read_bytes()
HELD = json.dumps({"read": {"/data": [{"pid": 7, "cmd": "dvc repro"}]}, "write": {}}).encode()
CUTS = 0, 1, 5, 11, 20, len(WHOLE) // 2 + 3, len(WHOLE) - 10
DELETED, RESTORED = "was cut off: deleted", "was cut off: restored from the last commit"


@pytest.fixture(scope="module")
def repository(tmp_path_factory):
    """A repository with the project's pipeline and its ``dvc.lock``, committed."""
    folder = tmp_path_factory.mktemp("mend")
    for name in ("dvc.yaml", "params.yaml"):
        (folder / name).write_bytes((ROOT / name).read_bytes())
    run(folder, "git", "init", "--quiet")
    run(folder, "dvc", "init", "--quiet")
    (folder / LOCK).write_bytes(WHOLE)
    commit(folder, "whole")
    return folder


@pytest.fixture
def folder(repository):
    """The repository as it was committed, with an ``rwlock``."""
    (repository / LOCK).write_bytes(WHOLE)
    (repository / RWLOCK).write_bytes(HELD)
    return repository


def found(folder):
    """The bytes of both files; None for one that is not there."""
    paths = folder / LOCK, folder / RWLOCK
    return tuple(path.read_bytes() if path.exists() else None for path in paths)


def test_whole_files_are_left_alone(folder):
    """And so are files that are not there."""
    assert mend(folder) == []
    assert found(folder) == (WHOLE, HELD)
    (folder / LOCK).unlink()
    (folder / RWLOCK).unlink()
    assert mend(folder) == []
    assert found(folder) == (None, None)


@pytest.mark.parametrize("cut", CUTS)
def test_a_lock_that_was_cut_off_is_that_of_the_last_commit(folder, cut):
    """Where DVC cannot read it; one cut off between two keys it can, and it is left."""
    (folder / LOCK).write_bytes(WHOLE[:cut])
    readable = not found_broken(folder)
    assert mend(folder) == ([] if readable else [f"dvc.lock {RESTORED}"])
    assert found(folder) == (WHOLE[:cut] if readable else WHOLE, HELD)
    assert not found_broken(folder)


def found_broken(folder):
    """Whether DVC refuses to read ``dvc.lock``."""
    try:
        with Repo(folder) as repo:
            repo.index.stages  # noqa: B018 - reads them
    except DvcException:
        return True
    return False


@pytest.mark.parametrize("cut", range(0, len(HELD), 9))
def test_an_rwlock_that_was_cut_off_is_deleted(folder, cut):
    """Whatever is left of it; it names what the stages of a run hold, which is over."""
    (folder / RWLOCK).write_bytes(HELD[:cut])
    assert mend(folder) == [f".dvc/tmp/rwlock {DELETED}"]
    assert found(folder) == (WHOLE, None)


def test_a_lock_of_no_commit_is_deleted(folder, tmp_path):
    """In a repository that never had one, and in one whose commit has a broken one."""
    run(tmp_path, "git", "init", "--quiet")
    run(tmp_path, "dvc", "init", "--quiet")
    (tmp_path / LOCK).write_bytes(WHOLE[:20])
    assert mend(tmp_path) == [f"dvc.lock {DELETED}"]
    (tmp_path / LOCK).write_bytes(WHOLE[:20])
    commit(tmp_path, "broken")
    assert mend(tmp_path) == [f"dvc.lock {DELETED}"]
    assert found(tmp_path) == (None, None)


def refused_git(folder, reason):
    """The lock, cut off, is left where git has a reason not to answer."""
    (folder / LOCK).write_bytes(WHOLE[:20])
    with pytest.raises(
        UserError, match=rf"dvc\.lock: was cut off, and git .*{reason}.*; it is left"
    ):
        mend(folder)
    assert found(folder) == (WHOLE[:20], HELD)


def test_a_lock_is_left_where_git_refuses_to_answer(folder, monkeypatch):
    """The repository is another user's, as in a container; git is not there."""
    monkeypatch.setenv("GIT_TEST_ASSUME_DIFFERENT_OWNER", "1")
    refused_git(folder, "dubious ownership")
    monkeypatch.delenv("GIT_TEST_ASSUME_DIFFERENT_OWNER")
    monkeypatch.setenv("PATH", str(folder))
    refused_git(folder, "No such file")


def test_a_lock_is_left_where_the_last_commit_cannot_be_read(folder):
    """Its name was cut off by the same failure of power."""
    head = folder / ".git" / (folder / ".git/HEAD").read_text(encoding="utf-8").split()[1]
    kept = head.read_bytes()
    head.write_bytes(b"")
    refused_git(folder, "HEAD cannot be read")
    head.write_bytes(b"0123456789" * 4 + b"\n")
    refused_git(folder, "bad object|fatal")
    head.write_bytes(kept)
    assert mend(folder) == [f"dvc.lock {RESTORED}"]


def test_an_rwlock_needs_no_git(folder, monkeypatch):
    """No commit has it."""
    (folder / RWLOCK).write_bytes(HELD[:9])
    monkeypatch.setenv("GIT_TEST_ASSUME_DIFFERENT_OWNER", "1")
    assert mend(folder) == [f".dvc/tmp/rwlock {DELETED}"]


def test_a_repository_without_git_has_no_commit(tmp_path):
    """``dvc init --no-scm``."""
    run(tmp_path, "dvc", "init", "--quiet", "--no-scm")
    (tmp_path / LOCK).write_bytes(WHOLE[:20])
    assert mend(tmp_path) == [f"dvc.lock {DELETED}"]


def test_what_a_run_would_delete_is_refused_before_it_starts(folder):
    """``make repro`` calls mend first; DVC itself would clear data/raw without a question."""
    own = folder / "data/raw/mine.zip"
    own.parent.mkdir(parents=True)
    own.write_bytes(b"photographs")
    said = run(folder, sys.executable, "-m", "dah", "mend", code=1)
    assert "data/raw/mine.zip: expected outputs of the pipeline alone" in said
    assert said.count("\n") == 1
    own.unlink()
    assert run(folder, sys.executable, "-m", "dah", "mend") == ""


def test_a_conflict_is_left_to_its_author(folder):
    """Both sides of a merge stand in it."""
    conflict = b"schema: '2.0'\n<<<<<<< ours\nstages:\n=======\n>>>>>>> theirs\n"
    (folder / LOCK).write_bytes(conflict)
    assert mend(folder) == []
    assert found(folder) == (conflict, HELD)


def test_nothing_is_mended_while_dvc_is_at_work(folder):
    """What looks cut off may be in the midst of being written."""
    (folder / LOCK).write_bytes(WHOLE[:20])
    refused = pytest.raises(UserError, match=r"dvc\.lock: .*Unable to acquire lock")
    with Repo(folder) as repo, repo.lock, refused:
        mend(folder)
    assert found(folder) == (WHOLE[:20], HELD)


def test_nothing_is_mended_while_dvc_notes_what_stages_hold(folder):
    """Under the lock of ``rwlock``, which it takes beside its own; the file is named."""
    (folder / RWLOCK).write_bytes(HELD[:9])
    refused = pytest.raises(UserError, match=r"tmp/rwlock: .*Unable to acquire lock")
    with Repo(folder) as repo, rwlock_guard(repo), refused:
        mend(folder)
    assert found(folder) == (WHOLE, HELD[:9])


def test_a_cut_within_a_letter_is_seen(folder):
    """Half of an umlaut's two bytes at the end of a lock that is whole else."""
    (folder / LOCK).write_bytes(WHOLE + "# Büro".encode()[:4])
    assert found_broken(folder)
    assert mend(folder) == [f"dvc.lock {RESTORED}"]
    assert found(folder) == (WHOLE, HELD)


def test_the_command_mends_from_any_folder_of_the_repository(folder, tmp_path):
    """As ``dvc repro`` runs from any; outside of a repository it says so in a line."""
    (folder / RWLOCK).write_bytes(HELD[:9])
    (folder / "notes").mkdir(exist_ok=True)
    command = sys.executable, "-m", "dah", "mend"
    assert run(folder / "notes", *command) == f".dvc/tmp/rwlock {DELETED}\n"
    said = run(tmp_path, *command, code=1)
    assert said.startswith("dah: you are not inside of a DVC repository")
    assert said.count("\n") == 1


def test_repro_of_make_mends_first():
    """Before DVC would refuse to start."""
    recipe = (ROOT / "Makefile").read_text(encoding="utf-8").split("repro: ")[1].split("\n\n")[0]
    assert recipe.splitlines()[1:3] == ["\tpython -m dah mend", "\tdvc repro"]
