"""What a stage took, and on which machine: beside the results and never among them."""

import resource
import sys
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

from dah.errors import UserError
from dah.files.tables import read_json, write_json
from dah.machine import machine

MEBIBYTE = 2**20
MACHINE, SECONDS = "machine", "seconds"
KINDS = {SECONDS: (int, float), "peak_mebibytes": (int, float), MACHINE: str}


def peak_mebibytes() -> int:
    """Largest resident memory so far of this process and of those it waited for, MiB."""
    unit = 1 if sys.platform == "darwin" else 1024
    kinds = resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN
    return round(max(resource.getrusage(kind).ru_maxrss for kind in kinds) * unit / MEBIBYTE)


def record_cost(path: Path, stage: str, seconds: float) -> None:
    """Set a stage's ``seconds``, ``peak_mebibytes`` and ``machine``, the others left alone."""
    costs = _read(path)
    for figure, value in zip(KINDS, (round(seconds, 1), peak_mebibytes(), machine()), strict=True):
        costs[figure] = dict(sorted({**costs.get(figure, {}), stage: value}.items()))
    write_note(path, costs)


def seconds_before(path: Path) -> dict[str, float]:
    """What each stage took when it last ran."""
    return _read(path).get(SECONDS, {})


def keep_costs(path: Path, stages: Collection[str]) -> None:
    """Leave out the stages that are not among `stages`."""
    if path.exists():
        found = _read(path)
        write_note(path, {figure: _among(stages, of) for figure, of in found.items()})


def machines_of(costs: Mapping[str, Any]) -> list[str]:
    """The machines that the networks of a run were trained on, by the content of its costs.

    Training amplifies what machines round otherwise, so that it alone counts. None is recorded by a
    version before this one.
    """
    of_stages = costs.get(MACHINE)
    if not isinstance(of_stages, dict):
        return []
    return sorted({str(name) for stage, name in of_stages.items() if stage.startswith("train@")})


def _among(stages: Collection[str], of: Mapping[str, Any]) -> dict[str, Any]:
    return {stage: value for stage, value in of.items() if stage in stages}


def _read(path: Path) -> dict[str, dict[str, Any]]:
    """The costs so far; none where the file is absent or damaged: it only informs."""
    try:
        return _checked(path) if path.exists() else {}
    except UserError as error:
        print(f"{error}; the costs begin anew")
        return {}


def _checked(path: Path) -> dict[str, dict[str, Any]]:
    costs = read_json(path)
    for figure, of in costs.items():
        kind = KINDS.get(figure, ())
        if not isinstance(of, dict) or not all(isinstance(value, kind) for value in of.values()):
            raise UserError(f"{path}: expected a value for each stage, found {str(of)[:80]}")
    return costs


def write_note(path: Path, content: Mapping[str, Any]) -> None:
    """Store what only informs; where it cannot be written, that is said and ends nothing."""
    try:
        write_json(path, content)
    except UserError as error:
        print(error)
