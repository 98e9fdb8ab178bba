"""Shallow domain adaptation: features of a source and a target made alike.

Xs ``(ns, d)`` and Xt ``(nt, d)`` hold one sample a row. Every function returns (Zs, Zt), the
adapted features float64, changes no argument, and raises ValueError as ``as_features``. X is Xs
above Xt, n = ns + nt, C the number of categories.
"""

from dataclasses import dataclass

import numpy as np
from scipy.linalg import svd
from scipy.sparse.linalg import LinearOperator

from dah.linalg import as_features, centred, leading_eigenpairs, row_space, unit_rows
from dah.shallow.classifiers import as_labels, nearest_neighbour

Pair = tuple[np.ndarray, np.ndarray]


def gfk(Xs: np.ndarray, Xt: np.ndarray, dim: int) -> Pair:
    """Geodesic flow kernel of the principal subspaces of both domains, as features.

        G = integral over 0 <= t <= 1 of Phi(t) Phi(t)',   Z Z' = X G X'

    Phi(t) runs along the geodesic of the Grassmannian from the `dim` leading principal directions
    of the source to those of the target. With principal vectors a_i, b_i and angles theta_i
    between them, Phi(t) holds the rotation of a_i towards b_i by t theta_i. About the bisector,
    the rotation is even and the integral has no mixed term:

        G = sum_i  c_i (a_i + b_i)(a_i + b_i)' + s_i (b_i - a_i)(b_i - a_i)',
        c_i = (1 + sinc theta_i) / (8 cos^2(theta_i / 2)),
        s_i = (1 - sinc theta_i) / (8 sin^2(theta_i / 2)),   sinc x = sin(x) / x.

    Returns ``(ns, 2 dim)`` and ``(nt, 2 dim)``. Raises ValueError where `dim` exceeds the rank of
    a domain about its mean. Gong et al., CVPR 2012 (whose G is twice this one).
    """
    _check_counts(dim=dim)
    Xs, Xt = as_features(Xs, Xt)
    Ps, Pt = (_principal_directions(X, dim, name) for X, name in ((Xs, "source"), (Xt, "target")))
    U, cosine, Vt = svd(Ps.T @ Pt)
    A, B = Ps @ U, Pt @ Vt.T
    theta = np.arccos(np.minimum(cosine, 1))
    c = (1 + np.sinc(theta / np.pi)) / (8 * np.cos(theta / 2) ** 2)
    apart = np.where(theta > 1e-4, theta, np.pi)
    s = (1 - np.sinc(apart / np.pi)) / (8 * np.sin(apart / 2) ** 2)
    s[theta <= 1e-4] = 1 / 12
    root = np.hstack([(A + B) * np.sqrt(c), (B - A) * np.sqrt(s)])
    return Xs @ root, Xt @ root


def coral(Xs: np.ndarray, Xt: np.ndarray, ridge: float) -> Pair:
    """Correlation alignment: the source is given the covariance of the target.

        Zs = Xs (Cs + ridge I)^(-1/2) (Ct + ridge I)^(1/2),   Zt = Xt

    C = V diag(v) V' has only the rank of the centred samples; a power of C + ridge I is that of
    ridge times I + V diag((1 + v / ridge)^p - 1) V', and the two powers of ridge cancel. Raises
    ValueError unless `ridge` > 0 and both sets have 2 samples. Sun et al., AAAI 2016.
    """
    _check_positive(ridge=ridge)
    Xs, Xt = as_features(Xs, Xt)
    Zs = Xs
    for X, name, power in ((Xs, "source", -0.5), (Xt, "target", 0.5)):
        if len(X) < 2:
            raise ValueError(f"a covariance needs 2 samples, found {len(X)} in the {name}: add one")
        squares, V = row_space(centred(X))
        gain = (1 + squares / (len(X) - 1) / ridge) ** power - 1
        half = V * np.sqrt(np.abs(gain))
        Zs = Zs + np.sign(power) * np.linalg.multi_dot([Zs, half, half.T])
    return Zs, Xt.copy()


def tca(Xs: np.ndarray, Xt: np.ndarray, dim: int, mu: float) -> Pair:
    """Transfer component analysis with the linear kernel: the first round of ``jda``.

    M = M_0 / |M_0|, so that `mu` means the same for all numbers of samples; Pan et al. do not
    divide, their mu is ours times |M_0| = 1 / ns + 1 / nt. Returns ``(ns, dim)`` and
    ``(nt, dim)``. Raises ValueError as ``jda``. Pan et al., IEEE TNN 2011.
    """
    _check_counts(dim=dim)
    _check_positive(mu=mu)
    Xs, Xt = as_features(Xs, Xt)
    Z = _components(_kernel(np.vstack([Xs, Xt])), _mean_difference(len(Xs), len(Xt)), dim, mu)
    return Z[: len(Xs)], Z[len(Xs) :]


