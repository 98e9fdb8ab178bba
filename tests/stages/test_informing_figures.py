"""A figure that only informs never ends a run: it is finite, or left out with a word."""

import json
import math
from dataclasses import replace

import numpy as np
import pytest
from numpy.testing import assert_allclose

from dah.encoding.outputs import Activations, principal_components, probabilities
from dah.encoding.validators import embedded_risk, validation_figures
from dah.evaluation.figures import LEFT_OUT, by_figure, deviations, left_out, means
from dah.evaluation.illustrations import domain_points
from dah.evaluation.targets import code_figures
from dah.files.artifacts import Codes
from dah.files.tables import write_json
from dah.report.tables import column_of, text_tables
from dah.shallow.domains import domain_error, domain_odds, held_out_log_odds
from dah.tasks.lists import Labels

RNG = np.random.default_rng(0)
NOISE = RNG.standard_normal((2, 40, 6)).astype(np.float32)


def far(scale):
    """Two domains that any classifier tells apart, and a column that hardly varies in one fold."""
    source, target = NOISE[0].copy(), NOISE[1] + 10
    target[:, 0] = 1e-7 * NOISE[1][:, 0]
    source[:, 0] = 1e-7 * NOISE[0][:, 0]
    source[0, 0] = scale
    return source, target


DOMAINS = {
    "noise": tuple(NOISE),
    "told apart": far(1.0),
    "told apart by an outlier": far(1e15),
    "one point each": (np.zeros((40, 6), np.float32), np.ones((40, 6), np.float32)),
    "one point": (np.ones((40, 6), np.float32),) * 2,
    "enormous": tuple(np.float32(1e15) * NOISE),
    "tiny": tuple(np.float32(1e-30) * NOISE),
    "dead units": tuple(np.maximum(NOISE - 2, 0)),
    "single rows": (np.eye(40, dtype=np.float32), np.eye(40, dtype=np.float32)[::-1]),
}
OUTPUTS = {
    "random": lambda n: np.tanh(RNG.standard_normal((n, 16))).astype(np.float32),
    "saturated": lambda n: np.ones((n, 16), np.float32),
    "zero": lambda n: np.zeros((n, 16), np.float32),
}


def export(u_source, u_target, fc7, labels, sharpness):
    """Codes of a run, all of its figures' inputs with them."""
    p = probabilities(u_target, u_source, labels, sharpness, 4)
    packed = [np.packbits(u >= 0, axis=1) for u in (u_source, u_target)]
    names = [[f"{side}{i}" for i in range(len(x))] for side, x in zip("st", fc7, strict=True)]
    log_odds = held_out_log_odds(*fc7, 0)
    error = None if log_odds is None else domain_error(log_odds, len(fc7[0]))
    return Codes(16, packed[0], names[0], packed[1], names[1], p, p, error)


@pytest.mark.parametrize("sharpness", [1e-3, 10.0, 1024.0])
@pytest.mark.parametrize("outputs", OUTPUTS)
@pytest.mark.parametrize("domains", DOMAINS)
def test_figures_of_extreme_runs_are_finite(domains, outputs, sharpness):
    """Nothing overflows or warns, and nothing had to be left out: warnings are errors here."""
    fc7, labels = DOMAINS[domains], np.arange(40) % 4
    u = [OUTPUTS[outputs](40) for _ in fc7]
    codes = export(*u, fc7, labels, sharpness)
    source = Activations(fc7[0], u[0])
    figures = validation_figures(
        codes, source, labels, sharpness, held_out_log_odds(*fc7, 0)
    ) | code_figures(codes)
    assert {"domain_error", "embedded_risk", "entropy", "collisions"} <= figures.keys()
    assert abs(figures["embedded_risk"]) < 80 * 2 * sharpness + 10
    assert LEFT_OUT not in by_figure({"dah": figures})
    assert np.isfinite(principal_components(*fc7)).all()


@pytest.mark.parametrize("domains", DOMAINS)
def test_maps_of_extreme_runs_are_drawn_or_left_out(domains):
    """Also where one image alone stands out, which the ones that are drawn need not hold."""
    fc7, labels = DOMAINS[domains], np.arange(40) % 4
    components = principal_components(*fc7)
    codes = export(*(OUTPUTS["random"](40) for _ in fc7), fc7, labels, 10.0)
    sides = {"components_source": components[:40], "components_target": components[40:]}
    told = Labels(labels, labels, np.arange(40) < 4)
    points = domain_points(replace(codes, **sides), told, 0)
    assert points is None or np.isfinite(points["source"]).all()


def test_a_map_of_one_point_and_an_outlier_is_left_out():
    """Whether the outlier is drawn or not."""
    components = np.zeros((1200, 2), np.float32)
    components[:600, 0] = 1
    components[0] = 5, 5
    labels = np.arange(600) % 4
    told = Labels(labels, labels, np.arange(600) < 4)
    sides = components[:600], components[600:]
    codes = Codes(8, *(np.zeros((600, 1), np.uint8), [str(i) for i in range(600)]) * 2)
    codes = replace(codes, components_source=sides[0], components_target=sides[1])
    drawn = [domain_points(codes, told, seed) for seed in range(6)]
    assert None in drawn


def test_odds_are_bounded_by_the_number_of_images():
    """Eighty images tell no odds above 80, however sure the classifier is of them."""
    odds = domain_odds(held_out_log_odds(*far(1e15), 0), 40)
    assert_allclose(odds.max(), 80, rtol=1e-12)
    assert odds.min() >= 1 / 80
    assert math.isfinite(embedded_risk(odds, np.ones(40)))


def test_what_is_not_finite_is_left_out_and_counted(tmp_path):
    """Of each method by itself; the file can be written, means pass over it, the report says it."""
    odd = {"dah": {"a": 1.0, "b": math.nan}, "itq": {"c": math.inf, "images": 3, "size": "3 x 3"}}
    assert left_out(odd) == [
        "left out, since it is nan: b of dah",
        "left out, since it is inf: c of itq",
    ]
    runs = [
        by_figure({"dah": {"a": 1.0, "b": math.nan, "c": math.inf}, "itq": {"a": 2.0, "b": 3.0}}),
        by_figure({"dah": {"a": 3.0, "b": 5.0, "c": -math.inf}, "itq": {"a": 2.0, "b": 4.0}}),
    ]
    assert runs[0] == {"a": {"dah": 1.0, "itq": 2.0}, "b": {"itq": 3.0}, LEFT_OUT: {"dah": 2}}
    write_json(tmp_path / "m.json", runs[0])
    assert json.loads((tmp_path / "m.json").read_text()) == runs[0]
    assert means(runs)["b"] == {"itq": 3.5, "dah": 5.0}
    assert deviations(runs)["a"]["itq"] == 0
    shown = text_tables([column_of("t", means(runs))], {"images": {}})
    assert "Figures left out (how many were not finite)" in shown
