"""Binary deep neural network: an autoencoder, its code layer held to binary codes.

Do, Doan & Cheung, *Learning to Hash with Binary Deep Neural Network*, ECCV 2016, the unsupervised
method UH-BDNN; constants and schedule as in their code where the paper leaves them open.
"""

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from scipy.linalg import eigh
from scipy.optimize import minimize
from scipy.special import expit

from dah.hashing.principal import PrincipalComponents, oriented, principal_components, signs
from dah.hashing.quadratic import descend
from dah.hashing.quantization import random_rotation, rotation
from dah.hashing.settings import check_counts, check_weights
from dah.retrieval.codes import pack

Layer = tuple[np.ndarray, np.ndarray]  # W (inputs, outputs) and c (outputs,)


@dataclass(frozen=True)
class Weights:
    """lambda_1 ... lambda_4 of the objective: decay, binary codes, independence, balance."""

    decay: float = 1e-5
    binary: float = 5e-2
    independence: float = 1e-2
    balance: float = 5e-7


@dataclass(frozen=True)
class NetworkEncoder:
    """h(x) = sgn(H(x)), the outputs of the code layer for the scaled principal coordinates of x."""

    components: PrincipalComponents
    scale: float
    layers: tuple[Layer, ...]

    def encode(self, X: np.ndarray) -> np.ndarray:
        """Packed codes uint8 ``(n, ceil(bits / 8))``; ValueError as ``project``."""
        return pack(activations(self.layers, self.components.project(X) / self.scale)[-1])


def binary_network(
    X: np.ndarray,
    bits: int,
    rng: np.random.Generator,
    dim: int = 256,
    weights: Weights | None = None,
    rounds: int = 10,
    steps: int = 30,
) -> NetworkEncoder:
    """A deep encoder, a linear decoder of its codes, and codes B that tie them together.

        min over W, c, B in {-1, +1}   J = 1/(2n) |X - B W_d - 1 c_d'|^2 + lambda_1/2 sum_l |W_l|^2
            + lambda_2/(2n) |H - B|^2 + lambda_3/2 |H'H/n - I|^2 + lambda_4/(2n) |H'1|^2

    with all norms Frobenius and H ``(n, bits)`` the code layer's outputs. The encoder has two
    sigmoid layers and a linear one. Codes start from ITQ, whose rotation is drawn from `rng`,
    layers from the principal directions of their inputs. Rounds alternate between B, bit by bit,
    and the network: `steps` of L-BFGS for the encoder, the exact minimum for the decoder. No step
    raises J.

    X ``(n, d)`` is reduced to its leading `dim` principal components (never fewer than `bits`),
    scaled so that the leading `bits` of them have mean variance 1, as the codes. Raises ValueError
    as ``principal_components``, for counts below 1 and for weights not above 0.
    """
    weights = weights or Weights()
    check_counts(dim=dim, rounds=rounds, steps=steps)
    check_weights(**vars(weights))
    components = principal_components(X, bits, most=dim)
    scale = float(np.sqrt(components.variances[:bits].mean()))
    V = components.project(X) / scale
    B = signs(V[:, :bits] @ rotation(V[:, :bits], random_rotation(bits, rng), rounds=50))
    layers = fit_encoder(V, B, first_layers(V, bits), weights, steps)
    decoder = fit_decoder(V, B, weights.decay)
    for _ in range(rounds - 1):
        H, before = activations(layers, V)[-1], B
        B = fit_codes(V, decoder, H, B, weights.binary)
        if np.array_equal(B, before):
            break
        layers = fit_encoder(V, B, layers, weights, steps)
        decoder = fit_decoder(V, B, weights.decay)
    return NetworkEncoder(components, scale, tuple(layers))


def widths(inputs: int, bits: int) -> tuple[int, ...]:
    """Units of each layer: d, 80 + 5/4 bits, 10 + 5/4 bits, bits, the hidden ones at most d.

    The line through the paper's layers: 90-20-8 and 120-50-32 exactly, 16 and 24 within 10 units.
    """
    hidden = 80 + 5 * bits // 4, 10 + 5 * bits // 4
    return (inputs, *(min(units, inputs) for units in hidden), bits)


def first_layers(X: np.ndarray, bits: int) -> list[Layer]:
    """Weights whose columns are the leading eigenvectors of X'X of each layer's input, biases 0."""
    layers: list[Layer] = []
    for _, units in pairwise(widths(X.shape[1], bits)):
        A = activations(layers, X)[-1] if layers else X
        A = expit(A) if layers else A
        d = A.shape[1]
        vectors = eigh(A.T @ A, subset_by_index=(d - units, d - 1))[1]
        layers.append((oriented(vectors[:, ::-1]), np.zeros(units)))
    return layers


