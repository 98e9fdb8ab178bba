"""Means and deviations of figures, against the standard library and by hand."""

import statistics

import numpy as np
from numpy.testing import assert_allclose

from dah.evaluation.figures import by_figure, deviations, means


def test_deviation_has_the_divisor_of_a_sample():
    """Over three seeds as the standard library has it; what one run has, has none."""
    runs = [{"accuracy": {"dah": value}, "map": {"dah": 0.5}} for value in (40.0, 47.0, 51.0)]
    runs[1]["accuracy"]["jda"] = 33.0
    runs[1]["a_distance"] = {"dah": 1.0}
    assert means(runs) == {
        "accuracy": {"dah": 46.0, "jda": 33.0},
        "map": {"dah": 0.5},
        "a_distance": {"dah": 1.0},
    }
    spread = deviations(runs)
    assert set(spread) == {"accuracy", "map"}
    assert set(spread["accuracy"]) == {"dah"}
    expected = statistics.stdev([40, 47, 51])
    assert_allclose(spread["accuracy"]["dah"], expected, atol=5e-7)
    assert_allclose(expected, np.sqrt((36 + 1 + 25) / 2))
    assert spread["map"] == {"dah": 0}


def test_a_single_run_has_no_deviation():
    """Its figures are the means; and no run has neither."""
    run = {"accuracy": {"dah": 40.0}}
    assert (means([run]), deviations([run])) == (run, {})
    assert (means([]), deviations([])) == ({}, {})


def test_figures_are_turned_and_averaged():
    """Rows read accuracy.dah; a mean is over the tasks that have the figure."""
    a = by_figure({"dah": {"accuracy": 50.0, "map": 0.5}, "jda": {"accuracy": 1 / 3}})
    b = by_figure({"dah": {"accuracy": 70.0, "map": 0.7}})
    assert a == {"accuracy": {"dah": 50.0, "jda": 0.333333}, "map": {"dah": 0.5}}
    assert means([a, b]) == {"accuracy": {"dah": 60.0, "jda": 0.333333}, "map": {"dah": 0.6}}
