"""The page of ``python -m dah serve`` in a browser, as a person uses it."""

import base64

import numpy as np
import pytest
from browser import browser, missing, wait_for
from encoders import BITS, picture
from serving import NAMES, serving, two_indexes

from dah.commands.serve import told
from dah.encoder.encoder import load_encoder

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


DRAG = (
    "const carried = new DataTransfer();"
    "for (const [name, data] of arguments[2]) carried.items.add("
    "  new File([Uint8Array.from(atob(data), (c) => c.charCodeAt(0))], name));"
    "if (arguments[2].length === 0) carried.items.add('words', 'text/plain');"
    "document.querySelector(arguments[1]).dispatchEvent(new DragEvent(arguments[0],"
    "  { dataTransfer: carried, cancelable: true, bubbles: true }));"
)


@BROWSER
@pytest.mark.parametrize("place", ["#drop", "h1", "#images", "html"])
def test_a_file_that_is_dropped_anywhere_is_searched(window, place):
    """What a drop event carries is sent, wherever on the page; meanwhile the page says so."""
    files = [[f"over {place}.png", base64.b64encode(picture(6)).decode()]]
    window.script(DRAG, "dragenter", place, files)
    assert text(window, "#over") == "Drop the image to search for it"
    window.script(DRAG, "drop", place, files)
    wait_for(lambda: text(window, "#title") == f"over {place}.png")
    assert window.script("return document.getElementById('over').hidden")
    assert window.complaints() == []


@BROWSER
def test_what_is_no_file_is_told_when_it_is_dropped(window):
    """Words, or a picture of another page without its file."""
    window.script(DRAG, "dragenter", "h1", [])
    assert window.script("return document.getElementById('over').hidden")
    window.script(DRAG, "drop", "h1", [])
    wait_for(lambda: "save the image as a file first" in text(window, "#message"))


@BROWSER
def test_files_are_named_under_their_pictures(window):
    """By the last part of the name; the whole of it when the mouse rests there."""
    captions = window.script(
        "return [...document.querySelectorAll('#images .image b')].map((b) => b.innerText)"
    )
    assert captions == NAMES[:7]


@BROWSER
@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [390, 1280])
def test_it_reads_in_light_and_in_dark_on_a_phone_and_on_a_desk(served, window, width, scheme):
    """Nothing is cut off at the right, and every text has a contrast of 4.5 to what is behind."""
    folder, _ = served
    name = f"{scheme} {width}.png"
    (folder / name).write_bytes(picture(width))
    try:
        window.emulate(width, scheme)
        window.type("#file", str(folder / name))
        wait_for(lambda: text(window, "#title") == name)
        assert window.script("return document.documentElement.scrollWidth") <= width
        colours = window.script(
            "const of = (node, name) => getComputedStyle(node)[name].match(/[0-9.]+/g).map(Number);"
            "const behind = of(document.body, 'backgroundColor');"
            "return ['body', '#hex', '.image b', '.image small', '#where'].map((selector) =>"
            "  [of(document.querySelector(selector), 'color'), behind]);"
        )
    finally:
        window.emulate(1100, "light")
    assert (luminance(colours[0][1]) < 0.1) == (scheme == "dark")
    for pair in colours:
        low, high = sorted(luminance(colour) for colour in pair)
        assert (high + 0.05) / (low + 0.05) >= 4.5


def luminance(colour):
    """Of sRGB in 0 ... 255, as WCAG 2 defines it."""
    shares = [c / 255 for c in colour[:3]]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in shares]
    return float(np.dot(linear, [0.2126, 0.7152, 0.0722]))


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
    assert text(window, "#message").startswith("text.png: it cannot be read: ")
    assert window.script("return document.getElementById('answer').hidden")
    assert loaded(window, "#neighbours") == 0


@BROWSER
def test_failures_are_explained_to_a_person(tmp_path):
    """A picture that is gone, and a server that was ended: what it means, and what to do."""
    two_indexes(tmp_path)
    (tmp_path / "source" / "03.png").unlink()
    with browser() as window:
        with serving(tmp_path, ["source.index"]) as (url, _):
            window.open(url)
            wait_for(lambda: loaded(window, "#images") == 6)
            wait_for(lambda: text(window, "#images .none") == "no picture")
            assert "not there any more" in window.script(
                "return document.querySelector('#images .none').title"
            )
        window.click("#images button")
        wait_for(lambda: "The server does not answer" in text(window, "#message"))
        assert "still running in its terminal?" in text(window, "#message")


def test_the_server_says_where_the_page_is():
    """As an address that a browser takes, also where it listens everywhere."""
    assert told("127.0.0.1", 80) == ["Open http://127.0.0.1:80 in a browser; Ctrl-C ends serve"]
    assert told("::1", 80)[0].startswith("Open http://[::1]:80 in")
    here, others = told("0.0.0.0", 8000)
    assert here.startswith("Open http://127.0.0.1:8000 in a browser")
    assert others.endswith(":8000; there is no login")
