"""What earlier runs left is found, and nothing is deleted of which no copy is left."""

import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from clones import run
from dvc.repo import Repo

from dah.errors import UserError
from dah.params import load
from dah.project.leftovers import (
    add_to_record,
    by_folder,
    former_figures,
    read_record,
    refuse_loss,
    remove,
    survey,
)
from dah.project.outputs import figures, stages_of
from dah.project.storage import Storage

ROOT = Path(__file__).parents[2]
DEFAULT = load(ROOT / "params.yaml")
OTHER = replace(
    DEFAULT,
    domains=("amazon", "hand", "webcam"),
    tasks=("amazon-webcam",),
    methods=("dah", "dan"),
    oracles=("suh",),
)
MADE = (
    "images/hand.h5",
    "evaluation/hand-scene.json",
    "models/print-hand/0/dah.pt",
    "codes/print-hand/0/deep/dah.h5",
    "tasks/print-hand/source.csv",
)
LEFT = (
    "images/webcam.h5",
    "skipped/webcam.csv",
    "evaluation/amazon-webcam.json",
    "models/print-hand/0/dan.pt",
    "models/print-hand/7/dah.pt",
    "codes/print-hand/7/deep/dah.h5",
    "codes/print-hand/0/oracle/suh.h5",
)
ELSEWHERE = ("models/amazon-webcam/0/dah.pt", "tasks/amazon-webcam/source.csv")
OWN = ("images/mug/1.jpg", "features/mine/2.jpg", "models/print-hand/0/dah.onnx", "labels/a.csv")


class Cached:
    """DVC's storage, where the cache has every file but a person's own, and the lock names none."""

    def __init__(self, without=OWN):
        self.without = without

    def has(self, path):
        """By the end of its name."""
        return not str(path).endswith(tuple(self.without))

    def made(self, path):
        """Nothing: the lock is of another branch."""
        return False


def draw(data, *names):
    """Files that hold their names."""
    for name in names:
        path = data / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(name)


def names(data, paths):
    """Below `data`, sorted."""
    return sorted(path.relative_to(data).as_posix() for path in paths)


def own(path):
    """Parameters of one's own data set."""
    return replace(DEFAULT, dataset=replace(DEFAULT.dataset, name="folder", path=path))


def record_all(data):
    """What checks of this and of other parameters record."""
    seven = replace(DEFAULT, train=replace(DEFAULT.train, seeds=(7,)))
    for params in (
        DEFAULT,
        OTHER,
        seven,
        replace(DEFAULT, methods=("dan",), oracles=("suh",)),
    ):
        add_to_record(data, params)


def test_only_what_a_run_on_record_made_and_dvc_keeps_is_left(tmp_path):
    """Domains, tasks, seeds, methods and oracles of another run; no photograph, no export."""
    draw(tmp_path, *MADE, *LEFT, *ELSEWHERE, *OWN)
    record_all(tmp_path)
    found = survey(tmp_path, DEFAULT, Cached())
    assert names(tmp_path, found.left) == sorted(LEFT)
    assert names(tmp_path, found.strange) == sorted(OWN)
    assert found.endangered == []
    with_oracle = survey(tmp_path, replace(DEFAULT, oracles=("suh",)), Cached())
    assert "codes/print-hand/0/oracle/suh.h5" not in names(tmp_path, with_oracle.left)


def test_what_dvc_has_no_copy_of_is_never_removed(tmp_path):
    """Though a run on record made it, it was killed before DVC stored it, or someone changed it."""
    draw(tmp_path, *MADE, *LEFT)
    record_all(tmp_path)
    found = survey(tmp_path, DEFAULT, Cached(without=(*MADE, *LEFT)))
    assert (found.left, found.endangered) == ([], [])
    assert names(tmp_path, found.strange) == sorted(LEFT)


def test_what_no_run_on_record_made_is_never_removed(tmp_path):
    """A copy of an output under another name has its content in the cache and is a person's."""
    draw(tmp_path, *LEFT)
    found = survey(tmp_path, DEFAULT, Cached())
    assert found.left == []
    assert names(tmp_path, found.strange) == sorted(LEFT)


