"""Attacks that someone would write down: bombs, names that lead out, code in pickles, lies."""

import io
import pickle
import re
import struct
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import h5py
import numpy as np
import torch
from scipy.io import savemat

from benchmarks.hostile.bombs import (
    gif_of_one_colour,
    gzip_zeros,
    hdf5_of,
    jpeg_of_scans,
    nested_cells,
    png_of_zeros,
    tar_of,
    zip_of_zeros,
)

Attacks = dict[str, Callable[[], bytes]]


class Payload:
    """Unpickled by a careless reader, it leaves a file."""

    def __reduce__(self) -> tuple[Any, tuple[str]]:
        import os  # noqa: PLC0415 - the module that the pickle names

        return os.system, ("touch executed",)


def saved(content: Any, **options: Any) -> bytes:
    """A file of torch."""
    file = io.BytesIO()
    torch.save(content, file, **options)
    return file.getvalue()


def pickles(whole: Sequence[bytes]) -> Attacks:
    """For whatever torch loads."""
    content = torch.load(io.BytesIO(whole[0]), weights_only=True)
    state = content.get("state", content)
    config = content.get("config", {})
    huge = torch.zeros(1).expand(10**6, 10**6)

    def with_state(**changed: Any) -> bytes:
        changed_state = {**state, **changed}
        return saved({"state": changed_state, "config": config} if config else changed_state)

    def with_config(**changed: Any) -> bytes:
        return saved({"state": state, "config": {**config, **changed}})

    def script() -> bytes:
        file = io.BytesIO()
        torch.jit.save(torch.jit.script(torch.nn.Linear(2, 2)), file)
        return file.getvalue()

    def packed() -> bytes:
        file = io.BytesIO()
        old = zipfile.ZipFile(io.BytesIO(whole[0]))
        with old, zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as new:
            for name in old.namelist():
                new.writestr(name, old.read(name))
            new.writestr(f"{old.namelist()[0].split('/')[0]}/data/bomb", bytes(2**28))
        return file.getvalue()

    key = next(iter(state))
    made: Attacks = {
        "code": lambda: saved(Payload()),
        "code in a bare pickle": lambda: pickle.dumps(Payload()),
        "code in the old format": lambda: saved(Payload(), _use_new_zipfile_serialization=False),
        "code as a weight": lambda: with_state(**{key: Payload()}),
        "weights that are not finite": lambda: with_state(**{key: state[key] * np.nan}),
        "a weight of 4 TB in 4 bytes": lambda: with_state(**{key: huge}),
        "a weight too many": lambda: with_state(more=torch.zeros(1)),
        "a weight that is text": lambda: with_state(**{key: "text"}),
        "a sparse weight": lambda: with_state(**{key: state[key].to_sparse()}),
        "a list": lambda: saved([1, 2]),
        "a number": lambda: saved(1),
        "weights as a list": lambda: saved({"state": [1], "config": config}),
        "a program of torch": script,
        "packed weights": packed,
    }
    if config:
        made |= {
            "no config": lambda: saved({"state": state}),
            "a config of numbers": lambda: saved({"state": state, "config": 1}),
            "another trunk": lambda: with_config(trunk="alexnet"),
            "no trunk": lambda: with_config(trunk="nosuch"),
            "a trunk that is a list": lambda: with_config(trunk=["lenet"]),
        }
    if "outputs" in config:
        made |= {
            f"{name} {value!r}": lambda name=name, value=value: with_config(**{name: value})
            for name in ("outputs", "bottleneck", "softmax")
            for value in (-1, 2**40, 10**30, "1", 1.5, None)
        }
    return made