def jda(Xs: np.ndarray, ys: np.ndarray, Xt: np.ndarray, dim: int, mu: float, rounds: int) -> Pair:
    """Joint distribution adaptation with the linear kernel K = XX'.

        Z = K A,  A the `dim` leading solutions of  K H K a = phi (K M K + mu I) a,  |a| = 1
        H = I - 11' / n,   M = (C M_0 + sum_c M_c) / |C M_0 + sum_c M_c|,   M_c = e_c e_c'

    e_0' X is the difference between the means of source and target, e_c' X that of category c,
    where a target sample has the label of its nearest source sample among the unit rows of the
    previous round's Z. The first round has no M_c; a category that no target sample is given has
    none either. To classify by Z, take unit rows too. Labels `ys` integers ``(ns,)``. Returns
    ``(ns, dim)`` and ``(nt, dim)``. Raises ValueError unless mu > 0, rounds >= 1, labels fit and
    `dim` is within the rank of HK. Long et al., ICCV 2013; C and |.| as in their code.
    """
    _check_counts(dim=dim, rounds=rounds)
    _check_positive(mu=mu)
    Xs, Xt = as_features(Xs, Xt)
    ys = as_labels(ys, len(Xs))
    kernel = _kernel(np.vstack([Xs, Xt]))
    e_0 = _mean_difference(len(Xs), len(Xt))
    Z = _components(kernel, e_0, dim, mu)
    for _ in range(rounds - 1):
        unit = unit_rows(Z)
        yt = nearest_neighbour(unit[: len(Xs)], ys, unit[len(Xs) :])
        E = np.hstack([np.sqrt(len(np.unique(ys))) * e_0, _category_differences(ys, yt)])
        Z = _components(kernel, E, dim, mu)
    return Z[: len(Xs)], Z[len(Xs) :]


@dataclass(frozen=True)
class _Kernel:
    """K = XX' in orthonormal coordinates U of its range: K U = X W, U'KKU = diag(squares)."""

    X: np.ndarray
    W: np.ndarray
    squares: np.ndarray


def _kernel(X: np.ndarray) -> _Kernel:
    """With X = U S V': K U = U S^2 = X (V S), squares = S^4; none of it is n x n."""
    values, V = row_space(X)
    return _Kernel(X, V * np.sqrt(values), values**2)


def _components(kernel: _Kernel, E: np.ndarray, dim: int, mu: float) -> np.ndarray:
    """Z = K A for the `dim` leading solutions a, of unit norm, of

        K H K a = phi (K M K + mu I) a,   M = E E' / |E E'|.

    With a = U alpha and F = U'KE / |EE'|^(1/2), M adds only the rank of F:

        R = (I + F F' / mu)^(-1/2) = I - P diag(1 - (1 + f^2 / mu)^(-1/2)) P',   F = P diag(f) Q',

    and alpha = R b for the eigenvectors b of R U'KHKU R = R (diag(squares) - m m' / n) R with
    m = U'K1. E is float64 ``(n, q)``. Returns ``(n, dim)``.
    """
    X, W, squares = kernel.X, kernel.W, kernel.squares
    F = W.T @ (X.T @ E) / np.sqrt(np.linalg.norm(E.T @ E))
    P, f, _ = svd(F, full_matrices=False)
    shrink = 1 - 1 / np.sqrt(1 + f**2 / mu)
    m = W.T @ X.sum(axis=0)

    def root(b: np.ndarray) -> np.ndarray:
        return b - P @ (shrink * (P.T @ b).T).T

    def scatter(b: np.ndarray) -> np.ndarray:
        b = root(b)
        return root((squares * b.T).T - np.multiply.outer(m, m @ b) / len(X))

    r = len(squares)
    operator = LinearOperator((r, r), matvec=scatter, matmat=scatter, dtype=float)
    phi, B = leading_eigenpairs(operator, min(dim, r))
    rank = np.count_nonzero(phi > squares[:1] * max(X.shape) * np.finfo(float).eps)
    _check_rank(dim, rank, f"the centred kernel of {len(X)} samples of {X.shape[1]} features")
    A = root(B)
    return X @ (W @ (A / np.linalg.norm(A, axis=0)))


def _mean_difference(ns: int, nt: int) -> np.ndarray:
    """e_0 ``(ns + nt, 1)``: 1 / ns on the source, -1 / nt on the target."""
    return np.repeat([1 / ns, -1 / nt], [ns, nt])[:, None]


def _category_differences(ys: np.ndarray, yt: np.ndarray) -> np.ndarray:
    """The same among the samples of each category that both have: a column e_c each."""
    categories = np.intersect1d(ys, yt)
    source, target = ys[:, None] == categories, yt[:, None] == categories
    return np.vstack([source / source.sum(axis=0), -(target / target.sum(axis=0))])


def _principal_directions(X: np.ndarray, dim: int, name: str) -> np.ndarray:
    """The `dim` leading eigenvectors of the covariance of X, orthonormal columns ``(d, dim)``."""
    P = row_space(centred(X), dim)[1]
    _check_rank(dim, P.shape[1], f"the {len(X)} {name} samples about their mean")
    return P


def _check_counts(**counts: int) -> None:
    for name, count in counts.items():
        if count < 1:
            raise ValueError(f"{name} must be at least 1, found {count}")


def _check_rank(dim: int, rank: int, of: str) -> None:
    if dim > rank:
        raise ValueError(f"dim = {dim} exceeds the rank {rank} of {of}: lower dim to {rank}")


def _check_positive(**weights: float) -> None:
    for name, weight in weights.items():
        if not 0 < weight < np.inf:
            raise ValueError(f"{name} must be above 0 and finite, found {weight}: 1 is usual")
