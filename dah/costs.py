"""What a stage took: its time and its largest memory, beside the results and never among them."""

import resource
import sys
from collections.abc import Collection, Mapping
from pathlib import Path

from dah.errors import UserError
from dah.tables import read_figures, write_json

MEBIBYTE = 2**20


def peak_mebibytes() -> int:
    """Largest resident memory so far of this process and of those it waited for, MiB."""
    unit = 1 if sys.platform == "darwin" else 1024
    kinds = resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN
    return round(max(resource.getrusage(kind).ru_maxrss for kind in kinds) * unit / MEBIBYTE)


def record_cost(path: Path, stage: str, seconds: float) -> None:
    """Set a stage's ``seconds`` and ``peak_mebibytes`` in a metrics file, the others left alone."""
    costs = _read(path)
    for figure, value in (("seconds", round(seconds, 1)), ("peak_mebibytes", peak_mebibytes())):
        costs[figure] = dict(sorted({**costs.get(figure, {}), stage: value}.items()))
    _write(path, costs)


def keep_costs(path: Path, runs: Collection[str]) -> None:
    """Leave out the stages ``<name>@<run>`` of a metrics file whose run is not among `runs`."""
    if path.exists():
        costs = {
            figure: {s: v for s, v in of.items() if "@" not in s or s.split("@")[1] in runs}
            for figure, of in _read(path).items()
        }
        _write(path, costs)


def _read(path: Path) -> dict[str, dict[str, float]]:
    """The costs so far; none where the file is absent or damaged: it only informs."""
    try:
        return read_figures(path) if path.exists() else {}
    except UserError as error:
        print(f"{error}; the costs begin anew")
        return {}


def _write(path: Path, costs: Mapping[str, Mapping[str, float]]) -> None:
    """Store costs; what cannot be written is said, and ends nothing."""
    try:
        write_json(path, costs)
    except UserError as error:
        print(error)
