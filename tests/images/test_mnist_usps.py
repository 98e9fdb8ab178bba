"""MNIST and USPS: the .mat of the shallow literature, torchvision's files, and its downloads."""

import bz2
import gzip
import hashlib
import io
import os
import struct
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import numpy as np
import pytest
from numpy.testing import assert_array_equal
from PIL import Image
from scipy.io import savemat

from dah.datasets import LAYOUTS, Layout
from dah.errors import UserError
from dah.images.archives import read_members
from dah.images.fetch import check_domains, obtain
from dah.vision import torchvision

SHARED = Path(os.environ.get("DAH_SHARED_DATA", Path(__file__).parents[3] / "shared" / "data"))
MATLAB = SHARED / "mnist_usps" / "MNIST_vs_USPS.mat"
DOMAINS = ["mnist", "usps"]
DATASETS = torchvision.datasets


def fetched(tmp_path, source, raw="raw"):
    """Counts, and each domain's pictures by member, of what obtain writes."""
    places = {"cache": tmp_path / "cache", "checksums": tmp_path / "sums.txt"}
    given = obtain("mnist_usps", source, DOMAINS, tmp_path / raw, **places)
    assert given.labelled == given.images
    members = {d: list(read_members(tmp_path / raw / f"{d}.tar")) for d in DOMAINS}
    for found in members.values():
        assert [name for name, _ in found] == sorted(name for name, _ in found)
    return given.images, {
        domain: {name: np.asarray(Image.open(io.BytesIO(data))) for name, data in found}
        for domain, found in members.items()
    }


@pytest.fixture(scope="module")
def sample():
    """Pictures uint8 and digits of both domains, as many as the .mat has."""
    rng = np.random.default_rng(0)
    return {
        domain: (rng.integers(0, 256, (count, 16, 16), np.uint8), rng.permutation(count) % 10)
        for domain, count in (("mnist", 2000), ("usps", 1800))
    }


def content(sample, source="mnist", target="usps"):
    """The variables of a .mat: a column an image, row by row, k / 256; the digit and one."""
    found = {}
    for half, domain in (("src", source), ("tar", target)):
        pictures, digits = sample[domain]
        columns = [[value / 256 for row in picture for value in row] for picture in pictures]
        found[f"X_{half}"] = np.array(columns).T
        found[f"Y_{half}"] = (digits[:, None] + 1).astype(np.uint8)
    return found


def test_the_mat_comes_pixel_by_pixel(tmp_path, sample):
    """Both orders of the domains give the same two tars."""
    savemat(tmp_path / "a.mat", content(sample), do_compression=True)
    counts, found = fetched(tmp_path, tmp_path / "a.mat")
    assert counts == {"mnist": 2000, "usps": 1800}
    for domain, (pictures, digits) in sample.items():
        assert found[domain].keys() == {f"{d}/{i:05}.png" for i, d in enumerate(digits)}
        for name, picture in found[domain].items():
            assert_array_equal(picture, pictures[int(name[2:7])])
    savemat(tmp_path / "b.mat", content(sample, "usps", "mnist"))
    fetched(tmp_path, tmp_path / "b.mat", "other")
    for domain in DOMAINS:
        written = [(tmp_path / raw / f"{domain}.tar").read_bytes() for raw in ("raw", "other")]
        assert written[0] == written[1]


