"""K-means hashing: codewords whose distances are those of their own indices.

He, Wen & Sun, *K-means Hashing: an Affinity-Preserving Quantization Method for Learning Binary
Compact Codes*, CVPR 2013; the subspaces by Ge, He, Ke & Sun, *Optimized Product Quantization*,
CVPR 2013.
"""

from dataclasses import dataclass

import numpy as np

from dah.hashing.principal import PrincipalComponents, principal_components
from dah.hashing.quadratic import all_signs
from dah.hashing.settings import check_counts, check_weights
from dah.retrieval.codes import pack


@dataclass(frozen=True)
class Subspace:
    """Some principal coordinates ``(k,)`` and 2^b codewords in them, float64 ``(2^b, k)``."""

    coordinates: np.ndarray
    codewords: np.ndarray


@dataclass(frozen=True)
class CodewordEncoder:
    """h(x): in each subspace, the bits of the index of the nearest codeword."""

    components: PrincipalComponents
    subspaces: tuple[Subspace, ...]

    def encode(self, X: np.ndarray) -> np.ndarray:
        """Packed codes uint8 ``(n, ceil(bits / 8))``; ValueError as ``project``."""
        V = self.components.project(X)
        parts = [
            all_signs(len(s.codewords).bit_length() - 1)[nearest(V[:, s.coordinates], s.codewords)]
            for s in self.subspaces
        ]
        return pack(np.hstack(parts))


def kmeans_hashing(
    X: np.ndarray,
    bits: int,
    rng: np.random.Generator,
    bits_each: int = 4,
    weight: float = 10.0,
    rounds: int = 50,
) -> CodewordEncoder:
    """Product quantization in which Hamming distances of indices approximate those of codewords.

        min over codewords c and indices i(x), in each subspace,  E = E_quan + weight E_aff
        E_quan = 1/n sum_x |x - c_i(x)|^2
        E_aff  = sum_ij w_ij (|c_i - c_j| - s h(i, j)^(1/2))^2,   w_ij = n_i n_j / n^2

    h is the Hamming distance of the indices, n_i the number of samples of codeword i. X ``(n, d)``
    is turned to its principal coordinates, which are dealt to subspaces of `bits_each` bits, the
    last of fewer where they do not divide `bits`. Codewords start from PCA hashing, the corners of
    a cube with edges s. Rounds alternate between the nearest codeword and eq. 8. Weight (the
    paper's lambda) 10, 4 bits and 50 rounds are the authors'. Nothing is drawn from `rng`: it
    stands here because all methods are called alike.

    Raises ValueError as ``principal_components``, for counts below 1, for a weight not above 0
    and for bits_each > 8, since a subspace has 2^b codewords.
    """
    check_counts(bits_each=bits_each, rounds=rounds)
    check_weights(weight=weight)
    if bits_each > 8:
        raise ValueError(f"bits_each must be at most 8, found {bits_each}: the authors use 2 to 8")
    components = principal_components(X, bits, most=None)
    V = components.project(X)
    sizes = [min(bits_each, bits - start) for start in range(0, bits, bits_each)]
    subspaces = []
    for size, chosen in zip(sizes, balanced(components.variances, sizes), strict=True):
        C, s = cube(V[:, chosen], size)
        for _ in range(rounds):
            C = update(V[:, chosen], C, s, weight)
        subspaces.append(Subspace(chosen, C))
    return CodewordEncoder(components, tuple(subspaces))


def balanced(variances: np.ndarray, sizes: list[int]) -> list[np.ndarray]:
    """Principal coordinates dealt to subspaces so that the products of their variances are alike.

    In decreasing order, each goes to the subspace whose variances have the smallest sum of
    logarithms (shifted to be positive) per bit, among those not full. A subspace of b of all
    `bits` holds about b / bits of the coordinates, and never fewer than b. Variances ``(r,)``
    decreasing, r >= bits. Returns one increasing index array for each of the sizes b.
    """
    ends = len(variances) * np.cumsum(sizes) // sum(sizes)
    room = np.diff(ends, prepend=0)
    worth = np.log(variances / variances[-1]) + 1
    dealt: list[list[int]] = [[] for _ in sizes]
    for coordinate in range(len(variances)):
        load = [
            worth[own].sum() / size if len(own) < most else np.inf
            for own, size, most in zip(dealt, sizes, room, strict=True)
        ]
        dealt[int(np.argmin(load))].append(coordinate)
    return [np.array(own) for own in dealt]


def cube(X: np.ndarray, bits: int) -> tuple[np.ndarray, float]:
    """Codewords of PCA hashing and the length s of the edges of their cube.

        c_i = (s / 2) b_i on the `bits` leading coordinates, 0 on the others;
        s / 2 = mean of |x| over these, the least-squares fit of (s / 2) sgn(x) to x

    X principal coordinates ``(n, k)``, k >= bits. Returns ``(2^bits, k)`` and s.
    """
    half = np.abs(X[:, :bits]).mean()
    C = np.zeros((2**bits, X.shape[1]))
    C[:, :bits] = half * all_signs(bits)
    return C, 2 * half


def nearest(X: np.ndarray, C: np.ndarray) -> np.ndarray:
    """Index of the codeword at the smallest distance, the lowest among equal; int64 ``(n,)``."""
    return ((C**2).sum(axis=1) - 2 * X @ C.T).argmin(axis=1)


def update(X: np.ndarray, C: np.ndarray, s: float, weight: float, steps: int = 5) -> np.ndarray:
    """One round: indices by the nearest codeword, then each codeword in turn (eq. 8).

        min over c_j  1/n sum over x of j |x - c_j|^2 + 2 weight sum_i w_ij (|c_j - c_i| - d_ij)^2

    with d_ij = s h(i, j)^(1/2). Since |c_j - c_i| >= u_i'(c_j - c_i) for every unit vector u_i,
    with equality for that from c_i to c_j, each of `steps` minimizes a quadratic that touches the
    objective from above, and E never rises while the indices stand:

        c_j = (mean of j + 2 weight sum_i p_i (c_i + d_ij u_i)) / (1 + 2 weight sum_i p_i),

    p_i = n_i / n, i != j. A codeword without samples has no term in E and stays. X ``(n, k)``, C
    ``(2^b, k)``; returns the new codewords.
    """
    C = C.copy()
    index = nearest(X, C)
    counts = np.bincount(index, minlength=len(C))
    sums = np.zeros_like(C)
    np.add.at(sums, index, X)
    codes = np.arange(len(C))
    distance = s * np.sqrt(np.bitwise_count(codes[:, None] ^ codes), dtype=float)
    for j in np.flatnonzero(counts):
        p = 2 * weight * counts / len(X)
        p[j] = 0
        for _ in range(steps):
            u = C[j] - C
            length = np.sqrt((u**2).sum(axis=1))
            pull = np.divide(p * distance[j], length, out=np.zeros(len(C)), where=length > 0)
            C[j] = (sums[j] / counts[j] + p @ C + pull @ u) / (1 + p.sum())
    return C
