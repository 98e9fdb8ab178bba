"""Published and measured accuracies on the Office-Caltech SURF histograms, pair by pair.

The data has no licence to be passed on: put the four files ``<domain>_SURF_L10.mat`` into a folder
``office_caltech_surf`` of the folder that the variable DAH_SHARED_DATA names.
"""

import os
from pathlib import Path

import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy.io import loadmat

from dah.linalg import unit_rows
from dah.shallow.adapt import jda
from dah.shallow.classifiers import nearest_neighbour

ROOT = Path(__file__).parents[2]
FOLDER = Path(os.environ.get("DAH_SHARED_DATA", ROOT.parent / "shared" / "data"))
FOLDER = FOLDER / "office_caltech_surf"
DOMAINS = {"C": "Caltech10", "A": "amazon", "W": "webcam", "D": "dslr"}
PAIRS = ["CA", "CW", "CD", "AC", "AW", "AD", "WC", "WA", "WD", "DC", "DA", "DW"]

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        not FOLDER.is_dir(),
        reason="no folder office_caltech_surf: set DAH_SHARED_DATA to the folder that holds it",
    ),
]


@pytest.fixture(scope="module")
def domains():
    """Features and labels of each domain: histogram / its sum, then z-scores within the domain."""
    result = {}
    for letter, name in DOMAINS.items():
        file = loadmat(FOLDER / f"{name}_SURF_L10.mat")
        X = file["fts"] / file["fts"].sum(axis=1, keepdims=True)
        deviation = X.std(axis=0)
        X = (X - X.mean(axis=0)) / np.where(deviation > 0, deviation, 1)
        result[letter] = X, file["labels"].ravel()
    return result


def accuracies(domains, method):
    """Percent of the target that the nearest adapted source sample labels rightly, per pair."""
    result = []
    for source, target in PAIRS:
        (Xs, ys), (Xt, yt) = domains[source], domains[target]
        Zs, Zt = method(Xs, ys, Xt)
        result.append(100 * np.mean(nearest_neighbour(Zs, ys, Zt) == yt))
    return result


def cosine(Z):
    """Both sets with unit rows."""
    return tuple(unit_rows(side) for side in Z)


def check(actual, row, mean):
    """Every pair, and the mean, to the two decimals that are printed."""
    assert_allclose(np.round(actual, 2), [float(x) for x in row.split()], atol=1e-9)
    assert_allclose(np.round(np.mean(actual), 2), mean, atol=1e-9)


def test_nearest_neighbour_without_adaptation(domains):
    """The z-scored histograms as they are: unit rows would give 40.93 on the mean."""
    row = "23.70 25.76 25.48 26.00 29.83 25.48 19.86 22.96 59.24 26.27 28.50 63.39"
    check(accuracies(domains, lambda Xs, ys, Xt: (Xs, Xt)), row, 31.37)


def test_jda_reaches_its_published_row(domains):
    """Long et al. 2013: linear kernel, 100 dimensions, lambda 1, 10 rounds, unit rows."""
    row = "44.78 41.69 45.22 39.36 37.97 39.49 31.17 32.78 89.17 31.52 33.09 89.49"

    def method(Xs, ys, Xt):
        return cosine(jda(*(unit_rows(Xs), ys, unit_rows(Xt)), 100, 1.0, 10))

    check(accuracies(domains, method), row, 46.31)
