"""Results as a table for the terminal and as one page that opens without a network."""

import base64
from collections.abc import Container, Iterable, Mapping, Sequence
from html import escape
from string import Template

from dah.evaluation import ORACLE, DomainFigures, Figures
from dah.plots import Curves, precision_recall_curves
from dah.published import TABLES, published

DOMAIN_TITLES = {
    "images": "images",
    "skipped": "skipped",
    "categories": "categories",
    "smallest_category": "smallest category",
    "smallest_image": "smallest image",
    "largest_image": "largest image",
    "svm_accuracy": "SVM, %",
    "svm_deviation": "\u00b1",
}
PUBLISHED = {2: "accuracy", 3: "accuracy", 4: "map"}
DOMAIN_UNIT = "SVM: five-fold accuracy of a linear SVM on fc7 within the domain"
ABSENT = "-"
TITLES = {
    "accuracy": ("Target accuracy", "%: from codes (eq. 6), or 1-nearest neighbour on fc7"),
    "accuracy_real": ("Target accuracy, real outputs", "%: eq. 6 on u instead of sgn(u)"),
    "accuracy_svm": ("Target accuracy, linear SVM", "% on fc7"),
    "map": ("Mean average precision", "target queries, target database, tie-aware"),
    "map_lowest": ("Mean average precision, worst order of ties", "what a sort could report"),
    "map_highest": ("Mean average precision, best order of ties", "what a sort could report"),
    "map_cross": ("Mean average precision across domains", "target queries, source database"),
    "precision_radius_2": ("Precision within Hamming radius 2", "target queries and database"),
    "imbalance": ("Imbalance of bits", "0: each is one for half of the target, 1: constant"),
    "correlation": ("Correlation of bits", "mean absolute value over pairs"),
    "collisions": ("Collisions", "share of target images whose code another one has"),
    "domain_error": ("Domain error", "of a linear classifier on fc7; 0.5: domains look alike"),
}

PAGE = Template("""<!doctype html>
<html lang="en">
<meta charset="utf-8">
<title>Domain adaptive hashing: results</title>
<style>
body { font: 16px/1.5 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem;
  color: #222; background: #fff; }
table { border-collapse: collapse; margin: 0.5rem 0 2rem; }
th, td { padding: 0.2rem 0.9rem; text-align: right; border-bottom: 1px solid #ddd; }
th:first-child { text-align: left; }
td.best { font-weight: bold; }
img { max-width: 100%; }
p { margin: 0; color: #555; }
</style>
<h1>Domain adaptive hashing: results</h1>
$tables
$pictures
</html>
""")


def decimals(figure: str) -> int:
    """Digits after the point: one for percents, three for shares."""
    return 1 if figure.startswith("accuracy") else 3


def text_table(figure: str, tasks: Mapping[str, Figures], mean: Figures) -> str:
    """One figure of all methods and tasks, their mean in the last column, as aligned text."""
    return f"{TITLES[figure][0]} ({TITLES[figure][1]})\n{aligned(_methods(figure, tasks, mean))}"


def text_tables(tasks: Mapping[str, Figures], mean: Figures, domains: DomainFigures) -> str:
    """All tables for the terminal."""
    tables = [text_table(figure, tasks, mean) for figure in TITLES if figure in mean]
    tables.append(f"Domains ({DOMAIN_UNIT})\n{aligned(domain_table(domains))}")
    return "\n\n".join(tables)


def domain_table(domains: DomainFigures) -> list[list[str]]:
    """Table 1 of the paper: a head, then a row of cells for each domain."""
    known = [figure for figure in DOMAIN_TITLES if figure in domains]
    rows = [["", *(DOMAIN_TITLES[figure] for figure in known)]]
    for domain in domains["images"]:
        cells = (domains[figure].get(domain, ABSENT) for figure in known)
        rows.append([domain, *(f"{c:.2f}" if isinstance(c, float) else str(c) for c in cells)])
    return rows


