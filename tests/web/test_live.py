"""Indexes that are replaced while they are served: one generation answers, or none."""

import json

import numpy as np
import pytest
from encoders import CATEGORIES

from dah.encoder.imagecodes import Header, Rows, writing
from dah.errors import UserError
from dah.search.index import build_index, images_at, open_index, search

for module in ("faiss", "fastapi", "uvicorn"):
    pytest.importorskip(module, reason=f"{module} is not installed: pip install 'dah[serve]'")

from dah.web.app import told_of  # noqa: E402
from dah.web.live import LiveIndex, generation  # noqa: E402
from dah.web.upload import Refused  # noqa: E402

HEADER = Header(8, CATEGORIES, "/m.pt", "f" * 16)
CODE = np.array([[7]], np.uint8)


def index(folder, names, header=HEADER, kind="flat"):
    """An index of images that all have the code 7."""
    with writing(folder / "c.h5", header) as append:
        count = len(names)
        codes, labels = np.full((count, 1), 7, np.uint8), np.zeros(count, np.int32)
        append(Rows(["/nowhere"] * count, names, codes, labels, np.ones(count, np.float32)))
    return build_index([folder / "c.h5"], folder / "live", kind)


def nearest(of):
    """The names of all images, by a search."""
    return images_at(of, search(of, CODE, 10).rows[0])[0].names


def test_another_generation_is_taken_whole(tmp_path):
    """Other images, another number of them, another kind: the next answer is of them alone."""
    live = LiveIndex(index(tmp_path, ["a", "b"]), HEADER)
    assert live.ask(nearest) == ["a", "b"]
    before = live.ask(generation)
    index(tmp_path, ["c", "d", "e"], kind="hnsw")
    assert live.ask(nearest) == ["c", "d", "e"]
    assert live.ask(generation) != before


def test_one_of_another_model_is_refused(tmp_path, capsys):
    """Codes of as many bits as ours, too; the terminal is told once, and one of ours is taken."""
    live = LiveIndex(index(tmp_path, ["a"]), HEADER)
    index(tmp_path, ["x"], Header(8, CATEGORIES, "/other.pt", "0" * 16))
    for _ in range(2):
        with pytest.raises(Refused, match="live is no index of this model any more") as caught:
            live.ask(nearest)
        assert caught.value.status == 503
        assert str(tmp_path) not in str(caught.value)
    assert capsys.readouterr().err.count("expected codes of the model /m.pt") == 1
    index(tmp_path, ["b"])
    assert live.ask(nearest) == ["b"]


def test_an_index_that_is_taken_away_is_told(tmp_path):
    """And comes back."""
    live = LiveIndex(index(tmp_path, ["a"]), HEADER)
    (tmp_path / "live").rename(tmp_path / "aside")
    with pytest.raises(Refused, match="or none at all"):
        live.ask(nearest)
    (tmp_path / "aside").rename(tmp_path / "live")
    assert live.ask(nearest) == ["a"]


def test_a_question_is_asked_again_where_the_index_is_replaced_meanwhile(tmp_path):
    """The rows of one generation are never looked up in another."""
    live = LiveIndex(index(tmp_path, ["a", "b"]), HEADER)
    replaced = iter([["c"], []])

    def slowly(of):
        rows = search(of, CODE, 10).rows[0]
        names = next(replaced, [])
        if names:
            index(tmp_path, names)
        return images_at(of, rows)[0].names

    assert live.ask(slowly) == ["c"]


def test_a_search_that_an_index_does_not_outlive_says_so(tmp_path):
    """Where nobody asks again, as on the command line."""
    found = index(tmp_path, ["a", "b"])
    rows = search(found, CODE, 10).rows[0]
    index(tmp_path, ["c"])
    with pytest.raises(UserError, match="live: it was replaced while it was searched; search aga"):
        images_at(found, rows)
    assert open_index(tmp_path / "live").count == 1


def test_names_of_any_kind_are_told(tmp_path):
    """As text that is sent, and shown by the page as text."""
    names = ["<b>", "a\nb", "\udce9.png"]
    told = told_of(index(tmp_path, names), [0, 1, 2])
    json.dumps(told, ensure_ascii=False).encode()
    assert [row["name"] for row in told] == ["<b>", r"a\nb", r"\xe9.png"]


def test_it_is_of_the_model_from_the_start(tmp_path):
    """As the command serve is told."""
    with pytest.raises(UserError, match="expected codes of the model"):
        LiveIndex(index(tmp_path, ["a"]), Header(8, CATEGORIES, "/other.pt", "0" * 16))
