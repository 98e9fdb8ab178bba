"""Stages and commands as a user meets them: exit codes and single lines."""

import io
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from dah.files.artifacts import read_images, write_features
from dah.files.omissions import read_omissions
from dah.files.tables import LABELS, SKIPPED, read_table
from dah.images.archives import write_tar
from dah.images.identity import opaque_ids
from dah.tasks.lists import write_task
from dah.tasks.split import Domain, make_task
from stages.report import headline

ROOT = Path(__file__).parents[2]


def call(*arguments, cwd=ROOT):
    """A Python module's run: exit code, standard output and error."""
    result = subprocess.run(
        [sys.executable, "-m", *arguments],
        cwd=cwd,
        env={"PYTHONPATH": str(ROOT), "PATH": ""},
        capture_output=True,
        text=True,
        check=False,
    )
    return result.returncode, result.stdout, result.stderr


CHECK = "stages.check", "--data", "data", "--out", "data/checked.txt"


def test_the_check_accepts_the_default(tmp_path):
    """It says what the parameters amount to, and what fetch waits for is always the same."""
    (tmp_path / "params.yaml").write_bytes((ROOT / "params.yaml").read_bytes())
    code, output, error = call(*CHECK, cwd=tmp_path)
    assert (code, error) == (0, "")
    speed, cost, amount = output.splitlines()
    assert re.fullmatch(
        r"images/s that learn on this machine: head [\d.]+, the last block [\d.]+, all [\d.]+; that"
        r" are looked at: [\d.]+", speed
    )  # fmt: skip
    assert re.fullmatch(
        r"expected of all 8 trainings and the features, 1000 images assumed of hand, scene, print:"
        r" head [\d.]+ \w+, the last block [\d.]+ \w+, all [\d.]+ \w+; train.finetune is all", cost
    )  # fmt: skip
    assert amount == "2 tasks, 4 methods, 64 bits"
    assert (tmp_path / "data/checked.txt").read_text() == "checked\n"


def test_the_check_leaves_what_it_does_not_know(tmp_path):
    """A photograph among the features of a run that is on record; it is said in one line."""
    (tmp_path / "params.yaml").write_bytes((ROOT / "params.yaml").read_bytes())
    for name in ("1.jpg", "2.jpg"):
        (tmp_path / "data/features/mine").mkdir(parents=True, exist_ok=True)
        (tmp_path / "data/features/mine" / name).write_bytes(b"a photograph")
    code, output, _ = call(*CHECK, cwd=tmp_path)
    assert code == 0
    assert output.startswith("left data/features/mine (2 files): no run on record made it")
    assert len(list((tmp_path / "data/features/mine").iterdir())) == 2


def test_the_check_refuses_a_data_set_among_outputs(tmp_path):
    """Before it removes anything or records a run."""
    text = (ROOT / "params.yaml").read_text(encoding="utf-8")
    text = text.replace("name: digits", "name: folder").replace("path: null", "path: data/images")
    (tmp_path / "params.yaml").write_text(text, encoding="utf-8")
    (tmp_path / "data/images/hand/mug").mkdir(parents=True)
    (tmp_path / "data/images/hand/mug/1.jpg").write_bytes(b"a photograph")
    code, output, error = call(*CHECK, cwd=tmp_path)
    assert (code, output) == (1, "")
    assert error.startswith("check: dataset.path: 'data/images' is, lies in or holds data/images,")
    assert error.count("\n") == 1
    assert [path.name for path in (tmp_path / "data").iterdir()] == ["images"]
    assert (tmp_path / "data/images/hand/mug/1.jpg").exists()


def test_the_check_says_what_no_data_could_have(tmp_path):
    """More bits than the trunk's fc7 has units: the baselines that need as many directions."""
    text = (ROOT / "params.yaml").read_text(encoding="utf-8")
    (tmp_path / "params.yaml").write_text(text.replace("bits: 64", "bits: 129"), encoding="utf-8")
    code, output, error = call(*CHECK, cwd=tmp_path)
    assert (code, error) == (0, "")
    assert output.startswith(
        "itq, kmeans, ba, bdnn will be left out: dah.bits is 129, but fc7 of lenet has 128 units;"
    )


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("bits: 64", "bits: 0", "params.yaml: dah.bits must be at least 1, found 0"),
        ("bits: 64", "bitts: 64", "params.yaml: section dah has the unknown key 'bitts'"),
        ("eta: 3.0", "eta: one", "params.yaml: dah.eta must be a number, found 'one'"),
        ("- hand-scene", "- hand-art", "params.yaml: tasks: 'hand-art' is not"),
        (
            "  - hand\n",
            "  - art\n  - hand\n",
            "domains: digits has no 'art'; it has hand, sc",
        ),
        ("name: digits", "name: folder", "params.yaml: dataset.path is null, but dataset.name is"),
        ("name: lenet", "name: alexnet", "params.yaml: backbone.weights is 'letters', which is"),
        ("weights: letters", "weights: a.pth", "backbone.weights: a.pth is not a file; set it to"),
        ("weights: letters", "weights: imagenet", "there are no imagenet weights of lenet; set"),
        ("device: auto", "device: cuda", "train.device is cuda, but torch finds no GPU here; set"),
        ("size: 32", "size: 24", "images.size is 24, but lenet sees squares of 28 pixels; set it"),
    ],
)
def test_a_mistake_in_the_parameters_is_one_line(tmp_path, old, new, message):
    """No stack trace, exit code 1, before any work."""
    text = (ROOT / "params.yaml").read_text(encoding="utf-8")
    assert text.count(old) == 1
    (tmp_path / "params.yaml").write_text(text.replace(old, new), encoding="utf-8")
    code, output, error = call(*CHECK, cwd=tmp_path)
    assert (code, output) == (1, "")
    assert error.startswith(f"check: {message}")
    assert error.count("\n") == 1


