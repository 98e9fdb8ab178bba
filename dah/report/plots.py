"""Pictures of the report as PNG, in colours that colour-blind eyes tell apart."""

from collections.abc import Mapping, Sequence
from io import BytesIO
from typing import Any

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from dah.evaluation.confusion import Confusion, among, confusion_in, most_confused
from dah.printable import printable

Curves = Mapping[str, Mapping[str, Sequence[float]]]

# The "muted" scheme of Paul Tol, dark and light in turn, black in place of its pale grey.
COLOURS = (
    "#332288",
    "#CC6677",
    "#117733",
    "#88CCEE",
    "#882255",
    "#DDCC77",
    "#44AA99",
    "#AA4499",
    "#999933",
    "#000000",
)
STROKES = ("-", "--", "-.", ":")
CONFUSED = 65  # categories of the largest picture of confusion
LONGEST = 40  # characters of a name in a picture
NUMBERS_UP_TO = 12  # categories whose cells have room for a number
LEVEL_UP_TO = 5  # tasks whose names stand side by side


def precision_recall_curves(methods: Curves) -> bytes:
    """Precision over recall, one curve for each method, given as ``recall`` and ``precision``.

    Neighbours in the legend differ in colour and stroke. Returns PNG.
    """
    figure = Figure(figsize=(7, 4.5), layout="constrained")
    axes = figure.subplots()
    for i, curve in enumerate(methods.values()):
        axes.plot(
            curve["recall"],
            curve["precision"],
            color=_colour(i),
            linestyle=STROKES[i % len(STROKES)],
        )
    axes.set(xlabel="recall", ylabel="precision", xlim=(0, 1), ylim=(0, 1.02))
    axes.grid(alpha=0.3)
    _legend(figure, axes.lines, list(methods))
    return _png(figure)


def domain_map(
    source: np.ndarray,
    target: np.ndarray,
    labels_source: np.ndarray,
    labels_target: np.ndarray,
    names: Mapping[int, str],
) -> bytes:
    """Both domains in the plane, source as dots and target as crosses, a colour per category.

    Points float ``(n, 2)``, labels int64 ``(n,)``, the names of the labels that occur. Returns PNG.
    Raises ValueError for more categories than there are colours.
    """
    present = np.union1d(labels_source, labels_target).tolist()
    if len(present) > len(COLOURS):
        raise ValueError(
            f"{len(present)} categories for {len(COLOURS)} colours: draw a map of fewer categories"
        )
    figure = Figure(figsize=(7, 5), layout="constrained")
    axes = figure.subplots()
    for i, category in enumerate(present):
        dots, crosses = source[labels_source == category], target[labels_target == category]
        axes.scatter(*dots.T, s=16, marker="o", color=_colour(i), linewidths=0)
        axes.scatter(*crosses.T, s=26, marker="+", color=_colour(i), linewidths=1.2)
    axes.set(xticks=[], yticks=[], aspect="equal")
    axes.set_adjustable("datalim")
    grey = {"color": "grey", "linestyle": "none"}
    handles = [
        Line2D([], [], marker="o", markersize=5, markeredgewidth=0, **grey),
        Line2D([], [], marker="+", markersize=7, **grey),
        *(
            Line2D([], [], marker="s", linestyle="none", color=_colour(i))
            for i in range(len(present))
        ),
    ]
    _legend(figure, handles, ["source", "target", *(names[category] for category in present)])
    return _png(figure)


