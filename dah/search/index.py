"""An index on the disk: a folder with the codes in shards, and what image each code is of."""

import stat
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from time import sleep
from typing import Any

import numpy as np

from dah.encoder.imagecodes import (
    Header,
    Rows,
    check_model,
    count_rows,
    join,
    read_codes_of,
    read_header,
    rows_at,
)
from dah.errors import UserError
from dah.files.tables import read_json, write_json
from dah.search.folders import State, replacing_folder, state_of
from dah.search.kinds import EFFORT, build, read, tune, write
from dah.search.ranking import (
    CANDIDATES,
    Answer,
    by_outputs,
    merged,
    open_outputs,
    write_outputs,
)

SHARD = 2**25  # codes: 256 MiB of 64 bits
CONTENTS = "index.json"
IMAGES = "images.h5"
OUTPUTS = "outputs.npy"
MOST_BYTES = 2**20  # of CONTENTS
TRIES, PAUSE = 50, 0.02  # seconds between two tries to open an index that is being replaced


@dataclass(frozen=True)
class ImageIndex:
    """One generation of an index, opened: its folder, kind, images in each shard, codes' header.

    ``opened``: the shards; ``files``: what the folder held, by which another generation is told;
    ``outputs``: the real outputs float16 ``(n, bits)``, where the index has them.
    """

    folder: Path
    kind: str
    shards: list[int]
    header: Header
    opened: tuple[Any, ...] = field(repr=False, compare=False)
    files: State = field(repr=False, compare=False)
    outputs: np.ndarray | None = field(repr=False, compare=False, default=None)

    @property
    def images(self) -> Path:
        """The file of codes with the rows that searches give."""
        return self.folder / IMAGES

    @property
    def count(self) -> int:
        """The number of images."""
        return sum(self.shards)

    @property
    def is_current(self) -> bool:
        """Whether this generation is the one that lies in the folder."""
        return state_of(self.folder) == self.files


def build_index(codes: Sequence[Path], folder: Path, kind: str, shard: int = SHARD) -> ImageIndex:
    """Index files of codes of one model, in their order; one shard of codes is in memory.

    A folder that is an index already is replaced once the new one is whole. Real outputs are kept
    where all files have them.
    """
    headers = [read_header(path) for path in codes]
    outputs, calibrated = (all(getattr(h, n) for h in headers) for n in ("outputs", "calibrated"))
    for path, header in zip(codes, headers, strict=True):
        check_model(path, header, headers[0])
    if folder.exists() and not (folder / CONTENTS).exists():
        raise UserError(f"{folder}: expected no file, or an index to replace; name another")
    if not sum(count_rows(path) for path in codes):
        raise UserError(f"{codes[0]}: expected codes of images, found none; nothing to index")
    with replacing_folder(folder) as part:
        header = replace(headers[0], outputs=False, calibrated=calibrated)
        count = join(part / IMAGES, header, codes)
        if outputs:
            write_outputs(codes, part / OUTPUTS, count, header.bits)
        counts = []
        for rows in read_codes_of(part / IMAGES, shard):
            write(build(kind, rows), shard_path(part, len(counts)))
            counts.append(len(rows))
        write_json(part / CONTENTS, {"kind": kind, "shards": counts, "outputs": outputs})
    return open_index(folder)


def open_index(folder: Path) -> ImageIndex:
    """An index that ``build_index`` wrote, all of one generation, each shard mapped into memory.

    Raises ``UserError`` for anything else.
    """
    for _ in range(TRIES):
        files = state_of(folder)
        try:
            found = _opened(folder, files)
        except UserError:
            if files and state_of(folder) == files:
                raise
        else:
            if found.is_current:
                return found
        if not files and not any(folder.parent.glob(".*.old")):
            break
        sleep(PAUSE)  # it is being replaced
    return _opened(folder, state_of(folder))


