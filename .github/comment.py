"""A pull request's comment as Markdown: metrics, parameters and curves against its base branch.

``python .github/comment.py origin/main [--plots URL] > comment.md`` in a repository whose workspace
``dvc repro`` has brought up to date; reads git and DVC, writes nothing else.
"""

import csv
import subprocess
import sys
from argparse import ArgumentParser
from collections.abc import Iterable, Sequence
from itertools import accumulate
from pathlib import Path
from typing import Any

from dah.experiments.commits import read_committed
from dah.experiments.runs import BASELINE, COST, MEANS
from dah.files.tables import read_json
from dah.project.costs import MACHINE, machines_of

METRICS = Path("metrics")
ALL = "metrics/*.json"
CURVES = METRICS / "curves"  # <task>.csv with the columns method, recall and precision
METHOD = "dah"
HEADLINE = ("accuracy.", "map.", "map_cross.")  # of the summary
FIRST = ("accuracy.", "map.")  # the other metrics are folded
# Some of the figures of MEANS, which has their deviations too.
HEADLINES = ("metrics/summary.json", "metrics/others.json")
LARGEST = 10_000  # characters of each of five tables, and of all charts; a comment takes 65,000
WITHIN = (
    "Deviation: the larger of both sides' standard deviations over seeds; what is not larger may be"
    " chance."
)
ONE_SEED = (
    "Each side has one seed, so that no deviation is known: any change may be chance. Several"
    " `train.seeds` on both sides tell."
)
ROUNDING = (
    "They round otherwise, and training amplifies that: a change may be theirs. To compare further"
    f" runs of one machine, commit its own figures of the base branch once: `{BASELINE}`."
)
RECALLS = [step / 10 for step in range(11)]
BASE_COLOUR, OWN_COLOUR = "#8c959f", "#0969da"


def output(*command: str) -> str:
    """What a command prints; ends the script with the command's own words where it fails."""
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(f"comment: {' '.join(command)}: {done.stderr.strip()}")
    return done.stdout.strip()


def dvc(*arguments: str) -> list[str]:
    """The lines of a Markdown table that DVC prints."""
    return output(sys.executable, "-m", "dvc", *arguments, "--md").splitlines()


def fitting(texts: Sequence[str]) -> tuple[list[str], int]:
    """The first texts, ``LARGEST`` characters at most with an end of line each; how many more."""
    lengths = accumulate(len(text) + 1 for text in texts)
    kept = [text for text, length in zip(texts, lengths, strict=True) if length <= LARGEST]
    return kept, len(texts) - len(kept)


def shortened(table: Sequence[str], command: str) -> str:
    """A table cut between two rows at ``LARGEST`` characters, with the command that shows all."""
    kept, left = fitting(table)
    return "\n".join(kept) + (f"\n\n{left} more rows: `{command}`" if left else "")


def folded(title: str, text: str) -> str:
    """Markdown that opens on a click."""
    return f"<details><summary>{title}</summary>\n\n{text}\n\n</details>"


def cell(row: str, column: int) -> str:
    """A cell of a row of a Markdown table."""
    return row.split("|")[column + 1].strip()


def listed(revision: str, folder: Path) -> list[str]:
    """The files that a commit has in a folder, at any depth."""
    return output("git", "ls-tree", "-r", "--name-only", revision, "--", str(folder)).splitlines()


def files(base: str) -> list[str]:
    """The files of figures that either side has."""
    here = {path.as_posix() for path in METRICS.glob("*.json")}
    there = {name for name in listed(base, METRICS) if Path(name).parent == METRICS}
    found = {name for name in here | there if name.endswith(".json")} - {COST}
    return sorted(found)


def difference(base: str) -> tuple[list[str], list[str]]:
    """The head of the table of metrics that changed, and its rows, the summary's first."""
    targets = files(base)
    lines = dvc("metrics", "diff", base, "--targets", *targets) if targets else []
    rows = [r for r in lines[2:] if not (cell(r, 0) == MEANS and cell(r, 1).startswith(HEADLINE))]
    places = {path: place for place, path in enumerate(HEADLINES)}
    return lines[:2], sorted(rows, key=lambda row: places.get(cell(row, 0), len(places)))


def content(path: str, revision: str | None) -> dict[str, Any]:
    """A JSON file of a commit, or of the workspace (None); {} where it is none."""
    if revision is not None:
        return read_committed([(revision, path)]).get((revision, path), {})
    return read_json(Path(path)) if Path(path).exists() else {}


def metrics(base: str) -> str:
    """The metrics that changed: accuracy and mAP, then the others and the cost folded."""
    command, parts = f"dvc metrics diff {base} --targets", []
    head, rows = difference(base)
    first = [row for row in rows if cell(row, 1).startswith(FIRST)]
    rest = [row for row in rows if row not in first]
    if first:
        parts += [shortened(weighed(head, first, base), f"{command} {ALL}"), chance(base)]
    if rest:
        others = shortened([*head, *rest], f"{command} {ALL}")
        parts.append(folded(f"{len(rest)} other figures", others))
    cost = dvc("metrics", "diff", base, "--targets", COST)
    cost = [row for row in cost if not cell(row, 1).startswith(f"{MACHINE}.")]
    if cost[2:]:
        parts.append(folded("What the stages took", shortened(cost, f"{command} {COST}")))
    return "\n\n".join(parts) or "No metric differs."


