"""Results as tables, and the page: whole in itself, right and wrong marked, in a browser."""

import re
import shutil
import subprocess
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from browser import browser, missing
from PIL import Image

from dah.evaluation.figures import means
from dah.params import load
from dah.report.facts import changes, commit, facts
from dah.report.overview import overview
from dah.report.page import page
from dah.report.tables import column_of, domain_table, figure_table, text_tables

ROOT = Path(__file__).parents[2]
DOMAINS = {"images": {"hand": 9}, "svm_accuracy": {"hand": 90.0}}
FIGURES = {"accuracy": {"none": 40.0, "dah": 61.25}, "map": {"dah": 0.5}}
CURVE = {"dah": {"recall": [0.1, 1.0], "precision": [1.0, 0.2]}}


def columns_of(tasks):
    """Columns of some tasks and of their mean."""
    return [column_of(name, of) for name, of in {**tasks, "mean": means(tasks.values())}.items()]


def record(figures, **drawn):
    """What evaluate stores of a task, in which nothing is drawn but what is given."""
    empty = {"precision_recall": {}, "nearest": {}, "points": {}, "confusion": {}, "left_out": {}}
    return {"figures": figures, "categories": ["m<g", "pen"], **empty, **drawn}


def row_of(name, html):
    """The cells of the table row with this head."""
    row = re.search(rf'<th scope="row">{re.escape(name)}</th>(.*?)</tr>', html, re.DOTALL)
    return re.findall(r"<td[^>]*>([^<]*)</td>", row[1])


def whole(tasks, dataset="digits", **drawn):
    """The page of some tasks' figures."""
    records = {task: record(figures, **drawn) for task, figures in tasks.items()}
    return page(columns_of(tasks), records, DOMAINS, dataset, 64, IMAGES)


def colours(*values):
    """Squares of one grey each, by id."""
    return {f"i{v}": np.full((40, 40, 3), v, np.uint8) for v in values}


IMAGES = colours(0, 50, 200)
DRAWN = {
    "precision_recall": CURVE,
    "nearest": {
        "dah": [
            {
                "id": "i0",
                "label": 0,
                "nearest": [
                    {"id": "i50", "label": 0, "distance": 3},
                    {"id": "i200", "label": 1, "distance": 7},
                ],
            }
        ]
    },
    "points": {
        "dah": {
            "source": [[0.0, 1.0], [2.0, 3.0]],
            "target": [[1.0, 0.0]],
            "source_labels": [0, 1],
            "target_labels": [1],
        }
    },
    "confusion": {
        "dah": {"true": [0, 0], "predicted": [0, 1], "images": [3, 1]},
        "noda": {"true": [0, 0], "predicted": [0, 1], "images": [2, 2]},
    },
}


def test_the_text_tables_read():
    """Methods in rows, tasks and mean in columns; percents with one decimal, shares with three."""
    text = text_tables(columns_of({"p-h": FIGURES, "h-s": FIGURES}), DOMAINS)
    assert re.search(r"p-h +h-s +mean\n", text)
    assert re.search(r"\n +dah +61\.[23] +61\.[23] +61\.[23]\n", text)
    assert re.search(r"\n +dah +0\.500 +0\.500 +0\.500\n", text)


def test_deviations_stand_beside_the_means():
    """Where a method has one; the metrics file holds both."""
    metrics = FIGURES | {"deviation": {"accuracy": {"dah": 1.26}}}
    rows = figure_table("accuracy", [column_of("p-h", metrics)])
    assert rows == [["", "p-h"], ["none", "40.0"], ["dah", "61.2 \u00b1 1.3"]]


def test_the_page_is_whole_in_itself():
    """Tables with the best value marked, pictures inside, nothing loaded, every name escaped."""
    html = whole({"p<h": FIGURES}, **DRAWN)
    assert re.search(r'<td data-value="61.25" class="best first">61.2<', html)
    assert "p&lt;h" in html
    assert "m&lt;g" in html
    assert "p<h" not in html
    assert "m<g" not in html
    assert "data:image/png;base64,iVBOR" in html
    assert not re.search(r"""https?://|<script [^>]*src|src=["'](?!data:)|@import|url\(""", html)


def test_right_and_wrong_neighbours_are_marked():
    """One query, a right one at distance 3 and a wrong one at 7, each with its picture."""
    html = whole({"p-h": FIGURES}, **DRAWN)
    shown = re.findall(r'<figure class="(\w+)">.*?<figcaption>(.*?)</figcaption>', html, re.DOTALL)
    assert shown == [
        ("query", "query: m&lt;g"),
        ("right", "\u2713 3 bits: m&lt;g"),
        ("wrong", "\u2717 7 bits: pen"),
    ]
    assert html.count("data:image/jpeg") == 3


