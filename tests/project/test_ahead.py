"""What a run will take: counted by hand, in a line that names what it assumes."""

from dataclasses import replace
from pathlib import Path

from numpy.testing import assert_allclose

from dah import params
from dah.project.ahead import duration, seconds_ahead, told

DEFAULT = params.load(Path(__file__).parents[2] / "params.yaml")
GIVEN = replace(
    DEFAULT,
    methods=("dah", "noda"),
    oracles=("suh",),
    train=replace(DEFAULT.train, epochs=10, seeds=(0, 1), views=3, finetune=2),
)
IMAGES = {"hand": 100, "scene": 300, "print": 50}


def test_the_time_is_that_of_all_images_that_pass():
    """dah sees source and target, noda and the oracle one side; tasks end in hand and in scene."""
    learnt = 2 * 10 * (2 + 1 + 1) * (100 + 300)
    assert_allclose(seconds_ahead(GIVEN, "all", 5.0, 9.0, IMAGES), learnt / 5 + 450 / 9)
    assert_allclose(seconds_ahead(GIVEN, 2, 5.0, 9.0, IMAGES), learnt / 5 + 4 * 450 / 9)
    known = {"hand": 100, "print": 50}
    more = 2 * 10 * (2 + 1 + 1) * (100 + 1000)
    assert_allclose(seconds_ahead(GIVEN, "head", 5.0, 9.0, known), more / 5 + 1150 / 9)


def test_what_is_told():
    first, second = told(GIVEN, {"head": 3200.0, 2: 32.0, "all": 3.2}, 45.0, IMAGES)
    assert first == (
        "images/s that learn on this machine: head 3200, the last 2 blocks 32, all 3.2; that are"
        " looked at: 45"
    )
    assert second == (
        "expected of all 12 trainings and the features: head 20 s, the last 2 blocks 17 min, all"
        " 2.8 h; train.finetune is 2"
    )
    assert (
        "the features, 1000 images assumed of scene: "
        in told(GIVEN, {"head": 1.0}, 1.0, {"hand": 1, "print": 1})[1]
    )
    assert [duration(s) for s in (59, 60, 7199, 7200)] == ["59 s", "1 min", "120 min", "2.0 h"]
