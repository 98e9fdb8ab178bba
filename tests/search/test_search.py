"""Indexes of codes on faiss: what is found, and what cannot be indexed."""

import numpy as np
import pytest
from encoders import CATEGORIES
from numpy.testing import assert_array_equal

from dah.encoder.imagecodes import Header, Rows, writing
from dah.errors import UserError
from dah.retrieval.codes import pack
from dah.retrieval.hamming import hamming_distances
from dah.search.index import build_index, open_index, search
from dah.search.kinds import cells, part_bits

faiss = pytest.importorskip("faiss", reason="faiss is not installed: pip install faiss-cpu")

BITS = 28
ALL = 10**6  # effort: every cell, every candidate


def codes_of(count, seed=0, bits=BITS):
    """Random codes around seven centres, the same for all seeds, so that distances tie and vary."""
    centres = np.random.default_rng(99).integers(0, 2, (7, bits))
    rng = np.random.default_rng(seed)
    rows = centres[rng.integers(0, 7, count)] ^ (rng.random((count, bits)) < 0.15)
    return np.packbits(rows.astype(np.uint8), axis=1)


def write(path, codes, origin="/nowhere", bits=BITS, fingerprint="f" * 16):
    """A file of codes."""
    count = len(codes)
    header = Header(bits, CATEGORIES, "/m.pt", fingerprint)
    with writing(path, header) as append:
        append(
            Rows(
                origins=[str(origin)] * count,
                names=[f"{i}.png" for i in range(count)],
                codes=codes,
                labels=(np.arange(count) % 3).astype(np.int32),
                probabilities=np.full(count, 0.5, np.float32),
            )
        )
    return path


def assert_exact(found, queries, codes, k, radius=None):
    """The k smallest distances of a full table, each row at the distance told, each once."""
    every = hamming_distances(queries, codes)
    for row, (distances, rows) in enumerate(zip(found.distances, found.rows, strict=True)):
        expected = np.sort(every[row])[:k]
        if radius is not None:
            expected = expected[expected <= radius]
        assert_array_equal(distances, expected)
        assert_array_equal(every[row, rows], distances)
        assert len(set(rows.tolist())) == len(rows)
        order = list(zip(distances.tolist(), rows.tolist(), strict=True))
        assert order == sorted(order)


@pytest.mark.parametrize("shard", [500, 130, 37])
def test_an_exact_index_is_the_full_table_of_distances(tmp_path, shard):
    """In one shard or many, by number, by radius, and by both."""
    codes, queries = codes_of(500), codes_of(6, seed=1)
    built = build_index([write(tmp_path / "c.h5", codes)], tmp_path / "i", "flat", shard)
    assert sum(built.shards) == 500
    assert max(built.shards) <= shard
    index = open_index(tmp_path / "i")
    assert index == built
    assert_exact(search(index, queries, 10), queries, codes, 10)
    assert_exact(search(index, queries, None, 5), queries, codes, None, 5)
    assert sum(map(len, search(index, queries, None, 5).rows)) > 50
    assert_exact(search(index, queries, 3, 4), queries, codes, 3, 4)
    assert_exact(search(index, queries, 1000), queries, codes, 1000)
    assert_exact(search(index, queries, None, 0), queries, codes, None, 0)


