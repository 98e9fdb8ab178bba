"""MATLAB 5 files give what SciPy's reader gives, and no more than they hold."""

import struct
from pathlib import Path

import numpy as np
import pytest
from numpy.testing import assert_array_equal
from scipy.io import loadmat, savemat

from dah.errors import UserError
from dah.files.matlab import load_matlab

SURF = Path(__file__).parents[3] / "shared" / "data" / "office_caltech_surf"
RNG = np.random.default_rng(0)


def cell(*values):
    held = np.empty(len(values), object)
    held[:] = values
    return held


CONTENT = {
    "doubles": RNG.standard_normal((3, 4)),
    "singles": RNG.standard_normal((2, 3, 4, 5)).astype(np.float32),
    "bytes": np.arange(6, dtype=np.uint8).reshape(2, 3),
    "integers": np.array([[-(2**40), 7]]),
    "small": np.array([[-3, 4]], np.int16),
    "scalar": 2.5,
    "text": "imagenet-vgg-f",
    "accents": "é ß 層",
    "none": np.empty((0, 3)),
    "cell": cell("a", np.float32([[1, 2]]), cell("b", np.eye(2))),
    "struct": {
        "name": "conv1",
        "pad": np.array([[0, 1, 0, 1]]),
        "inner": {"x": 1.0, "longer": "y"},
    },
}


def matches(found, expected):
    """Whether a value is what SciPy reads without any simplification."""
    if expected.dtype.names:
        rows = expected.ravel(order="F")
        structs = found if isinstance(found, list) else [found]
        assert len(rows) == len(structs)
        for row, struct_ in zip(rows, structs, strict=True):
            assert list(struct_) == list(expected.dtype.names)
            for name in expected.dtype.names:
                matches(struct_[name], row[name])
    elif expected.dtype == object:
        assert len(found) == expected.size
        for value, inner in zip(found, expected.ravel(order="F"), strict=True):
            matches(value, inner)
    elif expected.dtype.kind == "U":
        assert found == "".join(expected.ravel())
    else:
        assert_array_equal(found, expected)
        assert found.dtype == expected.dtype


@pytest.mark.parametrize("packed", [False, True])
def test_values_are_those_of_scipy(tmp_path, packed):
    """Numbers of every width, text, cells, structs and arrays of structs, packed or not."""
    path = tmp_path / "a.mat"
    several = np.array([[(1.0, "x"), (2.0, "y")]], dtype=[("a", object), ("b", object)])
    savemat(path, CONTENT | {"several": several}, do_compression=packed)
    found, expected = load_matlab(path), loadmat(path)
    assert list(found) == [*CONTENT, "several"]
    for name in found:
        matches(found[name], expected[name])
    assert_array_equal(found["struct"]["pad"], [[0, 1, 0, 1]])
    assert found["several"] == [{"a": 1.0, "b": "x"}, {"a": 2.0, "b": "y"}]


def test_the_other_order_of_bytes(tmp_path):
    """Files of big-endian machines, written here by hand: one variable x = [1, 2]."""
    numbers = struct.pack(">II2d", 9, 16, 1.0, 2.0)
    flags, sides = struct.pack(">IIII", 6, 8, 6, 0), struct.pack(">IIii", 5, 8, 1, 2)
    name = struct.pack(">HH4s", 1, 1, b"x")
    body = flags + sides + name + numbers
    header = b"MATLAB 5.0 MAT-file".ljust(124) + b"\x01\x00MI"
    (tmp_path / "a.mat").write_bytes(header + struct.pack(">II", 14, len(body)) + body)
    assert_array_equal(load_matlab(tmp_path / "a.mat")["x"], [[1.0, 2.0]])
    assert_array_equal(loadmat(tmp_path / "a.mat")["x"], [[1.0, 2.0]])


def test_what_no_network_holds_is_none(tmp_path):
    """Complex and sparse numbers are left out, and what follows them is read."""
    from scipy.sparse import eye_array  # noqa: PLC0415 - only here

    content = {"complex": np.array([[1j]]), "sparse": eye_array(3).tocsc(), "x": 1.0}
    savemat(tmp_path / "a.mat", content)
    found = load_matlab(tmp_path / "a.mat")
    assert (found["complex"], found["sparse"], found["x"]) == (None, None, 1.0)


def test_every_cut_is_refused(tmp_path):
    """A file that ends early, unless it ends between two variables."""
    path = tmp_path / "a.mat"
    savemat(path, {"struct": CONTENT["struct"]})
    first = path.read_bytes()
    savemat(path, {"struct": CONTENT["struct"], "cell": CONTENT["cell"]})
    data = path.read_bytes()
    for end in range(len(data)):
        path.write_bytes(data[:end])
        if end in {128, len(first)}:
            assert list(load_matlab(path)) == ["struct"][: int(end > 128)]
            continue
        with pytest.raises(UserError, match=r"a\.mat: cannot be read as a MATLAB file: ."):
            load_matlab(path)


@pytest.mark.skipif(not SURF.is_dir(), reason="the SURF histograms are not there")
def test_files_of_matlab_itself():
    """The Office-Caltech histograms, as SciPy reads them."""
    for path in SURF.glob("*.mat"):
        expected = loadmat(path)
        for name, value in load_matlab(path).items():
            assert_array_equal(value, expected[name])
