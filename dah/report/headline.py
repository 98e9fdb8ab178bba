"""What a run found, in one table that a terminal shows whole: accuracy and mAP of each method."""

from collections.abc import Sequence

from dah.names import DEEP
from dah.report.overview import HEADLINE, NAMES, Row, overview
from dah.report.tables import Column, aligned

WIDEST = 125  # characters of a line
LONGEST = 36  # lines
LEGEND = """\
accuracy: target images classified right, from codes or as the method's name says
mAP: mean average precision of searches by target images, 1 is perfect, among the target's other
images, or across domains among the source's; * the best of a column"""


def headline(columns: Sequence[Column]) -> str:
    """The best methods first, the oracles last; at most ``WIDEST`` characters wide.

    Where one table is wider there is one for each figure; where these are wide or long, the means
    alone are shown. Empty where no target has labels. `columns`: the tasks, and their mean as the
    last one.
    """
    if not any(figure in column.figures for column in columns for figure in HEADLINE):
        return ""
    for shown, together in ((columns, True), (columns, False), (columns[-1:], True)):
        text = _tables(shown, together)
        lines = text.splitlines()
        if max(map(len, lines)) <= WIDEST and len(lines) <= LONGEST:
            break
    return f"{text}\n\n{LEGEND}"


def _tables(columns: Sequence[Column], together: bool) -> str:
    width = len(columns)
    figures = [figure for figure in HEADLINE if any(figure in c.figures for c in columns)]
    rows = sorted(overview(columns, "", 0), key=lambda row: _rank(row, width))
    ends = [len(figures) * width] if together else [(i + 1) * width for i in range(len(figures))]
    heads = [NAMES[figure] if i == 0 else "" for figure in figures for i in range(width)]
    names = [column.name for column in columns] * len(figures)
    tables, start = [], 0
    for end in ends:
        cells = [["", *heads[start:end]], ["", *names[start:end]]]
        for row in rows:
            if any(cell.value is not None for cell in row.cells[start:end]):
                texts = [c.text + ("*" if c.best else " ") for c in row.cells[start:end]]
                cells.append([_name(row), *texts])
        tables.append("\n".join(line.rstrip() for line in aligned(cells).splitlines()))
        start = end
    return "\n\n".join(tables)


def _rank(row: Row, width: int) -> tuple[bool, bool, float]:
    """By the mean of the accuracy where a method classifies, else by that of the mAP."""
    means = [cell.value for cell in row.cells[width - 1 : 2 * width : width]]
    known = next((value for value in means if value is not None), 0.0)
    return row.kind == "oracle", means[0] is None, -known


def _name(row: Row) -> str:
    if row.name in DEEP and DEEP[row.name].softmax:
        return f"{row.name} (softmax)"
    return f"{row.name} (oracle)" if row.kind == "oracle" else row.name