def nan_in(variables):
    variables["X_tar"][3, 4] = np.nan
    return variables


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda v: {"fts": v["X_src"]}, r"of \(256, 2000\) or \(256, 1800\) .* found \(0,\)"),
        (
            lambda v: v | {"X_tar": v["X_tar"].T},
            r"found \(1800, 256\) and \(1800, 1\); set",
        ),
        (lambda v: v | {"Y_tar": v["Y_tar"][1:]}, r"found \(256, 1800\) and \(1799, 1\)"),
        (lambda v: v | {"X_src": "text"}, r"found \(0,\) and \(2000, 1\)"),
        (lambda v: v | {"X_src": v["X_src"] * 255}, r"in \[0, 1\], found 0\.0 to 254"),
        (nan_in, r"in \[0, 1\], found nan to nan"),
        (lambda v: v | {"Y_src": v["Y_src"] - 1}, r"2000 images of mnist, found 2000 of 0, .*255"),
        (lambda v: v | {"Y_tar": np.full((1800, 1), 3)}, r"images of usps, found 1800 of 2; get"),
        (
            lambda v: v | {"X_tar": v["X_src"], "Y_tar": v["Y_src"]},
            "MNIST and USPS, found mnist twice",
        ),
    ],
)
def test_another_mat_is_refused(tmp_path, sample, change, message):
    """What was expected and what it holds; nothing is written."""
    savemat(tmp_path / "a.mat", change(content(sample)))
    with pytest.raises(UserError, match=rf"a\.mat: expected .*{message}"):
        fetched(tmp_path, tmp_path / "a.mat")
    assert not (tmp_path / "raw").exists()


def test_what_is_no_mat_is_refused_as_what_it_is(tmp_path, sample):
    """A page by that name; a whole one by another name is taken, a cut one is not."""
    (tmp_path / "page.mat").write_text("<html>")
    with pytest.raises(UserError, match=r"page\.mat: cannot be read as a MATLAB file"):
        fetched(tmp_path, tmp_path / "page.mat")
    savemat(tmp_path / "a.mat", content(sample))
    whole = (tmp_path / "a.mat").read_bytes()
    (tmp_path / "named").write_bytes(whole)
    assert fetched(tmp_path, tmp_path / "named")[0] == {"mnist": 2000, "usps": 1800}
    (tmp_path / "cut").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(UserError, match="cut: cannot be read as a MATLAB file"):
        fetched(tmp_path, tmp_path / "cut")


def test_folders_of_images_are_taken_in_any_number_of_ten_categories(tmp_path):
    """As the authors of DAH release them; nine digits are not the data set."""
    for domain in DOMAINS:
        for number in range(13):
            path = tmp_path / "a" / domain / str(number % 10) / f"{number}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.new("L", (4, 4), number).save(path)
    assert fetched(tmp_path, tmp_path / "a")[0] == {"mnist": 13, "usps": 13}
    (tmp_path / "a/usps/9/9.png").unlink()
    with pytest.raises(UserError, match=r"10 categories and 12 images .*'usps', found 9 and 12"):
        fetched(tmp_path, tmp_path / "a")


def test_its_domains_are_these_two():
    """Refused before anything is fetched."""
    with pytest.raises(UserError, match="mnist_usps has no 'svhn'; it has mnist, usps"):
        check_domains("mnist_usps", ["mnist", "svhn"])


SMALL = {"mnist": (30, 28), "usps": (20, 16)}  # images, and their side; two in three train


def idx(array):
    """The format of MNIST's files: two zeros, the type uint8, dimensions, sizes, bytes."""
    return struct.pack(f">BBBB{array.ndim}I", 0, 0, 8, array.ndim, *array.shape) + array.tobytes()


def libsvm(pictures, digits):
    """The format of USPS's files: the digit and one, then column:value from -1 to 1."""
    lines = (
        " ".join([str(d + 1), *(f"{i}:{v / 127.5 - 1:.9f}" for i, v in enumerate(p.ravel(), 1))])
        for p, d in zip(pictures, digits, strict=True)
    )
    return bz2.compress("\n".join(lines).encode() + b"\n")


