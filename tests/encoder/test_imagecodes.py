"""Codes of many images in files and shards."""

import os
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import h5py
import numpy as np
import pytest
from encoders import archive, draw, parts, picture
from numpy.testing import assert_array_equal

from dah.encoder import imagecodes, shards
from dah.encoder.encoder import load_encoder
from dah.encoder.file import write_encoder
from dah.encoder.imagecodes import (
    Header,
    Rows,
    check_model,
    count_rows,
    join,
    read_codes_of,
    read_header,
    read_outputs,
    read_rows,
    rows_at,
    writing,
)
from dah.encoder.inputs import origins
from dah.encoder.shards import already_done, encode_rest, finish, header_of, pieces
from dah.errors import UserError

HEADER = Header(bits=12, categories=["mug", "päivä"], model="/m.pt", fingerprint="f" * 16)


def rows(count, seed=0):
    """Random images of three origins."""
    rng = np.random.default_rng(seed)
    codes = rng.integers(0, 256, (count, 2), np.uint8)
    codes[:, 1] &= 0b11110000
    return Rows(
        origins=[f"/o{i}" for i in rng.integers(0, 3, count)],
        names=[f"bild-ä-{seed}-{i}.png" for i in range(count)],
        codes=codes,
        labels=rng.integers(0, 2, count).astype(np.int32),
        probabilities=rng.random(count).astype(np.float32),
    )


def assert_rows(found, expected):
    """Every column is equal."""
    assert found.origins == expected.origins
    assert found.names == expected.names
    for column in ("codes", "labels", "probabilities"):
        assert_array_equal(getattr(found, column), getattr(expected, column))


def one(path):
    """All rows of a small file."""
    (found,) = read_rows(path)
    return found


def both(a, b):
    """The rows of one after those of the other."""
    columns = ((x, y) for x, y in zip(a, b, strict=True) if x is not None)
    return Rows(*(x + y if isinstance(x, list) else np.concatenate([x, y]) for x, y in columns))


def write(path, *batches, header=HEADER):
    """A file of some batches."""
    with writing(path, header) as append:
        for batch in batches:
            append(batch)
    return path


def test_what_is_appended_is_read(tmp_path):
    """Names of any language, origins shared between batches."""
    path = write(tmp_path / "c.h5", rows(5), rows(4, seed=1))
    assert_rows(one(path), both(rows(5), rows(4, seed=1)))
    assert read_header(path) == HEADER
    assert count_rows(path) == 9


def test_real_outputs_and_what_is_far_are_kept(tmp_path):
    """Where they are given; a file without them has none, and nothing in it is far."""
    rng = np.random.default_rng(0)
    far, outputs = rng.random(5) < 0.5, rng.random((5, 12)).astype(np.float16)
    given = rows(5)._replace(far=far, outputs=outputs)
    kept = replace(HEADER, outputs=True, calibrated=True)
    path = write(tmp_path / "c.h5", given, header=kept)
    assert read_header(path) == kept
    found = one(path)
    assert_array_equal(found.far, far)
    assert_array_equal(found.outputs, outputs)
    assert_array_equal(found.of([3, 1]).outputs, outputs[[3, 1]])
    assert_array_equal(np.concatenate(list(read_outputs(path))), outputs)
    assert join(tmp_path / "d.h5", kept, [path, path]) == 10
    assert_array_equal(one(tmp_path / "d.h5").outputs, np.concatenate([outputs] * 2))
    plain = one(write(tmp_path / "e.h5", rows(5)))
    assert (plain.outputs, plain.far.tolist()) == (None, [False] * 5)
    with h5py.File(tmp_path / "e.h5", "a") as file:  # as earlier versions wrote it
        del file["far"], file.attrs["calibrated"]
    assert_array_equal(one(tmp_path / "e.h5").far, [False] * 5)
    assert not read_header(tmp_path / "e.h5").calibrated
    with h5py.File(path, "a") as file:
        del file["output"]
        file["output"] = outputs[:, :7]
    with pytest.raises(UserError, match="expected outputs of 12 bits; encode the images again"):
        read_header(path)