@pytest.fixture
def archive(tmp_path):
    """A folder with the parameters and a tar of two images and two files that are none."""
    (tmp_path / "params.yaml").write_bytes((ROOT / "params.yaml").read_bytes())
    image = io.BytesIO()
    Image.new("RGB", (12, 9), "red").save(image, "PNG")
    members = [(f"mug/{i}.png", image.getvalue()) for i in range(2)]
    write_tar(tmp_path / "a.tar", [*members, ("mug/x.png", b"x"), ("pen/y.gif", b"GIF89a")])
    return tmp_path


def resize(folder):
    paths = "--images", "i.h5", "--labels", "l.csv", "--skipped", "s.csv"
    return call("stages.resize", "--domain", "a", "--archive", "a.tar", *paths, cwd=folder)


def test_images_that_cannot_be_read_stop_the_stage(archive):
    """All of them are named with their reason, and nothing is written."""
    code, _, error = resize(archive)
    last = error.strip().splitlines()[-1]
    assert code == 1
    assert last.startswith("resize: a.tar: 2 of 4 images cannot be read (mug/x.png: not a readable")
    assert "pen/y.gif: " in last
    assert last.endswith("or set images.on_error to skip")
    assert sorted(path.name for path in archive.iterdir()) == ["a.tar", "params.yaml"]


def test_images_that_cannot_be_read_are_skipped_on_demand(archive):
    """The others keep their ids and their order; sizes are those of the files."""
    text = (archive / "params.yaml").read_text(encoding="utf-8")
    text = text.replace("on_error: stop", "on_error: skip")
    (archive / "params.yaml").write_text(text, encoding="utf-8")
    assert resize(archive)[0] == 0
    images, ids = read_images(archive / "i.h5")
    table = read_table(archive / "l.csv", LABELS)
    assert images.shape == (2, 32, 32, 3)
    assert (images == [255, 0, 0]).all()
    assert ids == table["id"] == sorted(opaque_ids("a", ["mug/0.png", "mug/1.png"], 0))
    assert (set(table["width"]), set(table["height"])) == ({"12"}, {"9"})
    assert read_table(archive / "s.csv", SKIPPED)["file"] == ["mug/x.png", "pen/y.gif"]


def test_a_category_is_the_first_folder(archive):
    """Folders in it belong to it; a name that cannot be printed is escaped in the message only."""
    image = io.BytesIO()
    Image.new("RGB", (12, 9), "red").save(image, "PNG")
    names = ["mug/2023/05/a\n.png", "pen/b.png"]
    write_tar(archive / "a.tar", [(name, image.getvalue()) for name in names])
    assert resize(archive)[0] == 0
    table = read_table(archive / "l.csv", LABELS)
    assert sorted(zip(table["category"], table["file"], strict=True)) == [
        ("mug", names[0]), ("pen", names[1]),
    ]  # fmt: skip
    write_tar(archive / "a.tar", [(name, b"") for name in names])
    code, _, error = resize(archive)
    assert code == 1
    assert "(mug/2023/05/a\\n.png: not a readable" in error.splitlines()[-1]


def test_a_missing_input_is_one_line(tmp_path):
    """An input that is not there is named with what was expected of it."""
    (tmp_path / "params.yaml").write_bytes((ROOT / "params.yaml").read_bytes())
    paths = "--task print-hand --labels labels --lists lists --truth truth.csv"
    code, _, error = call("stages.split", *paths.split(), cwd=tmp_path)
    assert code == 1
    assert error.startswith("split: labels/print.csv: expected a CSV table, found: ")
    assert error.count("\n") == 1


