"""Folders whose pictures may be shown: those that the user named, on this machine."""

import os

import pytest
from encoders import archive, draw

from dah.errors import UserError
from dah.images.named import is_allowed, named_now, note, noted, notes
from dah.images.thumbnails import thumbnail_of


@pytest.fixture(autouse=True)
def state(tmp_path, monkeypatch):
    """A state folder that is not there yet."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    return tmp_path / "state"


def test_folders_are_noted_once(tmp_path):
    """In the order in which they were named; names of any kind."""
    given = [tmp_path / "a", tmp_path / "b\nc", tmp_path / os.fsdecode(b"\xff")]
    assert note(given)
    assert note([*given, tmp_path / "d"])
    assert noted() == [*given, tmp_path / "d"]
    assert len(notes().read_text().splitlines()) == 4


def test_a_damaged_note_names_nothing(state, tmp_path):
    """Lines that are no absolute path are passed over."""
    assert noted() == []
    notes().parent.mkdir(parents=True)
    notes().write_text(f'3\n"relative"\n{{\n"{tmp_path}"\n[]\n')
    assert noted() == [tmp_path]
    notes().write_bytes(b"\xff")
    assert noted() == []


def test_a_note_that_cannot_be_written_is_told(state):
    """The caller says what follows from it."""
    state.write_text("a file")
    assert not note([state])


def test_what_lies_in_a_named_folder_is_allowed(tmp_path):
    """By where it really lies: no link and no dots lead out."""
    for name in ("a/b", "ab", "c"):
        (tmp_path / name).mkdir(parents=True)
    (tmp_path / "a/link").symlink_to(tmp_path / "c")
    folders = named_now([tmp_path / "a"])
    inside = [str(tmp_path / name) for name in ("a", "a/b", "a/gone")]
    outside = [str(tmp_path / name) for name in ("ab", "c", "a/link", "a/../c", "")] + ["/", "\0"]
    assert all(is_allowed(place, folders) for place in inside)
    assert not any(is_allowed(place, folders) for place in outside)
    with pytest.raises(UserError, match="gone: expected a folder or archive of pictures"):
        named_now([tmp_path / "gone"])


def test_pictures_of_other_folders_are_not_made(tmp_path):
    """A folder, an archive and one image in them, named and not named."""
    folder = draw(tmp_path / "f", ["a.png"])
    tar = archive(tmp_path / "t.tar", ["a.png"])
    for origin in (folder, tar):
        assert thumbnail_of(str(origin), "a.png", [origin])
        assert thumbnail_of(str(origin), "a.png", [tmp_path])
        assert thumbnail_of(str(origin), "a.png", [tmp_path / "g"]) is None
        assert thumbnail_of(str(origin), "a.png", []) is None


def test_devices_and_pipes_are_no_pictures(tmp_path):
    """Nobody waits for their end, in a folder that is named too."""
    os.mkfifo(tmp_path / "pipe")
    assert thumbnail_of("/dev", "zero", [tmp_path.root]) is None
    assert thumbnail_of("/dev/zero", "a.png", [tmp_path.root]) is None
    assert thumbnail_of(str(tmp_path), "pipe", [tmp_path]) is None
    assert thumbnail_of(str(tmp_path / "pipe"), "a.png", [tmp_path]) is None
