"""Archives: what was written comes back, in any container; what is unsafe or broken is refused."""

import gzip
import hashlib
import io
import os
import tarfile
import zipfile
from itertools import islice

import numpy as np
import pytest

from dah.errors import UserError
from dah.images import archives, contents
from dah.images.archives import describe, member_names, read_members, write_tar
from dah.images.lookup import read_image

MEMBERS = [
    ("mug/b.jpg", b"second"),
    ("mug/a.jpg", b"first" * 300),
    ("back pack/é.png", bytes(512)),
    ("x" * 120 + "/empty.png", b""),
]


def header(name, kind=tarfile.REGTYPE, **fields):
    """A tar header with any field set."""
    made = tarfile.TarInfo(name)
    made.type = kind
    for field, value in fields.items():
        setattr(made, field, value)
    return made


def tar_of(path, *entries, mode="w"):
    """A tar that Python writes from headers and bytes, with nothing checked."""
    with tarfile.open(path, mode) as tar:
        for made, data in entries:
            made.size = len(data)
            tar.addfile(made, io.BytesIO(data))
    return path


def zip_of(path, *entries):
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for made, data in entries:
            archive.writestr(made, data)
    return path


def folder_of(path, members):
    for name, data in members:
        (path / name).parent.mkdir(parents=True, exist_ok=True)
        (path / name).write_bytes(data)
    return path


def test_a_tar_comes_back_as_written(tmp_path):
    """Names, bytes and order survive; Python's own reader agrees."""
    path = tmp_path / "new folder" / "a.tar"
    write_tar(path, iter(MEMBERS))
    assert list(read_members(path)) == MEMBERS
    with tarfile.open(path, "r:") as tar:
        assert [(m.name, tar.extractfile(m).read()) for m in tar] == MEMBERS
        for m in tar:
            assert (m.mtime, m.uid, m.gid, m.uname, m.gname, m.mode) == (0, 0, 0, "", "", 0o644)


def test_the_bytes_follow_from_the_members_alone(tmp_path):
    """The digest is fixed for good: a change would make DVC run everything again."""
    write_tar(tmp_path / "a.tar", MEMBERS)
    write_tar(tmp_path / "b.tar", MEMBERS)
    data = (tmp_path / "a.tar").read_bytes()
    assert data == (tmp_path / "b.tar").read_bytes()
    assert hashlib.sha256(data).hexdigest().startswith("777d697f9e60aeec15f700017df404f6")


def test_a_killed_run_leaves_no_half_file(tmp_path):
    """An older file stays as it was, and no temporary one is left."""
    path = tmp_path / "a.tar"
    write_tar(path, MEMBERS)
    before = path.read_bytes()

    def broken():
        yield MEMBERS[0]
        raise RuntimeError("killed")

    with pytest.raises(RuntimeError, match="killed"):
        write_tar(path, broken())
    assert path.read_bytes() == before
    assert [file.name for file in tmp_path.iterdir()] == ["a.tar"]


@pytest.mark.parametrize("mode", ["w", "w:gz", "w:bz2", "w:xz"])
@pytest.mark.parametrize("layout", [tarfile.GNU_FORMAT, tarfile.PAX_FORMAT])
def test_every_tar_reads_alike(tmp_path, mode, layout):
    """Compression and header dialect change nothing."""
    with tarfile.open(tmp_path / "a.bin", mode, format=layout) as tar:
        tar.addfile(header("./mug", tarfile.DIRTYPE))
        for name, data in MEMBERS:
            tar.addfile(header(f"./{name}", size=len(data)), io.BytesIO(data))
    assert list(read_members(tmp_path / "a.bin")) == MEMBERS


def test_a_zip_comes_back_in_stored_order(tmp_path):
    """Folders' own entries are left out."""
    path = zip_of(tmp_path / "a.zip", ("mug/", b""), *MEMBERS)
    assert list(read_members(path)) == MEMBERS


def test_a_folder_comes_back_in_the_order_of_its_names(tmp_path):
    """Sorted within each folder, whatever the file system's order."""
    path = folder_of(tmp_path / "a", MEMBERS)
    assert list(read_members(path)) == sorted(MEMBERS)


