"""One process at a time writes a file of codes."""

import errno
import fcntl
import subprocess
import sys

import pytest
from encoders import draw, parts

from dah.commands import encode
from dah.encoder.file import write_encoder
from dah.encoder.imagecodes import count_rows, read_rows
from dah.encoder.shards import alone
from dah.errors import UserError
from dah.files.locks import held

HOLDING = """
import sys, time
from pathlib import Path
from dah.files.locks import held

with held(Path(sys.argv[1]), Path("codes.h5")):
    print("held", flush=True)
    time.sleep(60)
"""


def test_the_second_process_is_told_of_the_first(tmp_path):
    """At once, and when the first is killed its lock is gone."""
    lock = tmp_path / "codes.h5.parts" / "lock"
    first = subprocess.Popen([sys.executable, "-c", HOLDING, lock], stdout=subprocess.PIPE)
    try:
        assert first.stdout.readline() == b"held\n"
        said = rf"codes\.h5: process {first.pid} on .* writes it at this time; wait until that ends"
        with pytest.raises(UserError, match=said), held(lock, tmp_path / "codes.h5"):
            pass
    finally:
        first.kill()
        first.wait()
        first.stdout.close()
    assert lock.exists()
    with held(lock, tmp_path / "codes.h5"):
        assert lock.exists()
    assert list(tmp_path.iterdir()) == []


def test_a_lock_leaves_what_else_is_in_its_folder(tmp_path):
    """Shards of a run that was stopped, say."""
    (tmp_path / "000000.h5").touch()
    with held(tmp_path / "lock", tmp_path):
        pass
    assert [path.name for path in tmp_path.iterdir()] == ["000000.h5"]


def test_a_lock_that_went_meanwhile_is_taken_anew(tmp_path, monkeypatch):
    """The first process removes its file after the second opened it: that one locks nobody out."""
    flock, lock = fcntl.flock, tmp_path / "parts" / "lock"

    def removed(file, operation):
        monkeypatch.setattr(fcntl, "flock", flock)
        lock.unlink()
        lock.parent.rmdir()
        flock(file, operation)

    monkeypatch.setattr(fcntl, "flock", removed)
    with (
        held(lock, tmp_path / "codes.h5"),
        pytest.raises(UserError, match="writes it at this time"),
        held(lock, tmp_path / "codes.h5"),
    ):
        pass


def test_a_file_system_without_locks_is_said(tmp_path, monkeypatch, capsys):
    """The work is done all the same."""

    def none(file, operation):
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr(fcntl, "flock", none)
    with held(tmp_path / "lock", tmp_path / "codes.h5"):
        said = capsys.readouterr().err
    assert "codes.h5: its file system has no locks (No locks available)" in said


def test_a_lock_that_cannot_be_made_is_a_line(tmp_path):
    """A file stands where its folder should be."""
    (tmp_path / "parts").touch()
    with (
        pytest.raises(UserError, match=r"codes\.h5: cannot be written: "),
        held(tmp_path / "parts" / "lock", tmp_path / "codes.h5"),
    ):
        pass


def test_encode_waits_for_nobody_and_spoils_nothing(tmp_path):
    """While another one writes it is refused, before it loads anything; afterwards it goes on."""
    write_encoder(tmp_path / "e.pt", parts())
    folder, out = draw(tmp_path / "f", ["a.png", "b.png"]), tmp_path / "codes.h5"
    arguments = tmp_path / "e.pt", [str(folder)], out, "cpu"
    with alone(out), pytest.raises(UserError, match="writes it at this time"):
        encode.run(*arguments)
    assert not out.exists()
    encode.run(*arguments)
    encode.run(*arguments)
    assert count_rows(out) == 2
    assert [rows.names for rows in read_rows(out)] == [["a.png", "b.png"]]
    assert not (tmp_path / "codes.h5.parts").exists()
