"""One file that is in the way ends nothing: videos, links, pipes, large files, odd names."""

import io
import os
import tarfile
import zipfile

import pytest
from encoders import draw, parts, picture
from PIL import Image

from dah.commands import encode
from dah.data import archives
from dah.data.candidates import LeftOut, candidates, listed, may_be_image
from dah.data.inputs import origins
from dah.encoder import load_encoder
from dah.encoder_file import write_encoder
from dah.imagecodes import read_rows
from dah.tables import SKIPPED, read_table

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


def told(left):
    """Names of what is left out, and the reasons."""
    failures = {name: reason for _, name, reason in left.failures}
    return [name for _, name in left.others], failures


@pytest.mark.parametrize("kind", ["f", "f.tar", "f.zip", "f/*"])
def test_a_large_video_is_passed_over_and_a_large_image_told(tmp_path, monkeypatch, kind):
    """The images beside them are read, whatever holds them."""
    album(tmp_path / kind.removesuffix("/*"))
    monkeypatch.setattr(archives, "MAX_BYTES", 2**20)
    (origin,) = origins([str(tmp_path / kind)])
    left = LeftOut()
    assert dict(candidates(origin, left)) == {"a.png": picture(0), "b": picture(1)}
    assert told(left) == (
        ["clip.mp4", "read me.txt"],
        {"large.png": "has 3 MiB, more than 1"},
    )
    assert listed(origin) == ["a.png", "b", "large.png"]


def test_of_what_is_no_image_the_first_bytes_are_read(tmp_path):
    """And no more, however large it is."""
    folder = draw(tmp_path / "f", ["a.png"])
    with (folder / "clip.MOV").open("wb") as file:
        file.truncate(2**40)
    ((name, data),) = candidates(origins([str(folder)])[0], LeftOut())
    assert (name, data) == ("a.png", picture(0))


def test_links_pipes_and_unreadable_files_are_told(tmp_path):
    """A pipe would keep its reader waiting for ever."""
    folder = draw(tmp_path / "f", ["a.png"])
    os.mkfifo(folder / "pipe.png")
    (folder / "loop.png").symlink_to("loop.png")
    (folder / "gone.png").symlink_to(tmp_path / "nowhere.png")
    for argument in (folder, folder / "*"):
        left = LeftOut()
        found = origins([str(argument)])
        assert [name for o in found for name, _ in candidates(o, left)] == ["a.png"]
    left = LeftOut()
    (origin,) = origins([str(folder)])
    list(candidates(origin, left))
    assert {"pipe.png", "loop.png", "gone.png"} == set(told(left)[1])


def test_a_pipe_that_is_named_is_told(tmp_path):
    """Alone, as an argument."""
    os.mkfifo(tmp_path / "pipe.png")
    left = LeftOut()
    (origin,) = origins([str(tmp_path / "pipe.png")])
    assert list(candidates(origin, left)) == []
    assert told(left)[1] == {"pipe.png": "is no file"}


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_files_without_permission_are_told(tmp_path):
    """So are folders."""
    folder = draw(tmp_path / "f", ["a.png", "b.png", "c/d.png"])
    (folder / "b.png").chmod(0)
    (folder / "c").chmod(0)
    left = LeftOut()
    assert [name for name, _ in candidates(origins([str(folder)])[0], left)] == ["a.png"]
    (folder / "c").chmod(0o755)
    assert set(told(left)[1]) == {"b.png", "c/"}


@pytest.mark.parametrize("form", ["JPEG", "PNG", "BMP", "GIF", "WEBP", "TIFF", "AVIF"])
def test_images_are_known_by_their_first_bytes(form):
    """Without a name that says so."""
    if form not in Image.SAVE and Image.init() and form not in Image.SAVE:
        pytest.skip(f"this Pillow writes no {form}")
    stored = io.BytesIO()
    Image.new("RGB", (16, 16)).save(stored, form)
    assert may_be_image("IMG_0001", stored.getvalue()[: archives.HEAD])


def test_other_files_are_known_too():
    """Videos share a beginning with HEIC, sounds with WebP; a name is enough to be looked at."""
    assert not may_be_image("a.mp4", VIDEO[: archives.HEAD])
    assert not may_be_image("a.wav", b"RIFF\x24\x00\x00\x00WAVEfmt ")
    assert not may_be_image("a.json", b"{}")
    assert not may_be_image("a", b"")
    assert may_be_image("a.JPG", b"")


def test_encode_counts_and_lists_what_it_leaves_out(tmp_path, model, capsys):
    """What is no image is a number, what cannot be read a line of the table."""
    folder, out = album(tmp_path / "f"), tmp_path / "codes.h5"
    (folder / "link.png").symlink_to(tmp_path / "elsewhere.png")
    encode.run(model, [str(folder)], out, "cpu")
    said = capsys.readouterr().out.splitlines()
    assert said[0] == f"{out}: 2 images, 2 of them new, 12 bits"
    assert said[1] == "files that are no images by name and first bytes, passed over: 2"
    skipped = read_table(tmp_path / "codes.skipped.csv", SKIPPED)
    assert skipped["file"] == ["large.png", "link.png"]


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