JUNK = (
    *("__MACOSX/mug/._a.jpg", "mug/.DS_Store", "mug/Thumbs.db", "mug/._a.jpg", "mug/Icon\r"),
    *("mug/.ipynb_checkpoints/a-checkpoint.jpg", ".Trash-1000/files/a.jpg", ".git/a.jpg"),
    *("mug/@eaDir/a.jpg/SYNOPHOTO_THUMB_XL.jpg", "#recycle/a.jpg", "$RECYCLE.BIN/a.jpg"),
    *(".thumbnails/a.jpg", "mug/.a.jpg", "System Volume Information/a.jpg", "@Recycle/a.jpg"),
)


def test_hidden_files_and_junk_are_passed_over(tmp_path):
    """In all containers, at any depth, read or listed, even where they are images."""
    members = [("mug/a.jpg", b"1"), *((name, b"2") for name in JUNK)]
    write_tar(tmp_path / "a.tar", members)
    for path in (
        tmp_path / "a.tar",
        zip_of(tmp_path / "a.zip", *members),
        folder_of(tmp_path / "a", members),
    ):
        for strict in (True, False):
            assert list(read_members(path, strict=strict)) == [("mug/a.jpg", b"1")]
        assert member_names(path) == ["mug/a.jpg"]


def test_a_hidden_folder_that_is_given_is_read(tmp_path):
    """Only what lies below is looked at, as in a cache below the home folder."""
    folder_of(tmp_path / ".cache/.x", [("mug/a.jpg", b"1")])
    assert list(read_members(tmp_path / ".cache/.x")) == [("mug/a.jpg", b"1")]


UNSAFE = ["/etc/passwd", "../a.jpg", "mug/../../a.jpg"]
OF_WINDOWS = ["C:/a.jpg", "mug\\a.jpg"]


def refused_after_the_first(path, name):
    """The first member is read; the second one is named, in a line."""
    reader = read_members(path)
    assert next(reader) == ("mug/a.jpg", b"1")
    with pytest.raises(UserError, match=r"a\.(tar|zip): expected .* found the member") as error:
        next(reader)
    assert repr(name) in str(error.value)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("name", UNSAFE)
def test_names_that_lead_elsewhere_are_refused(tmp_path, name):
    """Absolute and upwards, in a tar and in a zip."""
    good = ("mug/a.jpg", b"1")
    tar = tar_of(tmp_path / "a.tar", (header(good[0]), good[1]), (header(name), b"2"))
    for path in (tar, zip_of(tmp_path / "a.zip", good, (name, b"2"))):
        refused_after_the_first(path, name)


@pytest.mark.parametrize("name", OF_WINDOWS)
def test_paths_of_windows_are_refused_in_a_zip(tmp_path, name):
    """Where a backslash may be a folder's or a name's."""
    refused_after_the_first(zip_of(tmp_path / "a.zip", ("mug/a.jpg", b"1"), (name, b"2")), name)


NAMES = [
    "Screenshot 2024-05-01 at 3.45.12\u202fPM.png",
    "Sni\u0301mek obrazovky v\u00a013.05.05.jpg",
    "family \U0001f468\u200d\U0001f469.jpg",
    "a\nb\r.jpg",
    "12:30.jpg",
    "c:a.jpg",
    "back\\slash.jpg",
    "caf\udce9.jpg",
    "(1).jpg",
]


@pytest.mark.parametrize("name", NAMES)
def test_any_name_of_a_file_is_the_name_of_an_image(tmp_path, name):
    """In a folder and in a tar of it: of a Mac, of a phone, with bytes that are no UTF-8."""
    folder = folder_of(tmp_path / "a", [(f"mug/{name}", b"1")])
    with tarfile.open(tmp_path / "a.tar", "w") as tar:
        tar.add(folder, ".")
    for path in (folder, tmp_path / "a.tar"):
        assert list(read_members(path)) == [(f"mug/{name}", b"1")]
        assert read_image(path, f"mug/{name}") == b"1"


@pytest.mark.parametrize(
    ("raw", "name"),
    [
        ("Möbel/é.jpg".encode(), "Möbel/é.jpg"),
        ("Möbel/e.jpg".encode("cp850"), "M\udc94bel/e.jpg"),
        ("鞄/a.jpg".encode("cp932"), "\udc8a\udc93/a.jpg"),
        (b"mug/a.jpg", "mug/a.jpg"),
    ],
)
def test_a_zips_names_are_utf8_or_bytes(tmp_path, raw, name):
    """Never the letters of a code page that it may not be; the image is found under its name."""
    path = zip_of(tmp_path / "a.zip", ("x" * len(raw), b"1"))
    path.write_bytes(path.read_bytes().replace(b"x" * len(raw), raw))
    assert list(read_members(path)) == [(name, b"1")]
    assert read_image(path, name) == b"1"


