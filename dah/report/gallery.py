"""What the report draws of each task: curves, neighbours, predictions, maps and confusion."""

from collections.abc import Iterator, Mapping, Sequence
from io import BytesIO
from typing import Any

import numpy as np
from PIL import Image

from dah.evaluation.confusion import Confusion, category_accuracy
from dah.report.plots import CONFUSED, confusion_map, domain_map, precision_recall_curves
from dah.report.tables import ABSENT
from dah.retrieval.reach import named
from dah.templates import inside

THUMBNAIL = 96
CELLS = ("true", "predicted", "images")
Images = Mapping[str, np.ndarray]
Part = dict[str, Any]


def of_task(task: str, record: Mapping[str, Any], images: Images) -> Iterator[Part]:
    """What is drawn of a task's first seed; of a target without labels what it has."""
    if record["precision_recall"]:
        curves = precision_recall_curves(record["precision_recall"])
        drawn = picture(f"Precision-recall curves of {task}", curves)
        yield _part("Precision and recall", pictures=[drawn])
    labelled, categories = "predicted" not in record, record["categories"]
    for method, shown in record.get("predicted", {}).items():
        yield _predictions(method, shown, categories, images)
    for method, queries in record.get("nearest", {}).items():
        meaning = "the same category or another" if labelled else "with the predicted categories"
        yield _part(
            f"Nearest images by the codes of {method}",
            f"A query, then the target images of the smallest Hamming distance: {meaning}",
            rows=[list(_neighbours(query, categories, images, labelled)) for query in queries],
        )
    colours = "" if labelled else "; the target in the colours of its predicted categories"
    for method, of in record.get("points", {}).items():
        labels = [np.array(of[f"{side}_labels"]) for side in ("source", "target")]
        points = np.array(of["source"]), np.array(of["target"])
        plane = domain_map(*points, *labels, dict(enumerate(categories)))
        yield _part(
            f"Map of fc7, {method}",
            f"t-SNE of a sample (Figures 3b-d){colours}",
            pictures=[picture(f"t-SNE of {method} on {task}", plane)],
        )
    if labelled:
        yield from _confusions(task, record["confusion"], categories)


def _confusions(
    task: str, cells: Mapping[str, Mapping[str, Any]], categories: Sequence[str]
) -> Iterator[Part]:
    confusion = {
        method: Confusion(len(categories), *(np.array(of[name], int) for name in CELLS))
        for method, of in cells.items()
    }
    for method, counts in confusion.items():
        drawn = picture(f"Confusion of {method} on {task}", confusion_map(counts, categories))
        said = f"All of them: data/evaluation/{task}.json" if len(categories) > CONFUSED else ""
        yield _part(f"Confusion, {method}", said, folded=True, pictures=[drawn])
    of_categories = zip(categories, *map(category_accuracy, confusion.values()), strict=True)
    rows = [[c, *(ABSENT if np.isnan(v) else f"{v:.1f}" for v in of)] for c, *of in of_categories]
    yield _part("Accuracy of each category, %", folded=True, table=[["", *confusion], *rows])


def _predictions(
    method: str, shown: Sequence[Mapping[str, Any]], categories: Sequence[str], images: Images
) -> Part:
    """Pictures of some target images with what they are taken for, a row for each category."""
    what = "probability" if all(of["calibrated"] for of in shown) else "score, not calibrated"
    rows: dict[int, list[dict[str, Any]]] = {}
    for of in shown:
        caption = f"{named(categories[of['label']], of['far'])} {of['probability']:.2f}"
        rows.setdefault(of["label"], []).append(_captioned("plain", of["id"], caption, images))
    return _part(
        f"Predictions of {method}",
        f"Target images of the categories that are predicted most often, with the {what}. No label"
        " of the target confirms any of them; what lies far from all source images is none of the"
        " categories, and its nearest one stands in brackets",
        rows=list(rows.values()),
    )


def _neighbours(
    query: Mapping[str, Any], categories: Sequence[str], images: Images, labelled: bool
) -> Iterator[dict[str, Any]]:
    """A query's picture and those of its neighbours, right and wrong marked where that is known."""
    yield _captioned("query", query["id"], f"query: {categories[query['label']]}", images)
    for of in query["nearest"]:
        kind, mark = "plain", ""
        if labelled:
            right = of["label"] == query["label"]
            kind, mark = ("right", "\u2713 ") if right else ("wrong", "\u2717 ")
        caption = f"{mark}{of['distance']} bits: {categories[of['label']]}"
        yield _captioned(kind, of["id"], caption, images)


def _part(title: str, said: str = "", **given: Any) -> Part:
    empty = {"folded": False, "rows": [], "pictures": [], "table": []}
    return {"title": title, "said": said, **empty, **given}


def _captioned(kind: str, name: str, caption: str, images: Images) -> dict[str, Any]:
    return picture(caption, _jpeg(images[name]), "jpeg") | {"kind": kind, "caption": caption}


def _jpeg(pixels: np.ndarray) -> bytes:
    thumbnail = Image.fromarray(pixels)
    thumbnail.thumbnail((THUMBNAIL, THUMBNAIL))
    buffer = BytesIO()
    thumbnail.save(buffer, "JPEG", quality=90)
    return buffer.getvalue()


def picture(title: str, data: bytes, form: str = "png") -> dict[str, Any]:
    """A picture inside the page."""
    return {"title": title, "source": inside(data, form)}