def test_results_before_a_run_are_one_line(tmp_path):
    """`python -m dah results` says what is missing, and what makes it: also of other tasks."""
    (tmp_path / "params.yaml").write_bytes((ROOT / "params.yaml").read_bytes())
    remedy = "no run has made this file yet; `dvc repro` runs the tasks of params.yaml"
    found = call("dah", "results", cwd=tmp_path)
    assert (found[0], found[2]) == (1, f"dah: metrics/means.json: {remedy}\n")
    (tmp_path / "metrics").mkdir()
    (tmp_path / "metrics/means.json").write_text("{}")
    found = call("dah", "results", cwd=tmp_path)
    assert (found[0], found[2]) == (1, f"dah: metrics/print-hand.json: {remedy}\n")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["itq"], "there are no predictions of 'itq'; expected one of dah-p, dah, dah-e, noda"),
        (["dan"], "there are no predictions of 'dan'; expected one of dah-p, dah, dah-e, noda"),
        (["dah", "--seed", "9"], "seed 9 is not trained; train.seeds in params.yaml has 0"),
    ],
)
def test_predictions_that_no_run_made_are_one_line(tmp_path, arguments, message):
    """What can be asked for is named."""
    (tmp_path / "params.yaml").write_bytes((ROOT / "params.yaml").read_bytes())
    code, output, error = call("dah", "predictions", "print-hand", *arguments, cwd=tmp_path)
    assert (code, output, error.count("\n")) == (1, "", 1)
    assert error.startswith(f"dah: {message}")


def test_the_check_clears_figures_of_former_tasks(tmp_path):
    """What dvc.lock says that a stage made; costs of stages that are no more go too."""
    (tmp_path / "params.yaml").write_bytes((ROOT / "params.yaml").read_bytes())
    (tmp_path / "metrics").mkdir()
    for name in ("a-b", "print-hand", "mine"):
        (tmp_path / f"metrics/{name}.json").write_text("{}")
    outs = "[{path: metrics/a-b.json}, {path: metrics/print-hand.json}]"
    (tmp_path / "dvc.lock").write_text(f"schema: '2.0'\nstages: {{e: {{outs: {outs}}}}}\n")
    (tmp_path / "metrics/cost.json").write_text('{"seconds": {"evaluate": 1, "fetch": 2}}')
    code, output, _ = call(*CHECK, cwd=tmp_path)
    assert code == 0
    assert "removed metrics/a-b.json: figures of what is no longer listed\n" in output
    left = {path.stem for path in (tmp_path / "metrics").iterdir()}
    assert left == {"print-hand", "mine", "cost"}
    assert (tmp_path / "metrics/cost.json").read_text().split() == [
        "{", '"seconds":', "{", '"fetch":', "2", "}", "}",
    ]  # fmt: skip


def test_torchvision_imports_without_its_operators():
    """Models work beside a CPU torch, and a second import is harmless."""
    program = (
        "from dah.vision import torchvision; import torchvision as again;"
        "assert again is torchvision; torchvision.models.resnet18"
    )
    result = subprocess.run(
        [sys.executable, "-W", "error", "-c", program], cwd=ROOT, capture_output=True, text=True,
        check=False,
    )  # fmt: skip
    assert (result.returncode, result.stderr) == (0, "")


def test_a_baseline_that_the_data_cannot_have_is_left_out_in_one_line(tmp_path):
    """GFK's 20 among eight images: the key, what there is, and the remedy; the others are there."""
    (tmp_path / "params.yaml").write_bytes((ROOT / "params.yaml").read_bytes())
    rng = np.random.default_rng(0)
    sides = [Domain(name, [f"{name}{i}" for i in range(8)], list("ab") * 4) for name in "st"]
    for side, name in zip(sides, ("print", "hand"), strict=True):
        write_features(tmp_path / f"{name}.h5", rng.random((8, 30)), side.ids)
    task = make_task(*sides, 2, 0)
    write_task(task, *(side.ids for side in sides), tmp_path / "lists", tmp_path / "truth.csv")
    paths = ["--lists", "lists", "--features", ".", "--out", "out"]
    code, output, _ = call("stages.adapt", "--task", "print-hand", *paths, cwd=tmp_path)
    assert code == 0
    assert "left out: gfk on print-hand: adapt.gfk: dim = 20 exceeds the rank 7" in output
    reasons = read_omissions(tmp_path / "out")
    made = {path.stem for path in (tmp_path / "out").glob("*.csv")}
    assert "gfk" in reasons
    assert made == {"none", "gfk", "tca", "coral", "jda"} - reasons.keys()


def test_the_headline_has_the_methods_that_train_here_first():
    """Each figure of each method is in one of both files, in the order of ``methods``."""
    summary = {
        "accuracy": {"none": 1.0, "noda": 2.0, "dah": 3.0}, "map": {"itq": 0.5, "suh": 0.75},
        "map_cross": {"dah": 0.25, "itq": 0.125}, "collisions": {"dah": 7.0},
    }  # fmt: skip
    learnt, others = (headline(summary, ("dah", "noda", "dan"), own) for own in (True, False))
    assert learnt == {"accuracy": {"dah": 3.0, "noda": 2.0}, "map_cross": {"dah": 0.25}}
    assert list(learnt["accuracy"]) == ["dah", "noda"]
    assert others == {
        "accuracy": {"none": 1.0}, "map": {"itq": 0.5, "suh": 0.75}, "map_cross": {"itq": 0.125},
    }  # fmt: skip
