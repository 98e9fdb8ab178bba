"""Iterative quantization: principal components turned so that their signs lose least.

Gong & Lazebnik, *Iterative Quantization: A Procrustean Approach to Learning Binary Codes*,
CVPR 2011.
"""

import numpy as np

from dah.hashing.principal import LinearEncoder, principal_components, signs
from dah.hashing.settings import check_counts


def itq(X: np.ndarray, bits: int, rng: np.random.Generator, rounds: int = 50) -> LinearEncoder:
    """Principal components, rotated towards the corners of the cube.

        min over B, R  |B - V R|_F^2   subject to  B in {-1, +1},  R'R = I          (eq. 2)

    V ``(n, bits)`` are the leading principal coordinates of X ``(n, d)``. R starts from a random
    orthogonal matrix drawn from `rng`; codes are sgn(V R). 50 rounds as in section 2.2. Raises
    ValueError as ``principal_components`` and for rounds < 1.
    """
    check_counts(rounds=rounds)
    components = principal_components(X, bits, most=bits)
    V = components.project(X)
    R = rotation(V, random_rotation(bits, rng), rounds)
    return LinearEncoder(components, R, np.zeros(bits))


def rotation(V: np.ndarray, R: np.ndarray, rounds: int) -> np.ndarray:
    """R after so many rounds of eq. 2, each an exact minimum over B and then over R.

        B = sgn(V R);   R = S_hat S'  where  B'V = S Omega S_hat'

    The error |B - V R|_F^2 never rises. V and R float64 ``(n, bits)``, ``(bits, bits)``.
    """
    for _ in range(rounds):
        S, _, S_hat_t = np.linalg.svd(signs(V @ R).T @ V)
        R = (S @ S_hat_t).T
    return R


def random_rotation(bits: int, rng: np.random.Generator) -> np.ndarray:
    """An orthogonal matrix, uniform over all of them, float64 ``(bits, bits)``.

    The QR factor of a Gaussian matrix, with the signs that make R's diagonal positive
    (Mezzadri 2007).
    """
    Q, R = np.linalg.qr(rng.standard_normal((bits, bits)))
    return Q * signs(np.diag(R))