@pytest.mark.parametrize(
    "kind",
    [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.CHRTYPE, tarfile.BLKTYPE, tarfile.FIFOTYPE],
)
def test_links_and_devices_are_refused(tmp_path, kind):
    """Also where the name is harmless."""
    path = tar_of(tmp_path / "a.tar", (header("mug/a.jpg", kind, linkname="/etc/passwd"), b""))
    with pytest.raises(UserError, match=r"'mug/a.jpg', which is a link or a device; remove it"):
        list(read_members(path))


def test_links_in_zips_and_devices_in_folders_are_refused(tmp_path):
    """A zip keeps a link as a file of the type 'link'."""
    link = zipfile.ZipInfo("mug/a.jpg")
    link.external_attr = 0o120777 << 16
    pipe = folder_of(tmp_path / "c", [("b/x.jpg", b"1")])
    os.mkfifo(pipe / "mug")
    for path in (zip_of(tmp_path / "a.zip", (link, b"/etc/passwd")), pipe):
        with pytest.raises(UserError, match=r"'mug.*', which is a (link or a )?device.*; remove"):
            list(read_members(path))


def linked(folder):
    """A folder with an image, links to it and to its folder, and one to where it lies itself."""
    folder_of(folder, [("b/x.jpg", b"1")])
    (folder / "b/y.jpg").symlink_to("x.jpg")
    (folder / "mug").symlink_to("b")
    (folder / "b/round").symlink_to("..")
    return folder


def test_links_that_end_in_the_folder_are_followed(tmp_path):
    """To files and to folders, round in no circle."""
    names = ["b/x.jpg", "b/y.jpg", "mug/x.jpg", "mug/y.jpg"]
    folder = linked(tmp_path / "a")
    assert list(read_members(folder)) == [(name, b"1") for name in names]
    assert [read_image(folder, name) for name in names] == [b"1"] * 4


def test_links_into_the_caches_that_checkouts_are_made_of_are_followed(tmp_path):
    """DVC's with ``cache.type symlink``, in the repository or shared, and Hugging Face's."""
    digest = "ab/" + "0123456789" * 3
    stored = folder_of(tmp_path / "shared/cache/files/md5", [(digest, b"1")])
    folder_of(tmp_path / "hub/blobs", [("f00d", b"2")])
    snapshot = folder_of(tmp_path / "hub/snapshots/1a2b", [("mug/b.jpg", b"3")])
    (snapshot / "mug/a.jpg").symlink_to("../../../blobs/f00d")
    (snapshot / "mug/c.jpg").symlink_to(stored / digest)
    expected = [("mug/a.jpg", b"2"), ("mug/b.jpg", b"3"), ("mug/c.jpg", b"1")]
    assert list(read_members(snapshot)) == expected
    assert [name for name, _ in read_members(snapshot / "mug")] == ["a.jpg", "b.jpg", "c.jpg"]
    assert read_image(snapshot, "mug/a.jpg") == b"2"


OUT = {"file.jpg": "secret.jpg", "folder": "others", "none.jpg": "nothing", "self.jpg": "self.jpg"}


@pytest.mark.parametrize("name", OUT)
def test_links_that_lead_out_are_refused_by_name(tmp_path, name):
    """Where all must be read; else they are told with the others, and stop nothing."""
    folder_of(tmp_path, [("secret.jpg", b"1"), ("others/a.jpg", b"1"), ("a/x.jpg", b"2")])
    here = "" if name.startswith(("self", "none")) else f"{tmp_path}/"
    (tmp_path / "a" / name).symlink_to(f"{here}{OUT[name]}")
    with pytest.raises(UserError, match=rf"the member '{name}', which is a link .*; remove it"):
        list(read_members(tmp_path / "a"))
    found = dict(read_members(tmp_path / "a", strict=False))
    assert set(found) == {name, "x.jpg"}
    assert found["x.jpg"] == b"2"
    assert found[name] == b""
    assert found[name].reason.startswith("is a link")


def test_the_folder_itself_may_be_a_link(tmp_path):
    """Data sets lie on other disks."""
    folder_of(tmp_path / "a", MEMBERS)
    (tmp_path / "link").symlink_to("a")
    assert list(read_members(tmp_path / "link")) == sorted(MEMBERS)


