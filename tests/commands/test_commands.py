"""``python -m dah`` on one's own images, from a trained network to a search result."""

import json
import os
import sys

import numpy as np
import pytest
from encoders import BITS, archive, draw, parts, pipeline
from numpy.testing import assert_allclose, assert_array_equal

from dah.__main__ import main
from dah.encoder.encoder import load_encoder
from dah.encoder.imagecodes import read_rows
from dah.files.tables import SKIPPED, read_table

NAMES = [f"{i:02}.png" for i in range(12)]


@pytest.fixture
def call(monkeypatch, capsys):
    """Run a command in this process: what it prints."""

    def run(*arguments):
        monkeypatch.setattr(sys, "argv", ["dah", *map(str, arguments)])
        main()
        return capsys.readouterr().out

    return run


@pytest.fixture
def refused(call):
    """Run a command that a user's mistake ends: the one line."""

    def run(*arguments):
        with pytest.raises(SystemExit) as ended:
            call(*arguments)
        assert isinstance(ended.value.code, str)
        assert "\n" not in ended.value.code
        return ended.value.code

    return run


def test_three_commands_lead_from_a_network_to_its_neighbours(tmp_path, call):
    """Encode, index, search: an image of the set finds itself first."""
    pytest.importorskip("faiss", reason="faiss is not installed: pip install faiss-cpu")
    network = pipeline(tmp_path / "data", parts(), "studio-street", "0")
    pictures = archive(tmp_path / "pictures.tar", NAMES)
    codes, index = tmp_path / "codes.h5", tmp_path / "pictures.index"
    said = call("encode", network, pictures, "-o", codes)
    assert said == f"{codes}: 12 images, 12 of them new, 12 bits\n"
    call("index", codes, "-o", index)
    query = draw(tmp_path / "q", NAMES) / "07.png"
    rows = [line.split("\t") for line in call("search", index, query, "-k", 3).splitlines()]
    assert len(rows) == 1 + 3
    assert rows[1][3:5] == ["0", f"{pictures}/07.png"]
    page = tmp_path / "page.html"
    lines = call("search", index, query, "--radius", 0, "--json", "--sheet", page).splitlines()
    record = json.loads(lines[0])
    encoder = load_encoder(network)
    assert record["code"] == encoder.encode(query).codes[0].tobytes().hex()
    assert f"{pictures}/07.png" in [near["image"] for near in record["results"]]
    assert {near["distance"] for near in record["results"]} == {0}
    assert page.read_text(encoding="utf-8").count("<img") == 1 + len(record["results"])
    assert len(call("search", index, query).splitlines()) == 1 + 10


def test_real_outputs_put_equal_distances_in_order(tmp_path, call, refused):
    """An image finds itself first among those of its code; a file holds outputs or none."""
    pytest.importorskip("faiss", reason="faiss is not installed: pip install faiss-cpu")
    network = pipeline(tmp_path / "data", parts(), "studio-street", "0")
    folder, codes, index = draw(tmp_path / "f", NAMES), tmp_path / "c.h5", tmp_path / "i"
    call("encode", network, folder, "-o", codes, "--outputs")
    call("index", codes, "-o", index)
    for name in NAMES:
        lines = call("search", index, folder / name, "-k", 1).splitlines()
        assert lines[0].endswith("\tscore")
        assert lines[1].split("\t")[4] == f"{folder}/{name}"
    assert "codes without real outputs, found some with" in refused(
        "encode", network, folder, "-o", codes
    )


def test_names_that_are_not_utf_8_are_found(tmp_path, call):
    """The table, the JSON and the page show their bytes escaped."""
    pytest.importorskip("faiss", reason="faiss is not installed: pip install faiss-cpu")
    network = pipeline(tmp_path / "data", parts(), "studio-street", "0")
    name, page = os.fsdecode(b"caf\xe9.png"), tmp_path / "page.html"
    folder = draw(tmp_path / "f", [name])
    call("encode", network, f"{folder}/*.png", "-o", tmp_path / "codes.h5")
    call("index", tmp_path / "codes.h5", "-o", tmp_path / "i")
    assert "/f/caf\\xe9.png\t" in call("search", tmp_path / "i", f"{folder}/*.png")
    found = call("search", tmp_path / "i", f"{folder}/*.png", "--json", "--sheet", page)
    assert json.loads(found)["results"][0]["image"] == str(folder / name)
    assert "caf\\xe9.png" in page.read_text(encoding="utf-8")


