"""Binary autoencoder: codes from which a linear decoder can rebuild the features.

Carreira-Perpiñán & Raziperchikolaei, *Hashing with Binary Autoencoders*, CVPR 2015. Their codes z
are 0 and 1; here b = 2 z - 1 throughout, so that a mu of theirs is 4 times ours.
"""

from dataclasses import dataclass

import numpy as np
from scipy.linalg import cho_factor, cho_solve

from dah.hashing.principal import LinearEncoder, principal_components, signs
from dah.hashing.quadratic import descend, enumerate_codes, relax
from dah.hashing.quantization import random_rotation, rotation
from dah.hashing.settings import check_counts, check_weights

EXACT_UP_TO = 10  # bits for which the Z step tries all codes


@dataclass(frozen=True)
class Affine:
    """x -> W' x + w, with W float64 ``(inputs, outputs)`` and w ``(outputs,)``."""

    W: np.ndarray
    w: np.ndarray

    def __call__(self, X: np.ndarray) -> np.ndarray:
        return X @ self.W + self.w


def binary_autoencoder(
    X: np.ndarray,
    bits: int,
    rng: np.random.Generator,
    dim: int = 256,
    mu: float = 0.01,
    growth: float = 1.5,
    rounds: int = 25,
    start: str = "itq",
) -> LinearEncoder:
    """The encoder h(x) = sgn(W' x + w) and linear decoder f of the smallest reconstruction error.

        min over h, f   E(h, f) = 1/n sum_i |x_i - f(h(x_i))|^2

    by the method of auxiliary coordinates, with a penalty mu that grows until b_i = h(x_i):

        min over h, f, B in {-1, +1}  1/n sum_i |x_i - f(b_i)|^2 + mu |b_i - h(x_i)|^2

    A round fits f (least squares) and h (a linear SVM per bit) to the codes B, then the codes to
    both. Codes start from the signs of the principal components ("pca", which draws nothing from
    `rng`), or of their ITQ rotation ("itq", the default of the authors' code). X ``(n, d)`` is
    reduced to its leading `dim` principal components (never fewer than `bits`) of total variance 1;
    `mu` is the first penalty in units of 1 / bits, the mean variance that a bit has to explain, and
    grows by `growth` a round. Among the start and all rounds, the encoder of the smallest E is
    returned.

    Raises ValueError as ``principal_components``, for counts below 1, for a mu not above 0, a
    growth not above 1 and another start.
    """
    check_counts(dim=dim, rounds=rounds)
    check_weights(mu=mu, growth=growth)
    if growth <= 1:
        raise ValueError(f"growth must be above 1, found {growth}: the paper's codes settle so")
    if start not in {"pca", "itq"}:
        raise ValueError(f"codes start from pca or itq, found {start!r}: choose one of the two")
    components = principal_components(X, bits, most=dim)
    scale = np.sqrt(components.variances.sum())
    V = components.project(X) / scale
    W = np.eye(V.shape[1], bits)
    if start == "itq":
        W[:bits] = rotation(V[:, :bits], random_rotation(bits, rng), rounds=50)
    h = best = Affine(W, np.zeros(bits))
    B = relaxed = signs(h(V))
    error = reconstruction_error(V, B)
    for penalty in mu / bits * growth ** np.arange(rounds):
        f = fit_decoder(B, V)
        h = fit_encoder(V, B, h)
        H = signs(h(V))
        if (candidate := reconstruction_error(V, H)) < error:
            best, error = h, candidate
        B, relaxed = fit_codes(V, f, H, penalty, relaxed)
        if np.array_equal(B, H):
            break
    return LinearEncoder(components, best.W / scale, best.w)


def fit_decoder(B: np.ndarray, X: np.ndarray) -> Affine:
    """The least squares  min over f  sum_i |x_i - f(b_i)|^2; the shortest where bits coincide."""
    ones = np.ones((len(B), 1))
    solution = np.linalg.lstsq(np.hstack([B, ones]), X, rcond=None)[0]
    return Affine(solution[:-1], solution[-1])


def reconstruction_error(X: np.ndarray, H: np.ndarray) -> float:
    """min over f of 1/n sum_i |x_i - f(h_i)|^2: what no linear decoder can rebuild from H."""
    return float(((X - fit_decoder(H, X)(H)) ** 2).sum() / len(X))


def fit_encoder(
    X: np.ndarray, B: np.ndarray, start: Affine, C: float = 100.0, steps: int = 20
) -> Affine:
    """A linear support vector machine for each bit, with squared hinge loss, started from `start`.

        min over w, w0   1/2 (|w|^2 + w0^2) + C sum_i max(0, 1 - b_i (w'x_i + w0))^2

    Since max(0, 1 - m)^2 is the minimum of (m - t)^2 over t >= 1, two exact minima alternate,
    and the objective never rises:

        t_i = max(1, b_i (w'x_i + w0));   (w, w0) = ridge regression of b_i t_i

    All bits and all steps share one factorization of X'X + I / (2 C). X ``(n, k)``, B ``(n, L)``.
    C = 100, the loss and the penalized bias are the authors' LIBLINEAR options.
    """
    X1 = np.hstack([X, np.ones((len(X), 1))])
    factor = cho_factor(X1.T @ X1 + np.eye(X1.shape[1]) / (2 * C))
    W = np.vstack([start.W, start.w])
    for _ in range(steps):
        target = B * np.maximum(1, B * (X1 @ W))
        W = cho_solve(factor, X1.T @ target)
    return Affine(W[:-1], W[-1])


def fit_codes(
    X: np.ndarray, f: Affine, H: np.ndarray, mu: float, relaxed: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """The Z step: for each sample, with f(b) = F'b + f_0,

        min over b in {-1, +1}^L  |x - f(b)|^2 + mu |b - h|^2
          = b'(F F' + mu I) b - 2 (F (x - f_0) + mu h)'b + constant

    Exact by enumeration up to 10 bits. For more, the problem is solved over the cube, from
    `relaxed`, rounded bit by bit, and improved bit by bit until no bit changes. Returns the codes
    and the solution over the cube, both ``(n, L)``, the second as a start for the next round.
    """
    G = f.W @ f.W.T + mu * np.eye(len(f.W))
    Q = (X - f.w) @ f.W.T + mu * H
    if len(G) <= EXACT_UP_TO:
        return enumerate_codes(G, Q), relaxed
    relaxed = relax(G, Q, relaxed)
    return descend(G, Q, relaxed), relaxed