def test_categories_have_accuracies_of_their_own():
    """Three of four with one method, half with the other; none for a category without images."""
    html = whole({"p-h": FIGURES}, **DRAWN)
    assert row_of("m&lt;g", html) == ["75.0", "50.0"]
    assert row_of("pen", html) == ["-", "-"]
    assert html.count("<summary>Confusion") == 2


MARKUP = (
    "<b>x</b>",
    "$x$",
    "$\\frac$",
    "**x**",
    "_x",
    "&#64;x",
    "=1+1",
    "x\ny",
    "\u202ex",
    "\udce9",
    "x" * 300,
)


def test_names_are_shown_as_written():
    """On the page and in its pictures, whatever mark-up they are in, mathematics too."""
    given = record(FIGURES, **DRAWN) | {"categories": list(MARKUP)}
    html = page(columns_of({"p-h": FIGURES}), {"p-h": given}, DOMAINS, "digits", 64, IMAGES)
    html.encode()
    assert "<b>x" not in html
    shown = "&lt;b&gt;x&lt;/b&gt;", "$x$", "**x**", "_x", "&amp;#64;x", "=1+1", r"x\ny", r"\u202ex"
    assert all(f'<th scope="row">{name}</th>' in html for name in shown)


def test_thousands_of_categories_are_reported():
    """The accuracies of all; the picture has those in most errors, and tells where all are."""
    names = [f"category {i}" for i in range(3000)]
    cells = {"true": [7, 2999], "predicted": [8, 2999], "images": [2, 1]}
    given = record(FIGURES, **DRAWN) | {"categories": names, "confusion": {"dah": cells}}
    html = page(columns_of({"p-h": FIGURES}), {"p-h": given}, DOMAINS, "digits", 64, IMAGES)
    assert row_of("category 7", html) == ["0.0"]
    assert row_of("category 2999", html) == ["100.0"]
    assert "All of them: data/evaluation/p-h.json" in html


def test_a_task_without_labels_has_no_figures_of_labels():
    """Its cells are empty, the page says so, and means are those of the other task."""
    tasks = {"p-h": FIGURES, "p-s": {"domain_error": {"dah": 0.25}}}
    records = {"p-h": record(FIGURES, **DRAWN), "p-s": record(tasks["p-s"], predicted={})}
    html = page(columns_of(tasks), records, DOMAINS, "digits", 64, IMAGES)
    assert "no accuracy and no mAP: p-s" in html
    assert html.count("<h3>Precision") == 1
    assert figure_table("accuracy", columns_of(tasks))[2] == ["dah", "61.2", "-", "61.2"]


PREDICTED = [
    {"id": "i0", "label": 0, "probability": 0.61, "calibrated": True, "far": False},
    {"id": "i50", "label": 0, "probability": 0.5, "calibrated": True, "far": True},
    {"id": "i200", "label": 1, "probability": 0.99, "calibrated": True, "far": False},
]


def test_a_target_without_labels_shows_its_predictions():
    """Pictures by category, what is far as none of them; neighbours and maps, nothing marked."""
    drawn = {key: DRAWN[key] for key in ("nearest", "points")} | {"predicted": {"dah": PREDICTED}}
    html = whole({"p-s": {"domain_error": {"dah": 0.2}}}, **drawn)
    pattern = r'<figure class="(\w+)">.*?<figcaption>(.*?)</figcaption>'
    assert re.findall(pattern, html, re.DOTALL) == [
        ("plain", "m&lt;g 0.61"),
        ("plain", "none of them (m&lt;g) 0.50"),
        ("plain", "pen 0.99"),
        ("query", "query: m&lt;g"),
        ("plain", "3 bits: m&lt;g"),
        ("plain", "7 bits: pen"),
    ]
    assert html.count('<div class="row">') == 3
    assert "with the probability. No label" in html
    assert "the target in the colours of its predicted categories" in html
    assert not re.search("Precision and recall|Confusion|\u2713|\u2717|figure class=.right", html)
    raw = [of | {"calibrated": False} for of in PREDICTED]
    assert "with the score, not calibrated" in whole({"p-s": {}}, predicted={"dah": raw})


def test_what_was_left_out_is_said():
    """By task and method, with the reason as it was written."""
    html = whole({"p-h": FIGURES}, left_out={"itq": "64 bits > 59 <samples>"})
    assert "<p>Left out of p-h: itq, 64 bits &gt; 59 &lt;samples&gt;" in html


def test_a_distances_are_drawn():
    """Bars below their table, for the tasks and not for the mean."""
    assert whole({"p-h": {"a_distance": {"dah": 1.5}}}).count("<img") == 1
    one_alone = {"p-h": {"a_distance": {"dah": 1.5}}, "p-s": {"domain_error": {"dah": 0.2}}}
    assert whole(one_alone).count("<img") == 1


