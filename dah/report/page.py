"""The report: one page of tables and pictures that opens without a network."""

import base64
from collections.abc import Iterator, Mapping, Sequence
from importlib.resources import files
from io import BytesIO
from typing import Any

import numpy as np
from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup
from PIL import Image

from dah.confusion import Confusion, category_accuracy
from dah.figures import DomainFigures
from dah.printable import printable
from dah.report.overview import HEADLINE, NAMES, headline_figures, overview
from dah.report.plots import (
    CONFUSED,
    a_distance_bars,
    confusion_map,
    domain_map,
    precision_recall_curves,
)
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
Part = dict[str, Any]


def as_written(value: Any) -> Any:
    """A text in one line of valid Unicode, which the template then escapes; other values as is."""
    return printable(value) if isinstance(value, str) and not isinstance(value, Markup) else value


TEMPLATES = Environment(
    loader=PackageLoader("dah.report", ""),
    autoescape=True,
    finalize=as_written,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)


def page(
    columns: Sequence[Column],
    records: Mapping[str, Mapping[str, Any]],
    domains: DomainFigures,
    dataset: str,
    images: Mapping[str, np.ndarray],
    facts: Mapping[str, str] = {},
) -> str:
    """What ran, the one table, the pictures of every task, then all other figures, as HTML.

    `columns`: the tasks and their mean; `records`: what ``evaluate`` stored of each task; `images`:
    the squares uint8 ``(size, size, 3)`` that the records name, by id; `facts`: what the head says
    of the run. Where `dataset` is one of the paper's, its published figures stand among ours.
    """
    rows, resources = overview(columns, dataset), files("dah.report")
    drawn = [(task, record) for task, record in records.items() if record["precision_recall"]]
    return TEMPLATES.get_template("page.html.j2").render(
        facts=facts,
        blind=[task for task, of in records.items() if "accuracy" not in of["figures"]],
        tasks=[
            {"name": task, "anchor": f"task-{i}", "parts": list(_parts(task, record, images))}
            for i, (task, record) in enumerate(drawn)
        ],
        overview=rows,
        figures=[NAMES[figure] for figure in headline_figures(columns)],
        columns=[column.name for column in columns],
        deviations=any(column.deviations for column in columns),
        published=any(row.kind == "published" for row in rows),
        domains=domain_table(domains),
        domain_unit=DOMAIN_UNIT,
        others=[_figure(f, columns, dataset, list(records)) for f in shown(columns)],
        style=Markup((resources / "page.css").read_text(encoding="utf-8")),
        script=Markup((resources / "page.js").read_text(encoding="utf-8")),
    )


def _figure(
    figure: str, columns: Sequence[Column], dataset: str, tasks: Sequence[str]
) -> dict[str, Any]:
    """One figure's table, its best cells, and what stands below it."""
    title, unit = TITLES[figure]
    best = [best_of(figure, column) for column in columns]
    pictures = []
    if figure == "a_distance":
        of_tasks = {c.name: c.figures.get(figure, {}) for c in columns if c.name in tasks}
        pictures.append(_picture("A-distances (Figure 3a)", a_distance_bars(of_tasks)))
    return {
        "anchor": f"figure-{figure}",
        "title": title,
        "unit": unit,
        "table": figure_table(figure, columns),
        "best": {
            (row, place)
            for row, method in enumerate(methods_of(figure, columns), start=1)
            for place, (column, top) in enumerate(zip(columns, best, strict=True), start=1)
            if top is not None and column.figures.get(figure, {}).get(method) == top
        },
        "printed": published_table(dataset, figure, tasks) if figure not in HEADLINE else [],
        "pictures": pictures,
    }


def _parts(
    task: str, record: Mapping[str, Any], images: Mapping[str, np.ndarray]
) -> Iterator[Part]:
    """What is drawn of a task's first seed."""
    categories = record["categories"]
    curves = precision_recall_curves(record["precision_recall"])
    yield _part(
        "Precision and recall", pictures=[_picture(f"Precision-recall curves of {task}", curves)]
    )
    for method, queries in record["nearest"].items():
        yield _part(
            f"Nearest images by the codes of {method}",
            "A query, then the target images of the smallest Hamming distance: the same category or"
            " another",
            rows=[list(_neighbours(query, categories, images)) for query in queries],
        )
    for method, of in record["points"].items():
        labels = [np.array(of[f"{side}_labels"]) for side in ("source", "target")]
        points = np.array(of["source"]), np.array(of["target"])
        drawn = domain_map(*points, *labels, dict(enumerate(categories)))
        yield _part(
            f"Map of fc7, {method}",
            "t-SNE of a sample (Figures 3b-d)",
            pictures=[_picture(f"t-SNE of {method} on {task}", drawn)],
        )
    confusion = {
        method: Confusion(len(categories), *(np.array(of[name], int) for name in CELLS))
        for method, of in record["confusion"].items()
    }
    for method, counts in confusion.items():
        yield _part(
            f"Confusion, {method}",
            f"All of them: data/evaluation/{task}.json" if len(categories) > CONFUSED else "",
            folded=True,
            pictures=[
                _picture(f"Confusion of {method} on {task}", confusion_map(counts, categories))
            ],
        )
    of_categories = zip(categories, *map(category_accuracy, confusion.values()), strict=True)
    rows = [[c, *(ABSENT if np.isnan(v) else f"{v:.1f}" for v in of)] for c, *of in of_categories]
    yield _part("Accuracy of each category, %", folded=True, table=[["", *confusion], *rows])


def _part(title: str, said: str = "", **given: Any) -> Part:
    empty = {"folded": False, "rows": [], "pictures": [], "table": []}
    return {"title": title, "said": said, **empty, **given}


def _neighbours(
    query: Mapping[str, Any], categories: Sequence[str], images: Mapping[str, np.ndarray]
) -> Iterator[dict[str, Any]]:
    """A query's picture and those of its neighbours, right and wrong marked."""

    def picture(kind: str, of: Mapping[str, Any], mark: str) -> dict[str, Any]:
        category = categories[of["label"]]
        shown = _picture(f"{kind}: {category}", _jpeg(images[of["id"]]), "jpeg")
        return shown | {"kind": kind, "caption": f"{mark} {category}"}

    yield picture("query", query, "query:")
    for of in query["nearest"]:
        right = of["label"] == query["label"]
        mark = f"{chr(0x2713) if right else chr(0x2717)} {of['distance']} bits:"
        yield picture("right" if right else "wrong", of, mark)


def _jpeg(image: np.ndarray) -> bytes:
    picture = Image.fromarray(image)
    picture.thumbnail((THUMBNAIL, THUMBNAIL))
    buffer = BytesIO()
    picture.save(buffer, "JPEG", quality=90)
    return buffer.getvalue()


def _picture(title: str, data: bytes, form: str = "png") -> dict[str, Any]:
    text = base64.b64encode(data).decode()
    return {"title": title, "source": Markup(f"data:image/{form};base64,{text}")}
