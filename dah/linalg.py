"""Linear algebra whose cost follows the smaller side of a matrix: symmetric solvers only."""

import numpy as np
from scipy.linalg import eigh, qr
from scipy.sparse.linalg import LinearOperator, aslinearoperator, eigsh
from threadpoolctl import threadpool_limits

DENSE_BELOW = 400
GRAM_BELOW = 2000
BLOCK = 16  # vectors that a product takes at a time: enough to be fast, and few beyond those wanted
TOLERANCE = 1e-13
CELLS = 2**23  # of a product of some rows with all: 64 MiB of float64
SQUARES = 2**22  # of rows whose lengths are taken at a time
NOISE = 1e-14  # of |A|: replaces a block that vanishes, is below the tolerance in any other


def as_features(Xs: np.ndarray, Xt: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Source and target features as float64 ``(ns, d)`` and ``(nt, d)``, copied only to convert.

    Raises ValueError as ``as_matrix`` and unless both have one width.
    """
    Xs, Xt = as_matrix(Xs, "source"), as_matrix(Xt, "target")
    if Xs.shape[1] != Xt.shape[1]:
        raise ValueError(
            f"source and target have {Xs.shape[1]} and {Xt.shape[1]} features: take both from one"
            " layer of one network"
        )
    return Xs, Xt


def as_matrix(X: np.ndarray, name: str) -> np.ndarray:
    """The features called `name` as float64 ``(n, d)``, copied only to convert.

    Raises ValueError unless they are a matrix of finite real numbers, not empty.
    """
    X = np.asarray(X)
    if X.dtype.kind not in "fiub":
        raise ValueError(f"{name} features must be real numbers, found {X.dtype}: convert them")
    if X.ndim != 2 or 0 in X.shape:
        raise ValueError(
            f"{name} features must have shape (n, d) with n, d >= 1, found {X.shape}:"
            " pass one row per sample"
        )
    finite = np.isfinite(X)
    if not finite.all():
        row = int(np.flatnonzero(~finite.all(axis=1))[0])
        raise ValueError(
            f"{X.size - np.count_nonzero(finite)} of {X.size} {name} features are not finite,"
            f" the first in row {row}: leave such samples out"
        )
    return X.astype(float, copy=False)


def rows_at_once(columns: int, most: int) -> int:
    """How many rows of a product with so many columns are held at a time: `most`, within CELLS.

    What compares all rows with each other is quadratic in time, and shall not be so in memory.
    """
    return max(1, min(most, CELLS // max(1, columns)))


def unit_rows(X: np.ndarray) -> np.ndarray:
    """Rows divided by their Euclidean length; a row of zeros stays zero. Float ``(n, d)``."""
    rows = max(1, SQUARES // max(1, X.shape[1]))
    parts = [X[start : start + rows] for start in range(0, max(1, len(X)), rows)]
    length = np.concatenate([np.linalg.norm(part, axis=1, keepdims=True) for part in parts])
    return X / np.where(length > 0, length, 1)


def centred(X: np.ndarray) -> np.ndarray:
    """Columns minus their mean, exactly zero where a column is constant. Float ``(n, d)``."""
    X = X - X[0]
    X -= X.mean(axis=0)
    return X


def row_space(X: np.ndarray, count: int | None = None) -> tuple[np.ndarray, np.ndarray]:
    """Right singular vectors of X by way of its smaller Gram matrix.

        X'X V = V diag(values),  V'V = I,  values decreasing and above rounding.

    When n < d the n x n matrix XX' = U diag(values) U' is decomposed instead and V is the
    orthonormal factor of X'U: dividing by the singular values would amplify rounding in the small
    ones. X is float ``(n, d)``; `count` keeps the largest ones only; where these are few of
    very many, the Gram matrix costs more than products with X and is not made. Returns values
    float64 ``(r,)`` and V float64 ``(d, r)``, r <= rank(X).
    """
    n, d = X.shape
    tall = X if d <= n else X.T
    side = tall.shape[1]
    wanted = side if count is None else min(count, side)
    if side > GRAM_BELOW and 6 * wanted < side:
        factor = aslinearoperator(tall)
        values, vectors = block_lanczos(factor.T @ factor, wanted)
    else:
        values, vectors = leading_eigenpairs(tall.T @ tall, wanted)
    kept = values > values[0] * max(n, d) * np.finfo(float).eps
    values, vectors = values[kept], vectors[:, kept]
    if d > n:
        vectors = qr(X.T @ vectors, mode="economic", overwrite_a=True)[0]
    return values, vectors


def leading_eigenpairs(
    matrix: np.ndarray | LinearOperator, count: int
) -> tuple[np.ndarray, np.ndarray]:
    """The largest eigenvalues, decreasing, of a symmetric matrix or operator, and eigenvectors.

    Lanczos iteration to machine precision, from a fixed start so that two runs agree, where few
    pairs of a large matrix are wanted; else a dense solver. The iteration keeps to one thread: its
    products are too small to share, and to wait for a busy core at each takes several times as
    long. Returns float64 ``(count,)`` and orthonormal columns float64 ``(r, count)``.
    """
    r = matrix.shape[0]
    if r > DENSE_BELOW and 6 * count < r:
        start = np.random.default_rng(0).standard_normal(r)
        with threadpool_limits(1, user_api="blas"):
            values, vectors = eigsh(matrix, count, which="LA", v0=start)
        return values[::-1], vectors[:, ::-1]
    dense = matrix @ np.eye(r) if isinstance(matrix, LinearOperator) else matrix
    if count == r:
        values, vectors = eigh(dense, driver="evd", check_finite=False)
    else:
        values, vectors = eigh(dense, subset_by_index=(r - count, r - 1))
    return values[::-1], vectors[:, ::-1]


def block_lanczos(matrix: np.ndarray | LinearOperator, count: int) -> tuple[np.ndarray, np.ndarray]:
    """Leading eigenpairs of a symmetric matrix A from the Krylov space of a block of vectors.

        span(G, A G, A^2 G, ...) = span(Q),   Q'Q = I;   Q'A Q Y = Y diag(values),   vectors = Q Y

    The space grows until |A v - value v| <= TOLERANCE |A| for each of the `count` leading pairs.
    A large A is read once for a whole block of vectors; a second projection keeps Q orthonormal to
    rounding. G is fixed: two runs agree. Where A Q lies within Q, a faint random block leads on to
    the rest of the space. Returns as ``leading_eigenpairs``. Saad, *Numerical
    Methods for Large Eigenvalue Problems*, section 6.7.
    """
    r = matrix.shape[0]
    rng = np.random.default_rng(0)
    Q, AQ = np.empty((r, 0)), np.empty((r, 0))
    block = rng.standard_normal((r, min(BLOCK, r)))
    check = 2 * count
    while True:
        for _ in range(2):
            block = qr(block - Q @ (Q.T @ block), mode="economic")[0]
        Q, AQ = np.hstack([Q, block]), np.hstack([AQ, matrix @ block])
        size = Q.shape[1]
        if size >= min(check, r):
            values, Y = eigh(Q.T @ AQ, subset_by_index=(size - count, size - 1))
            vectors = Q @ Y
            error = np.linalg.norm(AQ @ Y - vectors * values, axis=0).max()
            if size == r or error <= TOLERANCE * np.abs(values).max():
                return values[::-1], vectors[:, ::-1]
            check = 1.15 * size
        block = AQ[:, -block.shape[1] :][:, : r - size]
        scale = np.linalg.norm(AQ, axis=0).max() or 1.0
        block = block + NOISE * scale * rng.standard_normal(block.shape) / np.sqrt(r)
