"""Principal components: the coordinates in which every hashing method here begins."""

from dataclasses import dataclass

import numpy as np

from dah.linalg import as_matrix, centred, row_space
from dah.retrieval.codes import pack


@dataclass(frozen=True)
class PrincipalComponents:
    """Mean ``(d,)``, orthonormal directions ``(d, k)``, variances ``(k,)`` decreasing; float64."""

    mean: np.ndarray
    directions: np.ndarray
    variances: np.ndarray

    def project(self, X: np.ndarray, name: str = "new") -> np.ndarray:
        """Coordinates (X - mean) directions, float64 ``(n, k)``.

        Raises ValueError as ``as_matrix`` and for features of another width.
        """
        X = as_matrix(X, name)
        if X.shape[1] != len(self.mean):
            raise ValueError(
                f"the encoder was fitted to {len(self.mean)} features, found {X.shape[1]}: take"
                " both from one layer of one network"
            )
        return (X - self.mean) @ self.directions


@dataclass(frozen=True)
class LinearEncoder:
    """h(x) = sgn(W' v + w), v the principal coordinates of x; W ``(k, bits)``, w ``(bits,)``."""

    components: PrincipalComponents
    W: np.ndarray
    w: np.ndarray

    def encode(self, X: np.ndarray) -> np.ndarray:
        """Packed codes uint8 ``(n, ceil(bits / 8))``; ValueError as ``project``."""
        return pack(self.components.project(X) @ self.W + self.w)


def principal_components(X: np.ndarray, bits: int, most: int | None) -> PrincipalComponents:
    """The leading principal components of X, at least `bits` of them and at most `most`.

        C V = V diag(variances),   C = (X - 1 mean')' (X - 1 mean') / n

    X real ``(n, d)``; the cost follows min(n, d). `most` None takes all of the rank, and a `most`
    below `bits` counts as `bits`. Raises ValueError as ``as_matrix``, for bits < 1 and where
    `bits` exceeds the rank of X about its mean.
    """
    if not isinstance(bits, int | np.integer) or bits < 1:
        raise ValueError(f"codes have a whole number of at least 1 bits, found {bits}: raise it")
    X = as_matrix(X, "training")
    squares, directions = row_space(centred(X), None if most is None else max(most, bits))
    if bits > len(squares):
        raise ValueError(
            f"bits = {bits} exceeds the rank {len(squares)} of the {len(X)} training samples about"
            f" their mean: lower bits to {len(squares)} or add samples"
            if len(squares)
            else f"the {len(X)} training samples are all equal: bits = {bits} cannot tell them"
            " apart, add samples"
        )
    mean = X[0] + (X - X[0]).mean(axis=0)
    return PrincipalComponents(mean, oriented(directions), squares / len(X))


def oriented(vectors: np.ndarray) -> np.ndarray:
    """Columns multiplied by 1 or -1, so that the largest entry is positive: repeatable signs."""
    largest = np.abs(vectors).argmax(axis=0)
    return vectors * signs(vectors[largest, np.arange(vectors.shape[1])])


def signs(u: np.ndarray) -> np.ndarray:
    """sgn(u) float64 with sgn(0) = +1, as in the codes."""
    return np.where(u >= 0, 1.0, -1.0)
