"""Equally distant images by real outputs: against a sort of all pairs; damaged outputs."""

import numpy as np
import pytest
from encoders import CATEGORIES
from numpy.testing import assert_array_equal

from dah.encoder.imagecodes import Header, Rows, writing
from dah.errors import UserError
from dah.retrieval.codes import pack
from dah.retrieval.hamming import hamming_distances
from dah.search import index as module
from dah.search.index import OUTPUTS, build_index, open_index, search
from dah.search.ranking import by_outputs

pytest.importorskip("faiss", reason="faiss is not installed: pip install faiss-cpu")

BITS = 8


def outputs_of(count, seed, centres=3):
    """Outputs around a few corners, so that most codes are equal and no two outputs are."""
    rng = np.random.default_rng(seed)
    corners = np.random.default_rng(9).choice([-1.0, 1.0], (centres, BITS))
    return (corners[rng.integers(0, centres, count)] * rng.uniform(0.1, 1, (count, BITS))).astype(
        np.float16
    )


def write(path, outputs, kept=True):
    """A file of codes with their real outputs."""
    count = len(outputs)
    header = Header(BITS, CATEGORIES, "/m.pt", "f" * 16, outputs=kept)
    labels, shares = np.zeros(count, np.int32), np.ones(count, np.float32)
    names = [f"{i}.png" for i in range(count)]
    with writing(path, header) as append:
        append(Rows(["/o"] * count, names, pack(outputs), labels, shares, outputs=outputs))
    return path


def expected(queries, outputs, k, radius=None):
    """Rows in Python's order of tuples: Hamming distance, squared real distance, row."""
    found = []
    for u in queries.astype(np.float32):
        keys = []
        for row, v in enumerate(outputs.astype(np.float32)):
            hamming = sum(bool(a >= 0) != bool(b >= 0) for a, b in zip(u, v, strict=True))
            if radius is None or hamming <= radius:
                keys.append((hamming, float(((u - v) ** 2).sum()), row))
        found.append([row for *_, row in sorted(keys)][:k])
    return found


@pytest.mark.parametrize("kind", ["flat", "ivf", "multihash"])
def test_equal_distances_are_in_the_order_of_real_ones(tmp_path, kind):
    """By number, by radius and by both, in several shards; distances stay those of the codes."""
    outputs, queries = outputs_of(200, 0), outputs_of(5, 1)
    files = [write(tmp_path / "a.h5", outputs[:90]), write(tmp_path / "b.h5", outputs[90:])]
    built = build_index(files, tmp_path / "i", kind, shard=70)
    index = open_index(tmp_path / "i")
    assert index == built
    assert_array_equal(index.outputs, outputs)
    every = hamming_distances(pack(queries), pack(outputs))
    for k, radius in ((10, None), (None, 2), (3, 2), (500, None)):
        found = search(index, pack(queries), k, radius, effort=8, outputs=queries)
        wanted = expected(queries, outputs, k, radius)
        if kind == "flat":
            assert [rows.tolist() for rows in found.rows] == wanted
        for row, (distances, rows) in enumerate(zip(found.distances, found.rows, strict=True)):
            assert_array_equal(every[row, rows], distances)
            assert (np.diff(distances) >= 0).all()


def test_an_image_finds_itself_first(tmp_path):
    """Among hundreds of the same code, where file order would put it anywhere."""
    outputs = outputs_of(300, 0, centres=1)
    index = build_index([write(tmp_path / "a.h5", outputs)], tmp_path / "i", "flat")
    queries = outputs[[250, 17]]
    found = search(index, pack(queries), 1, outputs=queries)
    assert [rows.tolist() for rows in found.rows] == [[250], [17]]
    assert [rows.tolist() for rows in search(index, pack(queries), 1).rows] == [[0], [0]]


def test_only_the_nearest_thousand_are_put_in_order(tmp_path, monkeypatch):
    """Which these are among equal ones is the file's order: a bound, and it is told."""
    monkeypatch.setattr(module, "CANDIDATES", 20)
    outputs = outputs_of(60, 0, centres=1)
    index = build_index([write(tmp_path / "a.h5", outputs)], tmp_path / "i", "flat")
    (rows,) = search(index, pack(outputs[:1]), 5, outputs=outputs[:1]).rows
    assert rows.max() < 20
    assert rows.tolist() == expected(outputs[:1], outputs[:20], 5)[0]
    (rows,) = search(index, pack(outputs[:1]), 30, outputs=outputs[:1]).rows
    assert len(rows) == 30


def test_an_index_without_outputs_searches_as_ever(tmp_path):
    """Also where one of its files has none, and where the query has none."""
    outputs = outputs_of(40, 0)
    files = [write(tmp_path / "a.h5", outputs), write(tmp_path / "b.h5", outputs, kept=False)]
    index = build_index(files, tmp_path / "i", "flat")
    assert index.outputs is None
    assert not (tmp_path / "i" / OUTPUTS).exists()
    plain = search(index, pack(outputs[:3]), 9)
    given = search(index, pack(outputs[:3]), 9, outputs=outputs[:3])
    for a, b in zip(plain.rows, given.rows, strict=True):
        assert_array_equal(a, b)


def test_order_by_hand():
    """Distance 1 before 2; within 1 the real distance; what is no number last; then the row."""
    outputs = np.array([[1, 1], [0.5, 0.5], [np.nan, 1], [0.5, 0.5], [0.9, 1]], np.float16)
    distances, rows = np.array([1, 1, 1, 1, 2]), np.arange(5)
    order = by_outputs(distances, rows, np.array([0.5, 0.5]), outputs)
    assert order.tolist() == [1, 3, 0, 2, 4]
    assert by_outputs(distances[:0], rows[:0], np.ones(2), outputs).tolist() == []


@pytest.mark.parametrize("damage", ["cut", "text", "shape", "type", "gone", "objects"])
def test_damaged_outputs_are_refused(tmp_path, damage):
    """In one line, when the index is opened."""
    build_index([write(tmp_path / "a.h5", outputs_of(9, 0))], tmp_path / "i", "flat")
    path = tmp_path / "i" / OUTPUTS
    if damage == "cut":
        path.write_bytes(path.read_bytes()[:-10])
    elif damage == "text":
        path.write_text("no array")
    elif damage == "gone":
        path.unlink()
    else:
        dtype = {"shape": np.float16, "type": np.float32, "objects": object}[damage]
        np.save(path.with_suffix(""), np.zeros((8 if damage == "shape" else 9, BITS), dtype))
        path.with_suffix("").with_suffix(".npy").touch()
    with pytest.raises(UserError, match=r"outputs\.npy: expected") as told:
        open_index(tmp_path / "i")
    assert "\n" not in str(told.value)
