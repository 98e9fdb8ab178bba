"""How well a set of hash codes uses its bits: balance, correlation and collisions."""

import numpy as np

from dah.retrieval.codes import check_codes


def shares_of_ones(codes: np.ndarray, bits: int) -> np.ndarray:
    """Share of the images whose bit is one, for each bit; 1/2 carries the most information.

        p_i = |{images : bit_i = 1}| / n

    Codes packed uint8 ``(n, ceil(bits / 8))``. Returns float64 ``(bits,)``. Raises ValueError as
    ``check_codes`` and where there is no code.
    """
    return _bits(codes, bits).mean(axis=0)


def imbalance(codes: np.ndarray, bits: int) -> float:
    """Mean distance of the bits from balance: 0 where all are balanced, 1 where all are constant.

        1 / bits * sum over i of |2 p_i - 1|,   p as in ``shares_of_ones``

    Codes packed uint8 ``(n, ceil(bits / 8))``; ValueError as there.
    """
    return float(np.abs(2 * shares_of_ones(codes, bits) - 1).mean())


def mean_correlation(codes: np.ndarray, bits: int) -> float | None:
    """Mean absolute correlation between different bits: 0 where each tells something new.

        mean over pairs i < j of |n n_ij - n_i n_j| / sqrt(n_i (n - n_i) n_j (n - n_j))

    with n_i the images whose bit i is one and n_ij those that have both, all exact integers. A
    constant bit correlates with nothing: its pairs are left out. Codes packed uint8
    ``(n, ceil(bits / 8))``. Returns None where fewer than two bits vary. Raises ValueError as
    ``shares_of_ones``.
    """
    ones = _bits(codes, bits).astype(float)
    n, single = len(ones), ones.sum(axis=0)
    deviation = np.sqrt(single * (n - single))
    varies = deviation > 0
    if np.count_nonzero(varies) < 2:
        return None
    ones, single, deviation = ones[:, varies], single[varies], deviation[varies]
    correlation = (n * (ones.T @ ones) - np.outer(single, single)) / np.outer(deviation, deviation)
    return float(np.abs(correlation[np.triu_indices(len(single), 1)]).mean())


def collisions(codes: np.ndarray) -> tuple[int, float]:
    """Number of different codes, and share of the images whose code another image has too.

        |{h_1, ..., h_n}|,   |{i : h_j = h_i for some j != i}| / n

    Codes packed uint8 ``(n, bytes)``. Raises ValueError as ``shares_of_ones``.
    """
    _check(codes, 8 * codes.shape[-1])
    images = np.unique(codes, axis=0, return_counts=True)[1]
    return len(images), float(images[images > 1].sum() / len(codes))


def _bits(codes: np.ndarray, bits: int) -> np.ndarray:
    _check(codes, bits)
    return np.unpackbits(codes, axis=1, count=bits)


def _check(codes: np.ndarray, bits: int) -> None:
    check_codes(codes, bits)
    if len(codes) == 0:
        raise ValueError(f"found 0 codes of {bits} bits: statistics need at least 1 image")
