"""Codes of millions of images: written in shards, so that a run that was stopped goes on."""

import shutil
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from dah.data.inputs import Origin
from dah.encoder import Encoded, Encoder
from dah.imagecodes import Header, Rows, check_model, join, read_header, read_rows, writing

SHARD = 2048  # images: what a run that is killed can lose

Done = dict[str, set[str]]


def header_of(encoder: Encoder, model: Path) -> Header:
    """What all codes of an encoder share."""
    return Header(encoder.bits, encoder.categories, str(model.resolve()), encoder.fingerprint)


def shard_folder(out: Path) -> Path:
    """Where the shards of a file of codes are until all images are encoded."""
    return out.with_name(f"{out.name}.parts")


def pieces(out: Path) -> list[Path]:
    """The files that hold what was encoded before: the finished one, then its shards."""
    shards = sorted(shard_folder(out).glob("*.h5"))
    return [out, *shards] if out.exists() else shards


def already_done(out: Path, header: Header) -> Done:
    """The images that need not be encoded again: names by origin.

    Raises ``UserError`` where they were encoded by another model.
    """
    done: Done = {}
    for piece in pieces(out):
        check_model(piece, read_header(piece), header)
        for rows in read_rows(piece):
            for origin, name in zip(rows.origins, rows.names, strict=True):
                done.setdefault(origin, set()).add(name)
    return done


def encode_rest(
    encoder: Encoder, found: Sequence[Origin], out: Path, header: Header, done: Done
) -> Iterator[Encoded]:
    """Encode all images but those done, in shards beside `out`; yields each batch when it is made.

    An image that cannot be read is in no shard, so that another run tries it again.
    """
    folder = shard_folder(out)
    number = 1 + max((int(path.stem) for path in folder.glob("*.h5")), default=-1)
    waiting: list[Rows] = []
    for origin in found:
        skipped = done.get(str(origin.path), set())
        members = origin.members(lambda name, skipped=skipped: name not in skipped)
        for batch in encoder.batches(members):
            if batch.names:
                waiting.append(rows_of(batch, origin))
            if sum(len(rows.names) for rows in waiting) >= SHARD:
                write_shard(folder / f"{number:06}.h5", header, waiting)
                number, waiting = number + 1, []
            yield batch
    if waiting:
        write_shard(folder / f"{number:06}.h5", header, waiting)


def finish(out: Path, header: Header) -> int:
    """Join what was encoded into `out`, leave no shard, and return the number of images."""
    count = join(out, header, pieces(out))
    shutil.rmtree(shard_folder(out), ignore_errors=True)
    return count


def rows_of(batch: Encoded, origin: Origin) -> Rows:
    """The rows of a batch: the most probable category of each image, the first of equal ones."""
    labels = batch.probabilities.argmax(axis=1)
    return Rows(
        origins=[str(origin.path)] * len(batch.names),
        names=batch.names,
        codes=batch.codes,
        labels=labels.astype(np.int32),
        probabilities=batch.probabilities[np.arange(len(labels)), labels],
    )


def write_shard(path: Path, header: Header, batches: Sequence[Rows]) -> None:
    """Store some batches' rows as a file of codes of its own."""
    with writing(path, header) as append:
        for rows in batches:
            append(rows)
