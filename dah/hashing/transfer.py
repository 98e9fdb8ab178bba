"""PSCA: codes of a labelled source and an unlabelled target, learned together.

*Prototype-Based Semantic Consistency Alignment for Domain Adaptive Retrieval*, AAAI 2026. What it
leaves unsaid, and what was chosen: docs/decisions.md. Xs ``(ns, d)`` and Xt ``(nt, d)`` hold one
sample a row, c categories, r bits.
"""

from dataclasses import dataclass

import numpy as np

from dah.hashing.kernel import KernelMap, kernel_map, squared_distances
from dah.hashing.memberships import confidence, memberships, structured_probabilities
from dah.hashing.principal import signs
from dah.hashing.prototypes import mean_difference, procrustes, projection
from dah.hashing.quantization import random_rotation
from dah.hashing.settings import check_counts, check_weights
from dah.linalg import as_features
from dah.retrieval.codes import pack

ROWS_AT_ONCE = 2**15  # that are encoded


@dataclass(frozen=True)
class RegressionEncoder:
    """h(x) = sgn(W'z(x)) for images that were not learned from; W float64 ``(features, bits)``."""

    features: KernelMap
    W: np.ndarray

    def encode(self, X: np.ndarray) -> np.ndarray:
        """Packed codes uint8 ``(n, ceil(bits / 8))``; ValueError as ``KernelMap``."""
        return pack(self.features(X) @ self.W)


@dataclass(frozen=True)
class TransferCodes:
    """Packed codes of what was learned from, the target's shares in the categories, an encoder.

    ``source`` uint8 ``(ns, bytes)``, ``target`` ``(nt, bytes)``; ``memberships`` float64
    ``(nt, c)`` in the order of the sorted labels.
    """

    source: np.ndarray
    target: np.ndarray
    memberships: np.ndarray
    encoder: RegressionEncoder


