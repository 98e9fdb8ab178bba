"""Images that a person names, single images again, and reading ahead."""

import os
import tarfile
import threading
import zipfile

import pytest
from encoders import archive, draw, picture

from dah.encoder.inputs import origins
from dah.encoder.prefetch import ahead
from dah.errors import UserError
from dah.images.lookup import read_image

NAMES = ["a/0.png", "a/1.png", "b/2.png"]


def named(arguments):
    """Folder or archive, and names, of all members."""
    found = origins([str(argument) for argument in arguments])
    return [(o.path.name, name) for o in found for name, _ in o.members()]


def test_folders_archives_patterns_and_images_can_be_mixed(tmp_path):
    """Single images belong to their folder, each once, in the order given."""
    draw(tmp_path / "f", NAMES)
    archive(tmp_path / "t.tar", NAMES[:2])
    assert named([tmp_path / "f"]) == [("f", name) for name in NAMES]
    assert named([tmp_path / "t.tar"]) == [("t.tar", name) for name in NAMES[:2]]
    pattern = tmp_path / "f" / "**" / "*.png"
    assert named([pattern]) == [("a", "0.png"), ("a", "1.png"), ("b", "2.png")]
    images = [tmp_path / "f/a/1.png", tmp_path / "f/a/0.png", tmp_path / "f/a/1.png"]
    assert named([*images, tmp_path / "t.tar"]) == [
        ("a", "1.png"),
        ("a", "0.png"),
        ("t.tar", "a/0.png"),
        ("t.tar", "a/1.png"),
    ]


def test_a_folder_holds_its_images_however_it_is_named(tmp_path):
    """The folder beside one of its images is the folder."""
    draw(tmp_path / "f", NAMES[:2])
    assert len(named([tmp_path / "f/a/1.png", tmp_path / "f/a"])) == 2


def test_listing_reads_no_image_and_wanting_skips(tmp_path):
    """What is not wanted is not read: here it could not be."""
    (origin,) = origins([str(archive(tmp_path / "t.tar", NAMES))])
    assert origin.listed() == NAMES
    assert [name for name, _ in origin.members("a/1.png".__eq__)] == ["a/1.png"]


def test_an_image_that_went_away_is_no_image(tmp_path):
    """It is listed with the bad ones and stops nothing."""
    draw(tmp_path, NAMES[:2])
    (origin,) = origins([str(tmp_path / "a/*.png")])
    (tmp_path / "a/0.png").unlink()
    assert [len(data) > 0 for _, data in origin.members()] == [False, True]


def test_what_is_not_there_is_told(tmp_path):
    """By the argument as it was given."""
    with pytest.raises(UserError, match=r"no-such\*.png: expected a folder.* found nothing"):
        origins([str(tmp_path / "no-such*.png")])


@pytest.mark.parametrize("kind", ["folder", "tar", "tar.gz", "zip"])
def test_single_images_are_read_again(tmp_path, kind):
    """From wherever they were encoded."""
    path = tmp_path / f"set.{kind}"
    if kind == "folder":
        draw(path, NAMES)
    elif kind == "zip":
        with zipfile.ZipFile(path, "w") as packed:
            for seed, name in enumerate(NAMES):
                packed.writestr(name, picture(seed))
    else:
        draw(tmp_path / "f", NAMES)
        with tarfile.open(path, "w:gz" if kind == "tar.gz" else "w") as packed:
            packed.add(tmp_path / "f", ".")
    for seed in (2, 0, 1):
        assert read_image(path, NAMES[seed]) == picture(seed)
    with pytest.raises(UserError, match=r"a/9\.png"):
        read_image(path, "a/9.png")


@pytest.mark.parametrize(
    "name", ["../secret.png", "/etc/hostname", "a/../../secret.png", "./0.png"]
)
def test_names_that_lead_out_are_refused(tmp_path, name):
    """An index that someone else made cannot show other files."""
    draw(tmp_path / "f", NAMES)
    draw(tmp_path, ["secret.png"])
    with pytest.raises(UserError, match=r"leads out of|expected the name of an image"):
        read_image(tmp_path / "f", name)


def test_a_link_out_of_the_folder_is_refused(tmp_path):
    """Its name looks harmless."""
    draw(tmp_path / "f", NAMES)
    draw(tmp_path, ["secret.png"])
    (tmp_path / "f/link.png").symlink_to(tmp_path / "secret.png")
    with pytest.raises(UserError, match="is a link out of it"):
        read_image(tmp_path / "f", "link.png")


def test_patterns_match_no_hidden_files_nor_junk(tmp_path):
    """Unless they name them."""
    draw(tmp_path, ["a/0.png", "@eaDir/1.png", "a/.2.png", "__MACOSX/3.png"])
    assert named([tmp_path / "**" / "*.png"]) == [("a", "0.png")]
    assert named([tmp_path / "@eaDir" / "*.png"]) == [("@eaDir", "1.png")]
    assert named([tmp_path / "a/.2.png"]) == [("a", ".2.png")]
    (origin,) = origins([str(tmp_path / "a/.2.png")])
    assert read_image(origin.path, ".2.png") == picture(2)


def test_one_file_never_ends_a_folder(tmp_path):
    """A link out of it, a pipe, a film: each comes with its reason, and the others are read."""
    draw(tmp_path / "f", NAMES[:1])
    (tmp_path / "f/link.png").symlink_to("/etc/hostname")
    (tmp_path / "f/film.mp4").write_bytes(bytes(100))
    os.mkfifo(tmp_path / "f/pipe.png")
    for given in (tmp_path / "f", tmp_path / "f" / "**" / "*"):
        reasons = {
            name: getattr(data, "reason", "")
            for origin in origins([str(given)])
            for name, data in origin.members()
        }
        assert "" in (reasons.get("a/0.png"), reasons.get("0.png"))
        assert "no image by its name" in reasons["film.mp4"]


def test_a_link_that_is_named_is_followed(tmp_path):
    """Wherever it leads."""
    draw(tmp_path, NAMES[:1])
    (tmp_path / "l").mkdir()
    (tmp_path / "l/x.png").symlink_to(tmp_path / NAMES[0])
    (origin,) = origins([str(tmp_path / "l/x.png")])
    assert list(origin.members()) == [("x.png", picture(0))]


def test_a_device_is_no_input(tmp_path):
    """Opening a pipe would wait for ever."""
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(UserError, match=r"pipe: expected a folder or a file, found a device"):
        origins([str(tmp_path / "pipe")])


def test_ahead_keeps_the_order_and_bounds_what_waits():
    """No more than `count` items, and the one being made, exist before they are asked for."""
    made, given = [], []

    def items():
        for i in range(50):
            made.append(i)
            yield i

    for item in ahead(items(), 3):
        given.append(item)
        assert len(made) - len(given) <= 3 + 1
    assert given == list(range(50))


def test_ahead_raises_what_the_iterator_raises_after_its_items():
    """In the thread that reads."""

    def items():
        yield 1
        raise UserError("the archive is truncated")

    stream = ahead(items(), 4)
    assert next(stream) == 1
    with pytest.raises(UserError, match="the archive is truncated"):
        next(stream)


def test_ahead_stops_its_thread_where_the_reader_stops():
    """Nothing is left running."""
    before = threading.active_count()
    stream = ahead(iter(range(10**9)), 2)
    assert next(stream) == 0
    stream.close()
    assert threading.active_count() == before