def test_encode_goes_on_and_lists_what_is_bad(tmp_path, call):
    """A second call encodes what is new; the list of bad images goes when they are mended."""
    network = pipeline(tmp_path / "data", parts())
    folder = draw(tmp_path / "f", NAMES[:3])
    whole = (folder / "01.png").read_bytes()
    (folder / "01.png").write_bytes(b"broken")
    codes, skipped = tmp_path / "codes.h5", tmp_path / "codes.skipped.csv"
    said = call("encode", network, folder, "-o", codes)
    assert f"{codes}: 2 images, 2 of them new, {BITS} bits\n{skipped}: 1 images" in said
    assert read_table(skipped, SKIPPED)["file"] == ["01.png"]
    (folder / "01.png").write_bytes(whole)
    assert "3 images, 1 of them new" in call("encode", network, folder, "-o", codes)
    assert not skipped.exists()
    (rows,) = read_rows(codes)
    expected = load_encoder(network).encode([folder / name for name in rows.names])
    assert_array_equal(rows.codes, expected.codes)
    assert_array_equal(rows.labels, expected.probabilities.argmax(axis=1))
    assert_allclose(rows.probabilities, expected.probabilities.max(axis=1), rtol=1e-5)


def test_engines_are_told_and_refused(tmp_path, call, refused, monkeypatch):
    """Where ONNX Runtime would be taken and cannot, a line says so; where it was asked for, all."""
    network, out = pipeline(tmp_path / "data", parts()), tmp_path / "codes.h5"
    folder = draw(tmp_path / "f", NAMES[:2])
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    for name in ("WORTH", "SLIGHT"):
        monkeypatch.setattr(f"dah.encoder.engine.{name}", 0)
    said = call("encode", network, folder, "-o", out)
    reason = "engine onnx needs onnxruntime, which is not installed: pip install 'dah[onnx]'"
    assert said.splitlines() == [
        f"engine: torch; {reason}",
        f"{out}: 2 images, 2 of them new, 12 bits",
    ]
    assert reason in refused("encode", network, folder, "-o", out, "--engine", "onnx")
    said = call("encode", network, folder, "-o", tmp_path / "t.h5", "--engine", "torch")
    assert said == f"{tmp_path / 't.h5'}: 2 images, 2 of them new, 12 bits\n"


def test_an_exported_encoder_is_the_network(tmp_path, call):
    """It goes on with the network's file of codes, since its codes are the same."""
    network = pipeline(tmp_path / "data", parts())
    pictures = archive(tmp_path / "a.tar", NAMES[:2])
    call("encode", network, pictures, "-o", tmp_path / "codes.h5")
    said = call("export", network, "-o", tmp_path / "e.pt")
    assert said == f"{tmp_path / 'e.pt'}: 12 bits, 3 categories\n"
    more = archive(tmp_path / "b.tar", NAMES)
    said = call("encode", tmp_path / "e.pt", pictures, more, "-o", tmp_path / "codes.h5")
    assert "14 images, 12 of them new" in said


def test_folders_that_lie_elsewhere_can_be_named(tmp_path, call, refused):
    """All three or none."""
    network = pipeline(tmp_path / "data", parts()).rename(tmp_path / "moved.pt")
    data = tmp_path / "data"
    named = [
        "--codes",
        data / "codes/studio-street/deep/dah.h5",
        "--lists",
        data / "tasks/studio-street",
    ]
    assert "needs all of --codes" in refused("export", network, *named, "-o", tmp_path / "e.pt")
    call("export", network, *named, "--images", data / "images", "-o", tmp_path / "e.pt")
    assert load_encoder(tmp_path / "e.pt").bits == BITS


