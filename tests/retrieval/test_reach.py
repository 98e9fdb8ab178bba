"""How far an image may lie from the source: against loops, and with next to no source."""

import numpy as np
import pytest
from numpy.testing import assert_array_equal

from dah.retrieval import reach as module
from dah.retrieval.hamming import hamming_distances
from dah.retrieval.reach import is_beyond, named, nearest_distances, reach

RNG = np.random.default_rng(0)


def packed(n, bits=16):
    return np.packbits(RNG.integers(0, 2, (n, bits), np.uint8), axis=1)


def gap(a, b):
    """Bits that differ, counted one by one."""
    return sum(bin(int(x) ^ int(y)).count("1") for x, y in zip(a, b, strict=True))


def test_nearest_distances_equal_loops(monkeypatch):
    """In blocks as at once; of no image nothing."""
    codes, source = packed(11), packed(7)
    expected = [min(gap(a, b) for b in source) for a in codes]
    assert_array_equal(nearest_distances(codes, source), expected)
    monkeypatch.setattr(module, "QUERIES_AT_ONCE", 4)
    assert_array_equal(nearest_distances(codes, source), expected)
    assert nearest_distances(codes[:0], source).shape == (0,)


@pytest.mark.parametrize("n", [2, 5, 150, 300])
def test_the_reach_holds_for_99_percent(monkeypatch, n):
    """The smallest distance within which that share of images has another one."""
    source = packed(n)
    nearest = sorted(min(gap(source[i], source[j]) for j in range(n) if j != i) for i in range(n))
    found = reach(source, 16)
    assert found == next(d for d in nearest if sum(x <= d for x in nearest) >= 0.99 * n)
    monkeypatch.setattr(module, "QUERIES_AT_ONCE", 7)
    assert reach(source, 16) == found
    assert isinstance(found, int)


def test_sources_of_one_image_and_of_equal_codes():
    """Nothing is out of reach of one; equal codes reach no further than themselves."""
    assert reach(packed(1), 16) == 16
    assert reach(np.repeat(packed(1), 5, axis=0), 16) == 0


def test_of_a_huge_source_some_are_looked_at(monkeypatch):
    """Each by all others: two clusters whose images are equal but for one bit."""
    monkeypatch.setattr(module, "MOST", 10)
    source = np.array([[0], [1]] * 500, np.uint8)
    assert reach(source, 8) == 0
    assert reach(np.array([[0], [1], [7]], np.uint8), 8) == 2


def test_a_category_out_of_reach_is_named_as_none():
    """With the nearest one beside it."""
    assert named("mug", False) == "mug"
    assert named("mug", True) == "none of them (mug)"


@pytest.mark.parametrize("outlier", range(5))
def test_no_image_is_passed_over(monkeypatch, outlier):
    """Of fewer than a hundred the farthest decides, wherever it stands, in blocks as at once."""
    source = np.zeros((5, 1), np.uint8)
    source[outlier] = 0b1111
    assert reach(source, 8) == 4
    monkeypatch.setattr(module, "QUERIES_AT_ONCE", 2)
    assert reach(source, 8) == 4


@pytest.mark.parametrize(("sources", "rows"), [(7, 2), (30, 1), (2, 10), (1, 11)])
def test_no_more_distances_are_held_than_allowed(monkeypatch, sources, rows):
    """As many whole rows at a time as 20 pairs allow, and one where not even that fits."""
    codes, source, held = packed(11), packed(sources), []
    expected = nearest_distances(codes, source)

    def noted(a, b):
        held.append(len(a))
        return hamming_distances(a, b)

    monkeypatch.setattr(module, "hamming_distances", noted)
    monkeypatch.setattr(module, "PAIRS_AT_ONCE", 20)
    assert_array_equal(nearest_distances(codes, source), expected)
    assert held == [min(rows, 11 - start) for start in range(0, 11, rows)]


@pytest.mark.parametrize(("bits", "opposite"), [(8, 0b11111111), (7, 0b11111110)])
def test_the_reach_of_opposite_codes_is_their_length(bits, opposite):
    """No image is its own neighbour, however far the others are."""
    assert reach(np.array([[0], [opposite]], np.uint8), bits) == bits


def test_beyond_is_farther_than_the_reach():
    """At the reach itself an image is within it; without a reach all are."""
    source, codes = np.array([[0]], np.uint8), np.array([[0b1], [0b11], [0b111]], np.uint8)
    assert_array_equal(is_beyond(codes, source, 2), [False, False, True])
    assert_array_equal(is_beyond(codes, source, 0), [True, True, True])
    assert_array_equal(is_beyond(codes, source, None), [False, False, False])
