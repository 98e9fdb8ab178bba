"""Results as a table for the terminal and as one page that opens without a network."""

import base64
from collections.abc import Mapping, Sequence
from html import escape
from io import BytesIO
from string import Template

from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from dah.evaluation import Figures

TITLES = {
    "accuracy": ("Target accuracy", "%: from codes (eq. 6), or 1-nearest neighbour on fc7"),
    "accuracy_real": ("Target accuracy, real outputs", "%: eq. 6 on u instead of sgn(u)"),
    "accuracy_svm": ("Target accuracy, linear SVM", "% on fc7"),
    "map": ("Mean average precision", "target queries, target database, tie-aware"),
    "map_cross": ("Mean average precision across domains", "target queries, source database"),
    "precision_radius_2": ("Precision within Hamming radius 2", "target queries and database"),
    "domain_error": ("Domain error", "of a linear classifier on fc7; 0.5: domains look alike"),
}
Curves = Mapping[str, Mapping[str, Sequence[float]]]

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
    columns = [*tasks, "mean"]
    lines = [f"{TITLES[figure][0]} ({TITLES[figure][1]})"]
    lines.append(f"  {'':<8}" + "".join(f"{name:>14}" for name in columns))
    for method in mean[figure]:
        values = [task[figure][method] for task in (*tasks.values(), mean)]
        cells = "".join(f"{value:>14.{decimals(figure)}f}" for value in values)
        lines.append(f"  {method:<8}{cells}")
    return "\n".join(lines)


def page(tasks: Mapping[str, Figures], mean: Figures, curves: Mapping[str, Curves]) -> str:
    """All tables and the precision-recall curves of every task as HTML, pictures inside."""
    tables = [_table(figure, tasks, mean) for figure in TITLES if figure in mean]
    pictures = [
        f"<h2>Precision and recall, {escape(task)}</h2>\n<img alt='Precision-recall curves of"
        f" {escape(task)}' src='data:image/png;base64,{_picture(methods)}'>"
        for task, methods in curves.items()
    ]
    return PAGE.substitute(tables="\n".join(tables), pictures="\n".join(pictures))


def _table(figure: str, tasks: Mapping[str, Figures], mean: Figures) -> str:
    title, unit = TITLES[figure]
    columns = [[task[figure][method] for method in mean[figure]] for task in tasks.values()]
    columns.append(list(mean[figure].values()))
    best = [max(column) for column in columns]
    head = "".join(f"<th>{escape(name)}" for name in ("", *tasks, "mean"))
    rows = []
    for method, values in zip(mean[figure], zip(*columns, strict=True), strict=True):
        cells = "".join(
            f"<td{' class=best' if value == top else ''}>{value:.{decimals(figure)}f}"
            for value, top in zip(values, best, strict=True)
        )
        rows.append(f"<tr><th>{escape(method)}{cells}")
    body = "\n".join(rows)
    return f"<h2>{title}</h2>\n<p>{unit}\n<table>\n<tr>{head}\n{body}\n</table>"


def _picture(methods: Curves) -> str:
    figure = Figure(figsize=(6, 4.5), layout="constrained")
    axes = figure.subplots()
    for method, curve in methods.items():
        axes.plot(curve["recall"], curve["precision"], label=method)
    axes.set(xlabel="recall", ylabel="precision", xlim=(0, 1), ylim=(0, 1.02))
    axes.grid(alpha=0.3)
    axes.legend()
    buffer = BytesIO()
    FigureCanvasAgg(figure).print_png(buffer)
    return base64.b64encode(buffer.getvalue()).decode()
