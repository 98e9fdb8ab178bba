"""Binary quadratic programs: one code per row of Q, all of them with one matrix G.

    min over b in {-1, +1}^L   b' G b - 2 q' b

G float64 ``(L, L)`` symmetric, Q float64 ``(n, L)``, codes float64 ``(n, L)``.
"""

import numpy as np

from dah.hashing.principal import signs

CELLS_AT_ONCE = 2**20


def all_signs(bits: int) -> np.ndarray:
    """Every code: row i has +1 where i has a one, the highest bit first; ``(2^bits, bits)``."""
    return 2.0 * (np.arange(2**bits)[:, None] >> np.arange(bits)[::-1] & 1) - 1


def enumerate_codes(G: np.ndarray, Q: np.ndarray) -> np.ndarray:
    """The minimum, by trying all 2^L codes; among equal ones the first of ``all_signs``."""
    codes = all_signs(len(G))
    constant = np.einsum("il,lm,im->i", codes, G, codes, optimize=True)
    rows = max(1, CELLS_AT_ONCE // len(codes))
    best = [
        (constant - 2 * Q[start : start + rows] @ codes.T).argmin(axis=1)
        for start in range(0, len(Q), rows)
    ]
    return codes[np.concatenate(best)]


def descend(G: np.ndarray, Q: np.ndarray, B: np.ndarray, sweeps: int = 100) -> np.ndarray:
    """Codes that no change of one bit improves: cyclic coordinate descent from B.

        b_l = sgn(q_l - sum over m != l of G_lm b_m)   for l = 1 ... L, until nothing changes

    Each bit is the exact minimum given the others, so that no row's objective ever rises. B holds
    signs, or numbers in [-1, 1] that are rounded one by one in the first sweep.
    """
    B = B.copy(order="F")
    off = G - np.diag(np.diag(G))
    for _ in range(sweeps):
        before = B.copy(order="F")
        for bit in range(len(G)):
            B[:, bit] = signs(Q[:, bit] - B @ off[:, bit])
        if np.array_equal(B, before):
            break
    return B


def relax(
    G: np.ndarray, Q: np.ndarray, B: np.ndarray, sweeps: int = 30, tolerance: float = 1e-3
) -> np.ndarray:
    """The minimum over the cube [-1, 1]^L, a convex problem, by cyclic coordinate descent from B.

        b_l = clip((q_l - sum over m != l of G_lm b_m) / G_ll, -1, 1)

    G must be positive definite. Ends where no coordinate moves by more than `tolerance`.
    """
    B = B.copy(order="F")
    off = G - np.diag(np.diag(G))
    for _ in range(sweeps):
        before = B.copy(order="F")
        for bit in range(len(G)):
            B[:, bit] = np.clip((Q[:, bit] - B @ off[:, bit]) / G[bit, bit], -1, 1)
        if np.abs(B - before).max() <= tolerance:
            break
    return B
