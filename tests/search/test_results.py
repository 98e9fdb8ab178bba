"""What a search found, as it is told: a table, JSON lines, a page."""

import json
import re
from html.parser import HTMLParser

import numpy as np
import pytest
from encoders import draw
from test_search import write

from dah.encoder.encoder import Encoded
from dah.encoder.imagecodes import Header, Rows, writing
from dah.search.index import build_index, search
from dah.search.results import json_lines, results, table
from dah.search.sheet import contact_sheet

pytest.importorskip("faiss", reason="faiss is not installed: pip install faiss-cpu")


@pytest.fixture
def told(tmp_path):
    """Two queries among four images, one of which is gone from its folder."""
    folder = draw(tmp_path / "f", ["0.png", "1.png", "3.png"])
    codes = np.array([[0], [1], [3], [255]], np.uint8)
    index = build_index([write(tmp_path / "c.h5", codes, folder, 8)], tmp_path / "i", "flat")
    shares = np.array([[0.1, 0.7, 0.2], [0.5, 0.25, 0.25]], np.float32)
    queries = Encoded(["<q>.png", "r.png"], np.array([[0], [7]], np.uint8), shares, {})
    found = search(index, queries.codes, 3, 2)
    return index, results(index, queries, [str(folder)] * 2, found), folder


def test_results_by_hand(told):
    """0 is 0, 1 and 2 bits from 0, 1 and 3; 7 is 1 and 2 bits from 3 and 1."""
    _, (first, second), folder = told
    assert (first.name, first.category) == ("<q>.png", "pen")
    assert [(n.distance, n.name) for n in first.neighbours] == [
        (0, "0.png"),
        (1, "1.png"),
        (2, "2.png"),
    ]
    assert [(n.distance, n.row) for n in second.neighbours] == [(1, 2), (2, 1)]
    assert second.neighbours[0].category == "sofa"
    assert second.neighbours[0].origin == str(folder)


def test_a_table_and_json_lines_tell_the_same(told):
    """Tab-separated under a head, and one object for each query."""
    _, found, folder = told
    lines = list(table(found))
    assert len(lines) == 1 + 3 + 2
    assert lines[-1].split("\t") == ["r.png", "mug", "2", "2", f"{folder}/1.png", "pen", "0.5000"]
    records = [json.loads(line) for line in json_lines(found)]
    assert [record["code"] for record in records] == ["00", "07"]
    assert records[0]["query"] == f"{folder}/<q>.png"
    assert [near["distance"] for near in records[1]["results"]] == [1, 2]
    assert records[1]["results"][0] == {
        "rank": 1,
        "distance": 1,
        "image": f"{folder}/2.png",
        "category": "sofa",
        "probability": 0.5,
        "far": False,
    }
    assert lines[0].endswith("\tprobability")
    assert next(table(found, calibrated=False)).endswith("\tscore")


def test_what_is_far_is_none_of_the_categories(told):
    """In the table, in JSON and on the page, with the nearest category beside it."""
    index, (first, second), folder = told
    near = first.neighbours[0]._replace(far=True)
    found = [first._replace(far=True, neighbours=[near]), second]
    cells = list(table(found))[1].split("\t")
    assert (cells[1], cells[5]) == ("none of them (pen)", f"none of them ({near.category})")
    record = json.loads(next(json_lines(found)))
    assert (record["far"], record["category"], record["results"][0]["far"]) == (True, "pen", True)
    page = contact_sheet(index, found, [folder])
    assert page.count("none of them (") == 2
    assert "scores, not calibrated" in page


def test_the_contact_sheet_has_every_picture_that_is_still_there(told):
    """Names are escaped, pictures are inside, and the page asks for nothing from outside."""
    index, found, folder = told
    page = contact_sheet(index, found, [folder])
    assert "<q>" not in page
    assert "&lt;q&gt;.png" in page
    tags = []

    class Collector(HTMLParser):
        def handle_starttag(self, tag, attributes):
            tags.append((tag, dict(attributes)))

    Collector().feed(page)
    sources = [attributes["src"] for tag, attributes in tags if tag == "img"]
    assert len(sources) == 2 + 1
    assert all(source.startswith("data:image/jpeg;base64,") for source in sources)
    assert sum(tag == "figure" for tag, _ in tags) == 7
    assert not any("href" in attributes for _, attributes in tags)
    assert ("meta", {"name": "viewport", "content": "width=device-width"}) in tags  # for phones
    assert "prefers-color-scheme: dark" in page


def test_the_contact_sheet_names_files_under_their_pictures(told):
    """The query's too, and how far each neighbour is."""
    index, found, folder = told
    captions = re.findall(
        r"</?[^>]+>([^<]+)<small>(\w+) [0-9.]+</small><small>([^<]+)</small></figure>",
        contact_sheet(index, found, [folder]),
    )
    assert captions[:2] == [("&lt;q&gt;.png", "pen", "query"), ("0.png", "mug", "distance 0")]
    assert len(captions) == 7


NAMES = ["<img src=x onerror=alert(1)>", "=1+1", "a\tb\nc", "\udce9.png", "$x$"]


@pytest.fixture
def marked(tmp_path):
    """What is found for a query, where each name and each category is mark-up of some kind."""
    codes = np.arange(5, dtype=np.uint8)[:, None]
    header = Header(8, NAMES, "/m.pt", "f" * 16)
    with writing(tmp_path / "c.h5", header) as append:
        labels, shares = np.arange(5, dtype=np.int32), np.ones(5, np.float32)
        append(Rows([str(tmp_path)] * 5, NAMES, codes, labels, shares))
    index = build_index([tmp_path / "c.h5"], tmp_path / "i", "flat")
    query = Encoded(NAMES[:1], codes[:1], np.eye(5, dtype=np.float32)[:1], {})
    return index, results(index, query, [str(tmp_path)], search(index, codes[:1], 5)), tmp_path


def test_names_are_told_as_written(marked):
    """In a table of one line each, in JSON exactly, and on a page without effect."""
    index, found, folder = marked
    lines = list(table(found))
    "\n".join(lines).encode()
    assert [line.count("\t") for line in lines] == [6] * 6
    assert {line.split("\t")[5] for line in lines[1:]} == {
        NAMES[0],
        "'=1+1",
        r"a\tb\nc",
        r"\xe9.png",
        "$x$",
    }
    (line,) = json_lines(found)
    told = json.loads(line.encode())
    assert {near["category"] for near in told["results"]} == set(NAMES)
    assert {near["image"] for near in told["results"]} == {f"{folder}/{name}" for name in NAMES}
    page = contact_sheet(index, found, [])
    page.encode()
    assert "<img" not in page
    assert all(name in page for name in ("&lt;img src=x", "=1+1", r"a\tb\nc", r"\xe9.png", "$x$"))
