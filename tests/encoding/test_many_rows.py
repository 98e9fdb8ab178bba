"""What compares all rows with each other holds a bounded number of pairs, and tells the same."""

import tracemalloc

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from dah import linalg
from dah.encoding.outputs import probabilities
from dah.encoding.validators import left_out_log_probabilities, neighbourhood_density
from dah.hashing.prediction import category_probabilities
from dah.retrieval import reach
from dah.shallow.propagation import nearest_others

ROWS, BITS, CATEGORIES = 2000, 16, 4


@pytest.fixture(scope="module")
def drawn():
    """Outputs, labels, packed codes and probabilities."""
    rng = np.random.default_rng(0)
    u = rng.normal(size=(ROWS, BITS)).astype(np.float32)
    p = rng.dirichlet(np.ones(CATEGORIES), ROWS)
    return u, np.arange(ROWS) % CATEGORIES, np.packbits(u > 0, axis=1), p


COMPUTED = {
    "density": lambda u, y, codes, p: neighbourhood_density(p),
    "left out": lambda u, y, codes, p: left_out_log_probabilities(u, y, 10.0, CATEGORIES),
    "by codes": lambda u, y, codes, p: category_probabilities(
        codes, codes, y, BITS, 10.0, CATEGORIES
    ),
    "reach": lambda u, y, codes, p: reach.reach(codes, BITS),
    "beyond": lambda u, y, codes, p: reach.nearest_distances(codes, codes[::-1]),
    "by outputs": lambda u, y, codes, p: probabilities(u, u, y, 10.0, CATEGORIES),
    "neighbours": lambda u, y, codes, p: np.stack(nearest_others(u, 5)),
}


@pytest.mark.parametrize("name", COMPUTED)
def test_pairs_are_held_in_bounds(monkeypatch, drawn, name):
    """The same from few pairs at a time as from many, and NumPy holds a small part of them all."""
    whole = COMPUTED[name](*drawn)
    monkeypatch.setattr(linalg, "CELLS", 2**16)
    monkeypatch.setattr(reach, "PAIRS_AT_ONCE", 2**16)
    tracemalloc.start()
    found = COMPUTED[name](*drawn)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert_allclose(found, whole, rtol=1e-5, atol=1e-6)
    assert peak < ROWS * ROWS * 8 / 6


def test_blocks_shrink_as_rows_grow():
    """All that may be held where they are few; a row at least; the cells in between."""
    assert_array_equal([linalg.rows_at_once(n, 1024) for n in (0, 1, 2**13)], 1024)
    assert linalg.rows_at_once(10**6, 1024) == 8
    assert linalg.rows_at_once(10**9, 1024) == 1
