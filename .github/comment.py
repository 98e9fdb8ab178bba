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

CURVES = Path("metrics/curves")  # <task>.csv with the columns method, recall and precision
METHOD = "dah"
FIRST = ("accuracy.", "map.")  # the other metrics are folded
COST = "metrics/cost.json"  # seconds and memory, which no two runs have in common
LARGEST = 10_000  # characters of each of five tables, and of all charts; a comment takes 65,000
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


def metrics(base: str) -> str:
    """The metrics that changed: accuracy and mAP, then the others and the cost folded."""
    command = f"dvc metrics diff {base}"
    lines = dvc("metrics", "diff", base)
    head, rows = lines[:2], lines[2:]
    cost = [row for row in rows if cell(row, 0) == COST]
    first = [row for row in rows if cell(row, 1).startswith(FIRST)]
    rest = [row for row in rows if row not in first and row not in cost]
    parts = [shortened([*head, *first], command)] if first else []
    if rest:
        parts.append(folded(f"{len(rest)} other figures", shortened([*head, *rest], command)))
    if cost:
        parts.append(folded("What the stages took", shortened([*head, *cost], command)))
    return "\n\n".join(parts) or "No metric differs."


def parameters(base: str) -> str:
    """The parameters that changed."""
    table = dvc("params", "diff", base)
    return shortened(table, f"dvc params diff {base}") if table[2:] else "No parameter differs."


def reproduced() -> str:
    """Whether the run found the metrics that the pull request commits."""
    lines = dvc("metrics", "diff", "HEAD")
    rows = [row for row in lines[2:] if cell(row, 0) != COST]
    if not rows:
        return "The run found exactly the metrics that are committed."
    title = f"The run found {len(rows)} figures otherwise than committed"
    return folded(title, shortened([*lines[:2], *rows], "dvc metrics diff"))


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
    before = output("git", "ls-tree", "-r", "--name-only", base, "--", str(CURVES)).splitlines()
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
