"""Codes of any number of images in a file: rows are appended, files are joined, nothing is lost.

HDF5 with one row for each image: ``code`` uint8 ``(n, ceil(bits / 8))``, bit i of an image in bit
7 - i % 8 of byte i // 8; ``name`` within the folder or archive ``origins[origin]``; ``label``, the
number of the predicted category among ``categories``, and its ``probability``.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import h5py
import numpy as np

from dah.artifacts import replacing
from dah.errors import UserError

KIND = "image codes"
CHUNK = 2**16  # rows that are read or moved at once
TEXT = h5py.string_dtype()
COLUMNS = {"origin": np.int32, "name": TEXT, "label": np.int32, "probability": np.float32}


@dataclass(frozen=True)
class Header:
    """What all codes of a file share: the model's path, its fingerprint, bits and categories."""

    bits: int
    categories: list[str]
    model: str
    fingerprint: str


class Rows(NamedTuple):
    """Some images: origins and names, packed codes, labels int32 and probabilities float32."""

    origins: list[str]
    names: list[str]
    codes: np.ndarray
    labels: np.ndarray
    probabilities: np.ndarray


@contextmanager
def writing(path: Path, header: Header) -> Iterator[Callable[[Rows], None]]:
    """A function that appends rows to a new file, which stands at `path` when the block ends."""
    with replacing(path) as part, h5py.File(part, "w") as file:
        file.attrs.update(
            dah=KIND, bits=header.bits, model=header.model, fingerprint=header.fingerprint
        )
        file.create_dataset("categories", data=header.categories, dtype=TEXT)
        width = -(-header.bits // 8)
        file.create_dataset("code", (0, width), np.uint8, maxshape=(None, width), chunks=True)
        for name, dtype in COLUMNS.items():
            file.create_dataset(name, (0,), dtype, maxshape=(None,), chunks=True)
        numbers: dict[str, int] = {}

        def append(rows: Rows) -> None:
            origin = [numbers.setdefault(name, len(numbers)) for name in rows.origins]
            columns = origin, rows.names, rows.labels, rows.probabilities
            arrays = dict(zip(COLUMNS, columns, strict=True)) | {"code": rows.codes}
            start = len(file["code"])
            for name, values in arrays.items():
                file[name].resize(start + len(rows.names), axis=0)
                file[name][start:] = values

        yield append
        file.create_dataset("origins", data=list(numbers), dtype=TEXT)


def join(path: Path, header: Header, pieces: Iterable[Path]) -> int:
    """Write the rows of several files of one model into one; returns their number."""
    count = 0
    with writing(path, header) as append:
        for piece in pieces:
            for rows in read_rows(piece):
                append(rows)
                count += len(rows.names)
    return count


def read_header(path: Path) -> Header:
    """What all codes of a file share; raises ``UserError`` for any other file."""
    with _opened(path) as file:
        return Header(
            bits=int(file.attrs["bits"]),
            categories=list(file["categories"].asstr()[:]),
            model=str(file.attrs["model"]),
            fingerprint=str(file.attrs["fingerprint"]),
        )


def count_rows(path: Path) -> int:
    """The number of images in a file."""
    with _opened(path) as file:
        return len(file["code"])


def read_rows(path: Path) -> Iterator[Rows]:
    """All rows of a file, ``CHUNK`` of them in memory."""
    with _opened(path) as file:
        for start in range(0, len(file["code"]), CHUNK):
            yield _rows(file, slice(start, start + CHUNK))


def read_codes_of(path: Path, length: int) -> Iterator[np.ndarray]:
    """The packed codes alone, `length` of them in memory."""
    with _opened(path) as file:
        for start in range(0, len(file["code"]), length):
            yield file["code"][start : start + length]


def rows_at(path: Path, rows: Sequence[int]) -> Rows:
    """The rows of the given numbers, in their order; raises ``UserError`` for one not there."""
    wanted, place = np.unique(np.asarray(rows, np.int64), return_inverse=True)
    with _opened(path) as file:
        if len(wanted) and not 0 <= wanted[0] <= wanted[-1] < len(file["code"]):
            raise UserError(
                f"{path}: expected rows of 0 ... {len(file['code']) - 1}, found"
                f" {wanted[0]} ... {wanted[-1]}"
            )
        found = _rows(file, wanted)
    return Rows(
        origins=[found.origins[row] for row in place],
        names=[found.names[row] for row in place],
        codes=found.codes[place],
        labels=found.labels[place],
        probabilities=found.probabilities[place],
    )


def check_model(path: Path, found: Header, expected: Header) -> None:
    """Raise ``UserError`` where codes are those of another model, which cannot be compared."""
    if found.fingerprint != expected.fingerprint:
        raise UserError(
            f"{path}: expected codes of the model {expected.model} ({expected.fingerprint}), found"
            f" those of {found.model} ({found.fingerprint}); encode all images with one model"
        )


def _rows(file: h5py.File, selection: slice | np.ndarray) -> Rows:
    origins = list(file["origins"].asstr()[:])
    return Rows(
        origins=[origins[number] for number in file["origin"][selection]],
        names=list(file["name"].asstr()[selection]),
        codes=file["code"][selection],
        labels=file["label"][selection],
        probabilities=file["probability"][selection],
    )


@contextmanager
def _opened(path: Path) -> Iterator[h5py.File]:
    try:
        file = h5py.File(path)
    except OSError as error:
        raise UserError(f"{path}: expected codes of images as HDF5, found: {error}") from error
    with file:
        missing = {"code", "categories", "origins", *COLUMNS} - set(file)
        if file.attrs.get("dah") != KIND or missing:
            kind = file.attrs.get("dah", "of another program")
            raise UserError(
                f"{path}: expected codes that `python -m dah encode` wrote, found a file {kind}"
            )
        if len({len(file[name]) for name in ("code", *COLUMNS)}) > 1:
            raise UserError(f"{path}: its columns have different lengths; encode the images again")
        yield file