@pytest.fixture
def files(monkeypatch):
    """Both sets in torchvision's formats by name, small ones; it and the counts know these.

    And the pictures and digits in them.
    """
    rng = np.random.default_rng(1)
    packed, given = {}, {}
    for domain, (count, side) in SMALL.items():
        pictures = rng.integers(0, 256, (count, side, side), np.uint8)
        digits = (np.arange(count) % 10).astype(np.uint8)
        given[domain] = pictures, digits
        for part, rows in (("train", slice(2 * count // 3)), ("test", slice(2 * count // 3, None))):
            if domain == "mnist":
                name = {"train": "train", "test": "t10k"}[part]
                packed[f"{name}-images-idx3-ubyte.gz"] = gzip.compress(idx(pictures[rows]))
                packed[f"{name}-labels-idx1-ubyte.gz"] = gzip.compress(idx(digits[rows]))
            else:
                name = {"train": "usps.bz2", "test": "usps.t.bz2"}[part]
                packed[name] = libsvm(pictures[rows], digits[rows])
    digest = {name: hashlib.md5(data).hexdigest() for name, data in packed.items()}
    resources = [(name, of) for name, of in digest.items() if name.endswith("gz")]
    monkeypatch.setattr(DATASETS.MNIST, "resources", resources)
    names = {"train": "usps.bz2", "test": "usps.t.bz2"}
    split = {part: [f"http://127.0.0.1:1/{n}", n, digest[n]] for part, n in names.items()}
    monkeypatch.setattr(DATASETS.USPS, "split_list", split)
    counts = {domain: count for domain, (count, _) in SMALL.items()}
    monkeypatch.setitem(LAYOUTS, "mnist_usps", Layout(counts, 10, (), "page", fixed=False))
    return packed, given


def unpacked(root, packed):
    """A folder as torchvision leaves it."""
    (root / "MNIST" / "raw").mkdir(parents=True)
    for name, data in packed.items():
        if name.endswith("gz"):
            (root / "MNIST/raw" / name.removesuffix(".gz")).write_bytes(gzip.decompress(data))
        else:
            (root / name).write_bytes(data)
    return root


def assert_same(found, given):
    """Every picture under its digit and its number, training before test; USPS's to rounding."""
    for domain, (pictures, digits) in given.items():
        assert found[domain].keys() == {f"{d}/{i:05}.png" for i, d in enumerate(digits)}
        for name, picture in found[domain].items():
            away = np.abs(picture.astype(int) - pictures[int(name[2:7])])
            assert away.max() <= (domain == "usps"), name


def test_a_folder_of_torchvision_is_taken_whole(tmp_path, files):
    """Training and test together."""
    packed, given = files
    counts, found = fetched(tmp_path, unpacked(tmp_path / "a", packed))
    assert counts == {"mnist": 30, "usps": 20}
    assert_same(found, given)


@pytest.mark.parametrize(
    ("name", "data", "message"),
    [
        ("usps.bz2", None, r"usps\.bz2: expected USPS of the MD5 \w{32}, found none; get it from"),
        ("usps.t.bz2", b"BZh", r"usps\.t\.bz2: expected USPS of the MD5 \w{32}, found another"),
        ("MNIST/raw/t10k-images-idx3-ubyte", None, r"a: expected .*mnist cannot be read .*delete"),
        ("MNIST/raw/train-labels-idx1-ubyte", b"", r"a: expected .*mnist cannot be read from them"),
        (
            "MNIST/raw/train-images-idx3-ubyte",
            idx(np.zeros((20, 28, 28), np.uint8))[:-5],
            r"a: expected .*mnist cannot be read from them",
        ),
        (
            "MNIST/raw/t10k-labels-idx1-ubyte",
            idx(np.zeros(9, np.uint8)),
            "the digits 0 to 9 of 30 images of mnist, found 29",
        ),
    ],
)
def test_a_damaged_folder_of_torchvision_is_refused(tmp_path, files, name, data, message):
    """With the file, or what torchvision says of it."""
    root = unpacked(tmp_path / "a", files[0])
    (root / name).unlink()
    if data is not None:
        (root / name).write_bytes(data)
    with pytest.raises(UserError, match=message):
        fetched(tmp_path, root)


def test_a_part_of_the_whole_is_refused(tmp_path, files, monkeypatch):
    """A folder that holds other files of the same format."""
    layout = Layout({"mnist": 70000, "usps": 20}, 10, (), "page", fixed=False)
    monkeypatch.setitem(LAYOUTS, "mnist_usps", layout)
    with pytest.raises(UserError, match=r"expected the 70000 images .*'mnist', found 30; delete"):
        fetched(tmp_path, unpacked(tmp_path / "a", files[0]))


class Handler(SimpleHTTPRequestHandler):
    asked: list[str]

    def log_message(self, *_):
        """Silent."""

    def do_GET(self):
        self.asked.append(self.path)
        super().do_GET()


@pytest.fixture
def server(tmp_path, monkeypatch, files):
    """torchvision's hosts as a folder of this machine, and what they were asked for."""
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    folder = tmp_path / "served"
    folder.mkdir()
    for name, data in files[0].items():
        (folder / name).write_bytes(data)
    asked = []
    handler = partial(type("Noting", (Handler,), {"asked": asked}), directory=str(folder))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as serving:
        url = f"http://127.0.0.1:{serving.server_port}/"
        monkeypatch.setattr(DATASETS.MNIST, "mirrors", [url])
        for part in DATASETS.USPS.split_list.values():
            part[0] = url + part[1]
        thread = Thread(target=serving.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield folder, asked
        serving.shutdown()
        thread.join()


def test_both_are_downloaded_once_by_torchvision(tmp_path, files, server):
    """The same tars as from a folder; nothing else stays beside the cache."""
    _, asked = server
    counts, found = fetched(tmp_path, None)
    assert counts == {"mnist": 30, "usps": 20}
    assert_same(found, files[1])
    assert set(asked) == {f"/{name}" for name in files[0]}
    asked.clear()
    assert [path.name for path in (tmp_path / "cache").iterdir()] == ["mnist_usps"]
    fetched(tmp_path, None, "again")
    fetched(tmp_path, unpacked(tmp_path / "a", files[0]), "folder")
    assert asked == []
    for domain in DOMAINS:
        raws = ("raw", "again", "folder")
        assert len({(tmp_path / raw / f"{domain}.tar").read_bytes() for raw in raws}) == 1


def test_a_wrong_checksum_is_refused_and_what_is_whole_is_kept(tmp_path, files, server):
    """USPS in pieces, MNIST not asked for again once the host has the right file."""
    folder, asked = server
    (folder / "usps.t.bz2").write_bytes(files[0]["usps.t.bz2"][:-1])
    with pytest.raises(UserError, match=r"mnist_usps/usps\.t\.bz2: cannot be downloaded .*corrupt"):
        fetched(tmp_path, None)
    assert [path.name for path in (tmp_path / "cache").iterdir()] == ["mnist_usps"]
    (folder / "usps.t.bz2").write_bytes(files[0]["usps.t.bz2"])
    asked.clear()
    assert_same(fetched(tmp_path, None)[1], files[1])
    assert set(asked) == {"/usps.t.bz2"}


def test_a_host_that_is_not_there_is_told_in_one_line(tmp_path, files, monkeypatch):
    """What to do: again, or a local copy of either form."""
    monkeypatch.setattr(DATASETS.MNIST, "mirrors", ["http://127.0.0.1:1/"])
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    with pytest.raises(UserError, match=r"/MNIST: cannot be .*refused.*usps\.bz2.*\.mat") as error:
        fetched(tmp_path, None)
    assert "\n" not in str(error.value)
    assert not (tmp_path / "raw").exists()


@pytest.mark.skipif(not MATLAB.is_file(), reason="mnist_usps is not in ../shared/data")
def test_the_real_mat_stands_upright(tmp_path):
    """2000 and 1800 images; a one is taller than wide, a seven begins above."""
    counts, found = fetched(tmp_path, MATLAB)
    assert counts == {"mnist": 2000, "usps": 1800}
    for pictures in found.values():
        mean = {d: np.mean([p for n, p in pictures.items() if n[0] == d], 0) for d in "17"}
        rows, columns = mean["1"].mean(1), mean["1"].mean(0)
        assert columns.max() > 1.5 * rows.max()
        assert mean["7"][:8, :6].sum() > 2 * mean["7"][8:, :6].sum()
