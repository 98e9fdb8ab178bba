"""Damaged and hostile files are read correctly or refused in one line that names them.

A few cases of every kind, in this process; ``python -m benchmarks.hostile`` has thousands, with
limits of time and memory, and the attacks by bombs.
"""

import numpy as np
import pytest

from benchmarks.hostile import __main__ as hostile
from benchmarks.hostile.attacks import attacks
from benchmarks.hostile.damage import damaged
from benchmarks.hostile.readers import READERS, file_name
from benchmarks.hostile.samples import samples
from dah.errors import UserError

LARGE = ("GiB", "TB", "MiB", "million", "100 MB", "scans", "x 13000", "x 2700", "packed weights")
TRUNKS = ("another trunk",)  # AlexNet takes a second


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """Whole files of every kind."""
    return samples(tmp_path_factory.mktemp("samples"))


@pytest.fixture
def read(tmp_path, monkeypatch):
    """Read some bytes as a kind of file: ``read``, ``refused`` or ``failed``, and why."""
    monkeypatch.chdir(tmp_path)

    def attempt(kind, data):
        (tmp_path / file_name(kind)).write_bytes(data)
        return hostile.attempt(kind, tmp_path)

    return attempt


@pytest.mark.parametrize("kind", READERS)
def test_whole_files_are_read(whole, read, kind):
    """What the project writes, it reads."""
    for data in whole[kind]:
        assert read(kind, data) == ("read", "")


@pytest.mark.parametrize("kind", READERS)
def test_damaged_files_are_read_or_refused(whole, read, kind):
    """Turned bits, numbers, missing and doubled parts."""
    for seed in range(6):
        result, reason = read(kind, damaged(kind, whole[kind], np.random.default_rng(seed)))
        assert result in {"read", "refused"}, (seed, reason)


@pytest.mark.filterwarnings("ignore")  # of what makes the attacks
@pytest.mark.parametrize("kind", READERS)
def test_attacks_are_read_or_refused(whole, read, kind):
    """Each that is written down, but for those that need limits."""
    for name, make in attacks(kind, whole[kind]).items():
        if not any(word in name for word in (*LARGE, *TRUNKS)):
            result, reason = read(kind, make())
            assert result in {"read", "refused"}, (name, reason)


@pytest.mark.parametrize(
    ("kind", "name", "reason"),
    [
        ("HDF5 images", "2^31 rows without storage", "'image' needs 412316860416 bytes in the fi"),
        ("HDF5 features", "bytes of another file", "'fc7' needs 48 bytes in the file itself"),
        ("HDF5 features", "a link to another file", "expected an array as 'fc7', found a group or"),
        ("HDF5 features", "ids twice", "'id' holds an id twice"),
        ("HDF5 codes", "bits -1", "expected codes, found -1 bits"),
        ("HDF5 encoded", "label -1", "expected labels of 0 ... 2, found others"),
        ("HDF5 encoded", "origin 5", "expected origins of 0 ... 1, found others"),
        ("HDF5 encoded", "2^40 rows of each column", "bytes in the file itself, which has"),
        ("HDF5 encoded", "dah of variable length", "its attribute 'dah' is not what this version"),
        ("HDF5 encoded", "names of variable length", "'name' must be bytes_ with 1 dimensions"),
        ("index ivf", "lists on the disk", "found lists that lie elsewhere; index again"),
        ("index hnsw", "2^62 at 25", "of 5 codes of 2 bytes, found its end too early; index again"),
        ("index flat", "an index within an index", "found b'IBMp' of 5 codes of 2 bytes; index"),
        ("index.json", "shards [5, 5]", "its shards and its images.h5 differ in length; index ag"),
        ("index.json", "kind '../flat'", "expected a kind and shards, found {'kind': '../flat',"),
        ("TIFF", "a directory alone", "not a readable image"),
        ("AVIF", "65535 x 65535", "not a readable image"),
        ("encoder", "size 5", "expected size as a whole number of 8 to 4096, found another"),
        ("encoder", "sharpness 3", "expected a sharpness above 0, at most 1024, found another"),
        ("encoder", "labels 7", "expected the weight 'source.labels', found Tensor"),
        ("model", "code", "expected a model of this project, found: Weights only load failed"),
        ("model", "outputs 1099511627776", "its weights do not fit its network: "),
        ("model", "weights that are not finite", " holds values that are not finite; make it aga"),
        ("weights", "a sparse weight", "expected a state_dict of torch, found dict"),
        ("MatConvNet", "20000 nested cells", "cannot be read as a MATLAB file: maximum recursion"),
        ("MatConvNet", "MATLAB 4", "expected the format of MATLAB 5 to 7.2"),
        ("zip", "the name '../out.png'", "which leads out of the archive"),
        ("tar", "a size of -512 in base 256", "the header 'a/c/1.png' of -512 bytes"),
        ("tar", "a link", "which is a link or a device"),
        ("tar", "the name 'a/xxxxxxxxxxxxxxxxxx'", "which has a name of 5006 characters"),
        ("categories.csv", "the header alone", "expected the labels 0, 1, 2 ... in order, found n"),
        ("source.csv", "a label that no category has", "expected labels from 0 to 2"),
        ("source.csv", "a row twice", "an id stands twice"),
        ("truth.csv", "another role", "the roles database and query, found others"),
        ("metrics", "NaN", "expected metrics as JSON, found: NaN, which is no number"),
        ("metrics", "a number", "expected a number for each method of 'map', found 0.5"),
        ("metrics", "a deep nest", "expected metrics as JSON, found: "),
        ("params.yaml", "a deep nest", "not YAML: its brackets are nested too deep"),
        ("params.yaml", "a number of 5000 digits", "not YAML: Exceeds the limit"),
        ("params.yaml", "1e400 as a whole number", "dah.eta must be finite, found 1000"),
        ("params.yaml", "laughs as a value", "section dah must hold keys with values, found ['"),
    ],
)
@pytest.mark.filterwarnings("ignore")
def test_an_attack_is_refused_for_what_it_is(whole, read, kind, name, reason):
    """The line says what is wrong."""
    result, found = read(kind, attacks(kind, whole[kind])[name]())
    assert result == "refused"
    assert reason in found


def test_what_is_neither_is_a_failure(monkeypatch, read):
    """Other exceptions, and files where none belongs."""
    monkeypatch.setitem(READERS, "JPEG", lambda path, out: int("x"))
    assert read("JPEG", b"")[1].startswith("ValueError: ")
    monkeypatch.setitem(READERS, "JPEG", lambda path, out: (path.parent / "executed").touch())
    assert read("JPEG", b"") == ("failed", "left ['executed'] beside the file ()")


def test_a_refusal_names_the_file_in_one_line(monkeypatch, read):
    """Or else it is a failure."""
    for message, result in (("no name", "failed"), ("case:\nx", "failed"), ("case: x", "refused")):

        def refuse(path, out, message=message):
            raise UserError(message)

        monkeypatch.setitem(READERS, "JPEG", refuse)
        assert read("JPEG", b"")[0] == result


def test_the_limits_see_crashes_and_other_cases_go_on(whole):
    """All of a kind's cases come back from the processes, with what became of each."""
    found = list(hostile.outcomes("SHA256", 2, 0))
    assert [outcome.name for outcome in found][:3] == ["whole 0", "damage 0", "damage 1"]
    assert {outcome.result for outcome in found} <= {"read", "refused"}
