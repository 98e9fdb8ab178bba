"""Statistics of codes against loops over unpacked bits, and values counted on fingers."""

from itertools import combinations

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from dah.retrieval.codes import pack, unpack
from dah.retrieval.statistics import collisions, imbalance, mean_correlation, shares_of_ones

BITS = [1, 2, 8, 12, 64, 100]


def random_codes(bits, n=50):
    """Codes whose bits lean to one side and depend on each other."""
    rng = np.random.default_rng(0)
    shared = rng.standard_normal((n, 1))
    return pack(rng.standard_normal((n, bits)) + shared + rng.standard_normal(bits))


def code_of(*words):
    """Packed codes of words such as 0110."""
    return pack(np.array([[1.0 if c == "1" else -1.0 for c in word] for word in words]))


@pytest.mark.parametrize("bits", BITS)
def test_balance_equals_a_loop_over_bits(bits):
    """Bit i is in byte i // 8 under the mask 128 >> i % 8."""
    codes = random_codes(bits)
    expected = [
        sum(bool(code[i // 8] & (128 >> i % 8)) for code in codes) / len(codes) for i in range(bits)
    ]
    assert_allclose(shares_of_ones(codes, bits), expected, rtol=1e-14)
    expected = sum(abs(2 * p - 1) for p in expected) / bits
    assert_allclose(imbalance(codes, bits), expected, rtol=1e-12)


@pytest.mark.parametrize("bits", [2, 8, 12, 64, 100])
def test_correlation_equals_that_of_signs_pair_by_pair(bits):
    """Pearson's coefficient of the unpacked signs, where both bits vary."""
    signs = unpack(random_codes(bits), bits).astype(float)
    values = [
        abs(np.corrcoef(signs[:, i], signs[:, j])[0, 1])
        for i, j in combinations(range(bits), 2)
        if len(set(signs[:, i])) == len(set(signs[:, j])) == 2
    ]
    assert_allclose(mean_correlation(pack(signs), bits), np.mean(values), rtol=1e-12)


@pytest.mark.parametrize("bits", BITS)
def test_collisions_equal_a_double_loop_over_images(bits):
    """An image collides where some other image has its code."""
    codes = random_codes(bits)
    shared = [
        any((codes[i] == codes[j]).all() for j in range(len(codes)) if j != i)
        for i in range(len(codes))
    ]
    assert collisions(codes)[0] == len({code.tobytes() for code in codes})
    assert_allclose(collisions(codes)[1], np.mean(shared), rtol=1e-14)


def test_statistics_worked_out_by_hand():
    """Four codes of four bits: 1100, 1001, 1001, 1010.

    ones per bit 4, 1, 1, 2 of 4; |2p - 1| = 1, 1/2, 1/2, 0. Bit 1 is constant; of the others
    bits 2 and 3: |4*0 - 1| / 3 = 1/3, bits 2 and 4: |0 - 2| / sqrt(12), bits 3 and 4 the same.
    Three different codes; two images share one.
    """
    codes = code_of("1100", "1001", "1001", "1010")
    assert_array_equal(shares_of_ones(codes, 4), [1, 0.25, 0.25, 0.5])
    assert imbalance(codes, 4) == 0.5
    expected = (1 / 3 + 2 * 2 / np.sqrt(12)) / 3
    assert_allclose(mean_correlation(codes, 4), expected, rtol=1e-14)
    assert collisions(codes) == (3, 0.5)


def test_all_codes_once_are_balanced_and_independent():
    """The sixteen codes of four bits: every statistic at its end, and at the other for copies."""
    codes = code_of(*(f"{number:04b}" for number in range(16)))
    assert imbalance(codes, 4) == 0
    assert mean_correlation(codes, 4) == 0
    assert collisions(codes) == (16, 0)
    assert_allclose(mean_correlation(code_of("1100", "0011", "1100"), 4), 1, rtol=1e-14)
    assert collisions(np.repeat(codes, 2, axis=0)) == (16, 1)


def test_flipped_bits_change_only_the_side_of_balance():
    """The opposite codes have the shares 1 - p and equal figures; so has another order."""
    codes = random_codes(12)
    flipped = pack(-unpack(codes, 12))
    assert_allclose(shares_of_ones(flipped, 12), 1 - shares_of_ones(codes, 12), rtol=1e-14)
    for other in (flipped, codes[::-1]):
        assert_allclose(imbalance(other, 12), imbalance(codes, 12), rtol=1e-14)
        assert_allclose(mean_correlation(other, 12), mean_correlation(codes, 12), rtol=1e-14)
        assert collisions(other) == collisions(codes)


def test_constant_bits_have_no_correlation():
    """Fewer than two bits that vary: None, no warning of a division by zero."""
    assert mean_correlation(code_of("10", "10"), 2) is None
    assert mean_correlation(code_of("10", "11"), 2) is None
    assert mean_correlation(code_of("1", "0"), 1) is None
    assert_allclose(mean_correlation(code_of("10", "01"), 2), 1, rtol=1e-14)


def test_arguments_are_not_changed():
    """Codes may be read-only."""
    codes = random_codes(12)
    codes.flags.writeable = False
    imbalance(codes, 12)
    mean_correlation(codes, 12)
    collisions(codes)


def test_no_code_and_wrong_bits_are_refused():
    """Statistics of nothing are refused, never nan; the number of bits is checked."""
    codes = random_codes(12)
    for statistic in (shares_of_ones, imbalance, mean_correlation):
        with pytest.raises(ValueError, match="found 0 codes of 12 bits"):
            statistic(codes[:0], 12)
        with pytest.raises(ValueError, match=r"20 bits need shape \(n, 3\), found \(50, 2\)"):
            statistic(codes, 20)
    with pytest.raises(ValueError, match="found 0 codes of 16 bits"):
        collisions(codes[:0])
    with pytest.raises(ValueError, match="must be uint8, found float64"):
        collisions(codes.astype(float))
    with pytest.raises(ValueError, match=r"found \(2,\): pass the number"):
        collisions(codes[0])