def deviation(path: str, metric: str, sides: Sequence[dict[str, Any]]) -> float | None:
    """The larger of both sides' standard deviations over seeds; None where neither has one."""
    figure, method = metric.split(".", 1)
    found = [side.get("deviation", {}).get(figure, {}).get(method) for side in sides]
    return max((value for value in found if value is not None), default=None)


def weighed(head: Sequence[str], rows: Sequence[str], base: str) -> list[str]:
    """A table of changes with the deviation over seeds, and whether a change is larger."""
    table = [f"{head[0]} Deviation over seeds | Larger |", f"{head[1]}---|---|"]
    known = {}
    for row in rows:
        path, metric, change = cell(row, 0), cell(row, 1), cell(row, 4)
        source = MEANS if path in HEADLINES else path
        if source not in known:
            known[source] = [content(source, revision) for revision in (base, None)]
        s = deviation(source, metric, known[source])
        try:
            verdict = "-" if s is None else "**yes**" if abs(float(change)) > s else "no"
        except ValueError:  # a side has no such figure
            verdict = "-"
        table.append(f"{row} {'-' if s is None else f'{s:.5g}'} | {verdict} |")
    return table


def chance(base: str) -> str:
    """What the table's changes can be due to besides the change of this pull request."""
    known = any(content(MEANS, revision).get("deviation") for revision in (None, base))
    here, there = machines(None), machines(base)
    parts = [WITHIN if known else ONE_SEED]
    if here != there:
        parts.append(f"Trained on different machines ({here} here, {there} there). {ROUNDING}")
    return " ".join(parts)


def machines(revision: str | None) -> str:
    """Where a side's networks were trained."""
    return "; ".join(machines_of(content(COST, revision))) or "one not on record"


def parameters(base: str) -> str:
    """The parameters that changed."""
    table = dvc("params", "diff", base)
    return shortened(table, f"dvc params diff {base}") if table[2:] else "No parameter differs."


def reproduced() -> str:
    """Whether the run found the metrics that the pull request commits."""
    head, rows = difference("HEAD")
    if not rows:
        return "The run found exactly the metrics that are committed."
    title = f"The run found {len(rows)} figures otherwise than committed"
    here, there = machines(None), machines("HEAD")
    title += "" if here == there else f", where the training was on another machine ({there})"
    return folded(title, shortened([*head, *rows], f"dvc metrics diff --targets {ALL}"))


def interpolated(rows: Iterable[dict[str, str]]) -> list[float]:
    """The highest precision of ``METHOD`` at each of ``RECALLS`` or beyond it; [] without curve."""
    points = [
        (float(row["recall"]), float(row["precision"])) for row in rows if row["method"] == METHOD
    ]
    if not points:
        return []
    return [max((p for r, p in points if r >= recall), default=0.0) for recall in RECALLS]


def chart(task: str, base: Sequence[float], own: Sequence[float]) -> str:
    """Both branches' precision over recall as a chart that GitHub draws."""
    lines = [(BASE_COLOUR, base), (OWN_COLOUR, own)]
    colours = ", ".join(colour for colour, values in lines if values)
    drawn = [f"  line [{', '.join(f'{v:.3f}' for v in values)}]" for _, values in lines if values]
    return "\n".join([
        "```mermaid",
        f'%%{{init: {{"themeVariables": {{"xyChart": {{"plotColorPalette": "{colours}"}}}}}}}}%%',
        "xychart-beta",
        f'  title "{task}: precision of {METHOD} over recall"',
        '  x-axis "recall" 0 --> 1',
        '  y-axis "precision" 0 --> 1',
        *drawn,
        "```",
    ])  # fmt: skip


def plots(base: str, name: str, url: str | None) -> str:
    """A chart for each task with a curve, and where all plots are."""
    before = listed(base, CURVES)
    charts = []
    for path in sorted(CURVES.glob("*.csv")):
        own = interpolated(csv.DictReader(path.read_text(encoding="utf-8").splitlines()))
        there = path.as_posix() in before
        old = output("git", "show", f"{base}:{path.as_posix()}").splitlines() if there else []
        if own:
            charts.append(chart(path.stem, interpolated(csv.DictReader(old)), own))
    shown, left = fitting(charts)
    parts = [f"Grey: {name}; blue: this pull request.", *shown] if charts else []
    if left:
        parts.append(f"{left} more charts are among all plots: `dvc plots diff {base}`")
    if url:
        parts.append(f"[All plots of both branches]({url}), a page to download.")
    return "\n\n".join(parts) or "No plots."


def comment(base: str, url: str | None) -> str:
    """The whole text."""
    name = base.removeprefix("origin/")
    return "\n\n".join([
        f"## Against `{name}`",
        metrics(base),
        "### Parameters",
        parameters(base),
        "### Plots",
        plots(base, name, url),
        "### Reproduction",
        reproduced(),
    ])  # fmt: skip


if __name__ == "__main__":
    parser = ArgumentParser(description=__doc__)
    parser.add_argument("base", help="the branch to compare with: origin/main")
    parser.add_argument("--plots", help="address of the page of all plots")
    given = parser.parse_args()
    print(comment(given.base, given.plots))
