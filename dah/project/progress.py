"""How far a run of DVC's has come, and what is left of it: told by each stage as it starts."""

from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from statistics import fmean

import psutil

from dah.errors import UserError
from dah.files.tables import read_json
from dah.project.ahead import duration
from dah.project.costs import write_note

RECORD = Path(".dvc/tmp/dah/run.json")  # the stages that have ended, of one run


def this_run() -> str:
    """What names the process that runs the stages, or the one that started this one where none is.

    DVC starts a stage by a shell; the nearest process above that has DVC's name is the run.
    """
    process = psutil.Process()
    try:
        nearest = process = process.parent() or process
        while process is not None and not _is_dvc(process.cmdline()[:3]):
            process = process.parent()
        found = process or nearest
        return f"{found.pid} since {found.create_time():.0f}"
    except psutil.Error:  # it has ended, or is another user's
        return "unknown"


def ended(run: str, record: Path = RECORD) -> dict[str, float]:
    """The seconds of each stage that has ended in a run, by stage; none of another run."""
    try:
        content = read_json(record) if record.exists() else {}
    except UserError:  # it only informs
        return {}
    stages = content.get("stages") if content.get("run") == run else None
    return {str(stage): float(took) for stage, took in (stages or {}).items()}


def keep_end(run: str, stage: str, seconds: float, record: Path = RECORD) -> None:
    """Add a stage of a run to its record; one of another run is begun anew."""
    stages = {**ended(run, record), stage: round(seconds, 1)}
    write_note(record, {"run": run, "stages": stages})


def told(
    stage: str, stages: Collection[str], done: Mapping[str, float], before: Mapping[str, float]
) -> str:
    """Where a run is as `stage` starts, in a line.

    `stages` are all that the parameters make, `done` the seconds of those that have ended in this
    run, `before` those of earlier runs. One that is still to come takes what its like took in this
    run in the mean, else what it took before. At most that many come: DVC passes over those whose
    inputs have not changed.
    """
    left = sorted(set(stages) - set(done) - {stage})
    times = [_expected(other, done, before) for other in left]
    known = [seconds for seconds in times if seconds is not None]
    line = f"{stage}: {len(done)} stages done in this run, at most {len(left)} after this one"
    if not known:
        return line
    lacking = len(left) - len(known)
    but = f" and {lacking} of which no time is known" if lacking else ""
    return f"{line}: {duration(sum(known))}{but}"


def _is_dvc(command: Sequence[str]) -> bool:
    """``dvc``, ``python /bin/dvc`` or ``python -m dvc``."""
    return any(Path(word).stem == "dvc" for word in command)


def _expected(stage: str, done: Mapping[str, float], before: Mapping[str, float]) -> float | None:
    kind = stage.partition("@")[0]
    alike = [seconds for other, seconds in done.items() if other.partition("@")[0] == kind]
    return fmean(alike) if alike else before.get(stage)
