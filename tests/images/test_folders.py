"""Folders that are replaced whole, by processes that end or are killed at any moment."""

import fcntl
import os

import pytest

from dah.errors import UserError
from dah.search.folders import replacing_folder, state_of


def put(folder, text):
    """Make a folder with one file."""
    with replacing_folder(folder) as part:
        (part / "a").write_text(text)


def names(folder):
    """All that lies in a folder, hidden or not."""
    return sorted(path.name for path in folder.iterdir())


def test_a_folder_appears_whole_and_is_replaced_whole(tmp_path):
    """Its parents too; nothing else stays."""
    put(tmp_path / "x/i", "1")
    before = state_of(tmp_path / "x/i")
    put(tmp_path / "x/i", "2")
    assert (tmp_path / "x/i/a").read_text() == "2"
    assert state_of(tmp_path / "x/i") != before
    assert names(tmp_path / "x") == ["i"]


def test_a_failure_leaves_the_former_one(tmp_path):
    """Any error, and one of the disk in a line."""
    put(tmp_path / "i", "1")
    with pytest.raises(ValueError, match="no"), replacing_folder(tmp_path / "i"):
        raise ValueError("no")
    with (
        pytest.raises(UserError, match=r"i: cannot be written: No space left"),
        replacing_folder(tmp_path / "i"),
    ):
        raise OSError(28, "No space left on device")
    assert (tmp_path / "i/a").read_text() == "1"
    assert names(tmp_path) == ["i"]


def test_two_at_once_are_both_whole(tmp_path):
    """The later one stays."""
    with replacing_folder(tmp_path / "i") as first:
        (first / "a").write_text("first")
        put(tmp_path / "i", "second")
        assert (tmp_path / "i/a").read_text() == "second"
    assert (tmp_path / "i/a").read_text() == "first"
    assert names(tmp_path) == ["i"]


def test_what_a_killed_process_left_is_removed_or_put_back(tmp_path):
    """A half folder goes; the former one, moved away, is back where no new one came."""
    (tmp_path / ".i.0123.part").mkdir()
    (tmp_path / ".i.0123.old").mkdir()
    (tmp_path / ".i.0123.old/a").write_text("former")
    with pytest.raises(ValueError, match="no"), replacing_folder(tmp_path / "i"):
        raise ValueError("no")
    assert names(tmp_path) == ["i"]
    assert (tmp_path / "i/a").read_text() == "former"
    (tmp_path / ".i.0123.old").mkdir()
    put(tmp_path / "i", "new")
    assert names(tmp_path) == ["i"]


def test_what_a_living_process_makes_is_left_alone(tmp_path):
    """Its lock says that it lives; another folder's parts are nobody's business."""
    for name in (".i.0123.part", ".j.0123.part"):
        (tmp_path / name).mkdir()
    number = os.open(tmp_path / ".i.0123.part", os.O_RDONLY)
    fcntl.flock(number, fcntl.LOCK_EX)
    put(tmp_path / "i", "1")
    os.close(number)
    assert names(tmp_path) == [".i.0123.part", ".j.0123.part", "i"]


def test_the_state_of_nothing_is_nothing(tmp_path):
    """And hidden files, which come and go, do not count."""
    assert state_of(tmp_path / "absent") == {}
    (tmp_path / ".nfs01").write_text("")
    assert state_of(tmp_path) == {}
