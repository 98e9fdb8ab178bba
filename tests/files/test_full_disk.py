"""A full disk and a read-only folder: one line, no half file, and what was there stays."""

import os
import resource
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from disks import ROOM, limited_files

from dah.encoder.imagecodes import Header, Rows, writing
from dah.errors import UserError
from dah.files.artifacts import Codes, write_codes, write_features, write_images
from dah.files.tables import write_json, write_table
from dah.images.archives import write_tar
from dah.images.download import record_digest
from dah.images.fetch import obtain
from dah.networks.build import build_trunk
from dah.networks.checkpoints import write_model
from dah.project.presets import apply_preset

ROOT = Path(__file__).parents[2]


def pixels(path, given=40):
    """Where an image is missing, the others are stored once more."""
    images = ((row, np.full((16, 16, 3), row, np.uint8)) for row in range(given))
    write_images(path, images, [str(row) for row in range(40)], 16)


def codes(path):
    ids = [f"{row:040}" for row in range(99)]
    packed = np.zeros((99, 128), np.uint8)
    write_codes(path, Codes(1024, packed, ids, packed, ids))


def encoded(path):
    """What `encode` writes, and `index` of several files."""
    rows = Rows(
        ["/o"] * 99,
        [f"{row:040}" for row in range(99)],
        np.zeros((99, 8), np.uint8),
        np.zeros(99, np.int32),
        np.ones(99, np.float32),
    )
    with writing(path, Header(64, ["mug"], "/m.pt", "f" * 16)) as append:
        for _ in range(9):
            append(rows)


NUMBERS = [str(row) for row in range(99)]
DIGESTS = "".join(f"{'0' * 64}  {number}.archive\n" for number in range(200))
WRITERS = {
    "images.h5": pixels,
    "some_images.h5": lambda path: pixels(path, 39),
    "features.h5": lambda path: write_features(path, np.ones((99, 99)), NUMBERS),
    "ids.h5": lambda path: write_features(path, np.ones((99, 1)), [n + "x" * 199 for n in NUMBERS]),
    "codes.h5": codes,
    "encoded.h5": encoded,
    "model.pt": lambda path: write_model(path, build_trunk("lenet").state_dict(), {}),
    "table.csv": lambda path: write_table(path, ("id",), ([n * 99] for n in NUMBERS)),
    "metrics.json": lambda path: write_json(path, {"map": dict.fromkeys(NUMBERS, "x" * 999)}),
    "domain.tar": lambda path: write_tar(path, [("a.png", bytes(20_000))]),
}  # fmt: skip


def refused(write, path, reason):
    """The writer says so in one line, and the folder is as it was."""
    before = {file.name: file.read_bytes() for file in path.parent.iterdir()}
    with pytest.raises(UserError, match=f": cannot be written: {reason}; free space or") as caught:
        write(path)
    assert str(caught.value).startswith(str(path))
    assert "\n" not in str(caught.value)
    assert {file.name: file.read_bytes() for file in path.parent.iterdir()} == before


@pytest.mark.parametrize("old", [True, False])
@pytest.mark.parametrize("name", WRITERS)
def test_a_file_that_may_not_grow(tmp_path, name, old):
    """Every writer, with an earlier result in its place and without one."""
    if old:
        (tmp_path / name).write_bytes(b"earlier")
    with limited_files():
        refused(WRITERS[name], tmp_path / name, "File too large")


@pytest.mark.parametrize("name", WRITERS)
def test_a_full_disk(disk, name):
    """HDF5 would end the process here; it is not told."""
    place, _ = disk
    (place / name).write_bytes(b"earlier")
    refused(WRITERS[name], place / name, "No space left on device")


@pytest.mark.parametrize("name", WRITERS)
def test_a_read_only_file_system(disk, name):
    """Before any work is lost."""
    place, lock = disk
    (place / name).write_bytes(b"earlier")
    lock()
    refused(WRITERS[name], place / name, "Read-only file system")


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
@pytest.mark.parametrize("name", WRITERS)
def test_a_read_only_folder(tmp_path, name):
    """The same for permissions."""
    tmp_path.chmod(0o555)
    refused(WRITERS[name], tmp_path / name, "Permission denied")
    tmp_path.chmod(0o755)


def test_a_file_where_a_folder_should_be(tmp_path):
    """Named with what the system says."""
    (tmp_path / "a").write_bytes(b"")
    with pytest.raises(UserError, match=r"a/m\.json: cannot be written: (File exists|Not a dir)"):
        write_json(tmp_path / "a" / "m.json", {})
    assert (tmp_path / "a").read_bytes() == b""


def test_the_parameters_and_checksums_stay(tmp_path):
    """A preset or a checksum that cannot be stored leaves the file as it was."""
    parameters, checksums = tmp_path / "params.yaml", tmp_path / "checksums.txt"
    parameters.write_bytes((ROOT / "params.yaml").read_bytes() + b"# long" * 1000)
    checksums.write_text(DIGESTS, encoding="utf-8")
    with limited_files():
        refused(
            lambda path: apply_preset("office31", ROOT / "presets", path),
            parameters,
            "File too large",
        )
    before = {file.name: file.read_bytes() for file in tmp_path.iterdir()}
    (tmp_path / "a.archive").write_bytes(b"x")
    with limited_files(), pytest.raises(UserError, match=r"checksums\.txt: cannot be written"):
        record_digest(tmp_path / "a.archive", checksums)
    (tmp_path / "a.archive").unlink()
    assert {file.name: file.read_bytes() for file in tmp_path.iterdir()} == before


def test_a_data_set_that_does_not_fit(tmp_path):
    """The domains' archives appear as a whole or not at all."""
    for number in range(3):
        image = tmp_path / "source" / "a" / "mug" / f"{number}.png"
        image.parent.mkdir(parents=True, exist_ok=True)
        image.write_bytes(bytes(ROOM - 1))
    places = {"cache": tmp_path / "cache", "checksums": tmp_path / "checksums.txt"}
    with limited_files(), pytest.raises(UserError, match=r"raw.*: cannot be written: File too lar"):
        obtain("folder", tmp_path / "source", ["a"], tmp_path / "raw", **places)
    assert list((tmp_path / "raw").iterdir()) == []


def test_a_stage_ends_in_one_line(tmp_path):
    """Exit code 1, no stack trace, the earlier lists untouched."""
    (tmp_path / "params.yaml").write_bytes((ROOT / "params.yaml").read_bytes())
    labels = tmp_path / "labels"
    labels.mkdir()
    for name in ("print", "hand"):
        rows = (f"{name}{i},{i % 2},{i % 2}/{i}.png,8,8\n" for i in range(2000))
        text = "id,category,file,width,height\n" + "".join(rows)
        (labels / f"{name}.csv").write_text(text, encoding="utf-8")
    paths = "--task print-hand --labels labels --lists lists --truth truth.csv"
    result = subprocess.run(
        [sys.executable, "-m", "stages.split", *paths.split()],
        cwd=tmp_path, text=True, check=False, capture_output=True,
        env={"PYTHONPATH": str(ROOT), "PATH": "", "PYTHONDONTWRITEBYTECODE": "1"},
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (ROOM, ROOM)),
    )  # fmt: skip
    assert (result.returncode, result.stdout) == (1, "")
    assert result.stderr == (
        "split: lists/source.csv: cannot be written: File too large; free space or mend"
        " permissions, then run again\n"
    )
    assert [file.name for file in (tmp_path / "lists").iterdir()] == ["categories.csv"]
