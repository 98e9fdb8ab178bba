"""Codes in LanceDB and Milvus, on the real thing: embedded, in files."""

import sys
from pathlib import Path

import numpy as np
import pytest
from encoders import CATEGORIES
from numpy.testing import assert_array_equal

from dah.encoder.imagecodes import Header, Rows, writing
from dah.errors import UserError
from dah.retrieval.hamming import hamming_distances
from dah.search import lancedb, milvus
from dah.search.databases import load
from dah.search.tablerows import blocks

BITS = 12


def codes_of(count, seed=0):
    """Random codes with zero padding."""
    rng = np.random.default_rng(seed)
    return np.packbits(rng.integers(0, 2, (count, BITS), np.uint8), axis=1)


def write(path, codes):
    """A file of codes; one of its names is no UTF-8."""
    count = len(codes)
    names = [f"tab\t'quote' {i}.png" for i in range(count - 1)] + ["\udce9.png"]
    with writing(path, Header(BITS, CATEGORIES, "/m.pt", "f" * 16)) as append:
        labels = (np.arange(count) % 3).astype(np.int32)
        append(Rows(["/é"] * count, names, codes, labels, np.full(count, 0.25, np.float32)))
    return path


def check(ask, codes, queries):
    """The distances of nine answers are the nine smallest, and those of the rows named."""
    every = hamming_distances(queries, codes)
    for row, query in enumerate(queries):
        distances, ids = ask(query)
        assert_array_equal(distances, np.sort(every[row])[:9])
        assert_array_equal(every[row, ids], distances)


def test_blocks_have_every_row_as_text(tmp_path):
    """In the order of the file; a byte that is no UTF-8 is shown."""
    codes = codes_of(5)
    (block,) = blocks(write(tmp_path / "c.h5", codes))
    assert_array_equal(block.ids, range(5))
    assert_array_equal(block.codes, codes)
    assert block.names[3:] == ["tab\t'quote' 3.png", "\\xe9.png"]
    assert (block.folders[0], block.categories[4]) == ("/é", "pen")


@pytest.mark.filterwarnings("default")
@pytest.mark.parametrize("indexed", [False, True])
def test_lancedb_orders_by_the_hamming_distance(tmp_path, monkeypatch, indexed):
    """Its distances are those of the packed codes, also by its index; loading again replaces."""
    library = pytest.importorskip("lancedb", reason="LanceDB is not installed: pip install lancedb")
    monkeypatch.setattr(lancedb, "FEWEST", 300 if indexed else 10**6)
    codes, place = codes_of(300), f"lancedb:{tmp_path / 'lance'}"
    assert load(write(tmp_path / "a.h5", codes_of(20)), place, "images")[0] == 20
    assert load(write(tmp_path / "c.h5", codes), place, "images")[0] == 300
    table = library.connect(tmp_path / "lance").open_table("images")
    assert len(table.list_indices()) == indexed

    def ask(query):
        search = table.search(query.tolist(), vector_column_name="code").distance_type("hamming")
        found = search.nprobes(17).limit(9).to_arrow()
        return found["_distance"].to_numpy(), found["id"].to_numpy()

    check(ask, codes, codes_of(5, seed=1))
    (row,) = table.search().where("id = 299").to_list()
    assert row.pop("code") == codes[299].tolist()
    shown = {"folder": "/é", "name": "\\xe9.png", "category": "sofa", "probability": 0.25}
    assert row == {"id": 299, **shown}


@pytest.mark.filterwarnings("default")
def test_lancedb_leaves_another_table_alone(tmp_path):
    library = pytest.importorskip("lancedb", reason="LanceDB is not installed: pip install lancedb")
    path, place = write(tmp_path / "c.h5", codes_of(3)), tmp_path / "lance"
    library.connect(place).create_table("other", [{"id": 1, "code": "text"}])
    with pytest.raises(UserError, match="something else by the name 'other': id int64, code str"):
        load(path, f"lancedb:{place}", "other")
    assert library.connect(place).open_table("other").to_arrow().to_pylist()[0]["code"] == "text"


@pytest.fixture
def address(tmp_path):
    """A file of milvus-lite: 2.5.1 takes binary vectors, with pkg_resources of setuptools < 81."""
    pytest.importorskip("pymilvus", reason="pymilvus is not installed: pip install pymilvus")
    pytest.importorskip("pkg_resources", reason="milvus-lite 2.5.1 needs setuptools < 81")
    pytest.importorskip("milvus_lite", reason="no server: pip install milvus-lite==2.5.1")
    return f"milvus:{tmp_path / 'milvus.db'}"


@pytest.mark.filterwarnings("default")
def test_milvus_orders_by_the_hamming_distance(tmp_path, address):
    """Its distances are those of the packed codes; loading again replaces."""
    codes = codes_of(300)
    assert load(write(tmp_path / "a.h5", codes_of(20)), address, "images")[0] == 20
    assert load(write(tmp_path / "c.h5", codes), address, "images")[0] == 300
    client = milvus.pymilvus().MilvusClient(address.removeprefix("milvus:"))
    client.load_collection("images")

    def ask(query):
        (found,) = client.search("images", [query.tobytes()], anns_field="code", limit=9)
        return [hit["distance"] for hit in found], [hit["id"] for hit in found]

    check(ask, codes, codes_of(5, seed=1))
    (row,) = client.get("images", ids=[299])
    client.close()
    assert (row["folder"], row["name"], row["category"]) == ("/é", "\\xe9.png", "sofa")


@pytest.mark.filterwarnings("default")
def test_milvus_leaves_another_collection_alone(tmp_path, address):
    path = write(tmp_path / "c.h5", codes_of(3))
    client = milvus.pymilvus().MilvusClient(address.removeprefix("milvus:"))
    client.create_collection("other", dimension=4)
    with pytest.raises(UserError, match="something else by the name 'other': id, vector; give"):
        load(path, address, "other")
    assert client.has_collection("other")
    client.close()


def test_a_milvus_that_does_not_answer_is_told(tmp_path, monkeypatch):
    """Without its address, in which a password may stand."""
    pytest.importorskip("pymilvus", reason="pymilvus is not installed: pip install pymilvus")
    monkeypatch.setattr(milvus, "PATIENCE", 1)
    path = write(tmp_path / "c.h5", codes_of(3))
    with pytest.raises(UserError, match="no server answers") as told:
        load(path, "milvus:http://nobody:Secret@127.0.0.1:1", "t")
    assert "Secret" not in str(told.value)


@pytest.mark.parametrize("kind", ["lancedb", "milvus"])
def test_without_the_package_the_remedy_is_told(tmp_path, monkeypatch, kind):
    monkeypatch.setitem(sys.modules, {"milvus": "pymilvus"}.get(kind, kind), None)
    path = write(tmp_path / "c.h5", codes_of(3))
    with pytest.raises(UserError, match="not installed: pip install"):
        load(path, f"{kind}:{Path('x')}", "t")