def test_faiss_reads_the_layout_of_codes(tmp_path):
    """Distances of packed codes are those of the bits, by faiss, by this library and by hand.

    Bit i of an image is bit 7 - i % 8 of byte i // 8: a code with bit i alone lies at distance 1
    from zero and 2 from any other such code, and its byte is that of the formula.
    """
    u = np.where(np.eye(19), 1.0, -1.0)
    codes = pack(u)
    for i, code in enumerate(codes):
        assert code[i // 8] == 1 << (7 - i % 8)
        assert code.sum() == code[i // 8]
    index = faiss.IndexBinaryFlat(24)
    index.add(codes)
    distances, rows = index.search(codes, 19)
    assert_array_equal(distances[:, 0], 0)
    assert_array_equal(rows[:, 0], np.arange(19))
    assert_array_equal(distances[:, 1:], 2)
    random = pack(np.random.default_rng(0).standard_normal((20, 19)))
    index.reset()
    index.add(random)
    distances, rows = index.search(random, 20)
    by_bits = np.abs(
        np.unpackbits(random, axis=1)[:, None].astype(int) - np.unpackbits(random, axis=1)
    ).sum(axis=2)
    assert_array_equal(distances, np.take_along_axis(by_bits, rows, axis=1))
    assert_array_equal(hamming_distances(random, random), by_bits)


@pytest.mark.parametrize(("kind", "effort"), [("ivf", ALL), ("hnsw", 400), ("multihash", 7)])
def test_approximate_kinds_find_what_the_exact_one_finds_with_full_effort(tmp_path, kind, effort):
    """All cells, as many candidates as codes, or nearly all bits of a part: nothing is missed."""
    codes, queries = codes_of(400, bits=64), codes_of(6, seed=1, bits=64)
    path = write(tmp_path / "c.h5", codes, bits=64)
    index = build_index([path], tmp_path / "i", kind, shard=250)
    assert_exact(search(open_index(tmp_path / "i"), queries, 10, effort=effort), queries, codes, 10)
    if kind != "hnsw":
        found = search(index, queries, None, 16, effort)
        assert_exact(found, queries, codes, None, 16)


@pytest.mark.parametrize("kind", ["ivf", "hnsw", "multihash"])
def test_what_approximate_kinds_find_is_there(tmp_path, kind):
    """With any effort the distances are true, in order, none better than the exact ones."""
    codes = codes_of(2000, bits=64)
    queries = codes[:20]
    index = build_index([write(tmp_path / "c.h5", codes, bits=64)], tmp_path / "i", kind)
    every = hamming_distances(queries, codes)
    found = search(index, queries, 5)
    for row, (distances, rows) in enumerate(zip(found.distances, found.rows, strict=True)):
        assert_array_equal(every[row, rows], distances)
        assert distances[0] == 0
        assert (np.diff(distances) >= 0).all()


def test_hnsw_cannot_list_a_ball(tmp_path):
    """faiss has no such search, so the user is told what to add."""
    index = build_index([write(tmp_path / "c.h5", codes_of(50))], tmp_path / "i", "hnsw")
    with pytest.raises(UserError, match="hnsw cannot list all within a radius; give -k too"):
        search(index, codes_of(1), None, 3)
    assert_exact(search(index, codes_of(2), 9, 6, 50), codes_of(2), codes_of(50), 9, 6)


def test_sizes_of_cells_and_parts():
    """sqrt(n) cells, of no fewer codes than faiss asks for; parts of log2 n bits."""
    assert [cells(n) for n in (1, 38, 400, 10**4, 10**6)] == [1, 1, 10, 100, 1000]
    assert [part_bits(n, 64) for n in (1, 2**16, 10**9)] == [8, 16, 30]
    assert part_bits(10**6, 8) == 8


def test_several_files_are_one_index_and_an_old_one_is_replaced(tmp_path):
    """Rows go on from file to file."""
    a, b = codes_of(20), codes_of(30, seed=3)
    files = [write(tmp_path / "a.h5", a), write(tmp_path / "b.h5", b)]
    build_index(files[:1], tmp_path / "i", "flat")
    index = build_index(files, tmp_path / "i", "flat", shard=16)
    assert_exact(search(index, b[:4], 8), b[:4], np.concatenate([a, b]), 8)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.h5", "b.h5", "i"]


def test_what_cannot_be_indexed_is_refused(tmp_path):
    """Codes of two models, no codes, a folder that is something else, an index that is none."""
    a = write(tmp_path / "a.h5", codes_of(5))
    other = write(tmp_path / "b.h5", codes_of(5), fingerprint="0" * 16)
    with pytest.raises(UserError, match=r"b\.h5: expected codes of the model"):
        build_index([a, other], tmp_path / "i", "flat")
    empty = write(tmp_path / "e.h5", np.empty((0, 4), np.uint8))
    with pytest.raises(UserError, match=r"e\.h5: expected codes of images, found none"):
        build_index([empty], tmp_path / "i", "flat")
    (tmp_path / "photos").mkdir()
    with pytest.raises(UserError, match="photos: expected no file, or an index to replace"):
        build_index([a], tmp_path / "photos", "flat")
    with pytest.raises(UserError, match="photos: expected an index that `python -m dah index`"):
        open_index(tmp_path / "photos")
    index = build_index([a], tmp_path / "i", "flat")
    (tmp_path / "i/0000.faiss").write_bytes(b"broken")
    with pytest.raises(UserError, match=r"0000\.faiss: expected an index of faiss, flat, of 5 co"):
        open_index(tmp_path / "i")
    (tmp_path / "i/0000.faiss").unlink()
    with pytest.raises(UserError, match=r"0000\.faiss: expected an index, found: No such file"):
        open_index(tmp_path / "i")
    with pytest.raises(UserError, match="search needs -k or --radius"):
        search(index, codes_of(1), None)
