"""The page of ``python -m dah serve``: what it answers, what it refuses, and how it behaves."""

import asyncio
import base64
import io
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import requests
from browser import answers, browser, free_port, missing, wait_for
from encoders import BITS, CATEGORIES, archive, draw, parts, picture
from numpy.testing import assert_allclose
from PIL import Image

from dah.__main__ import main
from dah.commands.serve import is_loopback
from dah.encoder import load_encoder
from dah.encoder_file import write_encoder
from dah.hamming import hamming_distances
from dah.imagecodes import read_rows
from dah.web.upload import Refused, check_pixels, received

for module in ("faiss", "fastapi", "uvicorn"):
    pytest.importorskip(module, reason=f"{module} is not installed: pip install 'dah[serve]'")

NAMES = [f"{i:02}.png" for i in range(30)]
BROWSER = pytest.mark.skipif(bool(missing()), reason=f"no browser: {missing()}")


@pytest.fixture(scope="module")
def served(tmp_path_factory):
    """A server of its own process for two indexes: a folder's and an archive's."""
    folder = tmp_path_factory.mktemp("served")
    write_encoder(folder / "e.pt", parts())
    sets = {
        "source": draw(folder / "source", NAMES[:7]),
        "target": archive(folder / "target.tar", NAMES),
    }
    arguments = sys.argv
    for name, images in sets.items():
        codes, index = folder / f"{name}.h5", folder / f"{name}.index"
        sys.argv = ["dah", "encode", str(folder / "e.pt"), str(images), "-o", str(codes)]
        main()
        sys.argv = ["dah", "index", str(codes), "-o", str(index)]
        main()
    sys.argv = arguments
    port = free_port()
    command = [sys.executable, "-m", "dah", "serve", "e.pt", "source.index", "target.index"]
    root = Path(__file__).parents[1]
    server = subprocess.Popen(
        [*command, "--port", str(port)],
        cwd=folder,
        env={"PYTHONPATH": str(root), "PATH": "/usr/bin:/bin", "OMP_NUM_THREADS": "1"},
    )
    try:
        wait_for(lambda: answers(f"http://127.0.0.1:{port}/api/indexes"), 120)
        yield folder, f"http://127.0.0.1:{port}"
    finally:
        server.terminate()
        server.wait()


def get(url):
    """A response, whatever its status."""
    return requests.get(url, timeout=60)


def test_an_upload_is_answered_with_code_categories_and_neighbours(served):
    """As the encoder says, with the nearest of both indexes by a table of distances."""
    folder, url = served
    encoder = load_encoder(folder / "e.pt")
    image = picture(4)
    (folder / "q.png").write_bytes(image)
    expected = encoder.encode(folder / "q.png")
    answer = requests.post(f"{url}/api/search?k=5", data=image, timeout=60).json()
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


def test_an_image_of_an_index_is_answered_like_its_upload(served):
    """Picked by number, it has the same code and neighbours."""
    _, url = served
    row = next(i["row"] for i in get(f"{url}/api/images/1").json() if i["name"] == "04.png")
    picked = get(f"{url}/api/search/1/{row}?k=5").json()
    assert picked == requests.post(f"{url}/api/search?k=5", data=picture(4), timeout=60).json()


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
        (b"no image", 422, "this is not a readable image"),
        (b"", 422, "this is not a readable image"),
        (picture(1)[:70], 422, "this is truncated PNG"),
        (bytes(20 * 2**20 + 1), 413, "the file has more than 20 MiB"),
        (bomb.getvalue(), 413, "the image has more than 50 million pixels"),
    ):
        response = requests.post(f"{url}/api/search", data=data, timeout=60)
        assert (response.status_code, response.json()["detail"][: len(reason)]) == (status, reason)


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


def test_where_an_image_lies_on_the_disk_is_not_told(served):
    """Names are those within the folder or archive."""
    folder, url = served
    for path in ("api/indexes", "api/images/0", "api/search/0/0"):
        assert str(folder) not in get(f"{url}/{path}").text


def test_an_upload_is_read_no_further_than_its_limit():
    """The chunk that passes it is the last one asked for."""
    asked = []

    async def chunks():
        for i in range(10):
            asked.append(i)
            yield b"xxxx"

    assert asyncio.run(received(chunks(), 40)) == b"x" * 40
    asked.clear()
    with pytest.raises(Refused, match="the file has more than 0 MiB"):
        asyncio.run(received(chunks(), 9))
    assert asked == [0, 1, 2]