def test_unfinished_parts_of_a_killed_stage_go(tmp_path):
    """Of outputs that are no longer listed; those of this run are written over."""
    draw(tmp_path, "images/.webcam.h5.part", "images/.hand.h5.part", "images/.mine.part")
    record_all(tmp_path)
    found = survey(tmp_path, DEFAULT, Cached(without=(".part",)))
    assert names(tmp_path, found.left) == ["images/.webcam.h5.part"]
    assert names(tmp_path, found.strange) == ["images/.mine.part"]


def test_folders_that_are_empty_then_go_too(tmp_path):
    """And no others."""
    draw(tmp_path, "models/print-hand/7/dah.pt", "models/print-hand/0/dan.pt", *MADE)
    remove(
        [tmp_path / "models/print-hand/7/dah.pt", tmp_path / "models/print-hand/0/dan.pt"], tmp_path
    )
    assert [path.name for path in (tmp_path / "models/print-hand").iterdir()] == ["0"]
    assert (tmp_path / "models/print-hand/0/dah.pt").exists()
    draw(tmp_path, "skipped/webcam.csv")
    remove([tmp_path / "skipped/webcam.csv"], tmp_path)
    assert tmp_path.exists()


@pytest.mark.parametrize(
    "name",
    [
        "raw/myset.zip",
        "raw/photos/mug/1.jpg",
        "tasks/print-hand/notes.txt",
        "codes/print-hand/0/deep/mine.h5",
        "backbone.pt",
        "models/print-hand/0/dah.pt",
        "images/hand.h5/1.jpg",
    ],
)
def test_what_dvc_would_delete_is_refused(tmp_path, name):
    """In a folder that DVC empties, or under the name of an output, as it was before any run."""
    draw(tmp_path / "data", name)
    with pytest.raises(UserError, match=r"no run on record made and DVC would delete; move it"):
        refuse_loss(tmp_path, tmp_path / "data", DEFAULT)
    assert (tmp_path / "data" / name).read_text() == name


def test_what_a_killed_run_had_begun_is_no_obstacle(tmp_path):
    """Also where other domains are listed since."""
    draw(tmp_path, "raw/hand.tar", "raw/webcam.tar", "raw/.amazon.tar.part", "backbone.pt")
    record_all(tmp_path)
    assert refuse_loss(tmp_path, tmp_path, DEFAULT) == ([], [], [])


