"""Packing real outputs into bytes and back."""

import numpy as np
import pytest
from numpy.testing import assert_array_equal

from dah.retrieval.codes import check_codes, pack, unpack


def test_layout_worked_out_by_hand():
    """Bit i of an image is bit 7 - i % 8 of byte i // 8, and the padding is zero."""
    u = np.array([[1, -1, -1, -1, -1, -1, -1, 2, 3, -4, 5], [-1] * 10 + [1]], dtype=np.float32)
    assert_array_equal(pack(u), np.array([[0b10000001, 0b10100000], [0, 0b00100000]], np.uint8))


def test_zero_counts_as_plus_one():
    """sgn(0) = +1, and minus zero is a zero."""
    assert_array_equal(pack(np.array([[0.0, -0.0, -1e-45, 1e-45]])), [[0b11010000]])


@pytest.mark.parametrize("bits", [1, 7, 8, 9, 12, 64, 1024, 2400])
def test_unpack_gives_the_signs_that_were_packed(bits):
    """unpack(pack(u)) = sgn(u) bit by bit, also where the last byte is padded."""
    u = np.random.default_rng(bits).standard_normal((5, bits))
    codes = pack(u)
    assert codes.dtype == np.uint8
    assert codes.shape == (5, -(-bits // 8))
    h = unpack(codes, bits)
    assert h.dtype == np.float32
    for row in range(5):
        for i in range(bits):
            bit = codes[row, i // 8] >> (7 - i % 8) & 1
            assert bit == (u[row, i] >= 0)
            assert h[row, i] == (1 if u[row, i] >= 0 else -1)
    check_codes(codes, bits)


def test_integer_signs_pack_as_real_outputs_do():
    """Signs int8 {-1, +1} are outputs like any others."""
    u = np.random.default_rng(0).standard_normal((6, 20))
    assert_array_equal(pack(np.where(u >= 0, 1, -1).astype(np.int8)), pack(u))


def test_no_images_is_no_codes():
    """An empty set keeps its width."""
    assert pack(np.empty((0, 12))).shape == (0, 2)
    assert unpack(np.empty((0, 2), np.uint8), 12).shape == (0, 12)


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_outputs_that_are_not_finite_are_refused(bad):
    """The message counts them and names the first row."""
    u = np.ones((4, 3))
    u[1, 1] = u[2:] = bad
    with pytest.raises(ValueError, match=r"^7 of 12 outputs are not finite, the first in row 1"):
        pack(u)


@pytest.mark.parametrize("dtype", [np.uint8, bool, np.complex128])
def test_outputs_without_a_sign_are_refused(dtype):
    """All unsigned numbers are >= 0: their codes would be ones only."""
    with pytest.raises(ValueError, match=f"signed numbers, found {np.dtype(dtype)}"):
        pack(np.ones((2, 8), dtype))


@pytest.mark.parametrize("shape", [(8,), (2, 2, 8), (2, 0)])
def test_outputs_of_another_shape_are_refused(shape):
    """Outputs are rows of at least one bit."""
    with pytest.raises(ValueError, match=r"shape \(n, bits\) with bits >= 1, found \("):
        pack(np.ones(shape))


def test_codes_of_another_length_are_refused():
    """Both the bytes wanted and those found are told."""
    codes = np.zeros((3, 2), np.uint8)
    with pytest.raises(ValueError, match=r"17 bits need shape \(n, 3\), found \(3, 2\)"):
        unpack(codes, 17)
    with pytest.raises(ValueError, match=r"8 bits need shape \(n, 1\), found \(3, 2\)"):
        unpack(codes, 8)
    with pytest.raises(ValueError, match="at least 1 bit, found bits = 0"):
        unpack(codes, 0)
    with pytest.raises(ValueError, match="must be uint8, found int64"):
        unpack(codes.astype(np.int64), 16)
    with pytest.raises(ValueError, match="must be uint8, found bool"):
        unpack(codes.astype(bool), 16)
    for shape in ((2,), (3, 2, 5)):
        with pytest.raises(ValueError, match=r"16 bits need shape \(n, 2\), found \("):
            check_codes(np.zeros(shape, np.uint8), 16)


def test_ones_in_the_padding_are_refused():
    """Codes of 12 bits read as 11 would lose a bit silently."""
    codes = pack(np.array([[1.0] * 12, [-1.0] * 12]))
    check_codes(codes, 12)
    with pytest.raises(ValueError, match="1 of 2 codes have ones in the 5 padding bits after bit"):
        check_codes(codes, 11)
    for padding in range(5):
        with pytest.raises(ValueError, match="1 of 1 codes have ones in the 5 padding bits"):
            check_codes(np.array([[1 << padding]], np.uint8), 3)
