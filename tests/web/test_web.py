"""The page of ``python -m dah serve``: what it answers, what it refuses, and how it behaves."""

import io
import shutil
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace

import numpy as np
import pytest
import requests
from encoders import BITS, CATEGORIES, SIZE, draw, parts, picture
from numpy.testing import assert_allclose
from PIL import Image
from serving import NAMES, call, running, serving, two_indexes

from dah.encoder.encoder import assemble, load_encoder
from dah.encoder.file import write_encoder
from dah.encoder.imagecodes import Rows, read_rows, writing
from dah.encoder.shards import header_of
from dah.images.decode import decode
from dah.retrieval.hamming import hamming_distances
from dah.search.index import build_index, open_index

for module in ("faiss", "fastapi", "uvicorn"):
    pytest.importorskip(module, reason=f"{module} is not installed: pip install 'dah[serve]'")

from dah.web.app import REMEDY, create_app  # noqa: E402


@pytest.fixture(scope="module")
def served(tmp_path_factory):
    """A server for two indexes: a folder's and an archive's."""
    folder = tmp_path_factory.mktemp("served")
    two_indexes(folder)
    with serving(folder, ["source.index", "target.index"]) as (url, _):
        yield folder, url


def get(url):
    """A response, whatever its status."""
    return requests.get(url, timeout=60)


def post(url, data):
    """The response to an upload."""
    return requests.post(url, data=data, timeout=60)


def test_an_upload_is_answered_with_code_categories_and_neighbours(served):
    """As the encoder says, with the nearest of both indexes by a table of distances."""
    folder, url = served
    encoder = load_encoder(folder / "e.pt")
    image = picture(4)
    (folder / "q.png").write_bytes(image)
    expected = encoder.encode(folder / "q.png")
    answer = post(f"{url}/api/search?k=5", image).json()
    assert (answer["code"], answer["bits"]) == (expected.codes[0].tobytes().hex(), BITS)
    told = {row["category"]: row["probability"] for row in answer["categories"]}
    assert set(told) == set(CATEGORIES)
    assert_allclose([told[name] for name in CATEGORIES], expected.probabilities[0], rtol=1e-5)
    assert [index["name"] for index in answer["indexes"]] == ["source", "target"]
    for index in answer["indexes"]:
        (rows,) = read_rows(folder / f"{index['name']}.h5")
        distances = np.sort(hamming_distances(expected.codes, rows.codes)[0])[:5]
        assert [image["distance"] for image in index["images"]] == distances.tolist()
    assert "04.png" in [i["name"] for i in answer["indexes"][1]["images"] if i["distance"] == 0]


def test_scores_are_told_from_probabilities_and_what_is_far_is_said(tmp_path):
    """The encoder of the tests has no temperature; with a reach of no bits nothing is near."""
    with_limits = replace(parts(), temperature=2.0, reach=0)
    for given, calibrated in ((parts(), False), (with_limits, True)):
        encoder = assemble(given, tmp_path, "cpu")
        header = header_of(encoder, tmp_path / "e.pt")
        codes = encoder.codes(np.zeros((1, SIZE, SIZE, 3), np.uint8))
        with writing(tmp_path / "c.h5", header) as append:
            share = encoder.probabilities(codes).max(axis=1)
            far = encoder.far(codes)
            append(Rows(["/o"], ["a.png"], codes, np.zeros(1, np.int32), share, far))
        index = build_index([tmp_path / "c.h5"], tmp_path / "i", "flat")
        with running(create_app(encoder, header, [index])) as (port, _):
            answer = get(f"http://127.0.0.1:{port}/api/search/0/0").json()
            (row,) = get(f"http://127.0.0.1:{port}/api/images/0").json()
        assert answer["calibrated"] is calibrated
        assert answer["far"] is bool(far[0])
        assert row["category"].startswith("none of them (") is bool(far[0])
    assert far[0]


def test_an_image_of_an_index_is_answered_like_its_upload(served):
    """Picked by number, it has the same code and neighbours."""
    _, url = served
    row = next(i["row"] for i in get(f"{url}/api/images/1").json() if i["name"] == "04.png")
    picked = get(f"{url}/api/search/1/{row}?k=5").json()
    assert picked == post(f"{url}/api/search?k=5", picture(4)).json()


@pytest.mark.parametrize("number", [0, 1])
def test_pictures_are_thumbnails(served, number):
    """Of a folder and of an archive."""
    _, url = served
    response = get(f"{url}/api/picture/{number}/3")
    assert response.headers["content-type"] == "image/jpeg"
    assert Image.open(io.BytesIO(response.content)).size == (128, 128)


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("api/picture/0/7", 404),
        ("api/picture/0/-1", 404),
        ("api/picture/2/0", 404),
        ("api/picture/-1/0", 404),
        ("api/picture/0/..%2F..%2Fe.pt", 404),
        ("api/search/1/30", 404),
        ("api/images/0?start=7", 404),
        ("api/images/0?start=-1", 422),
        ("api/images/0?count=100000", 422),
        ("api/search/0/0?k=100000", 422),
        ("e.pt", 404),
        ("..%2Fe.pt", 404),
        ("page.html", 404),
        ("docs", 404),
        ("openapi.json", 404),
    ],
)
def test_nothing_but_rows_of_the_indexes_can_be_asked_for(served, path, status):
    """No path of the disk, no row outside, no unbounded answer."""
    _, url = served
    assert get(f"{url}/{path}").status_code == status


def test_a_raw_path_with_dots_leads_nowhere(served):
    """Sent as it stands, not as a client would shorten it."""
    folder, url = served
    request = requests.Request("GET", url).prepare()
    request.url = f"{url}/../../../..{folder}/e.pt"
    with requests.Session() as session:
        assert session.send(request, timeout=60).status_code == 404