def test_mistakes_are_one_line(tmp_path, refused):
    """What is not there, what is something else, and what an index does not go with."""
    network = pipeline(tmp_path / "data", parts())
    folder, out = draw(tmp_path / "f", NAMES[:1]), tmp_path / "c.h5"
    assert "expected a model of this project" in refused(
        "encode", folder / NAMES[0], folder, "-o", out
    )
    assert "nothing: expected a folder" in refused(
        "encode", network, tmp_path / "nothing", "-o", out
    )
    assert "ends in .pt or .onnx" in refused("export", network, "-o", tmp_path / "e.pkl")
    pytest.importorskip("faiss", reason="faiss is not installed: pip install faiss-cpu")
    assert "expected codes of images" in refused("index", out, "-o", tmp_path / "i")
    assert "expected an index" in refused("search", folder, folder)


def test_a_search_needs_the_model_that_encoded(tmp_path, call, refused):
    """Another's bits mean something else; where it was moved, it can be named."""
    pytest.importorskip("faiss", reason="faiss is not installed: pip install faiss-cpu")
    network = pipeline(tmp_path / "data", parts())
    call("export", network, "-o", tmp_path / "e.pt")
    folder, index = draw(tmp_path / "f", NAMES[:2]), tmp_path / "i"
    call("encode", tmp_path / "e.pt", folder, "-o", tmp_path / "c.h5")
    call("index", tmp_path / "c.h5", "-o", index)
    (tmp_path / "e.pt").rename(tmp_path / "moved.pt")
    assert "the model of this index is not there; give --model" in refused("search", index, folder)
    assert len(call("search", index, folder, "--model", tmp_path / "moved.pt").splitlines()) == 5
    other = pipeline(tmp_path / "other", parts(seed=1))
    said = refused("search", index, folder, "--model", other)
    assert "expected the model of this index" in said
    (folder / "00.png").write_bytes(b"broken")
    said = refused("search", index, folder / "00.png", "--model", network)
    assert said == "dah: no query is an image that can be read"


@pytest.mark.parametrize(
    ("command", "modules"), [("index", "faiss"), ("serve", "fastapi"), ("database", "psycopg")]
)
def test_without_the_extra_the_remedy_is_told(tmp_path, refused, monkeypatch, command, modules):
    """One line with the command that installs what is missing."""
    monkeypatch.setitem(sys.modules, modules, None)
    monkeypatch.delitem(sys.modules, "dah.web.app", raising=False)
    given = {
        "index": ["c.h5", "-o", "i"],
        "serve": ["e.pt", "i"],
        "database": ["c.h5", "--to", "postgresql:///"],
    }
    said = refused(command, *given[command])
    assert "is not installed: pip install" in said
    assert modules.partition("[")[0] in said


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (["search", "i", "q", "-k", "0"], "expected at least 1, found 0"),
        (["search", "i", "q", "--radius", "few"], "expected a whole number, found 'few'"),
    ],
)
def test_numbers_that_make_no_sense_are_usage_errors(monkeypatch, capsys, given, message):
    """argparse names the option."""
    monkeypatch.setattr(sys, "argv", ["dah", *given])
    with pytest.raises(SystemExit, match="2"):
        main()
    assert message in capsys.readouterr().err


def test_equal_images_of_other_sets_are_other_images(tmp_path, call):
    """A name is done where its folder or archive is done, too."""
    network = pipeline(tmp_path / "data", parts())
    sets = [archive(tmp_path / f"{name}.tar", NAMES[:2]) for name in "ab"]
    assert "4 images, 4 of them new" in call("encode", network, *sets, "-o", tmp_path / "c.h5")
    (rows,) = read_rows(tmp_path / "c.h5")
    assert_array_equal(rows.codes[:2], rows.codes[2:])
    assert np.unique(rows.origins).tolist() == [str(path) for path in sets]