def _opened(folder: Path, files: State) -> ImageIndex:
    if not (folder / CONTENTS).is_file():
        raise UserError(f"{folder}: expected an index that `python -m dah index` wrote, found none")
    for path in (folder / CONTENTS, folder / IMAGES):
        _check_plain(path)
    if (folder / CONTENTS).stat().st_size > MOST_BYTES:
        raise UserError(f"{folder / CONTENTS}: expected at most {MOST_BYTES} bytes, found more")
    contents = read_json(folder / CONTENTS)
    kind, shards = contents.get("kind"), contents.get("shards")
    counted = isinstance(shards, list) and all(type(n) is int and n > 0 for n in shards)
    if not isinstance(kind, str) or kind not in EFFORT or not counted or not shards:
        raise UserError(
            f"{folder / CONTENTS}: expected a kind and shards, found {str(contents)[:200]}"
        )
    header = read_header(folder / IMAGES)
    if count_rows(folder / IMAGES) != sum(shards):
        raise UserError(f"{folder}: its shards and its {IMAGES} differ in length; index again")
    width = -(-header.bits // 8)
    opened = tuple(
        read(kind, shard_path(folder, number), count, width) for number, count in enumerate(shards)
    )
    outputs = None
    if contents.get("outputs") is True:
        _check_plain(folder / OUTPUTS)
        outputs = open_outputs(folder / OUTPUTS, sum(shards), header.bits)
    return ImageIndex(folder, kind, shards, header, opened, files, outputs)


def _check_plain(path: Path) -> None:
    """Refuse devices and pipes, which have no end."""
    try:
        plain = stat.S_ISREG(path.stat().st_mode)
    except OSError as error:
        raise UserError(f"{path}: expected a part of an index, found: {error.strerror}") from error
    if not plain:
        raise UserError(f"{path}: expected a part of an index, found no plain file")


def shard_path(folder: Path, number: int) -> Path:
    """The file of a shard."""
    return folder / f"{number:04}.faiss"


def images_at(index: ImageIndex, rows: Sequence[int]) -> tuple[Rows, list[str]]:
    """The images of the given rows and their predicted categories.

    Raises ``UserError`` where another generation lies in the folder meanwhile.
    """
    try:
        found = rows_at(index.images, rows)
    except UserError:
        _check_current(index)
        raise
    _check_current(index)
    return found, [index.header.categories[label] for label in found.labels]


def _check_current(index: ImageIndex) -> None:
    if not index.is_current:
        raise UserError(f"{index.folder}: it was replaced while it was searched; search again")


@dataclass(frozen=True)
class Found:
    """What is near each query: distances and rows, nearest first, the smaller row among equals."""

    distances: list[np.ndarray]
    rows: list[np.ndarray]


def search(
    index: ImageIndex,
    queries: np.ndarray,
    k: int | None,
    radius: int | None = None,
    effort: int | None = None,
    outputs: np.ndarray | None = None,
) -> Found:
    """The `k` nearest images of each query, or all within a Hamming distance of `radius`, or both.

    Shards are searched one after the other, and their answers merged.
    Queries packed uint8 ``(q, bytes)``; `effort` as in ``EFFORT``. Exact where the kind is flat;
    which of equally distant images are the last of `k` is not defined. With the queries' real
    `outputs` float ``(q, bits)`` and an index that has its own, equally distant images come by the
    distance of these: among the 1000 nearest codes, or `k` of them if that is more. Raises
    ``UserError`` for neither `k` nor `radius`, and for `radius` alone on hnsw, which cannot list
    all.
    """
    if k is None and radius is None:
        raise UserError("search needs -k or --radius")
    if k is None and index.kind == "hnsw":
        raise UserError(f"{index.folder}: hnsw cannot list all within a radius; give -k too")
    width = -(-index.header.bits // 8)
    if queries.shape[1] != width:
        raise UserError(f"{index.folder}: its codes have {width} bytes, not {queries.shape[1]}")
    ranked = outputs is not None and index.outputs is not None
    wanted = max(k, CANDIDATES) if ranked and k is not None else k
    parts, start = [], 0
    for count, shard in zip(index.shards, index.opened, strict=True):
        tune(index.kind, shard, EFFORT[index.kind] if effort is None else effort)
        if k is None:
            part = _within(shard, queries, radius)
        else:
            part = _nearest(shard, queries, min(wanted, count), radius)
        if any(len(rows) and not 0 <= rows.min() <= rows.max() < count for _, rows in part):
            raise UserError(f"{index.folder}: its shards name images that it lacks; index again")
        parts.append([(distances, rows + start) for distances, rows in part])
        start += count
    found = [merged(answers, wanted) for answers in zip(*parts, strict=True)]
    if ranked:
        orders = [by_outputs(*of, u, index.outputs) for of, u in zip(found, outputs, strict=True)]
        found = [(d[o][:k], r[o][:k]) for (d, r), o in zip(found, orders, strict=True)]
    return Found([distances for distances, _ in found], [rows for _, rows in found])


def _nearest(shard: object, queries: np.ndarray, k: int, radius: int | None) -> list[Answer]:
    distances, rows = shard.search(np.ascontiguousarray(queries), k)
    valid = rows >= 0
    if radius is not None:
        valid &= distances <= radius
    return [(d[ok], r[ok]) for d, r, ok in zip(distances, rows, valid, strict=True)]


def _within(shard: object, queries: np.ndarray, radius: int) -> list[Answer]:
    limits, distances, rows = shard.range_search(np.ascontiguousarray(queries), radius + 1)
    cuts = limits[1:-1].astype(np.int64)
    split = np.split(distances.astype(np.int32), cuts), np.split(rows, cuts)
    return list(zip(*split, strict=True))
