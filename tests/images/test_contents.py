"""One file that is in the way ends nothing: videos, links, pipes, large files, odd names."""

import io
import os
import tarfile
import zipfile

import pytest
from encoders import draw, parts, picture

from dah.commands import encode
from dah.encoder.encoder import load_encoder
from dah.encoder.file import write_encoder
from dah.encoder.imagecodes import read_rows
from dah.encoder.inputs import origins
from dah.errors import UserError
from dah.files.tables import SKIPPED, read_table
from dah.images import contents
from dah.images.contents import NO_IMAGE, Unread

VIDEO = b"\x00\x00\x00\x20ftypisom" + bytes(100)
LATIN = os.fsdecode(b"caf\xe9.png")


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    """The file of a small encoder."""
    path = tmp_path_factory.mktemp("model") / "e.pt"
    write_encoder(path, parts())
    return path


def album(path):
    """A folder, tar or zip: two images, one without suffix, a video, a text, a large image."""
    members = {
        "a.png": picture(0),
        "b": picture(1),
        "clip.mp4": VIDEO + bytes(3 * 2**20),
        "large.png": bytes(3 * 2**20),
        "read me.txt": b"the album of a holiday",
    }
    if path.suffix == ".tar":
        with tarfile.open(path, "w") as tar:
            for name, data in members.items():
                header = tarfile.TarInfo(name)
                header.size = len(data)
                tar.addfile(header, io.BytesIO(data))
    elif path.suffix == ".zip":
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as packed:
            for name, data in members.items():
                packed.writestr(name, data)
    else:
        path.mkdir()
        for name, data in members.items():
            (path / name).write_bytes(data)
    return path


def taken(*arguments):
    """What can be read, and the names of all else with the reasons."""
    read, left = {}, {}
    for origin in origins([str(argument) for argument in arguments]):
        for name, data in origin.members():
            if isinstance(data, Unread):
                left[name] = data.reason
            else:
                read[name] = data
    return read, left


@pytest.mark.parametrize("kind", ["f", "f.tar", "f.zip", "f/*"])
def test_a_large_video_is_no_image_and_a_large_image_is_told(tmp_path, monkeypatch, kind):
    """The images beside them are read, whatever holds them."""
    album(tmp_path / kind.removesuffix("/*"))
    monkeypatch.setattr(contents, "MAX_BYTES", 2**20)
    read, left = taken(tmp_path / kind)
    assert read == {"a.png": picture(0), "b": picture(1)}
    assert left == {
        "clip.mp4": NO_IMAGE,
        "large.png": "has 3 MiB, where images have at most 1 MiB",
        "read me.txt": NO_IMAGE,
    }


def test_of_what_is_no_image_the_first_bytes_are_read(tmp_path):
    """And no more, however large it is."""
    folder = draw(tmp_path / "f", ["a.png"])
    with (folder / "clip.MOV").open("wb") as file:
        file.truncate(2**40)
    (folder / "empty").touch()
    assert taken(folder) == ({"a.png": picture(0)}, {"clip.MOV": NO_IMAGE, "empty": NO_IMAGE})


def test_links_and_pipes_are_told(tmp_path):
    """A pipe would keep its reader waiting for ever; a pattern matches none of them."""
    folder = draw(tmp_path / "f", ["a.png"])
    os.mkfifo(folder / "pipe.png")
    (folder / "loop.png").symlink_to("loop.png")
    (folder / "gone.png").symlink_to(tmp_path / "nowhere.png")
    (folder / "others").symlink_to(tmp_path)
    read, left = taken(folder)
    assert list(read) == ["a.png"]
    assert set(left) == {"pipe.png", "loop.png", "gone.png", "others"}
    assert list(taken(folder / "*.png")[0]) == ["a.png"]
    with pytest.raises(UserError, match="found nothing of that name"):
        origins([str(folder / "p*.png")])


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_files_without_permission_are_told(tmp_path):
    """So are folders, in a folder and among named ones."""
    folder = draw(tmp_path / "f", ["a.png", "b.png", "c/d.png"])
    (folder / "b.png").chmod(0)
    (folder / "c").chmod(0)
    whole, matched = taken(folder), taken(folder / "*.png")
    (folder / "c").chmod(0o755)
    assert (list(whole[0]), set(whole[1])) == (["a.png"], {"b.png", "c"})
    assert (list(matched[0]), list(matched[1])) == (["a.png"], ["b.png"])


def test_encode_counts_and_lists_what_it_leaves_out(tmp_path, model, capsys):
    """What is no image is a number, what cannot be read a line of the table."""
    folder, out = album(tmp_path / "f"), tmp_path / "codes.h5"
    (folder / "link.png").symlink_to(tmp_path / "elsewhere.png")
    (folder / "others").symlink_to(tmp_path)
    encode.run(model, [str(folder)], out, "cpu")
    said = capsys.readouterr().out.splitlines()
    assert said[0] == f"{out}: 2 images, 2 of them new, 12 bits"
    assert said[1] == "files that are no images by name and first bytes, passed over: 2"
    skipped = read_table(tmp_path / "codes.skipped.csv", SKIPPED)
    assert skipped["file"] == ["large.png", "link.png", "others"]


def test_equal_names_in_two_folders_are_listed_twice(tmp_path, model):
    """By their whole paths."""
    bad = [tmp_path / folder / "bad.png" for folder in ("a", "b")]
    for path in bad:
        draw(path.parent, ["good.png"])
        path.write_bytes(b"broken")
    encode.run(model, [str(tmp_path / "?" / "*.png")], tmp_path / "codes.h5", "cpu")
    skipped = read_table(tmp_path / "codes.skipped.csv", SKIPPED)
    assert skipped["file"] == [str(path) for path in bad]
    found = load_encoder(model, "cpu").encode([path.parent for path in bad])
    assert list(found.failures) == ["bad.png", str(bad[1])]


def test_names_that_are_not_utf_8_are_names(tmp_path, model):
    """Their bytes are kept; the table of bad images shows them escaped."""
    folder = draw(tmp_path / "f", ["1.png", LATIN, "2.png"])
    bad = os.fsdecode(b"bad\xff.png")
    (folder / bad).write_bytes(b"broken")
    out = tmp_path / "codes.h5"
    for _ in range(2):
        encode.run(model, [str(folder / "*.png")], out, "cpu")
    (rows,) = read_rows(out)
    assert set(rows.names) == {"1.png", "2.png", LATIN}
    assert all((folder / name).exists() for name in rows.names)
    assert read_table(tmp_path / "codes.skipped.csv", SKIPPED)["file"] == ["bad\\xff.png"]
