"""Codes of any number of images in a file: rows are appended, files are joined, nothing is lost.

HDF5 with one row for each image: ``code`` uint8 ``(n, ceil(bits / 8))``, bit i of an image in bit
7 - i % 8 of byte i // 8; ``name`` within the folder or archive ``origins[origin]``; ``label``, the
number of the predicted category among ``categories``, its ``probability``, and whether the image is
``far`` from all of them; ``output`` float16 ``(n, bits)``, the real outputs, if they are kept.
Texts are bytes of fixed length: UTF-8, and those of a file's name that are none as they are.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import h5py
import numpy as np

from dah.encoder.imagerows import Header, Rows
from dah.errors import UserError
from dah.files.artifacts import replacing
from dah.files.hdf5 import (
    array_in,
    as_bytes,
    as_text,
    creating,
    number_in,
    read_texts,
    reading,
    text_in,
    text_type,
    write_texts,
)

KIND = "codes of images"
CHUNK = 2**16  # rows that are read or moved at once
LONGEST = 255  # bytes of a name in one folder
COLUMNS = {"origin": np.int32, "label": np.int32, "probability": np.float32}
FAR, OUTPUT, CALIBRATED = "far", "output", "calibrated"
MOST_BITS = 1024
ROUNDING = 1e-3  # by which a probability may exceed one


@contextmanager
def writing(path: Path, header: Header, longest: int = LONGEST) -> Iterator[Callable[[Rows], None]]:
    """A function that appends rows to a new file, which stands at `path` when the block ends.

    Names have up to `longest` bytes.
    """
    with replacing(path) as part, creating(part, KIND) as (file, check_disk):
        texts = {"model": header.model, "fingerprint": header.fingerprint}
        file.attrs.update({name: as_bytes(text) for name, text in texts.items()})
        file.attrs["bits"], file.attrs[CALIBRATED] = header.bits, int(header.calibrated)
        write_texts(file, "categories", header.categories)
        width = -(-header.bits // 8)
        file.create_dataset("code", (0, width), np.uint8, maxshape=(None, width), chunks=True)
        for name, dtype in {**COLUMNS, FAR: np.uint8, "name": text_type(longest)}.items():
            file.create_dataset(name, (0,), dtype, maxshape=(None,), chunks=True)
        if header.outputs:
            shape = 0, header.bits
            file.create_dataset(OUTPUT, shape, np.float16, maxshape=(None, shape[1]), chunks=True)
        numbers: dict[str, int] = {}

        def append(rows: Rows) -> None:
            names = [as_bytes(name) for name in rows.names]
            if any(len(name) > longest for name in names):
                raise ValueError(f"names of more than {longest} bytes")
            arrays = {
                "code": rows.codes,
                "name": np.array(names, text_type(longest)),
                "origin": [numbers.setdefault(name, len(numbers)) for name in rows.origins],
                "label": rows.labels,
                "probability": rows.probabilities,
                FAR: np.zeros(len(names), bool) if rows.far is None else rows.far,
            } | ({OUTPUT: rows.outputs} if header.outputs else {})
            start = len(file["code"])
            for name, values in arrays.items():
                file[name].resize(start + len(names), axis=0)
                file[name][start:] = values
            check_disk()

        yield append
        write_texts(file, "origins", list(numbers))


def write_all(path: Path, header: Header, batches: Iterable[Rows], longest: int) -> int:
    """Store batches of rows in a file of their own; returns the number of rows."""
    count = 0
    with writing(path, header, longest) as append:
        for rows in batches:
            append(rows)
            count += len(rows.names)
    return count


def join(path: Path, header: Header, pieces: Sequence[Path]) -> int:
    """Write the rows of several files of one model into one; returns their number."""
    rows = (rows for piece in pieces for rows in read_rows(piece))
    return write_all(path, header, rows, longest_name(pieces))


def longest_name(pieces: Iterable[Path]) -> int:
    """How many bytes names have in some files, at most."""
    lengths = []
    for piece in pieces:
        with _opened(piece) as stored:
            lengths.append(stored.columns["name"].dtype.itemsize)
    return max(lengths, default=LONGEST)


def read_header(path: Path) -> Header:
    """What all codes of a file share; raises ``UserError`` for any other file."""
    with _opened(path) as stored:
        return stored.header


def count_rows(path: Path) -> int:
    """The number of images in a file."""
    with _opened(path) as stored:
        return stored.count


def read_rows(path: Path) -> Iterator[Rows]:
    """All rows of a file, ``CHUNK`` of them in memory."""
    with _opened(path) as stored:
        for start in range(0, stored.count, CHUNK):
            yield stored.rows(slice(start, start + CHUNK))


def read_codes_of(path: Path, length: int) -> Iterator[np.ndarray]:
    """The packed codes alone, `length` of them in memory."""
    with _opened(path) as stored:
        for start in range(0, stored.count, length):
            yield stored.codes(slice(start, start + length))


def read_outputs(path: Path) -> Iterator[np.ndarray]:
    """The real outputs alone, float16 ``(n, bits)``, ``CHUNK`` of them in memory."""
    with _opened(path) as stored:
        for start in range(0, stored.count, CHUNK):
            yield stored.columns[OUTPUT][start : start + CHUNK]


def rows_at(path: Path, rows: Sequence[int]) -> Rows:
    """The rows of the given numbers, in their order; raises ``UserError`` for one not there."""
    wanted, place = np.unique(np.asarray(rows, np.int64), return_inverse=True)
    with _opened(path) as stored:
        if len(wanted) and not 0 <= wanted[0] <= wanted[-1] < stored.count:
            raise UserError(
                f"{path}: expected rows of 0 ... {stored.count - 1}, found"
                f" {wanted[0]} ... {wanted[-1]}"
            )
        return stored.rows(wanted).of(place)


def check_model(path: Path, found: Header, expected: Header) -> None:
    """Raise ``UserError`` where codes are those of another model, which cannot be compared."""
    if found.fingerprint != expected.fingerprint:
        raise UserError(
            f"{path}: expected codes of the model {expected.model} ({expected.fingerprint}), found"
            f" those of {found.model} ({found.fingerprint}); encode all images with one model"
        )


@dataclass(frozen=True)
class _Stored:
    """An open file of codes: what it says of itself fits, its rows are checked as they are read."""

    path: Path
    header: Header
    origins: list[str]
    columns: dict[str, h5py.Dataset]

    @property
    def count(self) -> int:
        return len(self.columns["code"])

    def rows(self, selection: slice | np.ndarray) -> Rows:
        found = {name: self.columns[name][selection] for name in (*COLUMNS, "name")}
        for name, of in (("origin", self.origins), ("label", self.header.categories)):
            values = found[name]
            if len(values) and not 0 <= values.min() <= values.max() < len(of):
                raise self._refusal(f"{name}s of 0 ... {len(of) - 1}, found others")
        shares = found["probability"]
        if not ((shares >= 0) & (shares <= 1 + ROUNDING)).all():
            raise self._refusal("probabilities of 0 ... 1, found others")
        return Rows(
            origins=[self.origins[number] for number in found["origin"]],
            names=[as_text(name) for name in found["name"]],
            codes=self.codes(selection),
            labels=found["label"],
            probabilities=shares,
            far=self._optional(FAR, selection, len(shares)) != 0,
            outputs=self.columns[OUTPUT][selection] if self.header.outputs else None,
        )

    def _optional(self, name: str, selection: slice | np.ndarray, count: int) -> np.ndarray:
        """A column that earlier versions did not write: zeros then."""
        found = self.columns.get(name)
        return np.zeros(count, np.uint8) if found is None else found[selection]

    def codes(self, selection: slice | np.ndarray) -> np.ndarray:
        found = self.columns["code"][selection]
        if (found[:, -1] & (2 ** (-self.header.bits % 8) - 1)).any():
            raise self._refusal(f"zeros after bit {self.header.bits} of each code, found ones")
        return found

    def _refusal(self, what: str) -> UserError:
        return UserError(f"{self.path}: expected {what}; encode the images again")


@contextmanager
def _opened(path: Path) -> Iterator[_Stored]:
    with reading(path, KIND) as file:
        columns = {name: array_in(file, name, dtype, 1) for name, dtype in COLUMNS.items()}
        columns |= {"name": array_in(file, "name", np.bytes_, 1)}
        columns |= {"code": array_in(file, "code", np.uint8, 2)}
        optional = {FAR: (np.uint8, 1), OUTPUT: (np.float16, 2)}
        columns |= {
            name: array_in(file, name, *of) for name, of in optional.items() if name in file
        }
        header = Header(
            bits=number_in(file, "bits"),
            categories=read_texts(file, "categories"),
            model=text_in(file, "model"),
            fingerprint=text_in(file, "fingerprint"),
            calibrated=CALIBRATED in file.attrs and number_in(file, CALIBRATED) == 1,
            outputs=OUTPUT in columns,
        )
        stored = _Stored(path, header, read_texts(file, "origins"), columns)
        if len({len(column) for column in columns.values()}) > 1:
            raise UserError(f"{path}: its columns have different lengths; encode the images again")
        bits, width = header.bits, columns["code"].shape[1]
        if type(bits) is not int or not 0 < bits <= MOST_BITS or width != -(-bits // 8):
            raise UserError(
                f"{path}: expected codes of up to {MOST_BITS} bits, found {bits} bits in {width}"
                " bytes; encode the images again"
            )
        if header.outputs and columns[OUTPUT].shape[1] != bits:
            raise UserError(f"{path}: expected outputs of {bits} bits; encode the images again")
        yield stored