def archives(kind: str, whole: Sequence[bytes]) -> Attacks:
    """Names that lead out, things that are no files, and bombs."""
    names = ["../out.png", "/tmp/out.png", "a/../../out.png", "C:/out.png", "a\\..\\out.png"]
    names += ["a/\udcff.png", "a/\n.png", "a/" + "x" * 5000 + ".png", "a/c/\u202e.png", "a/c/1.png"]
    if kind == "zip":

        def renamed(name: str) -> bytes:
            file = io.BytesIO()
            with zipfile.ZipFile(file, "w") as archive:
                archive.writestr("a/c/1.png", b"x")
                archive.writestr(name.encode("utf-8", "replace").decode(), b"x")
            return file.getvalue()

        def link() -> bytes:
            file = io.BytesIO()
            with zipfile.ZipFile(file, "w") as archive:
                header = zipfile.ZipInfo("a/c/link.png")
                header.external_attr = 0o120777 << 16
                archive.writestr(header, "/etc/passwd")
            return file.getvalue()

        made: Attacks = {
            "a link": link,
            "8 GiB of zeros": lambda: zip_of_zeros(64, 2**27, 2**27),
            "a size that lies": lambda: zip_of_zeros(1, 2**27, 10),
            "a size beyond all": lambda: zip_of_zeros(1, 2**20, 2**32 - 2),
        }
        return made | {f"the name {n[:20]!r}": lambda n=n: renamed(n) for n in names}

    def member(name: str, type_: bytes = tarfile.REGTYPE, **more: Any) -> bytes:
        header = tarfile.TarInfo(name)
        header.type, header.linkname = type_, "/etc/passwd"
        return tar_of([header], **more)

    types = {"link": b"2", "hard link": b"1", "device": b"3", "fifo": b"6", "unknown": b"Z"}
    sizes = ["-1", "-512", "-1536", str(2**62), "x", "1e3"]
    return {
        **{f"the name {n[:20]!r}": lambda n=n: member(n) for n in names},
        **{f"a {name}": lambda t=t: member("a/c/1.png", t) for name, t in types.items()},
        **{
            f"a size of {s}": lambda s=s: member("a/c/1.png", pax={"size": s, "path": "a/c/2.png"})
            for s in sizes
        },
        "sparse": lambda: member(
            "a/c/1.png",
            pax={"GNU.sparse.major": "1", "GNU.sparse.minor": "0", "GNU.sparse.realsize": "9" * 12},
        ),
        "a name of 8 GiB": lambda: gzip_zeros(tarfile.GNUTYPE_LONGNAME, 2**33 - 1),
        "a name of 256 MiB": lambda: gzip_zeros(tarfile.GNUTYPE_LONGNAME, 2**28),
        "a header of 256 MiB": lambda: gzip_zeros(tarfile.XHDTYPE, 2**28),
        "an image of 4 GiB": lambda: gzip_zeros(tarfile.REGTYPE, 2**32),
        "images of 500 MiB": lambda: gzip_zeros(tarfile.REGTYPE, 500 * 2**20, members=20),
        "8 GiB after the end": lambda: gzip_zeros(tarfile.REGTYPE, 0, after=2**33),
        "3000 long names": lambda: member("a/c/1.png", tarfile.GNUTYPE_LONGNAME) * 3000,
    }