def confusion_map(confusion: Confusion | np.ndarray, names: Sequence[str]) -> bytes:
    """Share of each category's images, a row, that are taken for each category, a column.

    Counts, or a matrix int64 ``(C, C)`` of them, rows the truth; few categories have the
    percentages in their cells, and the row of one without an image is grey. Of more than
    ``CONFUSED`` categories those in most errors are drawn, with a column for all others. Returns
    PNG.
    """
    counts = confusion_in(confusion) if isinstance(confusion, np.ndarray) else confusion
    chosen = most_confused(counts, CONFUSED)
    matrix, shown = among(counts, chosen), [drawn(names[category]) for category in chosen]
    images, columns = matrix.sum(axis=1, keepdims=True), [*shown, "all others"]
    if len(chosen) == counts.categories:
        matrix, columns = matrix[:, :-1], shown
    shares = np.full(matrix.shape, np.nan)
    np.divide(100 * matrix, images, out=shares, where=images > 0)
    side = 3.5 + 0.16 * len(shown)
    figure = Figure(figsize=(side + 1, side), layout="constrained")
    axes = figure.subplots()
    axes.set_facecolor("lightgrey")
    picture = axes.imshow(shares, vmin=0, vmax=100, cmap="Blues")
    if len(shown) <= NUMBERS_UP_TO:
        for (row, column), share in np.ndenumerate(shares):
            if share >= 0.5:
                colour = "white" if share > 60 else "black"
                axes.text(column, row, f"{share:.0f}", ha="center", va="center", color=colour)
    text = {"fontsize": 10 if len(shown) <= NUMBERS_UP_TO else 7, "parse_math": False}
    axes.set_xticks(range(len(columns)), columns, rotation=90, **text)
    axes.set_yticks(range(len(shown)), shown, **text)
    axes.set(xlabel="predicted", ylabel="true")
    if len(columns) > len(shown):
        axes.set_title(f"{len(shown)} of {counts.categories} categories, those in most errors")
    figure.colorbar(picture, shrink=0.8, aspect=30, label="% of the true category")
    return _png(figure)


def a_distance_bars(tasks: Mapping[str, Mapping[str, float]]) -> bytes:
    """A-distances of each task, one bar for each method, 0 ... 2 (Figure 3a of the paper).

    ``{task: {method: distance}}``; a method that a task lacks leaves a gap. Returns PNG.
    """
    methods = list(dict.fromkeys(method for of in tasks.values() for method in of))
    figure = Figure(figsize=(min(10, 3 + 1.3 * len(tasks)), 4), layout="constrained")
    axes = figure.subplots()
    width = 0.8 / max(1, len(methods))
    for i, method in enumerate(methods):
        places = [
            place + (i - (len(methods) - 1) / 2) * width
            for place, of in enumerate(tasks.values())
            if method in of
        ]
        heights = [of[method] for of in tasks.values() if method in of]
        axes.bar(places, heights, 0.9 * width, color=_colour(i))
    slope = {"rotation": 30, "ha": "right"} if len(tasks) > LEVEL_UP_TO else {}
    axes.set_xticks(range(len(tasks)), map(drawn, tasks), parse_math=False, **slope)
    axes.set(ylabel="A-distance", xlim=(-0.6, len(tasks) - 0.4), ylim=(0, 2.05))
    axes.grid(axis="y", alpha=0.3)
    axes.set_axisbelow(True)
    _legend(figure, axes.containers, methods)
    return _png(figure)


def drawn(name: str) -> str:
    """A name as it stands in a picture, which has no room for a very long one."""
    shown = printable(name)
    return shown if len(shown) <= LONGEST else shown[: LONGEST - 1] + "\u2026"


def _legend(figure: Figure, handles: Sequence[Any], names: Sequence[str]) -> None:
    """A legend of names as they are, also with what matplotlib takes for mathematics or hides."""
    legend = figure.legend(
        handles, [str(i) for i in range(len(names))], loc="outside right upper", frameon=False
    )
    for text, name in zip(legend.get_texts(), names, strict=True):
        text.set(text=drawn(name), parse_math=False)


def _colour(i: int) -> tuple[float, float, float]:
    return to_rgb(COLOURS[i % len(COLOURS)])


def _png(figure: Figure) -> bytes:
    buffer = BytesIO()
    FigureCanvasAgg(figure).print_png(buffer)
    return buffer.getvalue()
