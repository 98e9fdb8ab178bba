"""An index on the disk: a folder with the codes in shards, and what image each code is of."""

import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from dah.errors import UserError
from dah.imagecodes import Header, check_model, count_rows, join, read_codes_of, read_header
from dah.search.kinds import EFFORT, build, read, write
from dah.tables import read_json, write_json

SHARD = 2**25  # codes: 256 MiB of 64 bits
CONTENTS = "index.json"
IMAGES = "images.h5"


@dataclass(frozen=True)
class ImageIndex:
    """Where an index lies, its kind, how many images its shards hold, and the codes' header."""

    folder: Path
    kind: str
    shards: list[int]
    header: Header

    @property
    def images(self) -> Path:
        """The file of codes with the rows that searches give."""
        return self.folder / IMAGES

    @property
    def count(self) -> int:
        """The number of images."""
        return sum(self.shards)


def build_index(codes: Sequence[Path], folder: Path, kind: str, shard: int = SHARD) -> ImageIndex:
    """Index files of codes of one model, in their order; one shard of codes is in memory.

    A folder that is an index already is replaced once the new one is whole.
    """
    headers = [read_header(path) for path in codes]
    for path, header in zip(codes, headers, strict=True):
        check_model(path, header, headers[0])
    if folder.exists() and not (folder / CONTENTS).exists():
        raise UserError(f"{folder}: expected no file, or an index to replace; name another")
    if not sum(count_rows(path) for path in codes):
        raise UserError(f"{codes[0]}: expected codes of images, found none; nothing to index")
    part = folder.with_name(f".{folder.name}.part")
    shutil.rmtree(part, ignore_errors=True)
    try:
        part.mkdir(parents=True)
        join(part / IMAGES, headers[0], codes)
        counts = []
        for rows in read_codes_of(part / IMAGES, shard):
            write(build(kind, rows), shard_path(part, len(counts)))
            counts.append(len(rows))
        write_json(part / CONTENTS, {"kind": kind, "shards": counts})
        shutil.rmtree(folder, ignore_errors=True)
        part.rename(folder)
    finally:
        shutil.rmtree(part, ignore_errors=True)
    return ImageIndex(folder, kind, counts, headers[0])


def open_index(folder: Path) -> ImageIndex:
    """An index that ``build_index`` wrote; raises ``UserError`` for anything else."""
    if not (folder / CONTENTS).is_file():
        raise UserError(f"{folder}: expected an index that `python -m dah index` wrote, found none")
    contents = read_json(folder / CONTENTS)
    kind, shards = contents.get("kind"), contents.get("shards")
    if kind not in EFFORT or not isinstance(shards, list):
        raise UserError(f"{folder / CONTENTS}: expected a kind and shards, found {contents}")
    index = ImageIndex(folder, kind, shards, read_header(folder / IMAGES))
    if count_rows(index.images) != index.count:
        raise UserError(f"{folder}: its shards and its {IMAGES} differ in length; index again")
    return index


def shard_path(folder: Path, number: int) -> Path:
    """The file of a shard."""
    return folder / f"{number:04}.faiss"


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
) -> Found:
    """The `k` nearest images of each query, or all within a Hamming distance of `radius`, or both.

    Shards are searched one after the other, each mapped into memory, and their answers merged.
    Queries packed uint8 ``(q, bytes)``; `effort` as in ``EFFORT``. Exact where the kind is flat;
    which of equally distant images are the last of `k` is not defined. Raises ``UserError`` for
    neither `k` nor `radius`, and for `radius` alone on hnsw, which cannot list all.
    """
    if k is None and radius is None:
        raise UserError("search needs -k or --radius")
    if k is None and index.kind == "hnsw":
        raise UserError(f"{index.folder}: hnsw cannot list all within a radius; give -k too")
    effort = EFFORT[index.kind] if effort is None else effort
    parts, start = [], 0
    for number, count in enumerate(index.shards):
        shard = read(index.kind, shard_path(index.folder, number), effort)
        if k is None:
            part = _within(shard, queries, radius)
        else:
            part = _nearest(shard, queries, min(k, count), radius)
        parts.append([(distances, rows + start) for distances, rows in part])
        start += count
    merged = [_merged(answers, k) for answers in zip(*parts, strict=True)]
    return Found([distances for distances, _ in merged], [rows for _, rows in merged])


Answer = tuple[np.ndarray, np.ndarray]


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


def _merged(answers: Sequence[Answer], k: int | None) -> Answer:
    distances = np.concatenate([d for d, _ in answers])
    rows = np.concatenate([r for _, r in answers])
    order = np.lexsort((rows, distances))[:k]
    return distances[order], rows[order]