def hdf5(whole: Sequence[bytes]) -> Attacks:
    """Arrays that are not what or where they seem to be."""
    with h5py.File(io.BytesIO(whole[0])) as file:
        attributes = dict(file.attrs)
        arrays = {name: file[name][:] for name in file}
    first = next(name for name in arrays if not name.endswith("id"))
    ids = next(name for name in arrays if name.endswith("id"))
    array = arrays[first]

    def put(name: str, value: Any) -> Callable[[], bytes]:
        return lambda: hdf5_of(attributes, {**arrays, name: value})

    def made(name: str, **options: Any) -> Callable[[], bytes]:
        rest = {key: value for key, value in arrays.items() if key != name}
        return lambda: hdf5_of(attributes, rest, {name: options})

    def attribute(name: str, value: Any) -> Callable[[], bytes]:
        return lambda: hdf5_of({**attributes, name: value}, arrays)

    many = (2**31, *array.shape[1:])
    attacks: Attacks = {
        "2^31 rows without storage": made(first, shape=many, dtype=array.dtype),
        "2^31 rows in chunks": made(first, shape=many, dtype=array.dtype, chunks=True),
        "4 GiB packed": made(
            first, shape=(2**30, *array.shape[1:]), dtype=array.dtype, chunks=True,
            compression="gzip",
        ),
        "2^40 ids": made(ids, shape=(2**40,), dtype="S1"),
        "bytes of another file": made(
            first, shape=array.shape, dtype=array.dtype,
            external=[("/etc/passwd", 0, h5py.h5f.UNLIMITED)],
        ),
        "a link to another file": put(first, h5py.ExternalLink("/etc/passwd", "/x")),
        "a link to itself": put(first, h5py.SoftLink(f"/{first}")),
        "a link to nothing": put(first, h5py.SoftLink("/nothing")),
        "a number": put(first, np.array(1, array.dtype)),
        "nothing": put(first, h5py.Empty(array.dtype)),
        "text": put(first, np.array([b"x"] * len(array))),
        "objects": put(first, np.array(["x"] * len(array), object)),
        "records": put(first, np.zeros(len(array), [("a", "f4"), ("b", "u1")])),
        "no rows": put(first, array[:0]),
        "no columns": put(first, array[:, :0]),
        "complex": put(first, array.astype(np.complex64)),
        "big-endian": put(first, array.astype(array.dtype.newbyteorder(">"))),
        "ids that are not UTF-8": put(ids, np.array([b"\xff"] * len(arrays[ids]))),
        "ids twice": put(ids, np.array([b"a"] * len(arrays[ids]))),
        "ids as numbers": put(ids, np.arange(len(arrays[ids]))),
        "an id too many": put(ids, np.array([b"%d" % i for i in range(len(arrays[ids]) + 1)])),
        "another kind": attribute("dah", "other"),
        "kind as a number": attribute("dah", 7),
        "kind as a list": attribute("dah", ["features", "images"]),
        "kind as objects": attribute("dah", np.array(["images", "b"], object)),
    }  # fmt: skip
    if "bits" in attributes:
        values = [-1, 0, 10**9, 2**63 - 1, 1.5, np.nan, np.inf, "x", [16, 16], h5py.Empty("i4")]
        attacks |= {f"bits {v!r}": attribute("bits", v) for v in values}
        attacks |= {f"error {v!r}": attribute("domain_error", v) for v in (-1, 7, np.inf, "x")}
    return attacks


def images(kind: str, whole: Sequence[bytes]) -> Attacks:
    """Bombs of pixels, text and scans, and broken extras."""
    if kind == "PNG":
        return {
            "169 million pixels": lambda: png_of_zeros(13000, 6, 8),
            "169 million pixels of 16 bits": lambda: png_of_zeros(13000, 0, 16),
            "169 million colours of 16 bits": lambda: png_of_zeros(13000, 2, 16),
            "88 million pixels": lambda: png_of_zeros(9400, 6, 8),
            "88 million pixels of 16 bits": lambda: png_of_zeros(9400, 0, 16),
            "400 million pixels": lambda: png_of_zeros(20000, 0, 1),
            "a text of 1 GiB": lambda: png_of_zeros(8, 2, 8, text=2**30),
            "a profile of 1 GiB": lambda: png_of_zeros(8, 2, 8, profile=2**30),
            "a page": lambda: b"<html><title>Sign in</title></html>",
            "nothing": lambda: b"",
        }
    if kind == "JPEG":
        return {
            "4000 scans": lambda: jpeg_of_scans(4000, 8000),
            "90 scans": lambda: jpeg_of_scans(90, 13000),
            "PostScript": lambda: b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n(x) run\n",
            "a .tiff": lambda: b"II*\x00\x08\x00\x00\x00",
        }
    if kind == "BMP":
        sizes = [(13000, 13000), (2**31 - 1, 1), (1, 2**31 - 1), (-1, 8), (0, 0), (8, -(2**31))]
        return {
            f"{w} x {h}": lambda w=w, h=h: whole[0][:18] + struct.pack("<ii", w, h) + whole[0][26:]
            for w, h in sizes
        }
    if kind == "GIF":
        return {"65535 x 2700": lambda: gif_of_one_colour(65535, 2700)}
    return {}


