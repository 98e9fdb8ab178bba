"""Retrieval figures against loops over pairs, random and all tie orders, and a hand count."""

from fractions import Fraction
from itertools import permutations
from math import fsum

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from dah.retrieval.codes import pack, unpack
from dah.retrieval.hamming import Histograms, hamming_distances, histograms
from dah.retrieval.precision import (
    average_precision,
    mean_average_precision,
    mean_over_queries,
    precision_recall,
    precision_within_radius,
    sum_over_distances,
)

BITS = [1, 8, 12, 64, 100, 1024]


def random_sets(bits, queries=7, items=40, categories=3, seed=0):
    """Codes and labels of queries, then of a database, near each other so that distances tie."""
    rng = np.random.default_rng(seed)
    centres = rng.standard_normal((categories, bits))
    labels = rng.integers(0, categories, queries + items)
    codes = pack(centres[labels] + rng.standard_normal((queries + items, bits)))
    return codes[:queries], labels[:queries], codes[queries:], labels[queries:]


def loop_distance(a, b):
    """Differing bits of two packed codes, one byte after another."""
    return sum((int(x) ^ int(y)).bit_count() for x, y in zip(a, b, strict=True))


def ranking_precision(relevant, k, wanted):
    """Average precision at k of one ranking without ties: the textbook loop."""
    found, total = 0, Fraction(0)
    for rank, is_relevant in enumerate(relevant[:k], start=1):
        if is_relevant:
            found += 1
            total += Fraction(found, rank)
    return total / min(k, wanted)


def pairwise_precision(distance, relevant, k):
    """Expected average precision at k by a double loop over the items and their ranks.

    Item i lands on each rank of its tie group alike; given rank t, each other relevant item of the
    group is ahead of it with probability (t - 1 - closer) / (group - 1).
    """
    total = 0.0
    for i in np.flatnonzero(relevant):
        closer = [j for j in range(len(distance)) if distance[j] < distance[i]]
        tied = [j for j in range(len(distance)) if distance[j] == distance[i] and j != i]
        for t in range(len(closer) + 1, min(k, len(closer) + 1 + len(tied)) + 1):
            ahead = sum(relevant[j] for j in closer)
            for j in tied:
                ahead += relevant[j] * (t - 1 - len(closer)) / len(tied)
            total += (ahead + 1) / t / (len(tied) + 1)
    return total / min(k, sum(relevant))


def counts_of(distance, relevant, bits):
    """The histograms of one query whose distances and relevance are given."""
    total = np.bincount(distance, minlength=bits + 1)[None]
    return Histograms(np.bincount(distance[relevant], minlength=bits + 1)[None], total)


@pytest.mark.parametrize("bits", BITS)
def test_distances_count_the_bits_that_differ(bits):
    """Popcounts of words, padded or many, equal those of bytes and of unpacked signs."""
    a, _, b, _ = random_sets(bits)
    distances = hamming_distances(a, b)
    assert_array_equal(distances, [[loop_distance(x, y) for y in b] for x in a])
    assert_array_equal(distances, (bits - unpack(a, bits) @ unpack(b, bits).T) / 2)