def test_pixels_are_counted_from_the_header():
    """The limit itself passes, one more does not, and what has no header is left to decode."""
    image = picture(0, shape=(30, 44))
    check_pixels(image, 30 * 44)
    check_pixels(b"no image", 1)
    with pytest.raises(Refused, match="million pixels"):
        check_pixels(image, 30 * 44 - 1)


def test_loopback_addresses():
    """Anything else is reached from other machines."""
    assert [is_loopback(host) for host in ("127.0.0.1", "::1", "localhost")] == [True] * 3
    assert [is_loopback(host) for host in ("0.0.0.0", "192.168.1.2", "example.org")] == [False] * 3


@pytest.fixture(scope="module")
def window(served):
    """A browser on the page, its images there."""
    _, url = served
    with browser() as window:
        window.open(url)
        wait_for(lambda: loaded(window, "#images") == 7)
        yield window


def loaded(window, place):
    """How many pictures of a part of the page have come."""
    return window.script(
        "return [...document.querySelectorAll(arguments[0] + ' img')]"
        ".filter((image) => image.complete && image.naturalWidth === 128).length",
        place,
    )


def text(window, selector):
    """The text of an element that is seen."""
    return window.script("return document.querySelector(arguments[0]).innerText", selector)


@BROWSER
def test_a_chosen_file_is_shown_with_its_neighbours(served, window):
    """Picture, category, code and two rows of nearest images appear, without complaints."""
    folder, _ = served
    (folder / "chosen.png").write_bytes(picture(4))
    window.type("#file", str(folder / "chosen.png"))
    wait_for(lambda: text(window, "#title") == "chosen.png")
    wait_for(lambda: loaded(window, "#neighbours") == 7 + 10)
    code = load_encoder(folder / "e.pt").encode(folder / "chosen.png").codes[0]
    assert text(window, "#hex") == f"12 bits: {code.tobytes().hex()}"
    cells = window.script(
        "return [...document.querySelectorAll('#code i')].map((cell) => cell.className)"
    )
    assert [cell == "one" for cell in cells] == np.unpackbits(code, count=BITS).astype(
        bool
    ).tolist()
    assert "Nearest in source" in text(window, "#neighbours")
    assert "Nearest in target" in text(window, "#neighbours")
    assert len(text(window, "#categories").split("\n")) >= 3
    assert window.complaints() == []


@BROWSER
def test_a_dropped_file_is_searched(window):
    """What a drop event carries is sent."""
    window.script(
        "const bytes = Uint8Array.from(atob(arguments[0]), (c) => c.charCodeAt(0));"
        "const carried = new DataTransfer();"
        "carried.items.add(new File([bytes], 'dropped.png', { type: 'image/png' }));"
        "document.getElementById('drop').dispatchEvent("
        "  new DragEvent('drop', { dataTransfer: carried, cancelable: true }));",
        base64.b64encode(picture(6)).decode(),
    )
    wait_for(lambda: text(window, "#title") == "dropped.png")
    assert window.complaints() == []


@BROWSER
def test_an_image_of_the_target_can_be_picked(window):
    """From the second index, on its second page; the first neighbour in it is itself."""
    window.script(
        "const list = document.getElementById('indexes'); list.value = '1';"
        "list.dispatchEvent(new Event('change'));"
    )
    wait_for(lambda: text(window, "#where") == "1 to 24 of 30")
    window.click("#on")
    wait_for(lambda: text(window, "#where") == "25 to 30 of 30")
    wait_for(lambda: loaded(window, "#images") == 6)
    window.click("#images button:last-child")
    wait_for(lambda: text(window, "#title") == "29.png")
    assert "distance 0" in text(window, "#neighbours section:last-child button")
    assert window.complaints() == []


@BROWSER
def test_a_file_that_is_no_image_is_told_on_the_page(served, window):
    """The answer of before goes away."""
    folder, _ = served
    (folder / "text.png").write_text("no image")
    window.type("#file", str(folder / "text.png"))
    wait_for(lambda: "not a readable image" in text(window, "#message"))
    assert window.script("return document.getElementById('answer').hidden")
    assert loaded(window, "#neighbours") == 0
