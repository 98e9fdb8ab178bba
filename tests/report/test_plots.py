"""Pictures measured in their pixels: where each colour is, and how much of it."""

import json
import tracemalloc
from io import BytesIO
from itertools import combinations
from pathlib import Path

import numpy as np
import pytest
from matplotlib.colors import to_rgb
from matplotlib.text import Text
from numpy.testing import assert_allclose
from PIL import Image

from dah.evaluation.confusion import confusion_of
from dah.files.tables import CURVE
from dah.report.plots import (
    COLOURS,
    a_distance_bars,
    confusion_map,
    domain_map,
    precision_recall_curves,
)


def pixels(png):
    """A PNG as uint8 (height, width, 3)."""
    with Image.open(BytesIO(png)) as image:
        assert image.format == "PNG"
        return np.asarray(image.convert("RGB"))


def where(picture, colour):
    """Rows and columns of the pixels that have exactly this colour."""
    return np.nonzero((picture == np.round(255 * np.array(to_rgb(colour)))).all(axis=2))


def curve(*points):
    """A curve through pairs of recall and precision."""
    recall, precision = zip(*points, strict=True)
    return {"recall": recall, "precision": precision}


def test_a_curve_is_drawn_where_its_figures_are():
    """Level curves at 0.9 and 0.3: heights in proportion, first above second, none of a third."""
    picture = pixels(
        precision_recall_curves(
            {"dah": curve((0, 0.9), (1, 0.9)), "itq": curve((0, 0.3), (1, 0.3))}
        )
    )
    high, low = (
        np.bincount(where(picture, colour)[0], minlength=len(picture)).argmax()
        for colour in COLOURS[:2]
    )
    assert high < low
    axis = np.bincount(where(picture, "black")[0], minlength=len(picture))
    bottom = np.flatnonzero(axis > picture.shape[1] / 2).max()
    assert_allclose((bottom - high) / (bottom - low), 3, rtol=0.03)
    assert len(where(picture, COLOURS[2])[0]) == 0


def test_dvcs_curves_follow_the_radius_as_a_number():
    """DVC gives a table's cells as text, of which 10 comes before 2: a zigzag."""
    path = Path(__file__).parents[2] / ".dvc/plots/by_method.json"
    template = json.loads(path.read_text(encoding="utf-8"))
    parsed = template["data"]["format"]["parse"]
    assert parsed == {name: "number" for name in CURVE if name != "method"}
    line, _ = template["layer"]
    assert line["encoding"]["order"]["field"] in parsed


def test_more_methods_than_colours_still_differ():
    """The eleventh has the first one's colour but not its stroke: dashes leave gaps."""
    line = curve((0, 0.5), (1, 0.5))
    hidden = {str(i): curve((0, -1), (1, -1)) for i in range(10)}
    solid = where(pixels(precision_recall_curves({"m": line})), COLOURS[0])
    other = where(pixels(precision_recall_curves(hidden | {"m": line})), COLOURS[0])
    assert 0 < len(other[0]) < 0.9 * len(solid[0])


def test_source_is_dots_and_target_crosses():
    """A dot is filled: it has more of its colour in a square of its size than a cross."""
    corners, labels = np.array([[-1.0, -1.0], [1.0, 1.0]]), np.array([4, 7])
    middle, nothing = np.array([[0.0, 0.0]]), np.empty(0, int)
    names = {4: "mug", 7: "pen"}
    empty = domain_map(corners, np.empty((0, 2)), labels, nothing, names)
    dot = domain_map(
        np.concatenate([corners, middle]), np.empty((0, 2)), np.array([4, 7, 4]), nothing, names
    )
    cross = domain_map(corners, middle, labels, labels[:1], names)
    areas = []
    for png in (dot, cross):
        ink = np.argwhere(pixels(png).min(axis=2) != pixels(empty).min(axis=2))
        height, width = np.ptp(ink, axis=0) + 1
        assert max(height, width) < 12
        areas.append(len(ink) / (height * width))
    assert areas[0] > 1.5 * areas[1]


def test_each_category_has_its_colour():
    """Ten categories, ten colours, in the order of their labels; an eleventh is refused."""
    points, labels = np.random.default_rng(0).standard_normal((11, 2)), np.arange(11)
    names = {i: f"category {i}" for i in range(11)}
    picture = pixels(domain_map(points[:10], points[:10], labels[:10], labels[:10], names))
    assert all(len(where(picture, colour)[0]) > 20 for colour in COLOURS)
    picture = pixels(domain_map(points[:3], points[:3], labels[:3], labels[:3], names))
    assert [len(where(picture, colour)[0]) > 0 for colour in COLOURS[:9]] == [True] * 3 + [
        False
    ] * 6
    with pytest.raises(ValueError, match="11 categories for 10 colours"):
        domain_map(points, points, labels, labels, names)


def test_rows_of_the_confusion_are_the_truth():
    """The first category is all taken for the last, the last for the second: two dark cells.

    Each has its number; the category without an image is a grey row between them.
    """
    confusion = np.array([[0, 0, 5], [0, 0, 0], [0, 9, 0]])
    picture = pixels(confusion_map(confusion, ["a", "b", "c"]))
    rows, columns = where(picture, "lightgrey")
    full = (np.bincount(rows)[rows] > 200) & (np.bincount(columns)[columns] > 80)  # no letters
    top, bottom = rows[full].min(), rows[full].max()
    left, right = columns[full].min(), columns[full].max()
    side = bottom - top
    assert_allclose(right - left, 3 * side, rtol=0.05)
    for row, column in np.ndindex(3, 3):
        y, x = top + (row - 1) * side, left + column * side
        brightness = picture[y : y + side, x : x + side].min(axis=2)[5:-5, 5:-5]
        dark = confusion[row, column] > 0
        assert_allclose(np.median(brightness), 8 if dark else 211 if row == 1 else 247, atol=3)
        assert (brightness.max() > 250) == dark
        assert (np.ptp(brightness) > 0) == dark


