"""Lists of images and metrics between the stages: CSV and JSON, their columns named here."""

import csv
import io
import json
import math
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from dah.errors import UserError
from dah.files.artifacts import replacing

LABELS = ("id", "category", "file", "width", "height")
SKIPPED = ("file", "reason")
SOURCE = ("id", "label")
TARGET = ("id",)
CATEGORIES = ("label", "category")
TRUTH = ("id", "label", "role")
PREDICTIONS = ("id", "nearest_neighbour", "linear_svm")
CURVE = ("method", "radius", "recall", "precision")


def write_table(path: Path, columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
    """Store rows as CSV (RFC 4180, UTF-8, newline ``\\n``) under a header."""
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(columns)
    writer.writerows(rows)
    with replacing(path) as part:
        part.write_text(text.getvalue(), encoding="utf-8", newline="")


def read_table(path: Path, columns: Sequence[str]) -> dict[str, list[str]]:
    """The columns of a CSV file whose header is exactly ``columns``; all values are text."""
    try:
        with path.open(encoding="utf-8", newline="") as file:
            rows = list(csv.reader(file, strict=True))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise UserError(f"{path}: expected a CSV table, found: {error}") from error
    header = rows[0] if rows else []
    if header != list(columns):
        raise UserError(
            f"{path}: expected the columns {','.join(columns)}, found {','.join(header)[:100]!r}"
        )
    for number, row in enumerate(rows[1:], start=2):
        if len(row) != len(columns):
            raise UserError(
                f"{path}, row {number}: expected {len(columns)} values, found {len(row)}"
            )
    if columns[0] == "id" and len({row[0] for row in rows}) < len(rows):
        raise UserError(f"{path}: an id stands twice; make the table again")
    return {name: [row[i] for row in rows[1:]] for i, name in enumerate(columns)}


def as_integers(values: Sequence[str], path: Path) -> np.ndarray:
    """A column of whole numbers, labels or sizes, as int64 ``(n,)``."""
    try:
        return np.array(values, dtype=np.int64)
    except (ValueError, OverflowError) as error:
        raise UserError(f"{path}: expected whole numbers: {error}") from error


def write_json(path: Path, content: Mapping[str, Any]) -> None:
    """Store metrics: indented, in the order given, refused where a number is not finite."""
    text = json.dumps(content, indent=2, allow_nan=False) + "\n"
    with replacing(path) as part:
        part.write_text(text, encoding="utf-8")


def read_json(path: Path, keys: Sequence[str] = ()) -> dict[str, Any]:
    """A JSON object as stored by ``write_json``, with these keys and others."""
    try:
        content = json.loads(path.read_text(encoding="utf-8"), parse_constant=_refuse_constant)
    except (OSError, ValueError, RecursionError) as error:
        raise UserError(f"{path}: expected metrics as JSON, found: {error}") from error
    if not isinstance(content, dict):
        raise UserError(
            f"{path}: expected metrics as a JSON object, found a {type(content).__name__}"
        )
    missing = [key for key in keys if key not in content]
    if missing:
        raise UserError(f"{path}: expected metrics with {missing[0]!r}, found none; run again")
    return content


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name}, which is no number")


def read_figures(path: Path) -> dict[str, Any]:
    """A task's or the summary's metrics, ``{figure: {method: number}}``, ``deviation`` of such."""
    content = read_json(path)
    deviation = content.get("deviation", {})
    figures = [(figure, of) for figure, of in content.items() if figure != "deviation"]
    figures += deviation.items() if isinstance(deviation, dict) else [("deviation", None)]
    for figure, methods in figures:
        values = methods.values() if isinstance(methods, dict) else [None]
        if not all(type(value) in {int, float} and math.isfinite(value) for value in values):
            raise UserError(
                f"{path}: expected a number for each method of {figure[:80]!r}, found"
                f" {str(methods)[:80]}; run again"
            )
    return content


def rows_of(ids: Sequence[str], wanted: Sequence[str], path: Path) -> np.ndarray:
    """Row numbers int64 of the wanted ids in the file that holds ``ids``."""
    place = {name: row for row, name in enumerate(ids)}
    missing = [name for name in wanted if name not in place]
    if missing:
        raise UserError(
            f"{path}: holds no {missing[0]!r} ({len(missing)} of {len(wanted)} ids are missing);"
            " it belongs to another run, make it again"
        )
    return np.array([place[name] for name in wanted], dtype=np.int64)
