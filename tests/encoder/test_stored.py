"""Images in a storage that fsspec reads: the same as those of a folder."""

from pathlib import Path

import fsspec
import pytest
from encoders import archive, draw, picture
from PIL import Image

from dah.encoder.inputs import origins
from dah.encoder.stored import Stored
from dah.errors import UserError
from dah.images.contents import NO_IMAGE

NAMES = ["b/2.png", "a/1.png", "a.png", "c d/é 3.png"]


@pytest.fixture
def bucket(tmp_path):
    """A folder of images in fsspec's own memory, and the same on the disk."""
    draw(tmp_path / "local", NAMES)
    storage = fsspec.filesystem("memory")
    storage.put(str(tmp_path / "local"), "/bucket/set", recursive=True)
    storage.pipe_file("/bucket/set/.hidden.png", b"x")
    storage.pipe_file("/bucket/set/notes.txt", b"no image")
    yield storage
    storage.rm("/bucket", recursive=True)


def test_a_folder_holds_what_one_on_the_disk_does(bucket, tmp_path):
    """Names and bytes; what is hidden is passed over, what is no image is told."""
    (origin,) = origins(["memory://bucket/set/"])
    found = dict(origin.members())
    assert found.pop("notes.txt").reason == NO_IMAGE
    assert found == dict(origins([str(tmp_path / "local")])[0].members())
    assert sorted(origin.listed()) == sorted([*NAMES, "notes.txt"])
    assert origin.place == "memory://bucket/set"
    assert [name for name, _ in origin.members(lambda name: name == "a.png")] == ["a.png"]


def test_an_archive_is_read_and_its_copy_goes(bucket, tmp_path, monkeypatch):
    """Listing it leaves nothing behind, and neither does reading some of it."""
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "copies"))
    Path(tmp_path / "copies").mkdir()
    bucket.put_file(str(archive(tmp_path / "set.tar", NAMES)), "/bucket/set.tar")
    (origin,) = origins(["memory://bucket/set.tar"])
    assert origin.listed() == NAMES
    members = origin.members()
    assert next(members) == (NAMES[0], picture(0))
    members.close()
    assert not list((tmp_path / "copies").iterdir())


def test_an_image_belongs_to_its_folder(bucket):
    (origin,) = origins(["memory://bucket/set/a/1.png"])
    assert origin == Stored("memory://bucket/set/a", ("1.png",))
    assert list(origin.members()) == [("1.png", picture(1))]


def test_a_damaged_archive_is_named_by_its_address(bucket, tmp_path):
    whole = archive(tmp_path / "set.tar", NAMES).read_bytes()
    bucket.pipe_file("/bucket/cut.tar", whole[: len(whole) // 2])
    (origin,) = origins(["memory://bucket/cut.tar"])
    with pytest.raises(UserError, match=r"^memory://bucket/cut\.tar: expected a whole archive"):
        list(origin.members())


@pytest.mark.parametrize(
    ("address", "told"),
    [
        ("memory://bucket/none", "expected a folder, an archive or an image, found nothing"),
        ("nosuch://bucket", "cannot be opened: ValueError: Protocol not known"),
    ],
)
def test_what_is_not_there_is_told(bucket, address, told):
    with pytest.raises(UserError, match=f"^{address}: {told}"):
        origins([address])


def test_an_object_that_cannot_be_read_stops_nothing(bucket, monkeypatch):
    """It comes with the reason, as a file without permission does."""
    whole = type(bucket).open

    def broken(self, path, *given, **named):
        if path.endswith("a/1.png"):
            raise PermissionError("access denied")
        return whole(self, path, *given, **named)

    monkeypatch.setattr(type(bucket), "open", broken)
    (origin,) = origins(["memory://bucket/set"])
    found = dict(origin.members())
    assert found["a/1.png"].reason == "cannot be read: PermissionError: access denied"
    assert found["a.png"] == picture(2)


def test_pictures_are_those_that_were_drawn(bucket):
    """What `picture` makes opens; the comparisons above are not of empty bytes."""
    with bucket.open("/bucket/set/a.png") as file:
        assert Image.open(file).size == (44, 30)