def test_uploads_that_are_no_image_are_told_why(served):
    """Damage, emptiness, size and pixels, each with its status."""
    _, url = served
    bomb = io.BytesIO()
    Image.new("1", (9000, 9000)).save(bomb, "PNG")
    for data, status, reason in (
        (b"no image", 422, "it cannot be read: not a readable image of JPEG, PNG"),
        (b"", 422, "it cannot be read: not a readable image"),
        (picture(1)[:70], 422, f"it cannot be read: truncated PNG; {REMEDY}"),
        (bytes(20 * 2**20 + 1), 413, "the file has more than 20 MiB; make it smaller"),
        (bomb.getvalue(), 413, "the image has more than 50 million pixels; make it smaller"),
    ):
        response = post(f"{url}/api/search", data)
        assert (response.status_code, response.json()["detail"][: len(reason)]) == (status, reason)
        assert "Error" not in response.json()["detail"]


def test_other_hosts_names_are_refused_and_pages_are_closed(served):
    """A foreign site's name that points here gets nothing; scripts come from here alone."""
    _, url = served
    response = requests.get(url, headers={"Host": "evil.example"}, timeout=60)
    assert response.status_code == 400
    page = get(url)
    assert page.status_code == 200
    assert page.headers["Content-Security-Policy"].startswith("default-src 'self';")
    assert page.headers["X-Content-Type-Options"] == "nosniff"
    assert "<script>" not in page.text
    assert "access-control-allow-origin" not in page.headers
    assert page.headers["Cross-Origin-Resource-Policy"] == "same-origin"


def test_other_pages_get_no_picture_and_no_answer(served):
    """Whatever they ask for is refused unread, and closed to them by its headers."""
    _, url = served
    foreign = {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "no-cors"}
    for path in ("api/picture/0/0", "api/picture/0/99"):
        response = requests.get(f"{url}/{path}", headers=foreign, timeout=60)
        assert response.status_code == 403
        assert response.headers["Cross-Origin-Resource-Policy"] == "same-origin"
    origin = {"Origin": "http://localhost:9000"}
    sent = requests.post(f"{url}/api/search", data=b"", headers=origin, timeout=60)
    assert sent.status_code == 403


def test_where_an_image_lies_on_the_disk_is_not_told(served):
    """Names are those within the folder or archive."""
    folder, url = served
    for path in ("api/indexes", "api/images/0", "api/search/0/0"):
        assert str(folder) not in get(f"{url}/{path}").text


@contextmanager
def answering(folder, *names, folders=()):
    """The address of an application in a thread of this process."""
    encoder = load_encoder(folder / "e.pt")
    opened = [open_index(folder / name) for name in names]
    app = create_app(encoder, header_of(encoder, folder / "e.pt"), opened, folders=folders)
    with running(app) as (port, _):
        yield f"http://127.0.0.1:{port}"


def test_pictures_are_those_of_folders_that_the_user_named(served, tmp_path, monkeypatch, capsys):
    """By encode here, or by --pictures; where another one lies is told on the terminal alone."""
    folder, _ = served
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    for named, status in (([folder / "source"], 200), ([], 404)):
        with answering(folder, "source.index", folders=named) as url:
            for _ in range(2):
                response = get(f"{url}/api/picture/0/3")
                assert response.status_code == status
                assert str(folder) not in response.text
        said = capsys.readouterr().err
        assert said.count(f"pictures of {folder / 'source'} are not shown") == (status == 404)


def test_another_generation_of_an_index_is_served_as_soon_as_it_is_there(served, tmp_path):
    """Rows of the former one are refused by its name; one of another model is not served at all."""
    folder, _ = served
    shutil.copy(folder / "e.pt", tmp_path)
    shutil.copytree(folder / "source.index", tmp_path / "live")
    write_encoder(tmp_path / "other.pt", parts(seed=1))

    def replace(model, count):
        images, codes = draw(tmp_path / model[:-3], NAMES[:count]), tmp_path / f"{model}.h5"
        call("encode", tmp_path / model, images, "-o", codes)
        call("index", codes, "-o", tmp_path / "live")

    with answering(tmp_path, "live") as url:
        (before,) = get(f"{url}/api/indexes").json()
        replace("e.pt", 3)
        (after,) = get(f"{url}/api/indexes").json()
        assert (before["count"], after["count"]) == (7, 3)
        for path in ("images/0", "search/0/1", "picture/0/1"):
            old = get(f"{url}/api/{path}?of={before['generation']}")
            assert (old.status_code, "load the page again" in old.text) == (409, True)
            assert get(f"{url}/api/{path}?of={after['generation']}").status_code == 200
        replace("other.pt", 9)
        answer = post(f"{url}/api/search", picture(1))
        assert answer.status_code == 503
        assert "live is no index of this model any more" in answer.json()["detail"]


def test_one_image_is_decoded_at_a_time(served, monkeypatch):
    """Uploads and pictures alike, however many are asked for: memory is that of one."""
    folder, _ = served
    running_now, most = [], []

    def slowly(data, size):
        running_now.append(1)
        most.append(len(running_now))
        time.sleep(0.05)
        running_now.pop()
        return decode(data, size)

    monkeypatch.setattr("dah.web.app.decode", slowly)
    monkeypatch.setattr("dah.images.thumbnails.decode", slowly)
    with answering(folder, "source.index") as url, ThreadPoolExecutor(12) as pool:
        sent = [pool.submit(post, f"{url}/api/search", picture(i)) for i in range(6)]
        sent += [pool.submit(get, f"{url}/api/picture/0/{i}") for i in range(6)]
        assert [response.result().status_code for response in sent] == [200] * 12
    assert (max(most), len(most)) == (1, 12)
