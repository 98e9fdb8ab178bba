"""Features of a Gaussian kernel: coordinates in which a linear method follows bent classes."""

from dataclasses import dataclass

import numpy as np
from scipy.linalg import eigh

from dah.linalg import as_matrix, centred, unit_rows


@dataclass(frozen=True)
class KernelMap:
    """z(x) = k(x) V diag(values)^(-1/2), k(x) the kernel of x and the landmarks; float64.

    Landmarks ``(m, d)``, width: the s of ``kernel``, root ``(m, r)``: V diag(values)^(-1/2).
    """

    landmarks: np.ndarray
    width: float
    root: np.ndarray

    def __call__(self, X: np.ndarray, name: str = "new") -> np.ndarray:
        """Coordinates float64 ``(n, r)``; ValueError as ``as_matrix`` and for another width."""
        X = as_matrix(X, name)
        if X.shape[1] != self.landmarks.shape[1]:
            raise ValueError(
                f"the encoder was fitted to {self.landmarks.shape[1]} features, found"
                f" {X.shape[1]}: take both from one layer of one network"
            )
        return kernel(unit_rows(X), self.landmarks, self.width) @ self.root


def kernel(X: np.ndarray, landmarks: np.ndarray, s: float) -> np.ndarray:
    """k(x, y) = exp(-|x - y|^2 / (2 s)), float64 ``(n, m)``."""
    return np.exp(-squared_distances(X, landmarks) / (2 * s))


def squared_distances(X: np.ndarray, Y: np.ndarray) -> np.ndarray:
    """|x - y|^2 = |x|^2 - 2 <x, y> + |y|^2, never below 0; float64 ``(n, m)``."""
    squares = (np.einsum("ij,ij->i", A, A) for A in (X, Y))
    left, right = squares
    return np.maximum(left[:, None] - 2 * X @ Y.T + right, 0)


def kernel_map(X: np.ndarray, landmarks: int, rng: np.random.Generator) -> KernelMap:
    """Nystroem's map of the Gaussian kernel of unit rows, with landmarks drawn from `rng`.

        z(x)'z(y) = k(x)' K^+ k(y),   K = V diag(values) V' the kernel of the landmarks

    which is the kernel itself where x or y is a landmark. s is the mean squared distance of the
    rows of X ``(n, d)``, twice their total variance. At most `landmarks` rows are drawn; with all
    of them drawn, z are the coordinates of kernel principal components, not centred. Raises
    ValueError where all rows are equal. Williams & Seeger, NeurIPS 2000.
    """
    X = unit_rows(X)
    s = 2 * float((centred(X) ** 2).sum() / len(X))
    if s == 0:
        raise ValueError(
            f"the {len(X)} training samples are all equal: no code can tell them apart, add samples"
        )
    drawn = X[rng.permutation(len(X))[:landmarks]]
    values, V = eigh(kernel(drawn, drawn, s))
    kept = values > values[-1] * len(drawn) * np.finfo(float).eps * 100
    return KernelMap(drawn, s, V[:, kept] / np.sqrt(values[kept]))
