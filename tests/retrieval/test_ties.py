"""The extremes of mAP over orders of ties against all permutations, a sort and a hand count."""

from fractions import Fraction
from itertools import permutations

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from dah.retrieval.codes import pack
from dah.retrieval.hamming import Histograms, hamming_distances, histograms
from dah.retrieval.precision import average_precision, mean_over_queries
from dah.retrieval.ties import map_spread, ordered_precision


def random_sets(bits, queries=7, items=40, categories=3):
    """Codes and labels of queries, then of a database, whose distances tie."""
    rng = np.random.default_rng(0)
    labels = rng.integers(0, categories, queries + items)
    codes = pack(rng.standard_normal((queries + items, bits)) + labels[:, None] - 1)
    return codes[:queries], labels[:queries], codes[queries:], labels[queries:]


def ranking_precision(relevant, k):
    """Average precision at k of one ranking without ties: the textbook loop."""
    found, total = 0, Fraction(0)
    for rank, is_relevant in enumerate(relevant[:k], start=1):
        if is_relevant:
            found += 1
            total += Fraction(found, rank)
    return total / min(k, sum(map(int, relevant)))


def sorted_precision(distance, relevant, k, key):
    """Average precision at k of the ranking by distance, then by a key of relevance."""
    order = sorted(range(len(distance)), key=lambda i: (distance[i], key * relevant[i]))
    return float(ranking_precision([relevant[i] for i in order], k))


@pytest.mark.parametrize("k", [None, *range(1, 8)])
def test_extremes_are_those_of_all_permutations(k):
    """For every relevance of six items, over all 1! 3! 2! orders that keep their distances."""
    distance = np.array([0, 1, 1, 1, 3, 3])
    orders = [list(p) for p in permutations(range(6)) if (np.diff(distance[list(p)]) >= 0).all()]
    assert len(orders) == 12
    for pattern in range(1, 64):
        relevant = np.array([pattern >> i & 1 for i in range(6)], bool)
        counts = Histograms(
            np.bincount(distance[relevant], minlength=4)[None], np.bincount(distance)[None]
        )
        values = [ranking_precision(relevant[order], k or 6) for order in orders]
        expected = float(min(values)), float(max(values))
        assert_allclose(map_spread(counts, k), expected, rtol=1e-13, atol=1e-15)


@pytest.mark.parametrize("bits", [1, 4, 12, 64])
@pytest.mark.parametrize("k", [None, 1, 5, 13, 1000])
def test_equals_a_sort_with_relevance_as_the_second_key(bits, k):
    """Query by query, relevant items first or last among those at one distance."""
    qc, ql, dc, dl = random_sets(bits)
    counts = histograms(qc, ql, dc, dl, bits=bits)
    distances = hamming_distances(qc, dc)
    for first in (True, False):
        expected = [
            sorted_precision(d, dl == label, k or len(dc), -1 if first else 1)
            for d, label in zip(distances, ql, strict=True)
        ]
        values = ordered_precision(counts, relevant_first=first, k=k)
        assert_allclose(values, expected, rtol=1e-12, atol=1e-15)


def test_spread_worked_out_by_hand():
    """One relevant item at distance 0, then one of three at distance 1, then one of one.

    best:  1, 1, 0, 0, 1 at ranks 1-5: (1 + 2/2 + 3/5) / 3 = 13/15
    worst: 1, 0, 0, 1, 1 at ranks 1-5: (1 + 2/4 + 3/5) / 3 = 7/10
    within k = 3: best (1 + 2/2) / 3, worst 1 / 3
    A second query has nothing relevant and is left out.
    """
    counts = Histograms(np.array([[1, 1, 1], [0, 0, 0]]), np.array([[1, 3, 1], [2, 2, 1]]))
    assert_allclose(map_spread(counts), (7 / 10, 13 / 15), rtol=1e-14)
    assert_allclose(map_spread(counts, k=3), (1 / 3, 2 / 3), rtol=1e-14)
    assert_allclose(ordered_precision(counts, relevant_first=True), [13 / 15, np.nan], rtol=1e-14)


@pytest.mark.parametrize("k", [None, 3, 20])
def test_every_stable_sort_and_the_tie_aware_mean_lie_within(k):
    """A hundred orders of the database, each sorted stably by distance for all queries."""
    qc, ql, dc, dl = random_sets(4)
    counts = histograms(qc, ql, dc, dl, bits=4)
    least, most = map_spread(counts, k)
    assert least < mean_over_queries(average_precision(counts, k)) < most
    rng = np.random.default_rng(1)
    for _ in range(100):
        order = rng.permutation(len(dc))
        ranked = order[np.argsort(hamming_distances(qc, dc[order]), axis=1, kind="stable")]
        relevant = dl[ranked] == ql[:, None]
        value = float(np.mean([float(ranking_precision(row, k or len(dc))) for row in relevant]))
        assert least <= value <= most


def test_without_ties_there_is_no_spread():
    """Every distance once: smallest, largest and mean are one figure."""
    counts = Histograms(np.array([[1, 0, 1, 0, 1]]), np.ones((1, 5), int))
    expected = (1 + 2 / 3 + 3 / 5) / 3
    assert_allclose(map_spread(counts), (expected, expected), rtol=1e-14)


def test_a_large_tie_group_keeps_its_precision():
    """All of n items at one distance: first 1, last the sum over the last ranks, term by term."""
    n, r = 1_000_000, 300
    counts = Histograms(np.array([[r]]), np.array([[n]]))
    ranks = np.arange(n - r + 1, n + 1)
    expected = np.mean(np.arange(1, r + 1) / ranks)
    assert_allclose(map_spread(counts), (expected, 1), rtol=1e-11)


def test_blocks_change_nothing(monkeypatch):
    """A few rows at once give the figures of all."""
    counts = histograms(*random_sets(12))
    expected = map_spread(counts, k=9)
    for cells in (1, 17, 34, 51):
        monkeypatch.setattr("dah.retrieval.precision.CELLS_AT_ONCE", cells)
        assert_array_equal(map_spread(counts, k=9), expected)


def test_what_has_no_spread_is_refused():
    """k below 1, and no query with a relevant item."""
    counts = Histograms(np.array([[0, 0]]), np.array([[1, 2]]))
    with pytest.raises(ValueError, match="k must be at least 1, found 0"):
        map_spread(counts, k=0)
    with pytest.raises(ValueError, match="0 of 1 queries have a relevant item"):
        map_spread(counts)