def matlab(whole: Sequence[bytes]) -> Attacks:
    """MATLAB files of other forms, bombs, nesting."""

    def of(content: Mapping[str, Any], **options: Any) -> bytes:
        file = io.BytesIO()
        savemat(file, content, **options)
        return file.getvalue()

    zeros = zlib.compress(bytes(8) + struct.pack("<II", 9, 2**30) + bytes(2**30), 1)
    packed = whole[0][:128] + struct.pack("<II", 15, len(zeros)) + zeros
    return {
        "MATLAB 4": lambda: of({"layers": np.ones((2, 2))}, format="4"),
        "MATLAB 4 of 2^62": lambda: struct.pack("<iiiii", 0, 2**31 - 1, 2**31 - 1, 0, 2) + b"x\0",
        "MATLAB 7.3": lambda: (
            b"MATLAB 7.3 MAT-file".ljust(124) + struct.pack("<HH", 0x0200, 0x4D49)
        ),
        "1 GiB of zeros": lambda: packed,
        "50 nested cells": lambda: nested_cells(whole[0][:128], 50),
        "20000 nested cells": lambda: nested_cells(whole[0][:128], 20000),
        "no layers": lambda: of({"layers": np.empty(0, object)}),
        "layers of numbers": lambda: of({"layers": np.ones(3)}),
        "a net of text": lambda: of({"net": "text"}),
    }


def texts(kind: str, whole: Sequence[bytes]) -> Attacks:
    """Tables, metrics and parameters that only look like them."""
    text = whole[0]
    made: Attacks = {"nothing": lambda: b"", "a line of 100 MB": lambda: text + b"a" * 10**8}
    if kind.endswith(".csv"):
        last = text.rstrip(b"\n").rsplit(b"\n", 1)[-1]
        made |= {
            "a row twice": lambda: text + last + b"\n",
            "a label that no category has": lambda: text.replace(b",1", b",9"),
            "a label below": lambda: text.replace(b",1", b",-7"),
            "a million columns": lambda: b"," * 10**6 + text,
            "a quote without end": lambda: text + b'"' + b"x\n" * 10,
            "another role": lambda: text.replace(b"query", b"queri"),
            "UTF-16": lambda: text.decode().encode("utf-16"),
            "the header alone": lambda: text.split(b"\n")[0] + b"\n",
        }
    if kind == "metrics":
        made |= {
            "a list": lambda: b"[1, 2]",
            "NaN": lambda: b'{"map": {"dah": NaN}}',
            "1e999": lambda: b'{"map": {"dah": 1e999}}',
            "text": lambda: b'{"map": {"dah": "0.5"}}',
            "a number": lambda: b'{"map": 0.5}',
            "a deep nest": lambda: b"[" * 10**6,
            "a number of 5000 digits": lambda: b'{"map": {"dah": %s}}' % (b"9" * 5000),
            "a key twice": lambda: b'{"map": {"dah": 1, "dah": 2}}',
        }
    if kind == "params.yaml":
        laughs = b"a0: &a0 [x, x]\n" + b"".join(
            b"a%d: &a%d [*a%d, *a%d]\n" % (i, i, i - 1, i - 1) for i in range(1, 40)
        )
        more = [b"&a%d [*a%d, *a%d]" % (i, i - 1, i - 1) for i in range(1, 40)]
        made |= {
            "a billion laughs": lambda: laughs,
            "laughs as a value": lambda: re.sub(
                rb"\ndah:\n.*?\n(?=softmax:)",
                b"\ndah: [&a0 x, %s]\n" % b", ".join(more),
                text,
                flags=re.DOTALL,
            ),
            "a deep nest": lambda: b"[" * 100_000,
            "a list that holds itself": lambda: b"&a [*a]",
            "code": lambda: b"!!python/object/apply:os.system ['touch executed']",
            "a number of 5000 digits": lambda: text.replace(b"bits: 64", b"bits: " + b"9" * 5000),
            "1e400 as a whole number": lambda: text.replace(b"eta: 3.0", b"eta: 1" + b"0" * 400),
            "a key twice": lambda: text.replace(b"  bits: 64", b"  bits: 64\n  bits: 64"),
            "two documents": lambda: text + b"---\n" + text,
        }
    return made


def attacks(kind: str, whole: Sequence[bytes]) -> Attacks:
    """What is written down for a kind of file, by name, each made when it is called."""
    if kind in {"model", "trunk", "weights"}:
        return pickles(whole)
    if kind in {"zip", "tar"}:
        return archives(kind, whole)
    if kind.startswith("HDF5"):
        return hdf5(whole)
    if kind == "MatConvNet":
        return matlab(whole)
    if kind in {"JPEG", "PNG", "BMP", "GIF", "WebP"}:
        return images(kind, whole)
    return texts(kind, whole)
