"""Later methods' figures: means as they print them, and rows beside ours."""

import pytest
from numpy.testing import assert_allclose

from dah.report.later import LENGTHS, TRUNKS, later
from dah.report.overview import overview
from dah.report.tables import column_of

MEANS = {
    "office31": {
        "itq": 37.82, "pwcf": 47.60, "peace": 58.57, "idea": 64.01, "couple": 66.02,
        "cph": 72.96, "vpds": 84.72,
    },
    "office_home": {
        "itq": 22.67, "pwcf": 29.11, "peace": 43.86, "idea": 50.06, "couple": 54.56,
        "cph": 63.67, "vpds": 66.40, "psca": 65.69,
    },
}  # fmt: skip


@pytest.mark.parametrize("dataset", MEANS)
def test_the_means_of_six_tasks_are_those_printed(dataset):
    """Across domains at 64 bits, to half of the last digit; a half may go either way."""
    found = later(dataset, "map_cross", 64)
    for method, mean in MEANS[dataset].items():
        assert len(found[method]) == 6
        assert_allclose(100 * sum(found[method].values()) / 6, mean, rtol=0, atol=0.0051)


def test_longer_codes_and_single_domains():
    """By length; nothing where nothing is printed."""
    assert [later("office31", "map", bits)["psca"]["amazon-dslr"] for bits in LENGTHS] == [
        0.4883, 0.5591, 0.5954, 0.6011,
    ]  # fmt: skip
    assert later("office31", "map_cross", 16)["psca"] == {
        "amazon-dslr": 0.5644,
        "amazon-webcam": 0.5672,
    }
    assert later("office_home", "map_cross", 16) == {}
    assert later("mnist_usps", "map_cross", 64)["vpds"] == {
        "mnist-usps": 0.9086,
        "usps-mnist": 0.8950,
    }
    assert later("mnist_usps", "map_cross", 128)["psca"] == {"mnist-usps": 0.8871}
    assert later("mnist_usps", "map", 32)["psca"] == {"mnist-usps": 0.8109}
    assert later("digits", "map", 64) == later("office31", "accuracy", 64) == {}
    assert later("office31", "map", 48) == {}
    sets = ("office31", "office_home", "mnist_usps")
    kinds = [(d, f, b) for d in sets for f in ("map", "map_cross") for b in LENGTHS]
    every = [method for kind in kinds for method in later(*kind)]
    assert set(every) <= TRUNKS.keys()


def test_they_stand_beside_ours_with_their_trunk():
    """Of the same length alone; the best that is marked is one of ours."""
    columns = [column_of("amazon-dslr", {"map_cross": {"dah": 0.5}})]
    rows = {row.name: row for row in overview(columns, "office31", 64)}
    assert rows["dah"].cells[0].best
    assert rows["vpds, VGG-16 and CLIP"].cells[0].text == "0.872"
    assert not rows["vpds, VGG-16 and CLIP"].cells[0].best
    assert [row.name for row in overview(columns, "office31", 48)] == ["dah"]
