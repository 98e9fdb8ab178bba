"""Readers of files that belong beside others: a task's lists, the files of an index."""

from collections.abc import Callable
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from benchmarks.hostile.samples import encoded_images
from dah.errors import UserError
from dah.search.index import (
    CONTENTS,
    IMAGES,
    OUTPUTS,
    build_index,
    images_at,
    open_index,
    search,
    shard_path,
)
from dah.tasks.lists import read_lists

Reader = Callable[[Path, Path], None]


def holds(claim: bool, what: str) -> None:
    """Fail the case where something was read that its reader promises not to let through."""
    if not claim:
        raise AssertionError(f"read, but {what}")


def lists(name: str) -> Reader:
    """One file of a task's lists beside two whole ones."""

    def read(path: Path, out: Path) -> None:
        task = path.parent
        for other, text in (
            ("categories.csv", "label,category\n0,mug\n1,pen\n2,bike\n"),
            ("source.csv", "id,label\ns0,0\ns1,1\ns2,2\n"),
            ("target.csv", "id\nt0\nt1\n"),
        ):
            if other != name:
                (task / other).write_text(text)
        try:
            found = read_lists(task)
        finally:
            for other in {"categories.csv", "source.csv", "target.csv"} - {name}:
                (task / other).unlink()
        labels, ids = set(found.source_labels.tolist()), found.source_ids
        holds(labels <= set(range(len(found.categories))), "a label has no category")
        holds(len(set(ids)) == len(ids), "an id stands twice")

    return read


@cache
def index_files(kind: str) -> dict[str, bytes]:
    """The files of an index of five images, by name."""
    with TemporaryDirectory() as place:
        encoded_images(Path(place) / IMAGES)
        whole = build_index([Path(place) / IMAGES], Path(place) / "index", kind)
        named = (whole.folder / name for name in (CONTENTS, OUTPUTS))
        files = (whole.images, shard_path(whole.folder, 0), *named)
        return {file.name: file.read_bytes() for file in files}


def index(kind: str) -> Reader:
    """One file of an index beside its others, as `search` does; a refusal may name another one."""

    def read(path: Path, _: Path) -> None:
        folder = path.parent
        beside = index_files(kind).keys() - {path.name}
        for name in beside:
            (folder / name).write_bytes(index_files(kind)[name])
        try:
            opened = open_index(folder)
            for radius in (None, 8) if opened.kind != "hnsw" else (None,):
                found = search(opened, np.zeros((2, 2), np.uint8), None if radius else 9, radius)
                for rows in found.rows:
                    holds(len(images_at(opened, rows)[1]) == len(rows), "rows are missing")
        except UserError as error:
            holds(str(folder) in str(error), f"the index is not named: {error}")
            raise UserError(f"{path}: {error}") from error
        finally:
            for name in beside:
                (folder / name).unlink()

    return read
