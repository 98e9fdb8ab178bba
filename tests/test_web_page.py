"""The page of ``python -m dah serve`` in a browser, as a person uses it."""

import base64

import numpy as np
import pytest
from browser import browser, missing, wait_for
from encoders import BITS, picture
from serving import serving, two_indexes

from dah.encoder import load_encoder

for module in ("faiss", "fastapi", "uvicorn"):
    pytest.importorskip(module, reason=f"{module} is not installed: pip install 'dah[serve]'")

BROWSER = pytest.mark.skipif(bool(missing()), reason=f"no browser: {missing()}")


@pytest.fixture(scope="module")
def served(tmp_path_factory):
    """A server for two indexes: a folder's and an archive's."""
    folder = tmp_path_factory.mktemp("served")
    two_indexes(folder)
    with serving(folder, ["source.index", "target.index"]) as (url, _):
        yield folder, url


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
