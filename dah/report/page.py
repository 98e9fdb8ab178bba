"""The report: one page of tables and pictures that opens without a network."""

from collections.abc import Mapping, Sequence
from importlib.resources import files
from typing import Any

from markupsafe import Markup

from dah.evaluation.figures import DomainFigures
from dah.report.gallery import Images, of_task, picture
from dah.report.overview import NAMES, headline_figures, overview
from dah.report.plots import a_distance_bars
from dah.report.tables import (
    DOMAIN_UNIT,
    TITLES,
    Column,
    best_of,
    domain_table,
    figure_table,
    methods_of,
    shown,
)
from dah.templates import templates

TEMPLATES = templates("dah.report")


def page(
    columns: Sequence[Column],
    records: Mapping[str, Mapping[str, Any]],
    domains: DomainFigures,
    dataset: str,
    bits: int,
    images: Images,
    facts: Mapping[str, str] = {},
) -> str:
    """What ran, the one table, the pictures of every task, then all other figures, as HTML.

    `columns`: the tasks and their mean; `records`: what ``evaluate`` stored of each task; `images`:
    the squares uint8 ``(size, size, 3)`` that the records name, by id; `facts`: what the head says
    of the run. What is published of `dataset`, by the paper or, for codes of so many `bits`, by
    later methods, stands among ours.
    """
    rows, resources = overview(columns, dataset, bits), files("dah.report")
    return TEMPLATES.get_template("page.html.j2").render(
        facts=facts,
        blind=[task for task, of in records.items() if "accuracy" not in of["figures"]],
        omitted=[
            (task, method, reason)
            for task, of in records.items()
            for method, reason in of["left_out"].items()
        ],
        tasks=[
            {"name": task, "anchor": f"task-{i}", "parts": list(of_task(task, record, images))}
            for i, (task, record) in enumerate(records.items())
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
        pictures.append(picture("A-distances (Figure 3a)", a_distance_bars(of_tasks)))
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
        "pictures": pictures,
    }