@pytest.mark.parametrize("categories", [1, 12, 13, 65])
def test_confusion_of_any_number_of_categories_is_drawn(categories):
    """Numbers and names shrink or go; the picture grows but stays a picture for a page."""
    names = [f"category {i}" for i in range(categories)]
    picture = pixels(confusion_map(np.eye(categories, dtype=np.int64), names))
    assert 300 < picture.shape[0] < 1600


def test_thousands_of_categories_are_a_small_picture():
    """Those in most errors, in a picture of one size, by no more memory than a few of them take."""
    labels = np.arange(5000)
    predicted = labels.copy()
    predicted[[4000, 4001]] = 4001, 7
    confusion, names = confusion_of(predicted, labels, 5000), [f"c{i}" for i in range(5000)]
    tracemalloc.start()
    picture = pixels(confusion_map(confusion, names))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert max(picture.shape) < 1700
    assert peak < 200 * 2**20
    small = pixels(confusion_map(np.eye(300, dtype=np.int64), names[:300]))
    assert small.shape == picture.shape


NAMES = ["$x$", "$\\frac$", "_x", "{x}", "x\ny", "<b>", "\\alpha^2", "x" * 300]


def test_names_are_drawn_as_they_are(monkeypatch):
    """Mathematics, escapes and names that matplotlib would hide; a very long one is cut."""
    texts = []
    draw = Text.draw
    monkeypatch.setattr(Text, "draw", lambda text, *given: (texts.append(text), draw(text, *given)))
    eye, labels = np.eye(8, dtype=np.int64), np.arange(8)
    points = np.random.default_rng(0).standard_normal((8, 2))
    for make in (
        lambda: confusion_map(eye, NAMES),
        lambda: domain_map(points, points, labels, labels, dict(enumerate(NAMES))),
        lambda: a_distance_bars({name: {name: 1.0} for name in NAMES}),
        lambda: precision_recall_curves({name: curve((0, 1), (1, 0)) for name in NAMES}),
    ):
        texts.clear()
        make()
        found = {text.get_text() for text in texts if not text.get_parse_math()}
        assert found >= {*NAMES[:4], r"x\ny", *NAMES[5:7], "x" * 39 + "\u2026"}


def test_bars_are_as_high_as_the_distances():
    """Heights in proportion, the method in its place, and a gap where a task lacks one."""
    picture = pixels(
        a_distance_bars({"a-b": {"none": 2.0, "dan": 1.0, "dah": 0.5}, "a-c": {"dah": 1.5}})
    )
    heights, starts = {}, {}
    for name, colour in zip(("none", "dan", "dah"), COLOURS, strict=False):
        columns = where(picture, colour)[1]
        by_column = np.bincount(columns, minlength=picture.shape[1])
        starts[name] = np.flatnonzero(by_column > 60).min()
        heights[name] = sorted(set(by_column[by_column > 60]))
    assert starts["none"] < starts["dan"] < starts["dah"]
    unit = heights["dan"][-1]
    assert_allclose(heights["none"][-1] / unit, 2, rtol=0.03)
    assert_allclose([heights["dah"][0] / unit, heights["dah"][-1] / unit], [0.5, 1.5], rtol=0.05)


def test_one_input_gives_one_file():
    """The report is an output that is compared by its bytes."""
    tasks = {"a-b": {"none": 1.5}}
    assert a_distance_bars(tasks) == a_distance_bars(tasks)


# Machado, Oliveira & Fernandes 2009, severity 1, on linear RGB.
BLINDNESS = {
    "protanopia": [
        [0.152286, 1.052583, -0.204868],
        [0.114503, 0.786281, 0.099216],
        [-0.003882, -0.048116, 1.051998],
    ],
    "deuteranopia": [
        [0.367322, 0.860646, -0.227968],
        [0.280085, 0.672501, 0.047413],
        [-0.011820, 0.042940, 0.968881],
    ],
    "normal sight": np.eye(3),
}


def lab(linear):
    """CIE L*a*b* of linear RGB (D65)."""
    to_xyz = np.array(
        [[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]]
    )
    t = to_xyz @ np.clip(linear, 0, 1) / to_xyz.sum(axis=1)
    f = np.where(t > (6 / 29) ** 3, np.cbrt(t), t / (3 * (6 / 29) ** 2) + 4 / 29)
    return np.array([116 * f[1] - 16, 500 * (f[0] - f[1]), 200 * (f[1] - f[2])])


@pytest.mark.parametrize("sight", BLINDNESS)
def test_colours_differ_in_every_sight(sight):
    """Any two are far more than a just noticeable difference (2.3) apart."""
    seen = []
    for colour in COLOURS:
        c = np.array(to_rgb(colour))
        linear = np.where(c <= 0.04045, c / 12.92, ((c + 0.055) / 1.055) ** 2.4)
        seen.append(lab(np.array(BLINDNESS[sight]) @ linear))
    distances = {
        (i, j): float(np.linalg.norm(seen[i] - seen[j])) for i, j in combinations(range(10), 2)
    }
    assert min(distances.values()) > 15, sorted(distances.items(), key=lambda item: item[1])[:5]
