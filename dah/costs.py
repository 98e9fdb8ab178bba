"""What a stage took: its time and its largest memory, beside the results and never among them."""

import resource
import sys
from collections.abc import Collection
from pathlib import Path

from dah.tables import read_json, write_json

MEBIBYTE = 2**20


def peak_mebibytes() -> int:
    """Largest resident memory so far of this process and of those it waited for, MiB."""
    unit = 1 if sys.platform == "darwin" else 1024
    kinds = resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN
    return round(max(resource.getrusage(kind).ru_maxrss for kind in kinds) * unit / MEBIBYTE)


def record_cost(path: Path, stage: str, seconds: float) -> None:
    """Set a stage's ``seconds`` and ``peak_mebibytes`` in a metrics file, the others left alone."""
    costs = read_json(path) if path.exists() else {}
    for figure, value in (("seconds", round(seconds, 1)), ("peak_mebibytes", peak_mebibytes())):
        costs[figure] = dict(sorted({**costs.get(figure, {}), stage: value}.items()))
    write_json(path, costs)


def keep_costs(path: Path, runs: Collection[str]) -> None:
    """Leave out the stages ``<name>@<run>`` of a metrics file whose run is not among `runs`."""
    if path.exists():
        costs = {
            figure: {s: v for s, v in of.items() if "@" not in s or s.split("@")[1] in runs}
            for figure, of in read_json(path).items()
        }
        write_json(path, costs)