def test_files_are_joined_in_their_order_chunk_by_chunk(tmp_path, monkeypatch):
    """Origins are numbered anew; the size of the chunks changes nothing."""
    monkeypatch.setattr(imagecodes, "CHUNK", 3)
    first, second = write(tmp_path / "a.h5", rows(7)), write(tmp_path / "b.h5", rows(5, seed=2))
    assert join(tmp_path / "c.h5", HEADER, [first, second]) == 12
    monkeypatch.setattr(imagecodes, "CHUNK", 100)
    assert_rows(one(tmp_path / "c.h5"), both(rows(7), rows(5, seed=2)))
    blocks = list(read_codes_of(tmp_path / "c.h5", 5))
    assert [len(block) for block in blocks] == [5, 5, 2]
    assert_array_equal(np.concatenate(blocks), both(rows(7), rows(5, seed=2)).codes)


def test_rows_come_in_the_order_asked_for(tmp_path):
    """Also twice, and none at all."""
    path = write(tmp_path / "c.h5", rows(9))
    found, whole = rows_at(path, [4, 0, 4, 8]), rows(9)
    assert found.names == [whole.names[i] for i in (4, 0, 4, 8)]
    assert_array_equal(found.codes, whole.codes[[4, 0, 4, 8]])
    assert rows_at(path, []).names == []
    with pytest.raises(UserError, match=r"rows of 0 \.\.\. 8, found -1 \.\.\. 9"):
        rows_at(path, [9, -1])


def test_a_writer_that_fails_leaves_nothing(tmp_path):
    """Not even a temporary file."""

    def stopped():
        with writing(tmp_path / "c.h5", HEADER) as append:
            append(rows(3))
            raise RuntimeError("stopped")

    with pytest.raises(RuntimeError, match="stopped"):
        stopped()
    assert list(tmp_path.iterdir()) == []


def test_foreign_and_damaged_files_are_refused(tmp_path):
    """With what was expected."""
    (tmp_path / "text.h5").write_text("no HDF5")
    with h5py.File(tmp_path / "other.h5", "w") as file:
        file.attrs["dah"] = np.bytes_("codes")
    path = write(tmp_path / "cut.h5", rows(4))
    with h5py.File(path, "a") as file:
        file["label"].resize(3, axis=0)
    with pytest.raises(UserError, match=r"absent\.h5: expected codes of images as HDF5"):
        read_header(tmp_path / "absent.h5")
    with pytest.raises(UserError, match=r"text\.h5: expected codes of images as HDF5"):
        read_header(tmp_path / "text.h5")
    with pytest.raises(UserError, match="expected codes of images of this project, found another"):
        read_header(tmp_path / "other.h5")
    with pytest.raises(UserError, match="columns have different lengths"):
        read_header(path)


def test_codes_of_another_model_are_refused(tmp_path):
    """Their bits mean something else."""
    other = Header(12, HEADER.categories, "/n.pt", "0" * 16)
    with pytest.raises(UserError, match=r"the model /m\.pt \(f{16}\), found those of /n\.pt"):
        check_model(tmp_path, other, HEADER)


NAMES = [f"{i:02}.png" for i in range(11)]


@pytest.fixture
def work(tmp_path, monkeypatch):
    """An encoder, an archive, small batches and shards; ``encoded(stop)`` runs up to a batch."""
    monkeypatch.setattr(shards, "SHARD", 4)
    monkeypatch.setattr("dah.compute.inference.LARGEST", 2)
    write_encoder(tmp_path / "e.pt", parts())
    encoder = load_encoder(tmp_path / "e.pt", "cpu")
    header = header_of(encoder, tmp_path / "e.pt")
    out = tmp_path / "codes.h5"

    def encoded(source, stop=None):
        done = already_done(out, header)
        names, stream = [], encode_rest(encoder, origins([str(source)]), out, header, done)
        for number, (_, batch) in enumerate(stream):
            names += batch.names
            if number == stop:
                break
        stream.close()
        return names

    return out, header, encoded


def test_a_run_that_was_stopped_goes_on(work, tmp_path):
    """What is in a shard is not encoded again, and the end is as if nothing had happened."""
    out, header, encoded = work
    source = archive(tmp_path / "a.tar", NAMES)
    assert encoded(source, stop=4) == NAMES[:10]
    assert not out.exists()
    assert [path.name for path in pieces(out)] == ["000000.h5", "000001.h5"]
    assert encoded(source) == NAMES[8:]
    assert finish(out, header) == 11
    assert pieces(out) == [out]
    once = one(out)
    assert once.names == NAMES
    assert once.origins == [str(source.resolve())] * 11
    out.unlink()
    encoded(source)
    finish(out, header)
    assert_rows(one(out), once)


