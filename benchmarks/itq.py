"""Training of iterative quantization beside faiss: time, and how much the signs lose.

    python benchmarks/itq.py --rows 4000 --features 4096 --bits 64

faiss's ITQTransform centres, scales every row to unit length, takes principal components and
rotates them; ours is given rows that are centred and scaled already, so that both solve one
problem. The error is the mean of (|u| - 1)^2 over the outputs u, scaled to mean square 1, which no
unit of the features changes; faiss's rotation of our components tells its part from theirs. Also
the principal components alone, beside sklearn's randomized and numpy's exact solver, with the
share of the variance that each finds. CPU seconds of one thread, in turn; the fewest of
``--rounds`` count. The limit is the time of the products X'X G alone that the solver asks for, one
measured and multiplied by their number. faiss is left out where it is not installed:
``pip install -e .[bench]``.
"""

import argparse
from collections.abc import Callable
from functools import partial
from time import process_time

import numpy as np
from scipy.sparse.linalg import LinearOperator
from sklearn.utils.extmath import randomized_svd
from threadpoolctl import threadpool_limits

from dah.hashing import itq
from dah.hashing.principal import principal_components, signs
from dah.linalg import BLOCK, block_lanczos, centred, unit_rows

try:
    import faiss
except ImportError:
    faiss = None


def features(rows: int, width: int) -> np.ndarray:
    """Activations of a rectifier: clusters of a power-law spectrum; centred, unit rows, float32."""
    rng = np.random.default_rng(0)
    X = rng.standard_normal((31, width))[np.arange(rows) % 31]
    X = (X + 2 * rng.standard_normal((rows, width))) * np.arange(1, width + 1) ** -0.5
    X = np.maximum(X @ np.linalg.qr(rng.standard_normal((width, width)))[0], 0)
    return unit_rows(centred(X)).astype(np.float32)


def error(U: np.ndarray) -> float:
    """Mean of (|u| - 1)^2 over the outputs u = V R, scaled to mean square 1."""
    U = U / np.sqrt(np.mean(U**2))
    return float(np.mean((signs(U) - U) ** 2))


def ours(X: np.ndarray, bits: int) -> float:
    encoder = itq(X, bits, np.random.default_rng(0))
    return error(encoder.components.project(X) @ encoder.W)


def theirs(X: np.ndarray, bits: int) -> float:
    transform = faiss.ITQTransform(X.shape[1], bits, True)
    transform.train(X)
    return error(transform.apply(X).astype(float))


def their_rotation(V: np.ndarray) -> float:
    transform = faiss.ITQMatrix(V.shape[1])
    transform.train(V.astype(np.float32))
    return error(transform.apply(V.astype(np.float32)).astype(float))


def exact(X: np.ndarray, bits: int) -> float:
    """Share of the variance in all eigenpairs of the smaller Gram matrix, the best there is."""
    C = centred(X.astype(float))
    values = np.linalg.eigvalsh(C @ C.T if len(C) < C.shape[1] else C.T @ C)
    return float(values[-bits:].sum() / values.sum())


def randomized(X: np.ndarray, bits: int) -> float:
    C = centred(X.astype(float))
    return float((randomized_svd(C, bits, random_state=0)[1] ** 2).sum() / (C**2).sum())


def lanczos(X: np.ndarray, bits: int) -> float:
    variances = principal_components(X, bits, most=bits).variances
    return float(variances.sum() * len(X) / (centred(X.astype(float)) ** 2).sum())


def product(X: np.ndarray) -> None:
    """X'X times one block, the step of the Krylov space that reads the data."""
    X.T @ (X @ np.ones((X.shape[1], BLOCK)))


def products(X: np.ndarray, bits: int) -> int:
    """How many blocks the solver has multiplied with X'X, or XX' where it is smaller."""
    C = centred(X.astype(float))
    tall = C if C.shape[1] <= len(C) else C.T
    count = 0

    def multiply(G: np.ndarray) -> np.ndarray:
        nonlocal count
        count += 1
        return tall.T @ (tall @ G)

    side = tall.shape[1]
    block_lanczos(LinearOperator((side, side), matvec=multiply, matmat=multiply, dtype=float), bits)
    return count


def seconds(run: Callable[[], object]) -> tuple[float, object]:
    start = process_time()
    result = run()
    return process_time() - start, result


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, default=4000)
    parser.add_argument("--features", type=int, default=4096)
    parser.add_argument("--bits", type=int, default=64)
    parser.add_argument("--rounds", type=int, default=3)
    arguments = parser.parse_args()
    bits, X = arguments.bits, features(arguments.rows, arguments.features)
    wide = X.astype(float)
    runs = {
        "ours, ITQ": partial(ours, X, bits),
        "block Lanczos, variance": partial(lanczos, X, bits),
        "sklearn randomized, variance": partial(randomized, X, bits),
        "numpy exact, variance": partial(exact, X, bits),
        "one product with X'X": partial(product, wide),
    }
    if faiss is None:
        print("faiss is not installed and left out: pip install -e .[bench]")
    else:
        faiss.omp_set_num_threads(1)
        runs["faiss, ITQ"] = partial(theirs, X, bits)
        V = principal_components(X, bits, most=bits).project(X)
        runs["faiss, ITQ of our components"] = partial(their_rotation, V)
    best: dict[str, tuple[float, object]] = {}
    with threadpool_limits(1):
        for _ in range(arguments.rounds):
            for name, run in runs.items():
                figures = seconds(run)
                best[name] = min(best.get(name, figures), figures, key=lambda figures: figures[0])
    base = best["ours, ITQ"][0]
    print(f"{len(X)} rows of {X.shape[1]} to {bits} bits, one thread, CPU seconds")
    for name, (cpu, value) in best.items():
        figure = "" if value is None else f"  {'error' if 'ITQ' in name else 'share'} {value:.6f}"
        print(f"{name:30}{cpu:8.3f} s{cpu / base:8.3f} x ours{figure}")
    count = products(X, bits)
    limit = count * best["one product with X'X"][0]
    print(f"limit: {count} products, {limit:.3f} s; ours is {base / limit:.2f} x that")


if __name__ == "__main__":
    main()
