"""The binary files between the stages: their data sets and attributes, whole or not at all.

Every reader refuses what it does not expect (missing key, dtype, shape, non-finite value, foreign
file) with a ``UserError`` of one line: path, expected, found.
"""

import errno
import math
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from dah.errors import UserError
from dah.files import hdf5
from dah.files.hdf5 import array_in, creating, number_in, read_array, read_names, reading

LARGEST = 1e15  # of an activation: sums of squares stay finite in single precision
REAL_OF_CODES = ("probabilities", "probabilities_real", "components_source", "components_target")
OPTIONAL = {"temperature": float, "reach": int}
_REMEDY = "free space or mend permissions, then run again"
_REMEDIES = hdf5.REMEDIES | {
    errno.ENAMETOOLONG: "choose a shorter name",
    errno.EISDIR: "choose another name",
    errno.ENOTDIR: "choose another folder",
    **dict.fromkeys(
        (errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP),
        "the file system cannot do this; choose a folder on another one",
    ),
}


@dataclass(frozen=True)
class Codes:
    """The hash codes of one task and method, and what else its network says of the images.

    ``source`` and ``target``: packed uint8 ``(n, ceil(bits / 8))``, bit ``i`` of an image in bit
    ``7 - i % 8`` of byte ``i // 8``; ids of the rows. A method without codes has 0 bits. None where
    a method has no such thing: float32 ``(n_target, C)`` class probabilities of the target from
    codes (eq. 6) and from the real outputs; the error in [0, 0.5] of a classifier that tells source
    from target on the trained network's fc7; the leading principal components of that fc7, float32
    ``(n_source, r)`` and ``(n_target, r)``; the temperature that calibrates the probabilities
    (``dah.encoding``); the Hamming distance to the source beyond which an image is of none of
    its categories (``dah.retrieval.reach``).
    """

    bits: int
    source: np.ndarray
    source_ids: list[str]
    target: np.ndarray
    target_ids: list[str]
    probabilities: np.ndarray | None = None
    probabilities_real: np.ndarray | None = None
    domain_error: float | None = None
    components_source: np.ndarray | None = None
    components_target: np.ndarray | None = None
    temperature: float | None = None
    reach: int | None = None


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """A temporary name beside ``path``; renamed to ``path`` when the block ends well.

    Raises ``UserError`` where the disk is full or the folder read-only; then what stood at ``path``
    is as it was, and nothing is left beside it.
    """
    part = path.with_name(f".{path.name}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        yield part
        os.replace(part, path)
    except OSError as error:
        raise unwritable(path, error) from error
    finally:
        with suppress(OSError):
            part.unlink(missing_ok=True)


def unwritable(path: Path, error: OSError) -> UserError:
    """What to say where a file or folder cannot be written."""
    reason = error.strerror or " ".join(str(error).split())
    return UserError(f"{path}: cannot be written: {reason}; {_REMEDIES.get(error.errno, _REMEDY)}")


def write_images(
    path: Path, images: Iterable[tuple[int, np.ndarray]], ids: Sequence[str], size: int
) -> None:
    """Store squares uint8 ``(size, size, 3)``, contiguous, each with its row, one at a time.

    Ids whose rows do not come are left out.
    """
    with replacing(path) as part:
        given = np.zeros(len(ids), bool)
        with creating(part, "images") as (file, check_disk):
            stored = _new_images(file, ids, size)
            for row, image in images:
                stored[row] = image
                given[row] = True
                check_disk()
        if not given.all():
            _leave_out(part, given)


def _new_images(file: h5py.File, ids: Sequence[str], size: int) -> h5py.Dataset:
    file["id"] = _bytes(ids)
    return file.create_dataset("image", (len(ids), size, size, 3), np.uint8)


def _leave_out(path: Path, kept: np.ndarray) -> None:
    """Keep some rows of a file of images, one image in memory."""
    with replacing(path) as part, reading(path, "images") as old:
        ids = [name.decode() for name in old["id"][:][kept]]
        with creating(part, "images") as (new, check_disk):
            stored = _new_images(new, ids, old["image"].shape[1])
            for row, source in enumerate(np.flatnonzero(kept)):
                stored[row] = old["image"][source]
                check_disk()


def read_images(path: Path) -> tuple[np.ndarray, list[str]]:
    """Images uint8 ``(n, size, size, 3)`` and their ids."""
    with reading(path, "images") as file:
        images, ids = read_array(file, "image", np.uint8, 4), read_names(file, "id")
    _check_rows(path, images=images, id=ids)
    size = images.shape[1]
    if images.shape[1:] != (size, size, 3):
        raise UserError(f"{path}: expected squares of 3 colours, found shape {images.shape}")
    return images, ids


def read_pictures(path: Path, wanted: Sequence[str]) -> list[np.ndarray]:
    """The images of some ids, each uint8 ``(size, size, 3)``, without reading the others."""
    with reading(path, "images") as file:
        place = {name: row for row, name in enumerate(read_names(file, "id"))}
        missing = [name for name in wanted if name not in place]
        if missing:
            raise UserError(
                f"{path}: expected images with {len(wanted)} ids of this run, found no"
                f" {missing[0]!r}; it belongs to another run, make it again"
            )
        stored = array_in(file, "image", np.uint8, 4)
        return [stored[place[name]] for name in wanted]


def write_features(path: Path, fc7: np.ndarray, ids: Sequence[str]) -> None:
    """Store activations float32 ``(n, D)``.

    Raises ``UserError`` where one is not finite or so large that squares overflow.
    """
    if not (np.abs(fc7) <= LARGEST).all():
        raise UserError(
            f"{path}: the trunk's activations are not finite or above {LARGEST:g}; look at"
            " backbone.weights"
        )
    _write(path, "features", {"fc7": fc7.astype(np.float32), "id": _bytes(ids)}, {})


def read_features(path: Path) -> tuple[np.ndarray, list[str]]:
    """Activations float32 ``(n, D)`` and their ids."""
    with reading(path, "features") as file:
        fc7, ids = read_array(file, "fc7", np.float32, 2), read_names(file, "id")
    _check_rows(path, fc7=fc7, id=ids)
    return fc7, ids


def write_codes(path: Path, codes: Codes) -> None:
    """Store codes, and of the rest what is there."""
    arrays = {
        "source": codes.source,
        "source_id": _bytes(codes.source_ids),
        "target": codes.target,
        "target_id": _bytes(codes.target_ids),
    }
    for name in REAL_OF_CODES:
        values = getattr(codes, name)
        if values is not None:
            arrays[name] = values.astype(np.float32)
    error = math.nan if codes.domain_error is None else codes.domain_error
    attributes = {"bits": codes.bits, "domain_error": error}
    found = {name: getattr(codes, name) for name in OPTIONAL}
    attributes |= {name: value for name, value in found.items() if value is not None}
    _write(path, "codes", arrays, attributes)


def read_codes(path: Path) -> Codes:
    """Codes as stored by ``write_codes``."""
    with reading(path, "codes") as file:
        bits, error = (number_in(file, name) for name in ("bits", "domain_error"))
        if not isinstance(bits, int) or bits < 0 or not (math.isnan(error) or 0 <= error <= 0.5):
            raise UserError(f"{path}: expected codes, found {bits} bits, a domain error of {error}")
        found = {name: number_in(file, name) for name in OPTIONAL if name in file.attrs}
        if not all(isinstance(v, OPTIONAL[n]) and 0 <= v < math.inf for n, v in found.items()):
            raise UserError(f"{path}: expected a temperature and a reach, found {found}")
        codes = Codes(
            bits=bits,
            source=read_array(file, "source", np.uint8, 2),
            source_ids=read_names(file, "source_id"),
            target=read_array(file, "target", np.uint8, 2),
            target_ids=read_names(file, "target_id"),
            domain_error=None if math.isnan(error) else error,
            **found,
            **{
                name: read_array(file, name, np.float32, 2)
                for name in REAL_OF_CODES
                if name in file
            },
        )
    sides = {"source": codes.source_ids, "target": codes.target_ids}
    of_target = ("target", "probabilities", "probabilities_real", "components_target")
    for side, names in (("source", ("source", "components_source")), ("target", of_target)):
        arrays = {name: getattr(codes, name) for name in names}
        present = {name: array for name, array in arrays.items() if array is not None}
        _check_rows(path, **present, **{f"{side}_id": sides[side]})
        unused = 2 ** (-bits % 8) - 1  # the padding bits of the last byte
        expected = (len(sides[side]), -(-bits // 8))
        if arrays[side].shape != expected or (arrays[side][:, -1:] & unused).any():
            raise UserError(
                f"{path}: {expected[0]} {side} codes of {bits} bits need {expected[1]} bytes each,"
                f" zero beyond them, found shape {arrays[side].shape}"
            )
    return codes


def _check_rows(path: Path, **arrays: Sequence) -> None:
    """Refuse arrays that belong to different numbers of images."""
    rows = {name: len(array) for name, array in arrays.items()}
    if len(set(rows.values())) > 1:
        found = ", ".join(f"{count} of {name!r}" for name, count in rows.items())
        raise UserError(f"{path}: expected as many rows of each array, found {found}")


def _bytes(names: Sequence[str]) -> np.ndarray:
    return np.array([name.encode() for name in names], dtype=np.bytes_)


def _write(
    path: Path, kind: str, arrays: Mapping[str, np.ndarray], attributes: Mapping[str, Any]
) -> None:
    with replacing(path) as part, creating(part, kind) as (file, _):
        file.attrs.update(attributes)
        for name, array in arrays.items():
            file[name] = array
