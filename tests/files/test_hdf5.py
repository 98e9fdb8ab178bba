"""HDF5 from a stranger, on file systems without locks, and texts of fixed length."""

import errno
import fcntl

import h5py
import numpy as np
import pytest
from encoders import draw, parts

from dah.commands import encode
from dah.encoder.file import write_encoder
from dah.encoder.imagecodes import (
    Header,
    Rows,
    count_rows,
    read_codes_of,
    read_header,
    read_rows,
    rows_at,
    writing,
)
from dah.errors import UserError
from dah.files import hdf5
from dah.files.artifacts import (
    Codes,
    read_features,
    unwritable,
    write_codes,
    write_features,
    write_images,
)

COUNT = 6


def written(path):
    """Codes of six images."""
    rows = Rows(
        origins=["/photos/a", "/photos/b"] * 3,
        names=[f"ä{i}.png" for i in range(COUNT)],
        codes=np.arange(2 * COUNT, dtype=np.uint8).reshape(COUNT, 2) & 0xF0,
        labels=np.arange(COUNT, dtype=np.int32) % 2,
        probabilities=np.full(COUNT, 0.5, np.float32),
    )
    with writing(path, Header(12, ["mug", "päivä"], "/m.pt", "f" * 16)) as append:
        append(rows)
    return path


def put(name, **options):
    """Replace an array."""

    def change(file):
        del file[name]
        file.create_dataset(name, **options)

    return change


def link(name, to):
    """Replace an array by a link."""

    def change(file):
        del file[name]
        file[name] = to

    return change


def virtual(file):
    """Codes that lie in another file."""
    del file["code"]
    layout = h5py.VirtualLayout((COUNT, 2), np.uint8)
    layout[:] = h5py.VirtualSource("other.h5", "code", (COUNT, 2))
    file.create_virtual_dataset("code", layout)


def at(name, row, value):
    """Set one value."""

    def change(file):
        file[name][row] = value

    return change


def said(name, value):
    """Set an attribute."""

    def change(file):
        file.attrs[name] = value

    return change


SECRET = [("/etc/passwd", 0, COUNT * 8)]
ATTACKS = {
    "codes in another file": (
        put("code", shape=(COUNT, 2), dtype=np.uint8, external=SECRET),
        "'code' needs 12 bytes in the file itself",
    ),
    "names in another file": (
        put("name", shape=(COUNT,), dtype="S8", external=SECRET),
        "'name' needs 48 bytes in the file itself",
    ),
    "a link to another file": (link("code", h5py.ExternalLink("o.h5", "/c")), "a group or a link"),
    "a link within": (link("label", h5py.SoftLink("/origin")), "a group or a link"),
    "a view of another file": (virtual, "'code' needs 12 bytes in the file itself"),
    "2^40 rows": (
        put("code", shape=(2**40, 2), dtype=np.uint8, chunks=(4096, 2)),
        "'code' needs 2199023255552 bytes",
    ),
    "packed codes": (
        put("code", data=np.zeros((COUNT, 2), np.uint8), compression="gzip"),
        "not packed",
    ),
    "names of variable length": (
        put("name", data=["x"] * COUNT, dtype=h5py.string_dtype()),
        "'name' must be bytes_ with 1 dimensions, found object",
    ),
    "a kind of variable length": (said("dah", "codes of images"), "its attribute 'dah' is not"),
    "a model of variable length": (said("model", "/m.pt"), "its attribute 'model' is not"),
    "a label without a category": (at("label", 3, 2), r"labels of 0 \.\.\. 1, found others"),
    "a label below zero": (at("label", 3, -1), r"labels of 0 \.\.\. 1, found others"),
    "an origin that is not there": (at("origin", 5, 2), r"origins of 0 \.\.\. 1, found others"),
    "no origins": (put("origins", data=np.array([], "S1")), r"origins of 0 \.\.\. -1, found"),
    "a probability of nan": (at("probability", 0, np.nan), r"probabilities of 0 \.\.\. 1"),
    "a probability of two": (at("probability", 0, 2), r"probabilities of 0 \.\.\. 1"),
    "bits after the last": (at("code", 2, 0xFF), "zeros after bit 12 of each code"),
    "no bits": (said("bits", 0), "up to 1024 bits, found 0 bits in 2 bytes"),
    "2^40 bits": (said("bits", 2**40), "up to 1024 bits, found 1099511627776 bits"),
    "half a bit": (said("bits", 11.5), r"found 11\.5 bits"),
    "bits as text": (said("bits", np.bytes_("12")), "its attribute 'bits' is not what"),
    "several bits": (said("bits", [12, 12]), "its attribute 'bits' is not what"),
    "another length": (put("label", data=np.zeros(5, np.int32)), "columns have different lengths"),
}


def everything(path):
    """Read a file in every way there is."""
    read_header(path)
    list(read_rows(path))


