"""A small folder of images whose target has no labels: every stage ends well and shows its part."""

import json
from argparse import Namespace
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from dah import params
from dah.errors import UserError
from dah.evaluation.illustrations import predicted_images, unlabelled_illustrations
from dah.files.artifacts import Codes, read_codes
from dah.files.omissions import NO_LABELS, OMITTED, foreseen, read_omissions, write_omissions
from dah.tasks.lists import Labels, read_truth
from stages import (
    adapt,
    backbone,
    describe,
    encode,
    evaluate,
    features,
    fetch,
    oracle,
    report,
    resize,
    split,
    train,
    transfer,
)
from stages import hash as hashing

DEFAULT = params.load(Path(__file__).parents[2] / "params.yaml")
TASK, IMAGES = "studio-street", 12
CATEGORIES = {"mug": (200, 40, 40), "pen": (40, 200, 40), "sofa": (40, 40, 200)}


def paint(path, colour, seed):
    """A noisy image of one colour."""
    noise = np.random.default_rng(seed).integers(-30, 30, (36, 36, 3))
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray((np.array(colour) + noise).clip(0, 255).astype(np.uint8)).save(path)


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """All stages one after the other, in this process; what each printed."""
    data = tmp_path_factory.mktemp("run")
    own = data / "own"
    for number, (category, colour) in enumerate(CATEGORIES.items()):
        for i in range(8):
            paint(own / f"studio/{category}/{i}.png", colour, 100 * number + i)
        for i in range(IMAGES // 3):
            paint(own / f"street/{category[0]}{i}.png", np.array(colour) // 2, 1000 * number + i)
    given = replace(
        DEFAULT,
        dataset=replace(DEFAULT.dataset, name="folder", path=str(own)),
        domains=("studio", "street"),
        tasks=(TASK,),
        methods=("dah", "dan"),
        oracles=("suh",),
        train=replace(DEFAULT.train, epochs=2, threads=1),
    )
    paths = {
        "out": data / "raw", "downloads": data / "downloads", "checksums": data / "sums.txt",
        "labels": data / "labels", "lists": data / "tasks" / TASK,
        "truth": data / "truth.csv", "backbone": data / "backbone.pt",
        "images": data / "images", "features": data / "features",
        "views": data / "views",
        "models": data / "models", "checkpoint": data / "c.pt", "curves": data / "curves",
        "predictions": data / "predictions", "codes": data / "codes",
        "validation": data / "validation" / TASK / "0.json", "skipped": data / "skipped",
        "metrics": data / "metrics.json", "record": data / "records" / f"{TASK}.json",
        "records": data / "records", "domains": data / "domains.json",
        "summary": data / "summary.json", "others": data / "others.json",
        "means": data / "means.json",
        "page": data / "report.html",
        "task": TASK, "seed": 0,
    }  # fmt: skip

    def call(stage, **named):
        stage.main(given, Namespace(**{**paths, **named}))

    call(fetch)
    for domain in given.domains:
        call(
            resize, domain=domain, archive=data / f"raw/{domain}.tar",
            images=data / f"images/{domain}.h5", labels=data / f"labels/{domain}.csv",
            skipped=data / f"skipped/{domain}.csv",
        )  # fmt: skip
    call(split)
    call(backbone, out=data / "backbone.pt")
    for domain in given.domains:
        call(
            features, images=data / f"images/{domain}.h5", out=data / f"features/{domain}.h5",
            views=data / f"views/{domain}.h5",
        )  # fmt: skip
    call(describe, metrics=data / "domains.json")
    call(adapt, out=data / "predictions")
    for method in given.methods:
        call(train, method=method, out=data / f"models/{method}.pt", curves=data / f"live/{method}")
    call(encode, out=data / "codes/0/deep")
    call(transfer, out=data / "codes/0/transfer")
    call(hashing, out=data / "codes/0/unsupervised")
    call(oracle, method="suh", out=data / "codes/0/oracle")
    call(evaluate, curves=data / "curves.csv")
    call(report, validation=data / "validation")
    return data


def test_what_cannot_be_computed_is_left_out(run):
    """Sixty-four bits of twelve images and an oracle without labels; GFK has too few directions."""
    assert not read_truth(run / "truth.csv").known
    reasons = read_omissions(run / "codes/0/unsupervised")
    assert set(reasons) == {"itq", "kmeans", "ba", "bdnn"}
    assert all("bits = 64 exceeds the rank 11 of the 12" in reason for reason in reasons.values())
    assert read_codes(run / "codes/0/transfer/psca.h5").probabilities.shape[0] == 12
    assert read_omissions(run / "codes/0/oracle") == {"suh": NO_LABELS}
    assert {path.name for path in (run / "codes/0/oracle").iterdir()} == {OMITTED}
    record = json.loads((run / f"records/{TASK}.json").read_text())
    assert (
        record["left_out"].keys()
        == reasons.keys() | {"suh"} | read_omissions(run / "predictions").keys()
    )
    page = (run / "report.html").read_text(encoding="utf-8")
    assert page.count("<p>Left out of studio-street: ") == len(record["left_out"])


def test_what_there_is_is_shown(run):
    """Predictions with pictures, nearest images, a map, the source's accuracy and validators."""
    page = (run / "report.html").read_text(encoding="utf-8")
    for part in (
        "<p>No labels in the target, so no accuracy and no mAP: studio-street",
        "<h3>Predictions of dah",
        "<h3>Nearest images by the codes of dah",
        "<h3>Map of fc7, dah",
        "<summary>Source accuracy",
        "<summary>Soft neighbourhood density",
        "<summary>Domain error",
        "<summary>Out of reach",
    ):
        assert part in page, part
    assert "Mean average precision" not in page
    assert page.count('<figure class="plain">') > IMAGES
    figures = json.loads((run / "metrics.json").read_text())
    assert set(figures["domain_error"]) == {"dah", "dan"}
    assert not {"accuracy", "map", "calibration_error"} & figures.keys()


def test_probabilities_are_calibrated_without_a_label(run):
    """The temperature is stored with the codes of both kinds, the reach with those of bits."""
    codes = {m: read_codes(run / f"codes/0/deep/{m}.h5") for m in ("dah", "dan")}
    assert all(of.temperature is None or of.temperature >= 1 for of in codes.values())
    assert 0 <= codes["dah"].reach <= 64
    assert codes["dan"].reach is None


def test_what_is_certain_is_foreseen():
    """By the number of images and the labels alone."""
    methods = ("itq", "ba"), ("suh",)
    assert foreseen(65, True, 64, *methods) == {}
    assert set(foreseen(64, True, 64, *methods)) == {"itq", "ba"}
    assert foreseen(65, False, 64, *methods) == {"suh": NO_LABELS}
    assert "60 images vary in at most 59" in foreseen(60, True, 64, *methods)["itq"]


def test_reasons_that_are_none_are_refused(tmp_path):
    """A file that something else wrote."""
    assert write_omissions(tmp_path, "s-t", {}) == []
    assert read_omissions(tmp_path) == {}
    (tmp_path / OMITTED).write_text('{"itq": 1}')
    with pytest.raises(UserError, match=r"left_out\.json: expected a reason for each method"):
        read_omissions(tmp_path)


def codes_of(predicted, far):
    """One byte for each image: its category's, or one far from both."""
    source = np.array([[0x00], [0xFF], [0x00], [0xFF]], np.uint8)
    target = np.where(far, 0x3C, np.where(predicted, 0xFF, 0x00)).astype(np.uint8)[:, None]
    p = np.where(np.eye(2)[predicted] > 0, 0.9, 0.1).astype(np.float32)
    ids = [f"t{i}" for i in range(len(p))]
    return Codes(8, source, list("abcd"), target, ids, p, p, temperature=2.0, reach=1)


def test_predictions_are_shown_by_category():
    """A few of each; the probability is the calibrated one: 3 to 1 at temperature 2 of 9 to 1."""
    predicted = np.array([1] * 30 + [0] * 3)
    codes = codes_of(predicted, np.arange(33) == 32)
    shown = predicted_images(codes, 0)
    assert [of["label"] for of in shown] == [0] * 3 + [1] * 8
    assert {of["probability"] for of in shown} == {0.75}
    assert [of["id"] for of in shown if of["far"]] == ["t32"]
    assert len({of["id"] for of in shown}) == 11
    assert shown != predicted_images(codes, 1)
    raw = predicted_images(replace(codes, temperature=None), 0)
    assert {(of["probability"], of["calibrated"]) for of in raw} == {(0.9, False)}


def test_images_have_their_predicted_categories():
    """Also among neighbours by codes of a method that does not classify."""
    predicted = np.arange(20) % 2
    codes = codes_of(predicted, np.zeros(20, bool))
    plain = replace(codes, probabilities=None, probabilities_real=None, temperature=None)
    labels = Labels(np.arange(4) % 2, np.full(20, -1), np.arange(20) < 2)
    both = {"itq": plain, "dah": codes}
    drawn = unlabelled_illustrations(both, dict.fromkeys(both, labels), 2, 0)
    assert drawn["confusion"] == {}
    for query in drawn["nearest"]["itq"]:
        assert query["label"] == predicted[int(query["id"][1:])]
        assert {near["label"] for near in query["nearest"][:9]} == {query["label"]}
    assert set(drawn["predicted"]) == {"dah"}
    alone = unlabelled_illustrations({"itq": plain}, {"itq": labels}, 2, 0)
    assert alone == {"confusion": {}, "points": {}, "nearest": {}, "predicted": {}}