def test_large_members_are_refused_unread(tmp_path, monkeypatch):
    """By the size in the header, before anything is unpacked."""
    monkeypatch.setattr(archives, "MAX_BYTES", 2**20)
    monkeypatch.setattr(contents, "MAX_BYTES", 2**20)
    large = ("mug/a.jpg", np.random.default_rng(0).bytes(3 * 2**20))
    write_tar(tmp_path / "a.tar", [large])
    tar_of(tmp_path / "a.tgz", (header(large[0]), large[1]), mode="w:gz")
    for path in (
        tmp_path / "a.tar",
        tmp_path / "a.tgz",
        zip_of(tmp_path / "a.zip", large),
        folder_of(tmp_path / "a", [large]),
    ):
        with pytest.raises(UserError, match=r"'mug/a.jpg', which has 3 MiB, .* at most 1 MiB"):
            list(read_members(path))
        (data,) = (data for _, data in read_members(path, strict=False))
        assert data.reason.startswith("has 3 MiB")


def test_a_header_that_announces_terabytes_is_refused(tmp_path):
    """Also an extended header, which the reader itself would load whole."""
    for kind in (tarfile.REGTYPE, tarfile.XHDTYPE, tarfile.GNUTYPE_LONGNAME):
        data = header("a.jpg", kind, size=2**40).tobuf(tarfile.GNU_FORMAT)
        (tmp_path / "a.tar.gz").write_bytes(gzip.compress(data + bytes(10240)))
        with pytest.raises(UserError, match=r"at most 512 MiB in an|damaged .*'a.jpg' of 1099511"):
            list(read_members(tmp_path / "a.tar.gz"))


@pytest.mark.parametrize("size", [-512, -1536, -(2**40)])
@pytest.mark.parametrize("form", ["base 256", "extended"])
@pytest.mark.parametrize("member", ["a.jpg", "a.txt"])
def test_a_size_below_zero_is_refused(tmp_path, form, size, member):
    """The next header would be this one again, for ever, also for what looks single images up."""
    told = header(member, size=size if form == "base 256" else 0)
    extended = tarfile.TarInfo._create_pax_generic_header({"size": str(size)}, b"x", "utf-8")
    stored = told.tobuf(tarfile.GNU_FORMAT)
    path = tmp_path / "a.tar"
    path.write_bytes((extended if form == "extended" else b"") + stored + bytes(10240))
    with pytest.raises(UserError, match="truncated or damaged"):
        list(read_members(path, lambda name: name.endswith(".jpg")))
    with pytest.raises(UserError, match=r"a\.tar: "):
        read_image(path, "b.jpg")


def test_archives_that_grow_are_refused(tmp_path, monkeypatch):
    """Many members, or what follows the end, of more than ten times the archive and the bound."""
    monkeypatch.setattr(archives, "MAX_BYTES", 2**20)
    members = [(f"mug/{number}.jpg", bytes(2**20)) for number in range(8)]
    tar_of(tmp_path / "a.tgz", *((header(name), data) for name, data in members), mode="w:gz")
    after = gzip.compress(header("a.jpg").tobuf() + bytes(2**23))
    (tmp_path / "b.tgz").write_bytes(after)
    for path in (tmp_path / "a.tgz", tmp_path / "b.tgz", zip_of(tmp_path / "a.zip", *members)):
        with pytest.raises(UserError, match=r"expected at most 1 MiB in an archive of \d+ bytes"):
            list(read_members(path))


def test_names_are_bounded(tmp_path):
    """Neither a long name nor a header of names is taken into memory or into a message."""
    for name, message in (
        ("a/" + "x" * 1000, "a name of 1002"),
        ("x" * 2**21, "damaged .* of 20971"),
    ):
        write_tar(tmp_path / "a.tar", [(name, b"x")])
        with pytest.raises(UserError, match=message) as caught:
            list(read_members(tmp_path / "a.tar"))
        assert len(str(caught.value)) < 600


def six_photos(folder, form):
    """An archive of six members of 700 random bytes."""
    rng = np.random.default_rng(0)
    members = [(f"mug/{i}.jpg", rng.bytes(700)) for i in range(6)]
    path = folder / f"a.{form}"
    if form == "zip":
        zip_of(path, *members)
    else:
        entries = [(header(name), data) for name, data in members]
        tar_of(path, *entries, mode={"tar": "w"}.get(form, f"w:{form[4:]}"))
    return path