@pytest.mark.parametrize("attack", ATTACKS)
def test_codes_of_a_stranger_are_refused(tmp_path, attack):
    """Before anything is read that is not in the file."""
    change, message = ATTACKS[attack]
    path = written(tmp_path / "c.h5")
    everything(path)
    with h5py.File(path, "a") as file:
        change(file)
    with pytest.raises(UserError, match=message) as caught:
        everything(path)
    assert str(path) in str(caught.value)


def test_single_rows_are_checked_too(tmp_path):
    """Those that are asked for; the number of rows is that of the file."""
    path = written(tmp_path / "c.h5")
    with h5py.File(path, "a") as file:
        file["label"][3] = 7
        file["code"][2] = 0xFF
    assert rows_at(path, [0, 5]).names == ["ä0.png", "ä5.png"]
    assert count_rows(path) == COUNT
    with pytest.raises(UserError, match="labels of 0"):
        rows_at(path, [0, 3])
    with pytest.raises(UserError, match="zeros after bit 12"):
        list(read_codes_of(path, 4))


def test_encode_refuses_to_go_on_with_such_a_file(tmp_path):
    """And leaves it as it is."""
    write_encoder(tmp_path / "e.pt", parts())
    path = written(tmp_path / "c.h5")
    with h5py.File(path, "a") as file:
        put("code", shape=(COUNT, 2), dtype=np.uint8, external=SECRET)(file)
    before = path.read_bytes()
    folder = draw(tmp_path / "f", ["a.png"])
    with pytest.raises(UserError, match="in the file itself"):
        encode.run(tmp_path / "e.pt", [str(folder)], path, "cpu")
    assert path.read_bytes() == before


def test_no_file_has_a_heap_of_texts(tmp_path):
    """HDF5 2.0 reads a damaged one for ever."""
    packed = np.zeros((2, 1), np.uint8)
    write_codes(tmp_path / "a.h5", Codes(8, packed, ["a", "b"], packed, ["c", "d"]))
    write_features(tmp_path / "b.h5", np.ones((2, 3)), ["a", "b"])
    write_images(tmp_path / "c.h5", enumerate(np.zeros((2, 4, 4, 3), np.uint8)), ["a", "b"], 4)
    written(tmp_path / "d.h5")
    for path in tmp_path.iterdir():
        assert b"GCOL" not in path.read_bytes(), path


def test_names_are_read_by_other_programs(tmp_path):
    """As UTF-8, which HDF5 is told of."""
    with h5py.File(written(tmp_path / "c.h5")) as file:
        assert list(file["name"].asstr()[:2]) == ["ä0.png", "ä1.png"]
        assert list(file["categories"].asstr()[:]) == ["mug", "päivä"]


def test_names_that_are_too_long_are_not_cut(tmp_path):
    """The writer is told how long they are."""
    rows = Rows(["/o"], ["ä" * 100], *(np.zeros(s, t) for s, t in (((1, 2), "u1"), (1, "i4"))), [1])
    header = Header(12, ["mug"], "/m.pt", "f" * 16)

    def short():
        with writing(tmp_path / "c.h5", header, 199) as append:
            append(rows)

    with pytest.raises(ValueError, match="names of more than 199 bytes"):
        short()
    with writing(tmp_path / "c.h5", header, 200) as append:
        append(rows)
    assert rows_at(tmp_path / "c.h5", [0]).names == rows.names


def test_files_are_read_without_locks(tmp_path):
    """Here another one holds the lock that HDF5 would ask for."""
    path = tmp_path / "f.h5"
    write_features(path, np.ones((2, 3)), ["a", "b"])
    with path.open("r+b") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        assert read_features(path)[1] == ["a", "b"]


@pytest.mark.parametrize(
    ("number", "message"),
    [
        (errno.ENOLCK, "found: No locks available; take HDF5_USE_FILE_LOCKING out of the envir"),
        (errno.EACCES, "found: Permission denied; mend its permissions"),
        (errno.EIO, "found: Input/output error; look at the disk, then run again"),
        (errno.ENOENT, "found: No such file or directory; make it again"),
    ],
)
def test_the_remedy_fits_what_the_system_says(tmp_path, monkeypatch, number, message):
    """Of reading."""

    def failing(*_, **__):
        raise OSError(number, "unable to open")

    monkeypatch.setattr(hdf5.h5py, "File", failing)
    with pytest.raises(UserError, match=message):
        read_features(tmp_path / "f.h5")


@pytest.mark.parametrize(
    ("number", "message"),
    [
        (errno.ENOSPC, "free space or mend permissions, then run again"),
        (errno.ENOLCK, "the file system cannot do this; choose a folder on another one"),
        (errno.ENAMETOOLONG, "choose a shorter name"),
        (errno.EIO, "look at the disk, then run again"),
    ],
)
def test_the_remedy_of_a_failed_write_fits_too(tmp_path, number, message):
    """What cannot be written for want of locks wants no space."""
    assert str(unwritable(tmp_path, OSError(number, "no"))).endswith(f"be written: no; {message}")
