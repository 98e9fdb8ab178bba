"""The one table that answers first: methods by tasks, accuracy and mAPs, published ones too."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from dah.names import ORACLES
from dah.report.later import TRUNKS, later
from dah.report.published import TABLES, published
from dah.report.tables import ABSENT, PUBLISHED, Column, decimals, methods_of

HEADLINE = ("accuracy", "map", "map_cross")
NAMES = {"accuracy": "accuracy, %", "map": "mAP, target", "map_cross": "mAP, across"}
SVM = "accuracy_svm"


class Cell(NamedTuple):
    """A figure as text, its value to sort by, and whether it is its column's best."""

    text: str
    value: float | None = None
    best: bool = False


@dataclass(frozen=True)
class Row:
    """A method and its cells, for each figure of HEADLINE that there is a cell for each column.

    ``kind``: ours, oracle (it learnt from the target's labels) or published.
    """

    name: str
    kind: str
    cells: tuple[Cell, ...]


def headline_figures(columns: Sequence[Column]) -> list[str]:
    """The figures of HEADLINE that some column has."""
    return [figure for figure in HEADLINE if any(figure in c.figures for c in columns)]


def overview(columns: Sequence[Column], dataset: str, bits: int) -> list[Row]:
    """The rows: methods with codes, those without, shallow ones with each classifier, published.

    The best of each column is marked among ours. The paper's figures are of 64 bits, later ones of
    as many as ours.
    """
    figures = headline_figures(columns)
    places = [(figure, column) for figure in figures for column in columns]
    found = [
        Row(name, kind, tuple(_cell(figure, of, column) for figure, column in places))
        for name, kind, of in _methods(columns)
    ]
    printed = [row for row in _published(places, dataset, bits) if any(c.value for c in row.cells)]
    values = [
        [row.cells[i].value for row in found if row.kind == "ours" and row.cells[i].value]
        for i in range(len(places))
    ]
    best = [max(of, default=None) for of in values]
    return [_marked(row, best) for row in found] + printed


def _methods(columns: Sequence[Column]) -> Iterator[tuple[str, str, dict[str, str]]]:
    """Names, kinds, and where each figure of a row is found: by its own name but for SVMs."""
    with_codes = methods_of("map", columns)
    every = with_codes + [method for figure in HEADLINE for method in methods_of(figure, columns)]
    with_svm = methods_of(SVM, columns)
    for method in dict.fromkeys(every):
        kind = "oracle" if method in ORACLES else "ours"
        name = f"{method} + 1-NN" if method in with_svm else method
        yield name, kind, {figure: figure for figure in HEADLINE} | {"method": method}
        if method in with_svm:
            yield f"{method} + SVM", kind, {"accuracy": SVM, "method": method}


def _cell(figure: str, of: dict[str, str], column: Column) -> Cell:
    stored, method = of.get(figure, ""), of["method"]
    value = column.figures.get(stored, {}).get(method)
    if value is None:
        return Cell(ABSENT)
    places = decimals(figure)
    deviation = column.deviations.get(stored, {}).get(method)
    around = "" if deviation is None else f" \u00b1 {deviation:.{places}f}"
    return Cell(f"{value:.{places}f}{around}", value)


def _published(places: Sequence[tuple[str, Column]], dataset: str, bits: int) -> Iterator[Row]:
    """A row for each method that the paper, or a later one, prints some of these figures of."""
    methods = [m for (name, _), of in TABLES.items() if name == dataset for m in of]
    for method in dict.fromkeys(methods):
        values = []
        for figure, column in places:
            tables = [table for table, printed in PUBLISHED.items() if printed == figure]
            given = (published(dataset, table, column.name, method) for table in tables)
            values.append(next((v for v in given if v is not None), None))
        yield _printed(f"{method}, VGG-F", places, values)
    found = {figure: later(dataset, figure, bits) for figure in HEADLINE}
    for method, trunk in TRUNKS.items():
        values = [found[figure].get(method, {}).get(column.name) for figure, column in places]
        yield _printed(f"{method}, {trunk}", places, values)


def _printed(
    name: str, places: Sequence[tuple[str, Column]], values: Sequence[float | None]
) -> Row:
    cells = (
        Cell(ABSENT if value is None else f"{value:.{decimals(figure)}f}", value)
        for (figure, _), value in zip(places, values, strict=True)
    )
    return Row(name, "published", tuple(cells))


def _marked(row: Row, best: Sequence[float | None]) -> Row:
    if row.kind != "ours":
        return row
    cells = (
        cell._replace(best=cell.value is not None and cell.value == top)
        for cell, top in zip(row.cells, best, strict=True)
    )
    return Row(row.name, row.kind, tuple(cells))