@pytest.mark.parametrize("form", ["tar", "tar.gz", "tar.xz", "zip"])
def test_a_truncated_archive_is_never_taken_for_a_whole_one(tmp_path, form):
    """Cut at any of many places, also between two members, it is refused."""
    path = six_photos(tmp_path, form)
    data = path.read_bytes()
    end = 6 * 1536 + 1 if form == "tar" else len(data)
    for cut in [*range(300, end, 211), *range(1536, end, 1536)]:
        path.write_bytes(data[:cut])
        with pytest.raises(UserError, match=r"truncated or damaged .*; get the file again$"):
            list(read_members(path))


@pytest.mark.parametrize("form", ["tar", "tar.gz", "zip"])
def test_a_damaged_archive_is_refused(tmp_path, form):
    """One byte of a header, or of compressed data, is enough."""
    path = six_photos(tmp_path, form)
    data = bytearray(path.read_bytes())
    data[3 * 1536 + 10 if form == "tar" else 2000] ^= 0xFF
    path.write_bytes(data)
    with pytest.raises(UserError, match="truncated or damaged"):
        list(read_members(path))


def test_an_encrypted_zip_is_refused(tmp_path):
    """With the member's name in the line."""
    data = bytearray(zip_of(tmp_path / "a.zip", ("a.jpg", b"1")).read_bytes())
    data[6] |= 1
    data[data.index(b"PK\x01\x02") + 8] |= 1
    (tmp_path / "a.zip").write_bytes(data)
    with pytest.raises(UserError, match=r"a\.zip: .*'a\.jpg', which is encrypted"):
        list(read_members(tmp_path / "a.zip"))


@pytest.mark.parametrize(
    ("content", "found"),
    [
        (b"", "an empty file"),
        (
            b"<!DOCTYPE html><html><head><title>Google Drive -\n Quota exceeded</title>" * 50,
            "an HTML page titled 'Google Drive - Quota exceeded'",
        ),
        (b"\xef\xbb\xbf\n<html><p>Not found", "an HTML page that begins with '<html><p>Not found'"),
        (b"\x89PNG\r\n\x1a\n" + bytes(100), r"a file that begins with b'\x89PNG"),
        (bytes(100), r"a file that begins with b'\x00"),
        (b"Rar!\x1a\x07\x00" + bytes(2000), "a file that begins with b'Rar!"),
    ],
)
def test_what_is_no_archive_is_described(tmp_path, content, found):
    """Above all the web page that a download server sent instead."""
    (tmp_path / "a.zip").write_bytes(content)
    assert describe(content[:4096]).startswith(found)
    with pytest.raises(UserError, match=r"a\.zip: expected an archive") as error:
        list(read_members(tmp_path / "a.zip"))
    assert f"found {found}" in str(error.value)
    assert "\n" not in str(error.value)


def test_a_missing_path_is_refused(tmp_path):
    """With the path and the system's reason."""
    with pytest.raises(UserError, match=r"none\.tar: expected an archive .*No such file"):
        list(read_members(tmp_path / "none.tar"))


def test_a_folder_that_cannot_be_read_is_refused(tmp_path):
    """A file that goes away while it is listed, as the system tells it."""
    path = folder_of(tmp_path / "a", MEMBERS)
    reader = read_members(path)
    assert [name for name, _ in islice(reader, 2)] == ["back pack/é.png", "mug/a.jpg"]
    (path / "mug" / "b.jpg").unlink()
    with pytest.raises(UserError, match=r"a: expected readable files, found: .*No such file"):
        list(reader)


def test_what_is_not_wanted_is_not_read(tmp_path, monkeypatch):
    """By its name alone, even where it is too large to be read."""
    monkeypatch.setattr(archives, "MAX_BYTES", 1000)
    monkeypatch.setattr(contents, "MAX_BYTES", 1000)
    members = [("mug/a.jpg", b"1"), ("mug/movie.avi", bytes(2000))]
    for path in (zip_of(tmp_path / "a.zip", *members), folder_of(tmp_path / "a", members)):
        assert list(read_members(path, lambda name: name.endswith(".jpg"))) == members[:1]


def test_members_are_read_one_at_a_time(tmp_path):
    """The first members of an archive that breaks off later are there before the end is known."""
    write_tar(tmp_path / "a.tar", MEMBERS)
    data = (tmp_path / "a.tar").read_bytes()
    (tmp_path / "a.tar").write_bytes(data[:3000])
    reader = read_members(tmp_path / "a.tar")
    assert list(islice(reader, 1)) == MEMBERS[:1]
    reader.close()
