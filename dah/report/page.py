"""The report: one page of tables and pictures that opens without a network."""

import base64
from collections.abc import Container, Mapping, Sequence
from html import escape as escaped
from io import BytesIO
from string import Template
from typing import Any

import numpy as np
from PIL import Image

from dah.confusion import Confusion, category_accuracy
from dah.figures import DomainFigures
from dah.report.plots import (
    CONFUSED,
    a_distance_bars,
    confusion_map,
    domain_map,
    precision_recall_curves,
)
from dah.printable import printable
from dah.report.tables import (
    ABSENT,
    DOMAIN_UNIT,
    TITLES,
    Column,
    best_of,
    domain_table,
    figure_table,
    methods_of,
    published_table,
    shown,
)

THUMBNAIL = 96
CELLS = ("true", "predicted", "images")
PAGE = Template("""<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>Domain adaptive hashing: results</title>
<style>
body { font: 16px/1.5 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem;
  color: #222; background: #fff; }
table { border-collapse: collapse; margin: 0.5rem 0 2rem; display: block; overflow-x: auto; }
th, td { padding: 0.2rem 0.9rem; text-align: right; border-bottom: 1px solid #ddd; }
td { white-space: nowrap; }
th:first-child { text-align: left; }
td.best { font-weight: bold; }
img { max-width: 100%; }
p { margin: 0; color: #555; }
h2 { margin-top: 3rem; border-top: 1px solid #ddd; padding-top: 1rem; }
.row { display: flex; flex-wrap: wrap; gap: 0.4rem; margin: 0.5rem 0 1rem; }
figure { margin: 0; width: 4.6rem; font-size: 0.7rem; line-height: 1.2; overflow-wrap: anywhere; }
figure img { width: 4.2rem; border: 0.2rem solid #888; display: block; }
figure.right img { border-color: #117733; }
figure.wrong img { border-color: #cc3311; }
figure.query { margin-right: 1rem; }
</style>
<h1>Domain adaptive hashing: results</h1>
$body
</html>
""")


def page(
    columns: Sequence[Column],
    records: Mapping[str, Mapping[str, Any]],
    domains: DomainFigures,
    dataset: str,
    images: Mapping[str, np.ndarray],
) -> str:
    """All tables, then the pictures of every task, as HTML with the pictures inside.

    `columns`: the tasks and their mean; `records`: what ``evaluate`` stored of each task; `images`:
    the squares uint8 ``(size, size, 3)`` that the records name, by id. Where `dataset` is one of
    the paper's, its published figures stand below ours.
    """
    tasks = list(records)
    parts = []
    blind = [task for task, record in records.items() if "accuracy" not in record["figures"]]
    if blind:
        names = escape(", ".join(blind))
        parts.append(f"<p>No labels in the target, so no accuracy and no mAP: {names}")
    for figure in shown(columns):
        parts.append(_figure(figure, columns))
        printed = published_table(dataset, figure, tasks)
        if printed:
            parts.append(f"<p>As published, VGG-F\n{_rows(printed)}")
        if figure == "a_distance":
            of_tasks = {c.name: c.figures.get(figure, {}) for c in columns if c.name in tasks}
            parts.append(_image("A-distances (Figure 3a)", a_distance_bars(of_tasks)))
    parts.append(f"<h2>Domains</h2>\n<p>{DOMAIN_UNIT}\n{_rows(domain_table(domains))}")
    parts += [
        part
        for task, record in records.items()
        if record["precision_recall"]
        for part in _task(task, record, images)
    ]
    return PAGE.substitute(body="\n".join(parts))


def escape(name: str) -> str:
    """A name as HTML that shows it as it is."""
    return escaped(printable(name))