def test_published_figures_stand_among_ours():
    """Only on the paper's data sets, and only for its tasks; the oracle is named as such."""
    figures = {"accuracy": {"dah": 61.2}, "map": {"suh": 0.9, "dah": 0.5}}
    tasks = {"amazon-webcam": figures, "amazon-street": figures}
    html = whole(tasks, "office31")
    assert row_of("dah, VGG-F (published)", html)[:3] == ["68.3", "-", "-"]
    assert row_of("suh (oracle)", html)[3:] == ["0.900", "0.900", "0.900"]
    assert html.count('class="best') == 6 + 6  # in the one table and in those of each figure
    assert "published" not in whole(tasks, "digits").split("</style>")[1]


def test_shallow_methods_stand_with_each_classifier():
    """The nearest neighbour and the SVM; deviations beside; the best of ours alone is marked."""
    figures = {"accuracy": {"tca": 40.0, "dah": 50.0}, "accuracy_svm": {"tca": 55.0}}
    deviation = {"accuracy": {"dah": 1.5}, "accuracy_svm": {"tca": 0.5}}
    rows = overview([column_of("p-h", figures | {"deviation": deviation})], "digits", 64)
    assert [(row.name, row.cells[0].text, row.cells[0].best) for row in rows] == [
        ("tca + 1-NN", "40.0", False),
        ("tca + SVM", "55.0 \u00b1 0.5", True),
        ("dah", "50.0 \u00b1 1.5", False),
    ]


def test_the_head_says_what_ran():
    """Names as they are; keys that are not the nearest preset's, with their values."""
    params = load(ROOT / "params.yaml")
    changed = replace(params, dah=replace(params.dah, bits=16, gamma=1000.0))
    assert changes(params, ROOT) == ("digits", {})
    assert changes(changed, ROOT) == ("digits", {"dah.bits": 16, "dah.gamma": 1000.0})
    told = facts(changed, ROOT)
    assert told["changed from preset digits"] == "dah.bits 16, dah.gamma 1000.0"
    html = page(columns_of({"p-h": FIGURES}), {}, DOMAINS, "digits", 64, {}, told | {"x": "a<b"})
    assert "dah.bits 16, dah.gamma 1000.0" in html
    assert "a&lt;b" in html


def test_a_folder_without_git_has_no_commit(tmp_path):
    assert commit(tmp_path) == "unknown"


def test_domains_are_a_table():
    """Whole numbers and sizes as they are, percents with two decimals, nothing where unknown."""
    domains = DOMAINS | {"images": {"hand": 9, "web": 4}}
    assert domain_table(domains) == [
        ["", "images", "SVM, %"],
        ["hand", "9", "90.00"],
        ["web", "4", "-"],
    ]


BROWSER = shutil.which("chromium") or shutil.which("google-chrome")


@pytest.mark.slow
@pytest.mark.skipif(BROWSER is None, reason="no Chromium is installed")
def test_a_browser_shows_the_page(tmp_path):
    """Right and wrong neighbours have their borders, and their pictures are drawn."""
    html = whole({"p-h": FIGURES}, **DRAWN)
    (tmp_path / "report.html").write_text(html, encoding="utf-8")
    shot = tmp_path / "shot.png"
    subprocess.run(
        [
            BROWSER,
            "--headless",
            "--no-sandbox",
            "--disable-gpu",
            "--hide-scrollbars",
            "--window-size=1000,3000",
            f"--screenshot={shot}",
            (tmp_path / "report.html").as_uri(),
        ],
        check=True,
        capture_output=True,
        timeout=120,
    )
    with Image.open(shot) as image:
        seen = np.asarray(image.convert("RGB")).reshape(-1, 3)
    assert len(seen) == 1000 * 3000
    for colour in ((0x11, 0x77, 0x33), (0xCC, 0x33, 0x11), (200, 200, 200), (50, 50, 50)):
        assert (np.abs(seen.astype(int) - colour).max(axis=1) <= 2).sum() > 200, colour


@pytest.mark.slow
@pytest.mark.skipif(bool(missing()), reason=missing() or "here")
def test_a_click_on_a_head_sorts(tmp_path):
    """Falling, then rising; methods without the figure stay last; the page says nothing else."""
    figures = {"accuracy": {"a": 40.0, "b": 61.0, "c": 50.0}, "map": {"c": 0.5, "z": 0.1}}
    path = tmp_path / "report.html"
    path.write_text(whole({"p-h": figures}, **DRAWN), encoding="utf-8")
    names = "return [...document.querySelectorAll('.sortable tbody th')].map(e => e.textContent)"
    with browser() as window:
        window.open(path.as_uri())
        assert window.script(names) == ["c", "z", "a", "b"]
        window.click(".sortable button")
        assert window.script(names) == ["b", "c", "a", "z"]
        window.click(".sortable button")
        assert window.script(names) == ["a", "c", "b", "z"]
        assert window.complaints() == []
