"""Attacks on what holds other files and arrays: archives and HDF5."""

import io
import tarfile
import zipfile
from collections.abc import Callable, Sequence
from typing import Any

import h5py
import numpy as np

from benchmarks.hostile.bombs import Attacks, gzip_zeros, hdf5_of, tar_of, zip_of_zeros


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

    def member(name: str, type_: bytes = tarfile.REGTYPE, size: int = 0, **more: Any) -> bytes:
        header = tarfile.TarInfo(name)
        header.type, header.size, header.linkname = type_, size, "/etc/passwd"
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
        **{
            f"a size of {s} in base 256": lambda s=s: member("a/c/1.png", size=s)
            for s in (-1, -512, -1536, -(2**62), 2**62)
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


def content(whole: Sequence[bytes]) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
    """The attributes and arrays of the first of some HDF5 files."""
    with h5py.File(io.BytesIO(whole[0])) as file:
        return dict(file.attrs), {name: file[name][:] for name in file}


def encoded(whole: Sequence[bytes]) -> Attacks:
    """Codes of `encode` whose columns do not fit each other."""
    attributes, arrays = content(whole)
    count = len(arrays["code"])

    def filled(name: str, value: Any) -> bytes:
        return hdf5_of(attributes, {**arrays, name: np.full(count, value, arrays[name].dtype)})

    values = {
        "origin": (-1, count, 2**31 - 1),
        "label": (-1, len(arrays["categories"]), 2**31 - 1),
        "probability": (-1, 2, np.nan, np.inf),
        "name": (b"", b"../../etc/passwd", b"/etc/passwd", b"\xff", b"x" * 5000),
    }
    texts = {name: text for name, text in attributes.items() if isinstance(text, bytes)}
    return {
        **hdf5(whole, "code", "name"),
        **{
            f"{name} {value!r:.40}": lambda n=name, v=value: filled(n, v)
            for name, several in values.items()
            for value in several
        },
        **{
            f"{name} of variable length": lambda n=name, t=text: hdf5_of(
                {**attributes, n: t.decode()}, arrays
            )
            for name, text in texts.items()
        },
        **{
            f"no {name}": lambda n=name: hdf5_of(
                attributes, {key: value for key, value in arrays.items() if key != n}
            )
            for name in arrays
        },
        "/dev/zero as an image": lambda: hdf5_of(
            attributes, {**arrays, "origins": np.array([b"/dev"] * 2), "name": [b"zero"] * count}
        ),
        "names of variable length": lambda: hdf5_of(
            attributes, {**arrays, "name": np.array(["x"] * count, object)}
        ),
        "2^40 rows of each column": lambda: hdf5_of(
            attributes,
            {name: arrays[name] for name in ("categories", "origins")},
            {
                name: {"shape": (2**40, *array.shape[1:]), "dtype": array.dtype, "chunks": True}
                for name, array in arrays.items()
                if name not in {"categories", "origins"}
            },
        ),
        "a million origins": lambda: hdf5_of(
            attributes, {**arrays, "origins": np.full(10**6, b"/o")}
        ),
    }


def hdf5(whole: Sequence[bytes], first: str = "", ids: str = "") -> Attacks:
    """Arrays that are not what or where they seem to be: the `first`, and that of `ids`."""
    attributes, arrays = content(whole)
    first = first or next(name for name in arrays if not name.endswith("id"))
    ids = ids or next(name for name in arrays if name.endswith("id"))
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
        "another kind": attribute("dah", np.bytes_("other")),
        "kind of variable length": attribute("dah", str(attributes["dah"], "utf-8")),
        "kind as a number": attribute("dah", 7),
        "kind as a list": attribute("dah", ["features", "images"]),
        "kind as objects": attribute("dah", np.array(["images", "b"], object)),
    }  # fmt: skip
    if "bits" in attributes:
        values = [-1, 0, 10**9, 2**63 - 1, 1.5, np.nan, np.inf, "x", [16, 16], h5py.Empty("i4")]
        attacks |= {f"bits {v!r}": attribute("bits", v) for v in values}
        attacks |= {f"error {v!r}": attribute("domain_error", v) for v in (-1, 7, np.inf, "x")}
    return attacks
