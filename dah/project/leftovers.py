"""What lies where the pipeline's outputs belong: made by an earlier run, or a person's own.

A file is removed only where both hold: a run on record made it (``dvc.lock`` or ``data/made.json``
names it), and DVC's cache keeps its content.
"""

import json
import os
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

from dah.errors import UserError
from dah.files.tables import write_json
from dah.params import Params
from dah.project.outputs import cleared, figures, outputs, overlapping, read_whole
from dah.project.storage import Storage

RECORD = "made.json"
# Values of dataset.path and backbone.weights that are no files.
NO_FILES = {None, "letters", "train", "imagenet", "pretrained"}


class Found(NamedTuple):
    """Files that no stage of this run makes, and those that are a person's own, in its way.

    ``left`` by runs on record, DVC's cache has them; ``strange``: in folders that stages depend on
    as a whole, but made by no such run; ``endangered``: a person's own where DVC would delete them.
    """

    left: list[Path]
    strange: list[Path]
    endangered: list[Path]


def survey(data: Path, params: Params, storage: Storage) -> Found:
    """Sort what lies below `data`; what this run makes, and an earlier one began, is in no list."""
    recorded, made = read_record(data), outputs(params)
    emptied, watched = cleared(params), read_whole(params)
    found = Found([], [], [])
    places = {path for folder in emptied | watched for path in _files(data / folder)}
    for path in sorted(places | {data / name for name in made if os.path.lexists(data / name)}):
        stored = path.relative_to(data).as_posix()
        name = _written_as(stored)
        if stored in made or (_within(name, emptied) and name not in made):
            if path.is_dir() or (name not in recorded and not _kept(path, storage)):
                found.endangered.append(path)
        elif _within(name, watched) and name not in made:
            known = name in recorded or storage.made(path)
            removable = known and (name != stored or _kept(path, storage))
            (found.left if removable else found.strange).append(path)
    return found


def refuse_loss(root: Path, data: Path, params: Params) -> Found:
    """What ``survey`` finds, where nothing of a person's is in the way of a run.

    Raises ``UserError`` where the data set or the weights lie in an output, or hold one, and where
    DVC would delete a file that no run made.
    """
    given = {"dataset.path": params.dataset.path, "backbone.weights": params.backbone.weights}
    for key, path in given.items():
        output = None if path in NO_FILES else _output(root, path, data)
        if output is not None:
            raise UserError(
                f"{key}: {path[:200]!r} is, lies in or holds {output}, where the pipeline writes"
                f" and DVC deletes; put it elsewhere, in a folder of its own such as"
                f" {data / 'own'}, and set {key} to that"
            )
    found = survey(data, params, Storage(root))
    if found.endangered:
        shown = "; ".join(by_folder(found.endangered))
        raise UserError(
            f"{shown}: expected outputs of the pipeline alone, found what no run on record made"
            f" and DVC would delete; move it elsewhere, such as to {data / 'own'}, or delete it"
        )
    return found


def _output(root: Path, path: str, data: Path) -> Path | None:
    try:
        return overlapping(root / Path(path).expanduser(), data)
    except (OSError, RuntimeError):  # a name that is too long, a user who is not there
        return None


def by_folder(paths: Iterable[Path]) -> Iterator[str]:
    """The only file of a folder, or the folder with how many there are."""
    folders = Counter(path.parent for path in paths)
    only = {path.parent: path for path in paths}
    for folder, count in sorted(folders.items()):
        yield str(only[folder]) if count == 1 else f"{folder} ({count} files)"


def former_figures(metrics: Path, params: Params, storage: Storage) -> list[Path]:
    """Figures and curves in `metrics` of what is no longer listed: tasks, seeds and methods.

    Only such as ``dvc.lock`` names as an output of some stage; git has them where they were
    committed, and a run makes them again.
    """
    made = {metrics / name for name in figures(params)}
    return sorted(
        path
        for path in _files(metrics)
        if made.isdisjoint({path, *path.parents}) and storage.made(path)
    )


def remove(paths: Iterable[Path], data: Path) -> None:
    """Delete files, and the folders below `data` that are empty then."""
    for path in paths:
        path.unlink()
        for folder in path.parents:
            if folder.parent in {data, folder} or any(folder.iterdir()):
                break
            folder.rmdir()


def read_record(data: Path) -> set[str]:
    """The files that runs in this folder made or set out to make, relative to it."""
    try:
        names = json.loads((data / RECORD).read_text(encoding="utf-8"))["files"]
        return {name for name in names if isinstance(name, str)}
    except (OSError, ValueError, LookupError, TypeError):  # none, or damaged: it proves nothing
        return set()


def add_to_record(data: Path, params: Params) -> None:
    """Record what a run with these parameters makes, beside what earlier ones did."""
    recorded = read_record(data)
    if not outputs(params) <= recorded:
        write_json(data / RECORD, {"files": sorted(recorded | outputs(params))})


def _kept(path: Path, storage: Storage) -> bool:
    """Whether a copy is left where a file, or a link to one, is deleted."""
    try:
        return path.is_symlink() or storage.has(path)
    except OSError:
        return False


def _files(folder: Path) -> Iterator[Path]:
    """All that is no folder, at any depth; links in the folder are not followed."""
    for path in folder.iterdir() if folder.is_dir() else ():
        if path.is_dir() and not path.is_symlink():
            yield from _files(path)
        else:
            yield path


def _written_as(name: str) -> str:
    """The name of an output whose unfinished part a killed stage left, ``.<name>.part``."""
    folder, slash, file = name.rpartition("/")
    part = file.startswith(".") and file.endswith(".part")
    return f"{folder}{slash}{file[1:-5]}" if part else name


def _within(name: str, folders: set[str]) -> bool:
    return any(name.startswith(f"{folder}/") for folder in folders)