def aligned(rows: Sequence[Sequence[str]]) -> str:
    """Rows of cells as text, columns to the right, the first to the left."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return "\n".join(
        "  "
        + row[0].ljust(widths[0])
        + "".join(cell.rjust(width + 2) for cell, width in zip(row[1:], widths[1:], strict=True))
        for row in rows
    )


def page(
    tasks: Mapping[str, Figures],
    mean: Figures,
    curves: Mapping[str, Curves],
    domains: DomainFigures,
    dataset: str,
) -> str:
    """All tables and the precision-recall curves of every task as HTML, pictures inside.

    Where `dataset` is one of the paper's, its published figures stand below ours.
    """
    tables = []
    for figure in (figure for figure in TITLES if figure in mean):
        tables.append(_table(figure, tasks, mean))
        printed = _published(dataset, figure, tasks)
        if printed:
            tables.append(f"<p>As published, VGG-F\n{_rows(printed)}")
    tables.append(f"<h2>Domains</h2>\n<p>{DOMAIN_UNIT}\n{_rows(domain_table(domains))}")
    blind = [task for task, figures in tasks.items() if "accuracy" not in figures]
    if blind:
        names = escape(", ".join(blind))
        tables.insert(0, f"<p>No labels in the target, so no accuracy and no mAP: {names}")
    pictures = [
        f"<h2>Precision and recall, {escape(task)}</h2>\n"
        + _image(f"Precision-recall curves of {task}", precision_recall_curves(methods))
        for task, methods in curves.items()
        if methods
    ]
    return PAGE.substitute(tables="\n".join(tables), pictures="\n".join(pictures))


def _image(title: str, png: bytes) -> str:
    data = base64.b64encode(png).decode()
    return f"<img alt='{escape(title)}' src='data:image/png;base64,{data}'>"


def _published(dataset: str, figure: str, tasks: Iterable[str]) -> list[list[str]]:
    """The rows that the paper prints of a figure for these tasks, with a head; none: empty."""
    rows = []
    for table in (table for table, printed in PUBLISHED.items() if printed == figure):
        for method in TABLES.get((dataset, table), {}):
            values = [published(dataset, table, task, method) for task in tasks]
            if any(value is not None for value in values):
                cells = (ABSENT if v is None else f"{v:.{decimals(figure)}f}" for v in values)
                rows.append([method, *cells])
    return [["", *tasks], *rows] if rows else []


def _table(figure: str, tasks: Mapping[str, Figures], mean: Figures) -> str:
    title, unit = TITLES[figure]
    columns = [*tasks.values(), mean]
    best = [_best(figure, of) for of in columns]
    marked = {
        (row, column)
        for row, method in enumerate(mean[figure], start=1)
        for column, (of, top) in enumerate(zip(columns, best, strict=True), start=1)
        if top is not None and of.get(figure, {}).get(method) == top
    }
    return f"<h2>{title}</h2>\n<p>{unit}\n{_rows(_methods(figure, tasks, mean), marked)}"


def _best(figure: str, of: Figures) -> float | None:
    """The largest value of a figure that is the better the larger, the oracle's left out."""
    if not figure.startswith(("accuracy", "map", "precision")):
        return None
    return max((v for method, v in of.get(figure, {}).items() if method != ORACLE), default=None)


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


def _methods(figure: str, tasks: Mapping[str, Figures], mean: Figures) -> list[list[str]]:
    """One figure as rows of cells: a head, then a row for each method."""

    def cell(method: str, of: Figures) -> str:
        value = of.get(figure, {}).get(method)
        return ABSENT if value is None else f"{value:.{decimals(figure)}f}"

    rows = [["", *tasks, "mean"]]
    for method in mean[figure]:
        name = f"{method} (oracle)" if method == ORACLE else method
        rows.append([name, *(cell(method, of) for of in (*tasks.values(), mean))])
    return rows
