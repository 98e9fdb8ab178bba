"""The binary files between the stages: their data sets and attributes, whole or not at all.

Every reader refuses what it does not expect (missing key, dtype, shape, non-finite value, foreign
file) with a ``UserError`` of one line: path, expected, found.
"""

import math
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

import h5py
import numpy as np

from dah.errors import UserError

REAL_OF_CODES = (
    "probabilities",
    "probabilities_real",
    "components_source",
    "components_target",
)


@dataclass(frozen=True)
class Codes:
    """The hash codes of one task and method, and what else its network says of the images.

    ``source`` and ``target``: packed uint8 ``(n, ceil(bits / 8))``, bit ``i`` of an image in bit
    ``7 - i % 8`` of byte ``i // 8``; ids of the rows. A method without codes has 0 bits. None where
    a method has no such thing: float32 ``(n_target, C)`` class probabilities of the target from
    codes (eq. 6) and from the real outputs; the error in [0, 0.5] of a classifier that tells source
    from target on the trained network's fc7; the leading principal components of that fc7, float32
    ``(n_source, r)`` and ``(n_target, r)``.
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


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """A temporary name beside ``path``; renamed to ``path`` when the block ends well."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f".{path.name}.part")
    try:
        yield part
        os.replace(part, path)
    finally:
        part.unlink(missing_ok=True)


def write_images(
    path: Path, images: Iterable[tuple[int, np.ndarray]], ids: Sequence[str], size: int
) -> None:
    """Store squares uint8 ``(size, size, 3)``, contiguous, each with its row, one at a time.

    Ids whose rows do not come are left out.
    """
    with replacing(path) as part:
        given = np.zeros(len(ids), bool)
        with h5py.File(part, "w") as file:
            stored = _new_images(file, ids, size)
            for row, image in images:
                stored[row] = image
                given[row] = True
        if not given.all():
            _leave_out(part, given)


def _new_images(file: h5py.File, ids: Sequence[str], size: int) -> h5py.Dataset:
    file.attrs["dah"] = "images"
    file["id"] = _bytes(ids)
    return file.create_dataset("image", (len(ids), size, size, 3), np.uint8)


def _leave_out(path: Path, kept: np.ndarray) -> None:
    """Keep some rows of a file of images, one image in memory."""
    with replacing(path) as part, h5py.File(path) as old, h5py.File(part, "w") as new:
        ids = _strings(old["id"][:][kept])
        stored = _new_images(new, ids, old["image"].shape[1])
        for row, source in enumerate(np.flatnonzero(kept)):
            stored[row] = old["image"][source]


def read_images(path: Path) -> tuple[np.ndarray, list[str]]:
    """Images uint8 ``(n, size, size, 3)`` and their ids."""
    data, _ = _read(path, "images", {"image": (np.uint8, 4), "id": (np.bytes_, 1)})
    size = data["image"].shape[1]
    if data["image"].shape[1:] != (size, size, 3):
        raise UserError(f"{path}: expected squares of 3 colours, found shape {data['image'].shape}")
    return data["image"], _strings(data["id"])


def read_pictures(path: Path, wanted: Sequence[str]) -> list[np.ndarray]:
    """The images of some ids, each uint8 ``(size, size, 3)``, without reading the others."""
    try:
        with h5py.File(path) as file:
            place = {name: row for row, name in enumerate(_strings(file["id"][:]))}
            return [file["image"][place[name]] for name in wanted]
    except (OSError, KeyError) as error:
        raise UserError(
            f"{path}: expected images as HDF5 with {len(wanted)} ids of this run, found: {error}"
        ) from error


def write_features(path: Path, fc7: np.ndarray, ids: Sequence[str]) -> None:
    """Store activations float32 ``(n, D)``."""
    _write(path, "features", {"fc7": fc7.astype(np.float32), "id": _bytes(ids)}, {})


def read_features(path: Path) -> tuple[np.ndarray, list[str]]:
    """Activations float32 ``(n, D)`` and their ids."""
    data, _ = _read(path, "features", {"fc7": (np.float32, 2), "id": (np.bytes_, 1)})
    return data["fc7"], _strings(data["id"])


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
    _write(path, "codes", arrays, {"bits": codes.bits, "domain_error": error})


def read_codes(path: Path) -> Codes:
    """Codes as stored by ``write_codes``."""
    expected = {
        "source": (np.uint8, 2),
        "source_id": (np.bytes_, 1),
        "target": (np.uint8, 2),
        "target_id": (np.bytes_, 1),
    }
    optional = dict.fromkeys(REAL_OF_CODES, (np.float32, 2))
    data, attributes = _read(path, "codes", expected, ("bits", "domain_error"), optional)
    bits, error = int(attributes["bits"]), float(attributes["domain_error"])
    for side in ("source", "target"):
        if data[side].shape != (len(data[f"{side}_id"]), -(-bits // 8)):
            raise UserError(
                f"{path}: {len(data[f'{side}_id'])} {side} codes of {bits} bits need"
                f" {-(-bits // 8)} bytes each, found shape {data[side].shape}"
            )
    return Codes(
        bits=bits,
        source=data["source"],
        source_ids=_strings(data["source_id"]),
        target=data["target"],
        target_ids=_strings(data["target_id"]),
        domain_error=None if math.isnan(error) else error,
        **{name: data.get(name) for name in REAL_OF_CODES},
    )


def _bytes(names: Sequence[str]) -> np.ndarray:
    return np.array([name.encode() for name in names], dtype=np.bytes_)


def _strings(names: np.ndarray) -> list[str]:
    return [name.decode() for name in names]


def _write(
    path: Path, kind: str, arrays: Mapping[str, np.ndarray], attributes: Mapping[str, Any]
) -> None:
    with replacing(path) as part, h5py.File(part, "w") as file:
        file.attrs["dah"] = kind
        file.attrs.update(attributes)
        for name, array in arrays.items():
            file[name] = array


def _read(
    path: Path,
    kind: str,
    expected: Mapping[str, tuple[type, int]],
    attributes: Sequence[str] = (),
    optional: Mapping[str, tuple[type, int]] = MappingProxyType({}),
) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
    try:
        with h5py.File(path) as file:
            if file.attrs.get("dah") != kind:
                raise UserError(f"{path}: expected {kind} of this project, found another HDF5 file")
            for name in (*expected, *attributes):
                if name not in (file if name in expected else file.attrs):
                    raise UserError(f"{path}: expected {kind} with {name!r}, found none")
            expected = {**expected, **{n: form for n, form in optional.items() if n in file}}
            data = {name: file[name][:] for name in expected}
            values = {name: file.attrs[name] for name in attributes}
    except (OSError, RuntimeError, TypeError, ValueError) as error:
        raise UserError(f"{path}: expected {kind} as HDF5, found: {error}") from error
    for name, (dtype, dimensions) in expected.items():
        array = data[name]
        if not np.issubdtype(array.dtype, dtype) or array.ndim != dimensions:
            raise UserError(
                f"{path}: {name!r} must be {dtype.__name__} with {dimensions} dimensions,"
                f" found {array.dtype} {array.shape}"
            )
        if np.issubdtype(array.dtype, np.floating) and not np.isfinite(array).all():
            raise UserError(f"{path}: {name!r} holds values that are not finite")
    counts = {len(data[name]) for name in expected} if kind != "codes" else {0}
    if len(counts) > 1:
        raise UserError(f"{path}: its arrays have different lengths, {sorted(counts)}")
    return data, values
