"""What the report draws of each task: curves, neighbours, predictions, maps and confusion."""

import base64
from collections.abc import Container, Mapping, Sequence
from html import escape as escaped
from io import BytesIO
from typing import Any

import numpy as np
from PIL import Image

from dah.confusion import Confusion, category_accuracy
from dah.plots import CONFUSED, confusion_map, domain_map, precision_recall_curves
from dah.printable import printable
from dah.reach import named
from dah.report import ABSENT

THUMBNAIL = 96
CELLS = ("true", "predicted", "images")
Images = Mapping[str, np.ndarray]


def of_task(task: str, record: Mapping[str, Any], images: Images) -> list[str]:
    """What is drawn of a task's first seed, as HTML; of a target without labels what it has."""
    parts = [f"<h2>{escape(task)}</h2>"]
    if record["precision_recall"]:
        picture = precision_recall_curves(record["precision_recall"])
        parts.append("<h3>Precision and recall</h3>")
        parts.append(image(f"Precision-recall curves of {task}", picture))
    labelled = "predicted" not in record
    categories = record["categories"]
    for method, shown in record.get("predicted", {}).items():
        parts += _predictions(method, shown, categories, images)
    for method, queries in record.get("nearest", {}).items():
        meaning = "the same category or another" if labelled else "with the predicted categories"
        parts.append(
            f"<h3>Nearest images by the codes of {escape(method)}</h3>\n<p>A query, then the"
            f" target images of the smallest Hamming distance: {meaning}</p>"
        )
        parts += [_neighbours(query, categories, images, labelled) for query in queries]
    colours = "" if labelled else "; the target in the colours of its predicted categories"
    for method, of in record.get("points", {}).items():
        labels = [np.array(of[f"{side}_labels"]) for side in ("source", "target")]
        names = dict(enumerate(categories))
        points = np.array(of["source"]), np.array(of["target"])
        parts.append(
            f"<h3>Map of fc7, {escape(method)}</h3>\n<p>t-SNE of a sample (Figures 3b-d){colours}"
            "</p>"
        )
        parts.append(image(f"t-SNE of {method} on {task}", domain_map(*points, *labels, names)))
    return parts + (_confusions(task, record["confusion"], categories) if labelled else [])


def _confusions(
    task: str, cells: Mapping[str, Mapping[str, Any]], categories: Sequence[str]
) -> list[str]:
    parts = []
    confusion = {
        method: Confusion(len(categories), *(np.array(of[name], int) for name in CELLS))
        for method, of in cells.items()
    }
    for method, counts in confusion.items():
        picture = image(f"Confusion of {method} on {task}", confusion_map(counts, categories))
        note = ""
        if len(categories) > CONFUSED:
            note = f"<p>All of them: data/evaluation/{escape(task)}.json\n"
        parts.append(
            f"<details><summary>Confusion, {escape(method)}</summary>\n{note}{picture}</details>"
        )
    of_categories = zip(categories, *map(category_accuracy, confusion.values()), strict=True)
    rows = [[c, *(ABSENT if np.isnan(v) else f"{v:.1f}" for v in of)] for c, *of in of_categories]
    cells_of_all = table([["", *confusion], *rows])
    parts.append(
        f"<details><summary>Accuracy of each category, %</summary>\n{cells_of_all}</details>"
    )
    return parts


def _predictions(
    method: str, shown: Sequence[Mapping[str, Any]], categories: Sequence[str], images: Images
) -> list[str]:
    """Pictures of some target images with what they are taken for, a row for each category."""
    what = "probability" if all(of["calibrated"] for of in shown) else "score, not calibrated"
    parts = [
        f"<h3>Predictions of {escape(method)}</h3>\n<p>Target images of the categories that are"
        f" predicted most often, with the {what}. No label of the target confirms any of them;"
        " what lies far from all source images is none of the categories, and its nearest one"
        " stands in brackets</p>"
    ]
    rows: dict[int, list[str]] = {}
    for of in shown:
        caption = f"{named(categories[of['label']], of['far'])} {of['probability']:.2f}"
        rows.setdefault(of["label"], []).append(_pictured("plain", of["id"], caption, images))
    return parts + ["<div class=row>" + "\n".join(row) + "</div>" for row in rows.values()]


def _neighbours(
    query: Mapping[str, Any], categories: Sequence[str], images: Images, labelled: bool
) -> str:
    """A query's picture and those of its neighbours, right and wrong marked where that is known."""
    figures = [_pictured("query", query["id"], f"query: {categories[query['label']]}", images)]
    for of in query["nearest"]:
        kind, mark = "plain", ""
        if labelled:
            right = of["label"] == query["label"]
            kind, mark = ("right", "\u2713 ") if right else ("wrong", "\u2717 ")
        caption = f"{mark}{of['distance']} bits: {categories[of['label']]}"
        figures.append(_pictured(kind, of["id"], caption, images))
    return "<div class=row>" + "\n".join(figures) + "</div>"


def _pictured(kind: str, name: str, caption: str, images: Images) -> str:
    picture = image(caption, _jpeg(images[name]), "jpeg")
    return f"<figure class={kind}>{picture}<figcaption>{escape(caption)}</figcaption></figure>"


def escape(name: str) -> str:
    """A name as HTML that shows it as it is."""
    return escaped(printable(name))


def _jpeg(pixels: np.ndarray) -> bytes:
    picture = Image.fromarray(pixels)
    picture.thumbnail((THUMBNAIL, THUMBNAIL))
    buffer = BytesIO()
    picture.save(buffer, "JPEG", quality=90)
    return buffer.getvalue()


def image(title: str, data: bytes, form: str = "png") -> str:
    """A picture inside the page."""
    text = base64.b64encode(data).decode()
    return f"<img alt='{escape(title)}' src='data:image/{form};base64,{text}'>"


def table(rows: Sequence[Sequence[str]], marked: Container[tuple[int, int]] = ()) -> str:
    """Rows of cells as a table with a head and first column of headings; some marked as best."""
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