def test_distances_reach_the_number_of_bits():
    """Opposite codes of 1024 bits differ in 1024: no sum overflows its dtype."""
    for bits in (8, 248, 256, 1024):
        ones = np.full((1, bits // 8), 255, np.uint8)
        assert_array_equal(hamming_distances(ones, ~ones), [[bits]])


def test_distances_of_many_rows_are_filled_in_blocks():
    """Every row is written once, also the last block, which is shorter."""
    a, _, b, _ = random_sets(16, queries=301, items=500)
    expected = np.unpackbits(a[:, None] ^ b, axis=2).sum(axis=2)
    assert_array_equal(hamming_distances(a, b), expected)


@pytest.mark.parametrize("bits", BITS)
def test_histograms_count_items_and_relevant_items_per_distance(bits):
    """Each pair is counted once in total and, where labels agree, once in relevant."""
    qc, ql, dc, dl = random_sets(bits)
    counts = histograms(qc, ql, dc, dl, bits=bits)
    relevant, total = np.zeros((2, len(qc), bits + 1), int)
    for q in range(len(qc)):
        for i in range(len(dc)):
            total[q, loop_distance(qc[q], dc[i])] += 1
            relevant[q, loop_distance(qc[q], dc[i])] += ql[q] == dl[i]
    assert_array_equal(counts.total, total)
    assert_array_equal(counts.relevant, relevant)


@pytest.mark.parametrize("pairs_at_once", [1, 2, 3, 39, 40, 41, 80, 10_000])
def test_block_size_changes_nothing(pairs_at_once):
    """Tiles that cut a slice of relevant items, or hold several queries, give equal counts."""
    sets = random_sets(12)
    counts = histograms(*sets, pairs_at_once=pairs_at_once)
    expected = histograms(*sets)
    assert_array_equal(counts.total, expected.total)
    assert_array_equal(counts.relevant, expected.relevant)


@pytest.mark.parametrize(
    ("bits", "items"), [(12, 3328), (12, 7001), (1, 511), (1, 513), (200, 60_000)]
)
def test_bytes_counted_in_pairs_are_all_counted(bits, items):
    """Long rows, even and odd, and those of two bytes a distance, against one bincount of sums."""
    qc, ql, dc, dl = random_sets(bits, queries=3, items=items)
    counts = histograms(qc, ql, dc, dl, bits=bits)
    for q in range(3):
        distance = np.unpackbits(qc[q] ^ dc, axis=1).sum(axis=1)
        total = [np.count_nonzero(distance == d) for d in range(bits + 1)]
        relevant = [np.count_nonzero((distance == d) & (dl == ql[q])) for d in range(bits + 1)]
        assert_array_equal(counts.total[q], total)
        assert_array_equal(counts.relevant[q], relevant)


@pytest.mark.parametrize(("n_jobs", "queries"), [(2, 23), (2, 7), (3, 24), (-1, 1)])
def test_processes_change_nothing(n_jobs, queries):
    """Blocks of queries, even or not and more than there are queries, are each counted once."""
    sets = random_sets(12, queries=queries)
    counts = histograms(*sets, n_jobs=n_jobs, pairs_at_once=30)
    expected = histograms(*sets, n_jobs=1)
    assert_array_equal(counts.total, expected.total)
    assert_array_equal(counts.relevant, expected.relevant)
    assert_array_equal(expected.total.sum(axis=1), np.full(queries, 40))


def test_many_pairs_are_shared_by_all_cores(monkeypatch):
    """From SHARED_FROM pairs on, where nobody says how many processes to take; fewer by one."""
    sets, taken = random_sets(12), []
    expected = histograms(*sets)
    pairs = len(sets[0]) * len(sets[2])
    monkeypatch.setattr("joblib.effective_n_jobs", lambda n_jobs: taken.append(n_jobs) or 2)
    for shared_from in (pairs + 1, pairs - 1, pairs):
        monkeypatch.setattr("dah.retrieval.hamming.SHARED_FROM", shared_from)
        counts = histograms(*sets)
    assert taken == [1, -1, -1]
    assert_array_equal(counts.total, expected.total)
    assert_array_equal(counts.relevant, expected.relevant)


def test_formula_in_blocks_changes_nothing(monkeypatch):
    """Average precision of a few rows at once equals that of all."""
    counts = histograms(*random_sets(12))
    expected = average_precision(counts, k=9)
    for cells in (1, 17, 34, 51):
        monkeypatch.setattr("dah.retrieval.precision.CELLS_AT_ONCE", cells)
        assert_array_equal(average_precision(counts, k=9), expected)


@pytest.mark.parametrize(("cells", "rows"), [(29, [3, 3, 1]), (5, [1] * 7), (1000, [7])])
def test_no_more_cells_are_held_than_allowed(monkeypatch, cells, rows):
    """As many whole queries of nine distances at a time, and one where not even that fits."""
    held = []

    def gains(r, n, M, N):
        held.append(len(r))
        return np.ones(r.shape)

    monkeypatch.setattr("dah.retrieval.precision.CELLS_AT_ONCE", cells)
    sum_over_distances(histograms(*random_sets(8)), gains, None)
    assert held == rows


def test_ranking_worked_out_by_hand():
    """Three queries against a database of five codes of 4 bits, counted on fingers.

    database   0000 a   0001 a   0010 b   0111 b   1111 a
    query 0000 a: distances 0 1 1 3 4, relevant: d=0, one of two at d=1, d=4
        AP = (1 + (1/2 * 2/2 + 1/2 * 2/3) + 3/5) / 3 = (1 + 5/6 + 3/5) / 3 = 73/90
    query 1111 b: distances 4 3 3 1 0, relevant: d=1, one of two at d=3
        AP = (1/2 + (1/2 * 2/3 + 1/2 * 2/4)) / 2 = 13/24
    query 0000 c: nothing is relevant, so it is left out of the means
    """
    signs = {"0": -1.0, "1": 1.0}
    codes = [
        pack(np.array([[signs[c] for c in word] for word in words.split()]))
        for words in ("0000 1111 0000", "0000 0001 0010 0111 1111")
    ]
    sets = codes[0], np.array(["a", "b", "c"]), codes[1], np.array(["a", "a", "b", "b", "a"])
    counts = histograms(*sets, bits=4)
    assert_array_equal(counts.total, [[1, 2, 0, 1, 1], [1, 1, 0, 2, 1], [1, 2, 0, 1, 1]])
    assert_array_equal(counts.relevant, [[1, 1, 0, 0, 1], [0, 1, 0, 1, 0], [0, 0, 0, 0, 0]])
    assert_allclose(average_precision(counts), [73 / 90, 13 / 24, np.nan], rtol=1e-14)
    assert_allclose(mean_average_precision(*sets), (73 / 90 + 13 / 24) / 2, rtol=1e-14)
    assert_allclose(average_precision(counts, k=2), [(1 + 1 / 2) / 2, 1 / 4, np.nan], rtol=1e-14)
    precision, recall = precision_recall(counts)
    assert_allclose(
        precision,
        [1 / 2, (2 / 3 + 1 / 2) / 2, (2 / 3 + 1 / 2) / 2, (1 / 2 + 1 / 2) / 2, (3 / 5 + 2 / 5) / 2],
    )
    assert_allclose(recall, [1 / 6, (2 / 3 + 1 / 2) / 2, (2 / 3 + 1 / 2) / 2, (2 / 3 + 1) / 2, 1])
    assert_allclose(precision_within_radius(counts), (2 / 3 + 1 / 2) / 2)


@pytest.mark.parametrize("k", range(1, 8))
def test_equals_the_mean_over_all_permutations(k):
    """For every relevance of six items, the mean over all 1! 3! 2! orders that keep distances."""
    distance = np.array([0, 1, 1, 1, 3, 3])
    orders = [list(p) for p in permutations(range(6)) if (np.diff(distance[list(p)]) >= 0).all()]
    for pattern in range(1, 64):
        relevant = np.array([pattern >> i & 1 for i in range(6)], bool)
        values = [ranking_precision(relevant[order], k, relevant.sum()) for order in orders]
        expected = float(sum(values) / len(values))
        value = average_precision(counts_of(distance, relevant, 3), k)
        assert_allclose(value, [expected], rtol=1e-13, atol=1e-15)


@pytest.mark.parametrize("bits", [1, 2])
def test_equals_the_mean_over_all_orders_of_a_tiny_database(bits):
    """All 5040 orders of a database of seven, each sorted stably by distance."""
    qc, _, dc, _ = random_sets(bits, queries=2, items=7, categories=2)
    ql, dl = np.array([0, 1]), np.array([0, 1, 0, 0, 1, 0, 1])
    orders = np.array(list(permutations(range(7))))
    expected = np.zeros(2)
    for q in range(2):
        distance = np.array([loop_distance(qc[q], code) for code in dc])
        ranked = np.take_along_axis(
            orders, np.argsort(distance[orders], axis=1, kind="stable"), axis=1
        )
        relevant = (dl == ql[q])[ranked]
        precision = np.cumsum(relevant, axis=1) / np.arange(1, 8)
        expected[q] = ((precision * relevant).sum(axis=1) / relevant.sum(axis=1)).mean()
    assert_allclose(average_precision(histograms(qc, ql, dc, dl)), expected, rtol=1e-12)


@pytest.mark.parametrize("bits", BITS)
@pytest.mark.parametrize("k", [None, 1, 2, 13, 40, 1000])
def test_equals_a_double_loop_over_pairs(bits, k):
    """The closed form per distance equals the expectation item by item and rank by rank."""
    qc, ql, dc, dl = random_sets(bits, queries=3)
    expected = [
        pairwise_precision(
            [loop_distance(x, y) for y in dc], dl == label, len(dc) if k is None else k
        )
        for x, label in zip(qc, ql, strict=True)
    ]
    assert_allclose(average_precision(histograms(qc, ql, dc, dl), k), expected, rtol=1e-12)
    assert_allclose(mean_average_precision(qc, ql, dc, dl, k), np.mean(expected), rtol=1e-12)


@pytest.mark.parametrize("k", range(1, 31))
def test_every_k_equals_a_double_loop_over_pairs(k):
    """Every k from 1 to n, most of which cut a tie group in two."""
    qc, ql, dc, dl = random_sets(4, queries=3, items=30)
    expected = [
        pairwise_precision([loop_distance(x, y) for y in dc], dl == label, k)
        for x, label in zip(qc, ql, strict=True)
    ]
    assert_allclose(average_precision(histograms(qc, ql, dc, dl), k), expected, rtol=1e-12)


@pytest.mark.parametrize("k", [None, 15])
def test_is_the_limit_of_random_tie_orders(k):
    """The mean over 4,000 shuffled databases agrees within five standard errors."""
    qc, ql, dc, dl = random_sets(4, queries=1)
    rng = np.random.default_rng(1)
    distance = np.array([loop_distance(qc[0], code) for code in dc])
    orders = np.argsort(distance + rng.random((4000, len(dc))), axis=1)
    relevant = (dl == ql[0])[orders]
    ranks = np.arange(1, len(dc) + 1)
    gains = relevant * np.cumsum(relevant, axis=1) / ranks * (ranks <= (k or len(dc)))
    values = gains.sum(axis=1) / min(k or len(dc), relevant[0].sum())
    error = values.std() / np.sqrt(len(values))
    assert error > 0
    assert_allclose(mean_average_precision(qc, ql, dc, dl, k), values.mean(), atol=5 * error)


def test_database_order_changes_nothing():
    """A permuted database gives the same figures to the last bit."""
    qc, ql, dc, dl = random_sets(12)
    order = np.random.default_rng(2).permutation(len(dc))
    for k in (None, 5):
        assert mean_average_precision(qc, ql, dc[order], dl[order], k) == mean_average_precision(
            qc, ql, dc, dl, k
        )


def test_arguments_are_not_changed():
    """Codes and labels may be read-only."""
    sets = random_sets(12)
    for array in sets:
        array.flags.writeable = False
    mean_average_precision(*sets)
    hamming_distances(sets[0], sets[2])


@pytest.mark.parametrize("distance", [5, 0])
def test_a_perfect_ranking_has_one_at_every_k(distance):
    """min(k, R) divides: all relevant items first is 1, whether k is below or above R."""
    distances = np.array([0, 0, 0] + [distance] * 4)
    relevant = np.array([True] * 3 + [distance == 0] * 4)
    for k in range(1, 8):
        assert_allclose(average_precision(counts_of(distances, relevant, 5), k), [1], rtol=1e-14)


def test_deep_small_ties_keep_their_digits():
    """Five tied items behind a million others, three relevant, to ten digits of the exact sum."""
    for before in (100, 254, 255, 256, 257, 10_000, 1_000_000):
        counts = Histograms(np.array([[0, 3]]), np.array([[before, 5]]))
        exact = (
            sum(Fraction(3, 5) * (1 + Fraction(2, 4) * j) / (before + 1 + j) for j in range(5)) / 3
        )
        assert_allclose(average_precision(counts), [float(exact)], rtol=1e-9)


@pytest.mark.parametrize("before", [0, 200, 255, 256, 257, 5_000])
def test_one_relevant_item_among_many_tied(before):
    """Its rank is uniform, so its precision is the mean of 1/rank, to thirteen digits."""
    tied = 2_000
    expected = fsum(1 / rank for rank in range(before + 1, before + tied + 1)) / tied
    counts = Histograms(np.array([[0, 1]]), np.array([[before, tied]]))
    assert_allclose(average_precision(counts), [expected], rtol=1e-13)


def test_one_tie_group_of_many_items():
    """All of n items at one distance: the sum over ranks, term by term."""
    n, r = 100_000, 300
    t = np.arange(1, n + 1)
    expected = np.sum(r / n * (1 + (t - 1) * (r - 1) / (n - 1)) / t) / r
    counts = Histograms(np.array([[r]]), np.array([[n]]))
    assert_allclose(average_precision(counts), [expected], rtol=1e-12)


def loop_curve(qc, ql, dc, dl, radius):
    """Mean precision and recall within a radius, by loops; queries without relevant left out."""
    precision, recall = [], []
    for x, label in zip(qc, ql, strict=True):
        near = [other for y, other in zip(dc, dl, strict=True) if loop_distance(x, y) <= radius]
        relevant = sum(other == label for other in dl)
        if relevant:
            found = sum(other == label for other in near)
            precision.append(found / len(near) if near else 0.0)
            recall.append(found / relevant)
    return np.mean(precision), np.mean(recall)


@pytest.mark.parametrize("bits", [1, 12, 64])
def test_precision_and_recall_equal_loops_at_every_radius(bits):
    """One value per radius 0 ... bits; what retrieves nothing has precision 0."""
    qc, ql, dc, dl = random_sets(bits)
    ql[0] = 99
    counts = histograms(qc, ql, dc, dl, bits=bits)
    expected = [loop_curve(qc, ql, dc, dl, radius) for radius in range(bits + 1)]
    precision, recall = precision_recall(counts)
    assert precision.shape == recall.shape == (bits + 1,)
    assert_allclose(np.stack([precision, recall], axis=1), expected, rtol=1e-12)
    for radius in range(bits + 3):
        assert_allclose(
            precision_within_radius(counts, radius), expected[min(radius, bits)][0], rtol=1e-12
        )


def test_a_query_that_retrieves_nothing_counts_as_zero():
    """One query finds its only item at distance 2, the other nothing below 3: half at radius 2."""
    relevant = np.array([[0, 0, 1, 0], [0, 0, 0, 1]])
    counts = Histograms(relevant, np.array([[0, 0, 1, 1], [0, 0, 0, 2]]))
    assert precision_within_radius(counts) == 0.5
    precision, recall = precision_recall(counts)
    assert_array_equal(precision, [0, 0, 0.5, 0.5])
    assert_array_equal(recall, [0, 0, 0.5, 1])


@pytest.mark.parametrize(("radius", "precision"), [(0, 1), (1, 0.5), (2, 0.25), (3, 0.25)])
def test_a_radius_above_the_bits_finds_all(radius, precision):
    """One of four items is relevant, and the nearest."""
    counts = Histograms(np.array([[1, 0, 0]]), np.array([[1, 1, 2]]))
    assert precision_within_radius(counts, radius) == precision


def test_queries_without_a_relevant_item_are_left_out():
    """Such a query is nan by itself and changes no mean."""
    qc, ql, dc, dl = random_sets(12)
    alone = np.append(ql, 99)
    more = np.concatenate([qc, qc[:1]])
    values = average_precision(histograms(more, alone, dc, dl))
    assert_array_equal(np.isnan(values), [False] * len(ql) + [True])
    assert mean_average_precision(more, alone, dc, dl) == mean_average_precision(qc, ql, dc, dl)
    assert_array_equal(
        precision_recall(histograms(more, alone, dc, dl)),
        precision_recall(histograms(qc, ql, dc, dl)),
    )


def test_no_query_with_a_relevant_item_is_an_error():
    """A mean over no query is refused, never nan."""
    qc, ql, dc, dl = random_sets(12)
    counts = histograms(qc, ql + 50, dc, dl)
    with pytest.raises(ValueError, match="0 of 7 queries have a relevant item"):
        mean_average_precision(qc, ql + 50, dc, dl)
    for figure in (precision_recall, precision_within_radius):
        with pytest.raises(ValueError, match="0 of 7 queries have a relevant item"):
            figure(counts)
    with pytest.raises(ValueError, match="0 of 0 queries have a relevant item"):
        mean_over_queries(np.empty(0))
    with pytest.raises(ValueError, match="0 of 7 queries have a relevant item"):
        mean_average_precision(qc, ql, dc[:0], dl[:0])


def test_labels_are_integers_or_strings():
    """Names of categories give the figures of their numbers, whatever the dtype."""
    qc, ql, dc, dl = random_sets(12)
    expected = mean_average_precision(qc, ql, dc, dl)
    names = np.array(["mug", "a longer name", "bike"])
    assert mean_average_precision(qc, names[ql], dc, names[dl]) == expected
    assert mean_average_precision(qc, ql.astype(np.int16) - 5, dc, dl - 5) == expected
    assert mean_average_precision(qc, ql.tolist(), dc, dl.astype(np.uint8)) == expected
    for left, right, found in (
        (names[ql], dl, "<U13 and int64"),
        (ql.astype(float), dl, "float64 and int64"),
        (ql.astype(np.uint64), dl, "uint64 and int64"),
    ):
        with pytest.raises(ValueError, match=f"integers or strings on both sides, found {found}"):
            mean_average_precision(qc, left, dc, right)


def test_what_does_not_fit_is_refused_with_both_numbers():
    """Widths, lengths, dtypes, padding, k and radius are checked where they come in."""
    qc, ql, dc, dl = random_sets(12)
    wide = np.pad(dc, ((0, 0), (0, 6)))
    with pytest.raises(ValueError, match="the codes have 2 and 8 bytes"):
        mean_average_precision(qc, ql, wide, dl)
    with pytest.raises(ValueError, match="the codes have 2 and 8 bytes"):
        hamming_distances(qc, wide)
    with pytest.raises(ValueError, match=r"found \(2,\)"):
        hamming_distances(qc[0], dc)
    with pytest.raises(ValueError, match="must be uint8, found float64"):
        hamming_distances(qc.astype(float), dc)
    with pytest.raises(ValueError, match=r"20 bits need shape \(n, 3\), found \(7, 2\)"):
        histograms(qc, ql, dc, dl, bits=20)
    with pytest.raises(ValueError, match="codes have ones in the 7 padding bits after bit 9"):
        histograms(qc, ql, dc, dl, bits=9)
    with pytest.raises(
        ValueError, match=r"7 query codes need labels of shape \(7,\), found \(6,\)"
    ):
        histograms(qc, ql[:6], dc, dl)
    with pytest.raises(ValueError, match=r"40 database codes need .* found \(40, 1\)"):
        histograms(qc, ql, dc, dl[:, None])
    with pytest.raises(ValueError, match="k must be at least 1, found 0"):
        mean_average_precision(qc, ql, dc, dl, k=0)
    with pytest.raises(ValueError, match="radius must be at least 0, found -1"):
        precision_within_radius(histograms(qc, ql, dc, dl), radius=-1)


def test_without_a_length_each_byte_counts_eight_bits():
    """A distance for each of their bits, and for none: opposite codes reach the last."""
    codes, labels = np.array([[0], [255]], np.uint8), np.array([0, 1])
    found = histograms(codes[:1], labels[:1], codes, labels)
    assert_array_equal(found.total, [[1, 0, 0, 0, 0, 0, 0, 0, 1]])
    assert_array_equal(found.relevant, [[1, 0, 0, 0, 0, 0, 0, 0, 0]])
