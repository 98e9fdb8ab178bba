"""Baselines that cannot be computed of some data: named with the reason, never the end of a run."""

from collections.abc import Collection, Mapping
from pathlib import Path

from dah.errors import UserError
from dah.files.tables import read_json, write_json

OMITTED = "left_out.json"  # beside the files of the methods that could be computed
NO_LABELS = "the target has no labels for it to learn from"


def write_omissions(folder: Path, task: str, reasons: Mapping[str, str]) -> list[str]:
    """Store why methods have no file in a folder, nothing where all have one; a line for each."""
    if reasons:
        write_json(folder / OMITTED, reasons)
    return [f"left out: {method} on {task}: {reason}" for method, reason in reasons.items()]


def read_omissions(folder: Path) -> dict[str, str]:
    """Why some methods have no file in a folder, by method."""
    path = folder / OMITTED
    if not path.exists():
        return {}
    reasons = read_json(path)
    if not all(isinstance(reason, str) for reason in reasons.values()):
        raise UserError(f"{path}: expected a reason for each method, found another; run again")
    return reasons


def foreseen(
    images: int, labelled: bool, bits: int, unsupervised: Collection[str], oracles: Collection[str]
) -> dict[str, str]:
    """What will be left out of a target of so many `images`, by method, before any is computed.

    n images vary in at most n - 1 directions about their mean, of which unsupervised hashing needs
    one for each bit; an oracle needs labels.
    """
    reasons = {}
    if bits > images - 1:
        reason = f"dah.bits is {bits}, but {images} images vary in at most {images - 1} directions"
        reasons |= dict.fromkeys(unsupervised, f"{reason}; lower it to have the method")
    if not labelled:
        reasons |= dict.fromkeys(oracles, NO_LABELS)
    return reasons
