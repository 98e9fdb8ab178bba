"""faiss's files from a stranger: checked before faiss reads them, whatever they hold."""

import os
import struct

import numpy as np
import pytest
from test_search import codes_of, write

from dah.errors import UserError
from dah.search import kinds
from dah.search.index import build_index, open_index, search

faiss = pytest.importorskip("faiss", reason="faiss is not installed: pip install faiss-cpu")

KINDS = tuple(kinds.EFFORT)
COUNT, BYTES = 100, 4


@pytest.fixture
def shard(tmp_path):
    """A function that stores a shard of a kind."""

    def store(kind):
        path = tmp_path / "0000.faiss"
        kinds.write(kinds.build(kind, codes_of(COUNT)), path)
        return path

    return store


@pytest.mark.parametrize("kind", KINDS)
def test_files_of_each_kind_are_those_that_are_written(shard, kind):
    """Of this number of codes and bytes alone; a byte more, or less, is refused."""
    path = shard(kind)
    assert kinds.read(kind, path, COUNT, BYTES).ntotal == COUNT
    for count, width in ((COUNT + 1, BYTES), (COUNT, BYTES + 1), (COUNT // 2, 2 * BYTES)):
        with pytest.raises(
            UserError, match=rf"0000\.faiss: expected an index of faiss, {kind}, of"
        ):
            kinds.read(kind, path, count, width)
    data = path.read_bytes()
    for other in (data[:-1], data + b"\0", data[:30], b""):
        path.write_bytes(other)
        with pytest.raises(UserError, match="; index again"):
            kinds.read(kind, path, COUNT, BYTES)


@pytest.mark.parametrize("kind", KINDS)
def test_another_kind_is_refused(shard, kind):
    """As which it could be searched wrongly, or not at all."""
    path = shard(kind)
    for other in (
        set(KINDS) - {kind} - ({"flat", "multihash"} if kind in {"flat", "multihash"} else set())
    ):
        with pytest.raises(UserError, match="expected an index of faiss"):
            kinds.read(other, path, COUNT, BYTES)


def on_disk(tmp_path, codes, secret):
    """An ivf index whose lists lie in another file, as faiss writes it."""
    quantizer = faiss.IndexBinaryFlat(8 * BYTES)
    quantizer.add(codes[:2])
    index = faiss.IndexBinaryIVF(quantizer, 8 * BYTES, 2)
    lists = faiss.OnDiskInvertedLists(2, BYTES, str(secret))
    index.replace_invlists(lists, False)
    index.is_trained = True
    index.add(codes)
    path = tmp_path / "0000.faiss"
    faiss.write_index_binary(index, str(path))
    return path


def test_lists_that_lie_in_another_file_are_refused(tmp_path):
    """That file is not opened, for which it need not even be there."""
    secret = tmp_path / "secret"
    path = on_disk(tmp_path, codes_of(COUNT), secret)
    assert str(secret).encode() in path.read_bytes()
    secret.unlink()
    os.mkfifo(secret)  # whoever opens it waits for ever
    with pytest.raises(UserError, match="found lists that lie elsewhere"):
        kinds.read("ivf", path, COUNT, BYTES)


def test_an_index_within_an_index_is_refused(tmp_path):
    """Such as another one in the place of the centres."""
    inner = on_disk(tmp_path, codes_of(COUNT), tmp_path / "secret").read_bytes()
    head = struct.pack("<4siiqbiQQ", b"IBwF", 8 * BYTES, BYTES, COUNT, 1, 1, 2, 1)
    path = tmp_path / "0000.faiss"
    path.write_bytes(head + inner)
    with pytest.raises(UserError, match="found b'IBwF'"):
        kinds.read("ivf", path, COUNT, BYTES)


def test_rows_that_the_index_lacks_are_refused(tmp_path):
    """ivf stores rows beside the codes; the last 8 bytes are one of them."""
    build_index([write(tmp_path / "c.h5", codes_of(COUNT))], tmp_path / "i", "ivf")
    path = tmp_path / "i/0000.faiss"
    path.write_bytes(path.read_bytes()[:-8] + struct.pack("<q", 10**9))
    with pytest.raises(UserError, match="i: its shards name images that it lacks; index again"):
        search(open_index(tmp_path / "i"), codes_of(COUNT), COUNT, effort=10**6)


def test_links_that_lead_out_of_the_graph_are_refused(shard):
    """faiss looks at them."""
    path = shard("hnsw")
    data = bytearray(path.read_bytes())
    data[-(COUNT * BYTES + 33) - 24 : -(COUNT * BYTES + 33) - 20] = struct.pack("<i", 10**9)
    path.write_bytes(data)
    with pytest.raises(UserError, match=r"0000\.faiss: expected an index of faiss, found"):
        kinds.read("hnsw", path, COUNT, BYTES)


def test_devices_and_pipes_are_refused(tmp_path):
    """A shard, the images and the list of shards: none of them is waited for."""
    for name in ("0000.faiss", "images.h5", "index.json"):
        folder = tmp_path / name.split(".", maxsplit=1)[0]
        build_index([write(tmp_path / "c.h5", codes_of(9))], folder, "flat")
        (folder / name).unlink()
        (folder / name).symlink_to("/dev/zero")
        with pytest.raises(UserError, match=r"no plain file|wrote, found none"):
            open_index(folder)


@pytest.mark.parametrize("shards", [[], [0, 9], [-1, 10], [9.0], [True], ["9"], {"9": 9}, None, 9])
def test_a_list_of_shards_is_whole_numbers(tmp_path, shards):
    """That are the number of images together."""
    folder = tmp_path / "i"
    build_index([write(tmp_path / "c.h5", codes_of(9))], folder, "flat")
    text = str({"kind": "flat", "shards": shards}).replace("'", '"')
    text = text.replace("True", "true").replace("None", "null")
    (folder / "index.json").write_text(text)
    with pytest.raises(UserError, match=r"index\.json: expected a kind and shards"):
        open_index(folder)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("count", [1, 2, 3, 4])
def test_an_index_of_one_image_or_two_is_one(tmp_path, kind, count):
    """Written, read and searched, by number and by radius; equal codes too."""
    codes = np.repeat(codes_of(1), count, axis=0)
    build_index([write(tmp_path / "c.h5", codes)], tmp_path / "i", kind)
    index = open_index(tmp_path / "i")
    found = search(index, codes[:1], 10)
    assert sorted(found.rows[0].tolist()) == list(range(count))
    assert found.distances[0].tolist() == [0] * count
    if kind != "hnsw":
        assert len(search(index, codes[:1], None, 0).rows[0]) == count
