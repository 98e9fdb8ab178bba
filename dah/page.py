"""The report: one page of tables and pictures that opens without a network."""

from collections.abc import Mapping, Sequence
from string import Template
from typing import Any

from dah.figures import DomainFigures
from dah.gallery import Images, escape, image, of_task, table
from dah.plots import a_distance_bars
from dah.report import (
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
    images: Images,
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
    for task, record in records.items():
        parts += [
            f"<p>Left out of {escape(task)}: {escape(method)}, {escape(reason)}"
            for method, reason in record["left_out"].items()
        ]
    for figure in shown(columns):
        parts.append(_figure(figure, columns))
        printed = published_table(dataset, figure, tasks)
        if printed:
            parts.append(f"<p>As published, VGG-F\n{table(printed)}")
        if figure == "a_distance":
            of_tasks = {c.name: c.figures.get(figure, {}) for c in columns if c.name in tasks}
            parts.append(image("A-distances (Figure 3a)", a_distance_bars(of_tasks)))
    parts.append(f"<h2>Domains</h2>\n<p>{DOMAIN_UNIT}\n{table(domain_table(domains))}")
    parts += [part for task, of in records.items() for part in of_task(task, of, images)]
    return PAGE.substitute(body="\n".join(parts))


def _figure(figure: str, columns: Sequence[Column]) -> str:
    title, unit = TITLES[figure]
    best = [best_of(figure, column) for column in columns]
    marked = {
        (row, place)
        for row, method in enumerate(methods_of(figure, columns), start=1)
        for place, (column, top) in enumerate(zip(columns, best, strict=True), start=1)
        if top is not None and column.figures.get(figure, {}).get(method) == top
    }
    return f"<h2>{title}</h2>\n<p>{unit}\n{table(figure_table(figure, columns), marked)}"