@pytest.mark.parametrize(
    "path", ["data", "data/raw/myset.zip", "data/images", "data/tasks/x", ".", "..", "metrics"]
)
def test_a_data_set_in_or_around_an_output_is_refused(tmp_path, monkeypatch, path):
    """With where to put it; also as an absolute path, and by a link."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "link").symlink_to(path)
    for given in (path, str(tmp_path / path), "link"):
        with pytest.raises(UserError, match=r"dataset\.path: .* holds .* such as data/own"):
            refuse_loss(Path(), Path("data"), own(given))


def test_data_sets_elsewhere_are_taken(tmp_path):
    """In a folder of their own, in the repository or not, or as a download."""
    for path in ("photos", "data/own", "data/downloads/office31.archive", "/photos", "data.zip"):
        assert refuse_loss(tmp_path, tmp_path / "data", own(path)) == ([], [], [])


def test_weights_in_an_output_are_refused(tmp_path):
    """DVC deletes data/backbone.pt before it writes it."""
    backbone = replace(DEFAULT.backbone, weights="data/backbone.pt")
    with pytest.raises(UserError, match=r"backbone\.weights: 'data/backbone\.pt' is, lies in"):
        refuse_loss(tmp_path, tmp_path / "data", replace(DEFAULT, backbone=backbone))


def test_a_damaged_record_proves_nothing(tmp_path):
    """Then the lock and the cache are asked."""
    for text in ("", "{", "[]", '{"files": 3}', '{"files": [3]}'):
        (tmp_path / "made.json").write_text(text)
        assert read_record(tmp_path) == set()
    draw(tmp_path, *LEFT)
    assert names(tmp_path, survey(tmp_path, DEFAULT, Cached()).strange) == sorted(LEFT)


def test_files_of_one_folder_are_one_line(tmp_path):
    """32 photographs are not 32 lines."""
    paths = [Path("a/1"), Path("a/2"), Path("b/3")]
    assert list(by_folder(paths)) == ["a (2 files)", "b/3"]


def test_nothing_is_left_where_nothing_ran(tmp_path):
    """A fresh clone has no folders."""
    assert survey(tmp_path, DEFAULT, Storage(tmp_path)) == ([], [], [])


def test_storage_is_what_dvc_stored(tmp_path):
    """Files and folders of the lock by name, contents of the cache by content."""
    run(tmp_path, "git", "init", "--quiet")
    run(tmp_path, "dvc", "init", "--quiet")
    draw(tmp_path, "made", "folder/part", "own")
    run(tmp_path, "dvc", "add", "--quiet", "made", "folder")
    lock = "schema: '2.0'\nstages: {a: {outs: [{path: made}, {path: folder}]}}\n"
    (tmp_path / "dvc.lock").write_text(lock)
    storage = Storage(tmp_path)
    files = [tmp_path / name for name in ("made", "folder/part", "own")]
    assert [storage.made(path) for path in files] == [True, True, False]
    assert [storage.has(path) for path in files] == [True, True, False]
    (tmp_path / "dvc.lock").write_text(lock[:20])
    assert not Storage(tmp_path).made(files[0])
    assert not Storage(tmp_path.parent).has(files[0])


def test_stages_are_named_as_dvc_names_them():
    """Those of the default, as DVC lists them; an oracle's have its name."""
    listed = subprocess.run(
        [sys.executable, "-m", "dvc", "stage", "list", "--name-only"],
        cwd=ROOT, capture_output=True, text=True, check=True,
    ).stdout  # fmt: skip
    assert set(listed.split()) == stages_of(DEFAULT)
    assert "oracle@amazon-webcam-suh-0" in stages_of(OTHER)


def test_figures_are_what_the_pipeline_declares():
    """Every output of dvc.yaml below metrics/, for the default's domains, tasks and methods."""
    with Repo(str(ROOT)) as repo:
        outs = {Path(out.fs_path).relative_to(ROOT).as_posix() for out in repo.index.outs}
    assert {name for name in outs if name.startswith("metrics/")} == {
        f"metrics/{name}" for name in figures(DEFAULT)
    }


FORMER = (
    "amazon-webcam.json",
    "curves/amazon-webcam.csv",
    "validation/print-hand/7.json",
    "training/print-hand/0/dan/plots/metrics/hash.tsv",
    "training/print-hand/0/dah/metrics.json",
)
LISTED = (
    "print-hand.json",
    "summary.json",
    "validation/print-hand/0.json",
    "training/print-hand/0/dah/plots/metrics/hash.tsv",
)


def test_figures_of_what_is_no_longer_listed_go(tmp_path):
    """Of tasks, seeds and methods, where the lock says that a stage made them; notes stay."""
    metrics = tmp_path / "metrics"
    draw(metrics, *FORMER, *LISTED, "notes.json", "curves/mine.csv")
    outs = ", ".join(f"{{path: metrics/{name}}}" for name in (*FORMER[:3], *LISTED))
    outs += "".join(
        f", {{path: metrics/training/print-hand/0/{of}}}" for of in ("dan/plots", "dah")
    )
    (tmp_path / "dvc.lock").write_text(f"schema: '2.0'\nstages: {{a: {{outs: [{outs}]}}}}\n")
    former = former_figures(metrics, DEFAULT, Storage(tmp_path))
    assert names(metrics, former) == sorted(FORMER)
    assert former_figures(metrics, DEFAULT, Storage(metrics)) == []
    remove(former, metrics)
    assert not (metrics / "training/print-hand/0/dan").exists()
    assert (metrics / "training/print-hand/0/dah/plots").exists()
