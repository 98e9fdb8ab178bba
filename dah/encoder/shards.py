"""Codes of millions of images: written in shards, so that a run that was stopped goes on."""

from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, suppress
from itertools import count
from pathlib import Path

import numpy as np

from dah.encoder.encoder import Encoded, Encoder
from dah.encoder.imagecodes import (
    Header,
    Rows,
    check_model,
    longest_name,
    read_header,
    read_rows,
    write_all,
)
from dah.encoder.inputs import Place
from dah.errors import UserError
from dah.files.hdf5 import as_bytes
from dah.files.locks import held

SHARD = 2048  # images: what a run that is killed can lose

Done = dict[str, set[str]]


def header_of(encoder: Encoder, model: Path, outputs: bool = False) -> Header:
    """What all codes of an encoder share, with its real `outputs` or without."""
    model = str(model.resolve())
    kept = encoder.is_calibrated, outputs
    return Header(encoder.bits, encoder.categories, model, encoder.fingerprint, *kept)


def shard_folder(out: Path) -> Path:
    """Where the shards of a file of codes are until all images are encoded."""
    return out.with_name(f"{out.name}.parts")


def alone(out: Path) -> AbstractContextManager[None]:
    """Let one process at a time read, encode and join what belongs to a file of codes.

    Raises ``UserError`` where another one does.
    """
    return held(shard_folder(out) / "lock", out)


def shards_of(out: Path) -> list[Path]:
    """The shards of a file of codes, in the order of their numbers."""
    found = shard_folder(out).glob("*.h5")
    return sorted(path for path in found if path.stem.isdecimal())


def next_number(out: Path) -> int:
    """The number of the next shard."""
    return 1 + max((int(path.stem) for path in shards_of(out)), default=-1)


def pieces(out: Path) -> list[Path]:
    """The files that hold what was encoded before: the finished one, then its shards."""
    return [out, *shards_of(out)] if out.exists() else shards_of(out)


def already_done(out: Path, header: Header) -> Done:
    """The images that need not be encoded again: names by origin.

    Raises ``UserError`` where they were encoded by another model, or hold something else.
    """
    done: Done = {}
    for piece in pieces(out):
        try:
            found = read_header(piece)
            check_model(piece, found, header)
            check_columns(piece, found, header)
            for _ in once(read_rows(piece), done):
                pass
        except UserError as error:
            if piece == out:
                raise
            raise UserError(
                f"{error} (or delete this file: its images are encoded anew)"
            ) from error
    return done


def check_columns(path: Path, found: Header, expected: Header) -> None:
    """Raise ``UserError`` where images that were encoded before have not what new ones get."""
    for name, what in (("calibrated", "calibrated probabilities"), ("outputs", "real outputs")):
        has, wanted = getattr(found, name), getattr(expected, name)
        if has != wanted:
            words = ("with", "without") if wanted else ("without", "with")
            raise UserError(
                f"{path}: expected codes {words[0]} {what}, found some {words[1]} them; encode into"
                " another file"
            )


def once(batches: Iterator[Rows], done: Done) -> Iterator[Rows]:
    """The rows of images that are not in `done` yet, which then are."""
    for rows in batches:
        kept = []
        for row, (origin, name) in enumerate(zip(rows.origins, rows.names, strict=True)):
            names = done.setdefault(origin, set())
            if name not in names:
                names.add(name)
                kept.append(row)
        if len(kept) == len(rows.names):
            yield rows
        elif kept:
            yield rows.of(kept)


def encode_rest(
    encoder: Encoder, found: Sequence[Place], out: Path, header: Header, done: Done
) -> Iterator[tuple[Place, Encoded]]:
    """Encode all images but those done, in shards beside `out`; yields each batch when it is made.

    An image that cannot be read is in no shard, so that another run tries it again.
    """
    numbers = count(next_number(out))
    waiting: list[Rows] = []
    for origin in found:
        skipped = done.get(origin.place, set())
        members = origin.members(lambda name, skipped=skipped: name not in skipped)
        for batch in encoder.batches(members):
            if batch.names:
                waiting.append(rows_of(batch, origin))
            if sum(len(rows.names) for rows in waiting) >= SHARD:
                write_shard(out, next(numbers), header, waiting)
                waiting = []
            yield origin, batch
    if waiting:
        write_shard(out, next(numbers), header, waiting)


def finish(out: Path, header: Header) -> int:
    """Join what was encoded into `out`, each image once, and return the number of images.

    A run that was killed after the joining leaves shards whose images `out` has already. The shards
    that were joined go, and their folder if nothing else is in it.
    """
    joined, done = pieces(out), {}
    rows = (rows for piece in joined for rows in once(read_rows(piece), done))
    number = write_all(out, header, rows, longest_name(joined))
    with suppress(OSError):
        for piece in joined:
            if piece != out:
                piece.unlink()
        for part in shard_folder(out).glob(".*.h5.part"):  # of writers that were killed
            part.unlink()
        shard_folder(out).rmdir()
    return number


def rows_of(batch: Encoded, origin: Place) -> Rows:
    """The rows of a batch: the most probable category of each image, the first of equal ones."""
    labels = batch.probabilities.argmax(axis=1)
    return Rows(
        origins=[origin.place] * len(batch.names),
        names=batch.names,
        codes=batch.codes,
        labels=labels.astype(np.int32),
        probabilities=batch.probabilities[np.arange(len(labels)), labels],
        far=batch.far,
        outputs=batch.outputs,
    )


def write_shard(out: Path, number: int, header: Header, batches: Sequence[Rows]) -> None:
    """Store some batches' rows as a file of codes of its own, beside `out`."""
    longest = max(len(as_bytes(name)) for rows in batches for name in rows.names)
    write_all(shard_folder(out) / f"{number:06}.h5", header, batches, longest)