def _task(task: str, record: Mapping[str, Any], images: Mapping[str, np.ndarray]) -> list[str]:
    """What is drawn of a task's first seed."""
    name, categories = escape(task), record["categories"]
    parts = [
        f"<h2>{name}</h2>\n<h3>Precision and recall</h3>",
        _image(f"Precision-recall curves of {task}", precision_recall_curves(
            record["precision_recall"]
        )),
    ]  # fmt: skip
    for method, queries in record["nearest"].items():
        parts.append(
            f"<h3>Nearest images by the codes of {escape(method)}</h3>\n<p>A query, then the"
            " target images of the smallest Hamming distance: the same category or another</p>"
        )
        parts += [_neighbours(query, categories, images) for query in queries]
    for method, of in record["points"].items():
        labels = [np.array(of[f"{side}_labels"]) for side in ("source", "target")]
        names = dict(enumerate(categories))
        points = np.array(of["source"]), np.array(of["target"])
        parts.append(
            f"<h3>Map of fc7, {escape(method)}</h3>\n<p>t-SNE of a sample (Figures 3b-d)</p>"
        )
        parts.append(_image(f"t-SNE of {method} on {task}", domain_map(*points, *labels, names)))
    confusion = {
        method: Confusion(len(categories), *(np.array(of[name], int) for name in CELLS))
        for method, of in record["confusion"].items()
    }
    for method, counts in confusion.items():
        picture = _image(f"Confusion of {method} on {task}", confusion_map(counts, categories))
        note = ""
        if len(categories) > CONFUSED:
            note = f"<p>All of them: data/evaluation/{name}.json\n"
        parts.append(
            f"<details><summary>Confusion, {escape(method)}</summary>\n{note}{picture}</details>"
        )
    of_categories = zip(categories, *map(category_accuracy, confusion.values()), strict=True)
    rows = [[c, *(ABSENT if np.isnan(v) else f"{v:.1f}" for v in of)] for c, *of in of_categories]
    table = _rows([["", *confusion], *rows])
    parts.append(f"<details><summary>Accuracy of each category, %</summary>\n{table}</details>")
    return parts


def _neighbours(
    query: Mapping[str, Any], categories: Sequence[str], images: Mapping[str, np.ndarray]
) -> str:
    """A query's picture and those of its neighbours, right and wrong marked."""

    def picture(kind: str, of: Mapping[str, Any], mark: str) -> str:
        category = categories[of["label"]]
        title = f"{kind}: {category}"
        return (
            f"<figure class={kind}>{_image(title, _jpeg(images[of['id']]), 'jpeg')}"
            f"<figcaption>{escape(mark)} {escape(category)}</figcaption></figure>"
        )

    figures = [picture("query", query, "query:")]
    for of in query["nearest"]:
        right = of["label"] == query["label"]
        mark = f"{chr(0x2713) if right else chr(0x2717)} {of['distance']} bits:"
        figures.append(picture("right" if right else "wrong", of, mark))
    return "<div class=row>" + "\n".join(figures) + "</div>"


def _jpeg(image: np.ndarray) -> bytes:
    picture = Image.fromarray(image)
    picture.thumbnail((THUMBNAIL, THUMBNAIL))
    buffer = BytesIO()
    picture.save(buffer, "JPEG", quality=90)
    return buffer.getvalue()


def _image(title: str, data: bytes, form: str = "png") -> str:
    text = base64.b64encode(data).decode()
    return f"<img alt='{escape(title)}' src='data:image/{form};base64,{text}'>"


def _figure(figure: str, columns: Sequence[Column]) -> str:
    title, unit = TITLES[figure]
    best = [best_of(figure, column) for column in columns]
    marked = {
        (row, place)
        for row, method in enumerate(methods_of(figure, columns), start=1)
        for place, (column, top) in enumerate(zip(columns, best, strict=True), start=1)
        if top is not None and column.figures.get(figure, {}).get(method) == top
    }
    return f"<h2>{title}</h2>\n<p>{unit}\n{_rows(figure_table(figure, columns), marked)}"


def _rows(rows: Sequence[Sequence[str]], marked: Container[tuple[int, int]] = ()) -> str:
    lines = []
    for row, cells in enumerate(rows):
        line = "<tr>"
        for column, cell in enumerate(cells):
            head = row == 0 or column == 0
            mark = " class=best" if (row, column) in marked else ""
            line += f"<{'th' if head else 'td'}{mark}>{escape(cell)}"
        lines.append(line)
    body = "\n".join(lines)
    return f"<table>\n{body}\n</table>"
