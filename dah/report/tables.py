"""Results as tables of cells, and as aligned text for the terminal."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from dah.evaluation.figures import LEFT_OUT, DomainFigures, Figures
from dah.evaluation.targets import NEAREST
from dah.names import ORACLES

DOMAIN_TITLES = {
    "images": "images",
    "skipped": "skipped",
    "categories": "categories",
    "smallest_category": "smallest category",
    "smallest_image": "smallest image",
    "largest_image": "largest image",
    "svm_accuracy": "SVM, %",
    "svm_deviation": "\u00b1",
    LEFT_OUT: "left out, not finite",
}
PUBLISHED = {2: "accuracy", 3: "accuracy", 4: "map"}
DOMAIN_UNIT = "SVM: five-fold accuracy of a linear SVM on fc7 within the domain"
ABSENT = "-"
TITLES = {
    "accuracy": (
        "Target accuracy",
        "%: eq. 6 on codes; the softmax of source, dan, dann; 1-nearest neighbour on fc7 of none,"
        " gfk, tca, coral, jda",
    ),
    "accuracy_real": ("Target accuracy, real outputs", "%: eq. 6 on u instead of sgn(u)"),
    "accuracy_svm": ("Target accuracy, linear SVM", "%: on the fc7 that each method adapts"),
    "calibration_error": (
        "Calibration error",
        "how far the target's probabilities are from the shares of right ones, calibrated",
    ),
    "calibration_error_raw": ("Calibration error of scores", "the same before calibration"),
    "map": ("Mean average precision", "target queries, target database, tie-aware"),
    "map_lowest": ("Mean average precision, worst order of ties", "what a sort could report"),
    "map_highest": ("Mean average precision, best order of ties", "what a sort could report"),
    f"map_at_{NEAREST}": (f"Mean average precision of the {NEAREST} nearest", "within the target"),
    "map_cross": ("Mean average precision across domains", "target queries, source database"),
    "precision_radius_2": ("Precision within Hamming radius 2", "target queries and database"),
    "imbalance": ("Imbalance of bits", "0: each is one for half of the target, 1: constant"),
    "correlation": ("Correlation of bits", "mean absolute value over pairs"),
    "collisions": ("Collisions", "share of target images whose code another one has"),
    "domain_error": (
        "Domain error",
        "of a linear classifier on each network's fc7; 0.5: domains look alike",
    ),
    "a_distance": ("A-distance", "2 (1 - 2 domain error): 0 where domains look alike"),
    "out_of_reach": ("Out of reach", "share of target images that are none of the categories"),
    "source_accuracy": ("Source accuracy", "%: eq. 6 on u, each image by all others"),
    "entropy": ("Entropy", "mean of the target's predictions; small: sure"),
    "information_maximisation": ("Information maximisation", "large: sure and varied"),
    "neighbourhood_density": ("Soft neighbourhood density", "large: neighbours are alike"),
    "embedded_risk": ("Deep embedded validation", "the target's risk from the source's losses"),
    LEFT_OUT: ("Figures left out", "how many were not finite"),
}


@dataclass(frozen=True)
class Column:
    """The results of a task, or their mean: figures and their deviations over seeds, if any."""

    name: str
    figures: Figures
    deviations: Figures


def column_of(name: str, metrics: Mapping[str, Any]) -> Column:
    """A metrics file's content as a column of the tables."""
    figures = {figure: of for figure, of in metrics.items() if figure != "deviation"}
    return Column(name, figures, metrics.get("deviation", {}))


def decimals(figure: str) -> int:
    """Digits after the point: one for percents, three for shares."""
    return 1 if figure.startswith("accuracy") or figure == "source_accuracy" else 3


def shown(columns: Sequence[Column]) -> list[str]:
    """The figures that some column has, in the order of TITLES."""
    return [figure for figure in TITLES if any(figure in column.figures for column in columns)]


def methods_of(figure: str, columns: Sequence[Column]) -> list[str]:
    """The methods that some column has a figure of, in the order in which they come."""
    names = [method for column in columns for method in column.figures.get(figure, {})]
    return list(dict.fromkeys(names))


def figure_table(figure: str, columns: Sequence[Column]) -> list[list[str]]:
    """One figure as rows of cells: a head, then a row for each method."""
    rows = [["", *(column.name for column in columns)]]
    for method in methods_of(figure, columns):
        name = f"{method} (oracle)" if method in ORACLES else method
        rows.append([name, *(_cell(figure, method, column) for column in columns)])
    return rows


def text_tables(columns: Sequence[Column], domains: DomainFigures) -> str:
    """All tables for the terminal."""
    tables = [
        f"{TITLES[figure][0]} ({TITLES[figure][1]})\n{aligned(figure_table(figure, columns))}"
        for figure in shown(columns)
    ]
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


def best_of(figure: str, column: Column) -> float | None:
    """The largest value of a figure that is the better the larger, the oracles' left out."""
    if not figure.startswith(("accuracy", "map", "precision")):
        return None
    values = column.figures.get(figure, {})
    return max((v for method, v in values.items() if method not in ORACLES), default=None)


def _cell(figure: str, method: str, column: Column) -> str:
    value = column.figures.get(figure, {}).get(method)
    if value is None:
        return ABSENT
    places = decimals(figure)
    deviation = column.deviations.get(figure, {}).get(method)
    return f"{value:.{places}f}" + ("" if deviation is None else f" \u00b1 {deviation:.{places}f}")
