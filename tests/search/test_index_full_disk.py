"""A full disk while an index is built: one line, and the former index stays."""

import numpy as np
import pytest
from disks import ROOM, limited_files
from test_search import codes_of, write

from dah.errors import UserError
from dah.search import kinds
from dah.search.index import build_index, open_index, search

pytest.importorskip("faiss", reason="faiss is not installed: pip install faiss-cpu")


@pytest.mark.parametrize("kind", kinds.EFFORT)
def test_a_shard_that_does_not_fit(tmp_path, kind):
    """faiss's own error is none of the system; what was there stays."""
    shard = tmp_path / "0000.faiss"
    shard.write_bytes(b"earlier")
    index = kinds.build(kind, codes_of(2 * ROOM))
    with (
        limited_files(),
        pytest.raises(UserError, match=r"0000\.faiss: cannot be written: File too large; free sp"),
    ):
        kinds.write(index, shard)
    assert shard.read_bytes() == b"earlier"
    assert [file.name for file in tmp_path.iterdir()] == ["0000.faiss"]


def test_an_index_that_does_not_fit(tmp_path):
    """Its images come first, and HDF5 would end the process; the former index answers on."""
    codes = codes_of(9)
    build_index([write(tmp_path / "few.h5", codes)], tmp_path / "i", "flat")
    many = write(tmp_path / "many.h5", codes_of(ROOM))
    with limited_files(), pytest.raises(UserError, match="cannot be written: File too large"):
        build_index([many], tmp_path / "i", "flat")
    assert sorted(file.name for file in tmp_path.iterdir()) == ["few.h5", "i", "many.h5"]
    found = search(open_index(tmp_path / "i"), codes[:1], 9)
    assert np.sort(found.rows[0]).tolist() == list(range(9))


def test_a_full_disk(tmp_path, disk):
    """Of its own."""
    place, _ = disk
    codes = write(tmp_path / "c.h5", codes_of(ROOM))
    with pytest.raises(UserError, match="cannot be written: No space left on device; free space"):
        build_index([codes], place / "i", "flat")
    assert list(place.iterdir()) == []