def psca(
    Xs: np.ndarray,
    ys: np.ndarray,
    Xt: np.ndarray,
    bits: int,
    rng: np.random.Generator,
    landmarks: int = 500,
    mmd: float = 10.0,
    sparsity: float = 0.1,
    agreement: float = 10.0,
    rounds: int = 10,
    ridge: float = 0.1,
) -> TransferCodes:
    """Codes by prototypes that both domains share, in two stages.

        1. ``align``: a projection P, prototypes C and memberships Y of all samples
        2. ``domain_codes``: codes of the features (Y C', X P) of each domain

    on the coordinates of a ``kernel_map`` with so many `landmarks`. The common space has
    q = max(c, ceil(r / 2)) dimensions, so that r rows of 2 q can be orthonormal. Images that are
    not among these are encoded by ridge regression of all codes on the kernel's coordinates, W =
    (Z'Z + ridge I)^(-1) Z'B.

    Labels `ys` integers ``(ns,)``. `mmd` is the paper's l1, `sparsity` l2, `agreement` l3, `ridge`
    beta. Raises ValueError as ``as_features``, for labels that do not fit, bits or counts below 1,
    weights not above 0, and where all samples are equal.
    """
    check_counts(bits=bits, landmarks=landmarks, rounds=rounds)
    check_weights(mmd=mmd, sparsity=sparsity, agreement=agreement, ridge=ridge)
    Xs, Xt = as_features(Xs, Xt)
    if np.shape(ys) != (len(Xs),):
        raise ValueError(
            f"{len(Xs)} source samples need labels of shape ({len(Xs)},), found {np.shape(ys)}:"
            " pass one label per sample, in the same order"
        )
    categories, labels = np.unique(ys, return_inverse=True)
    X = np.vstack([Xs, Xt])
    features = kernel_map(X, landmarks, rng)
    Z, ns, c = features(X), len(Xs), len(categories)
    Y, C, P = align(Z, np.eye(c)[labels], mmd, sparsity, rounds, max(c, -(-bits // 2)))
    D = np.hstack([Y @ C.T, Z @ P])
    start = random_rotation(D.shape[1], rng)[:bits]
    Bs, Bt = domain_codes(D[:ns], D[ns:], agreement, start)
    W = np.linalg.solve(Z.T @ Z + ridge * np.eye(Z.shape[1]), Z.T @ np.vstack([Bs, Bt]))
    return TransferCodes(pack(Bs), pack(Bt), Y[ns:], RegressionEncoder(features, W))


def all_codes(
    codes: np.ndarray, rows: np.ndarray, encoder: RegressionEncoder, X: np.ndarray
) -> np.ndarray:
    """Packed codes of all of X: `codes` of the `rows` learned from, the encoder's of the rest."""
    if len(rows) == len(X):
        return codes
    parts = range(0, len(X), ROWS_AT_ONCE)
    coded = np.concatenate([encoder.encode(X[i : i + ROWS_AT_ONCE]) for i in parts])
    coded[rows] = codes
    return coded


def align(
    X: np.ndarray, Ys: np.ndarray, mmd: float, sparsity: float, rounds: int, dim: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Memberships Y ``(n, c)``, prototypes C ``(dim, c)`` and projection P ``(d, dim)``.

        min over R, P, C   sum_ij y_ij^2 |P'x_i - c_j|^2 - sum_i psi_i log r_i,k(i)
                           + mmd tr(P'X'H X P) + sparsity |P|_{2,1}
        subject to   Y = (Ys above R),   rows of R on the simplex,   C'C = I

    X ``(n, d)``, the samples of the one-hot Ys ``(ns, c)`` first. Each round finds pseudo-labels k
    and their weights psi in the space of the last one, of X itself in the first, then takes the
    exact minimum over R (one-hot in the first round), over C, and ``projection``'s steps over P:
    for fixed k and psi the objective never rises. Since P answers a turn of C by the same turn, C
    says where the axes lie and nothing else: no distance depends on it, nor on `dim` >= c.
    """
    ns, c = Ys.shape
    C, e = np.eye(dim, c), mean_difference(ns, len(X) - ns)
    label = structured_probabilities(X[:ns], Ys, X[ns:]).argmax(axis=1)
    Y = np.vstack([Ys, np.eye(c)[label]])
    P = projection(X, Y, e, C, mmd, sparsity)
    for _ in range(rounds - 1):
        if c > 1:
            Z = X @ P
            pi = structured_probabilities(Z[:ns], Ys, Z[ns:])
            D = squared_distances(Z[ns:], C.T)
            Y = np.vstack([Ys, memberships(D, pi.argmax(axis=1), confidence(pi, D))])
            C = procrustes(Z.T @ Y**2)
        P = projection(X, Y, e, C, mmd, sparsity, P)
    return Y, C, P


def domain_codes(
    Ds: np.ndarray, Dt: np.ndarray, agreement: float, W: np.ndarray, rounds: int = 20
) -> tuple[np.ndarray, np.ndarray]:
    """Codes of each domain's features, by a projection for each; both start from W.

        min over B, W   sum over domains of |D - B W|_F^2 + agreement |W_s - W_t|_F^2
        subject to   B in {-1, +1},   W W' = I

    Since |B W| is constant, the objective is a constant less 2 tr(B'D W') of each domain and
    2 agreement tr(W_s W_t'), and each step is an exact minimum over one of its arguments:

        B = sgn(D W'),   W_s = procrustes(B_s'D_s + agreement W_t),   W_t in turn

    D float64 ``(n, 2 q)``, W ``(r, 2 q)`` with orthonormal rows. Returns signs float64 ``(ns, r)``
    and ``(nt, r)``.
    """
    Ws = Wt = W
    for _ in range(rounds):
        Ws = procrustes(signs(Ds @ Ws.T).T @ Ds + agreement * Wt)
        Wt = procrustes(signs(Dt @ Wt.T).T @ Dt + agreement * Ws)
    return signs(Ds @ Ws.T), signs(Dt @ Wt.T)