def activations(layers: tuple[Layer, ...] | list[Layer], X: np.ndarray) -> list[np.ndarray]:
    """X and the outputs of every layer: sigmoid but for the last, which is linear."""
    outputs = [X]
    for number, (W, c) in enumerate(layers, 1):
        Z = outputs[-1] @ W + c
        outputs.append(Z if number == len(layers) else expit(Z))
    return outputs


def encoder_objective(
    layers: list[Layer], X: np.ndarray, B: np.ndarray, weights: Weights
) -> tuple[float, list[Layer]]:
    """The terms of J that hold the encoder, and their exact gradient by back-propagation.

    dJ/dH = lambda_2/n (H - B) + 2 lambda_3/n H (H'H/n - I) + lambda_4/n 1 1'H
    """
    n = len(X)
    A = activations(layers, X)
    H = A[-1]
    dependence = H.T @ H / n - np.eye(H.shape[1])
    total = H.sum(axis=0)
    J = (
        weights.decay / 2 * sum((W**2).sum() for W, _ in layers)
        + weights.binary / (2 * n) * ((H - B) ** 2).sum()
        + weights.independence / 2 * (dependence**2).sum()
        + weights.balance / (2 * n) * (total**2).sum()
    )
    delta = weights.binary * (H - B) + 2 * weights.independence * (H @ dependence)
    delta = (delta + weights.balance * total) / n
    gradient: list[Layer] = []
    for (W, _), inputs in zip(layers[::-1], A[-2::-1], strict=True):
        gradient.insert(0, (inputs.T @ delta + weights.decay * W, delta.sum(axis=0)))
        delta = (delta @ W.T) * (inputs * (1 - inputs))
    return float(J), gradient


def decoder_objective(X: np.ndarray, B: np.ndarray, decoder: Layer, decay: float) -> float:
    """The other terms of J: 1/(2n) |X - B W - 1 c'|^2 + lambda_1/2 |W|^2."""
    W, c = decoder
    return float(((X - B @ W - c) ** 2).sum() / (2 * len(X)) + decay / 2 * (W**2).sum())


def fit_encoder(
    X: np.ndarray, B: np.ndarray, layers: list[Layer], weights: Weights, steps: int
) -> list[Layer]:
    """At most `steps` of L-BFGS on ``encoder_objective`` from these layers; it never rises."""
    shapes = [W.shape for W, _ in layers]

    def value(theta: np.ndarray) -> tuple[float, np.ndarray]:
        J, gradient = encoder_objective(unflatten(theta, shapes), X, B, weights)
        return J, flatten(gradient)

    found = minimize(
        value, flatten(layers), jac=True, method="L-BFGS-B", options={"maxiter": steps}
    )
    return unflatten(found.x, shapes)


def fit_decoder(X: np.ndarray, B: np.ndarray, decay: float) -> Layer:
    """The minimum of ``decoder_objective``: ridge regression without a penalty on c.

    W = (B~'B~/n + lambda_1 I)^(-1) B~'X~/n,   c = mean(X) - W'mean(B),   ~ centred
    """
    x, b = X.mean(axis=0), B.mean(axis=0)
    centred = B - b
    gram = centred.T @ centred / len(X) + decay * np.eye(B.shape[1])
    W = np.linalg.solve(gram, centred.T @ (X - x) / len(X))
    return W, x - b @ W


def fit_codes(
    X: np.ndarray, decoder: Layer, H: np.ndarray, B: np.ndarray, binary: float
) -> np.ndarray:
    """The B step: min over B in {-1, +1} of |X - B W - 1 c'|^2 + lambda_2 |H - B|^2, from B.

    Discrete cyclic coordinate descent, each bit's column the exact minimum given the others:
    b_k = sgn(q_k - B_-k W_-k w_k) with Q = (X - 1 c') W' + lambda_2 H.
    """
    W, c = decoder
    return descend(W @ W.T, (X - c) @ W.T + binary * H, B, sweeps=10)


def flatten(layers: list[Layer]) -> np.ndarray:
    """All weights and biases in one vector, layer by layer."""
    return np.concatenate([part.ravel() for layer in layers for part in layer])


def unflatten(theta: np.ndarray, shapes: list[tuple[int, int]]) -> list[Layer]:
    """The layers of a flattened vector, views of it."""
    layers, start = [], 0
    for inputs, outputs in shapes:
        end = start + inputs * outputs
        layers.append((theta[start:end].reshape(inputs, outputs), theta[end : end + outputs]))
        start = end + outputs
    return layers