def test_new_images_are_added_and_bad_ones_tried_again(work, tmp_path):
    """A second archive joins the first; a mended image comes in."""
    out, header, encoded = work
    folder = draw(tmp_path / "f", NAMES[:3])
    (folder / "01.png").write_bytes(b"broken")
    assert encoded(folder) == ["00.png", "02.png"]
    assert finish(out, header) == 2
    (folder / "01.png").write_bytes(picture(1))
    assert encoded(folder) == ["01.png"]
    assert encoded(archive(tmp_path / "a.tar", NAMES[:1])) == ["00.png"]
    assert finish(out, header) == 4
    assert one(out).names == ["00.png", "02.png", "01.png", "00.png"]
    assert encoded(folder) == []


@pytest.mark.parametrize("what", ["outputs", "calibrated"])
def test_one_file_holds_one_kind_of_rows(work, what):
    """Scores beside probabilities, or images without the outputs of others, would mislead."""
    out, header, _ = work
    given = rows(3)._replace(outputs=np.zeros((3, 12), np.float16))
    write(out, given, header=replace(header, **{what: True}))
    with pytest.raises(UserError, match=r"expected codes without .*found some with them; encode"):
        already_done(out, header)
    write(out, rows(3), header=header)
    with pytest.raises(UserError, match=r"expected codes with .*found some without them; encode"):
        already_done(out, replace(header, **{what: True}))


def test_a_kill_after_joining_doubles_nothing(work, tmp_path):
    """The file stands, its shards are still there: each image is in it once."""
    out, header, encoded = work
    source = archive(tmp_path / "a.tar", NAMES)
    encoded(source)
    shards_left = {path: path.read_bytes() for path in pieces(out)}
    assert finish(out, header) == 11
    whole = one(out)
    out.with_name("codes.h5.parts").mkdir()
    for path, content in shards_left.items():
        path.write_bytes(content)
    done = already_done(out, header)
    assert sum(len(names) for names in done.values()) == 11
    assert encoded(source) == []
    assert finish(out, header) == 11
    assert_rows(one(out), whole)
    assert pieces(out) == [out]


@pytest.mark.parametrize("step", range(8))
def test_a_run_that_stops_at_any_step_loses_and_doubles_nothing(work, tmp_path, monkeypatch, step):
    """Three shards are put in place, joined, removed; a kill before each of these steps."""
    out, header, encoded = work
    source = archive(tmp_path / "a.tar", NAMES)
    steps = iter(range(100))

    class Killed(BaseException):
        pass

    def stopping(act):
        def acted(path, *more, **options):
            if (more or path.suffix == ".h5") and next(steps) == step:
                raise Killed
            return act(path, *more, **options)

        return acted

    with monkeypatch.context() as patched, suppress(Killed):
        patched.setattr("os.replace", stopping(os.replace))
        patched.setattr(Path, "unlink", stopping(Path.unlink))
        encoded(source)
        finish(out, header)
    assert next(steps) == min(step + 1, 7)
    encoded(source)
    assert finish(out, header) == 11
    assert sorted(one(out).names) == NAMES
    assert pieces(out) == [out]


def test_a_file_with_doubled_rows_is_mended(work):
    """As two runs at a time left them once: the first of equal ones stays."""
    out, header, _ = work
    write(out, rows(5), rows(5), rows(3, seed=1), header=header)
    assert finish(out, header) == 8
    assert_rows(one(out), both(rows(5), rows(3, seed=1)))


def test_what_is_no_shard_stays(work, tmp_path):
    """The folder of shards may hold other files."""
    out, header, encoded = work
    other = tmp_path / "codes.h5.parts" / "notes.h5"
    other.parent.mkdir()
    other.write_text("mine")
    (other.parent / ".000001.h5.part").touch()
    encoded(archive(tmp_path / "a.tar", NAMES))
    assert finish(out, header) == 11
    assert list(other.parent.iterdir()) == [other]


def test_a_damaged_shard_is_named_with_what_to_do(work, tmp_path):
    """Its images can be encoded anew."""
    out, header, encoded = work
    encoded(archive(tmp_path / "a.tar", NAMES))
    pieces(out)[1].write_bytes(b"")
    with pytest.raises(UserError, match=r"000001\.h5: .*delete this file: its images are encoded"):
        already_done(out, header)


def test_another_model_does_not_go_on(work, tmp_path):
    """Codes of two models in one file would compare nothing with nothing."""
    out, _, encoded = work
    encoded(archive(tmp_path / "a.tar", NAMES), stop=3)
    with pytest.raises(UserError, match="encode all images with one model"):
        already_done(out, HEADER)
