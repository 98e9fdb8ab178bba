"""Time, peak memory and scaling of the shallow methods: ``python benchmarks/shallow.py [surf]``.

Without arguments: random correlated features of the sizes below, a process each, and on the small
size the dense textbook formulas beside ours. `surf` times the 12 pairs of Office-Caltech (see
tests/test_surf.py), nearest neighbours included. Set OMP_NUM_THREADS=1 to compare single threads.
"""

import os
import resource
import subprocess
import sys
from pathlib import Path
from time import perf_counter, process_time

import numpy as np
from scipy.io import loadmat
from scipy.linalg import eig, fractional_matrix_power

from dah.adapt import coral, gfk, jda, tca
from dah.classifiers import linear_svm, nearest_neighbour
from dah.linalg import unit_rows

SIZES = ["500+400x800", "1000+800x800", "1000+800x4096", "4400+4400x4096"]
CATEGORIES = 65
FOLDER = Path(os.environ.get("DAH_SHARED_DATA", Path(__file__).parents[2] / "shared" / "data"))
FILES = {"C": "Caltech10", "A": "amazon", "W": "webcam", "D": "dslr"}
PAIRS = ["CA", "CW", "CD", "AC", "AW", "AD", "WC", "WA", "WD", "DC", "DA", "DW"]


def coral_dense(Xs, Xt):
    """d x d powers by the Schur method."""
    Cs, Ct = (np.cov(X, rowvar=False) + np.eye(X.shape[1]) for X in (Xs, Xt))
    return Xs @ fractional_matrix_power(Cs, -0.5) @ fractional_matrix_power(Ct, 0.5), Xt


def tca_dense(Xs, Xt, dim):
    """n x n and a non-symmetric solver."""
    X = np.vstack([Xs, Xt])
    n, e = len(X), np.repeat([1 / len(Xs), -1 / len(Xt)], [len(Xs), len(Xt)])
    K, H = X @ X.T, np.eye(n) - 1 / n
    phi, A = eig(K @ H @ K, K @ np.outer(e, e) @ K / (e @ e) + np.eye(n))
    Z = K @ A[:, np.argsort(-phi.real)[:dim]].real
    return Z[: len(Xs)], Z[len(Xs) :]


METHODS = {
    "1-NN": nearest_neighbour,
    "SVM": linear_svm,
    "gfk": lambda Xs, ys, Xt: gfk(Xs, Xt, 20),
    "coral": lambda Xs, ys, Xt: coral(Xs, Xt, 1.0),
    "coral-dense": lambda Xs, ys, Xt: coral_dense(Xs, Xt),
    "tca": lambda Xs, ys, Xt: tca(Xs, Xt, 100, 1.0),
    "tca-dense": lambda Xs, ys, Xt: tca_dense(Xs, Xt, 100),
    "jda": lambda Xs, ys, Xt: jda(Xs, ys, Xt, 100, 1.0, 10),
}


def features(size):
    """Unit rows of a power-law spectrum around category centres, the target shifted."""
    ns, nt, d = (int(x) for x in size.replace("x", "+").split("+"))
    rng = np.random.default_rng(0)
    labels = np.arange(ns + nt) % CATEGORIES
    X = rng.standard_normal((CATEGORIES, d))[labels] + 2 * rng.standard_normal((ns + nt, d))
    X *= np.arange(1, d + 1) ** -0.5
    X[ns:] += 0.02
    X = unit_rows(X @ np.linalg.qr(rng.standard_normal((d, d)))[0])
    return X[:ns].copy(), labels[:ns], X[ns:].copy()


def measure(method, size):
    """Wall and CPU seconds of one call, and this process's peak memory before and after, KiB."""
    data = features(size)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    start, cpu = perf_counter(), process_time()
    METHODS[method](*data)
    seconds = perf_counter() - start, process_time() - cpu
    return *seconds, before, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


def scaling():
    """A row per size, a fresh process per cell: peak memory is the whole process's."""
    for size in SIZES:
        for method in METHODS:
            if "dense" in method and size != SIZES[0]:
                continue
            command = [sys.executable, __file__, method, size]
            report = subprocess.run(command, check=True, capture_output=True, text=True).stdout
            print(f"{size:16s} {method:12s} {report}", end="", flush=True)


def surf():
    """Mean accuracy and seconds over the 12 pairs."""
    domains = {}
    for letter, name in FILES.items():
        file = loadmat(FOLDER / "office_caltech_surf" / f"{name}_SURF_L10.mat")
        X = file["fts"] / file["fts"].sum(axis=1, keepdims=True)
        X = (X - X.mean(axis=0)) / np.where(X.std(axis=0) > 0, X.std(axis=0), 1)
        domains[letter] = unit_rows(X), file["labels"].ravel()
    for method in ("gfk", "coral", "tca", "jda"):
        right, start, cpu = [], perf_counter(), process_time()
        for source, target in PAIRS:
            (Xs, ys), (Xt, yt) = domains[source], domains[target]
            Zs, Zt = (unit_rows(Z) for Z in METHODS[method](Xs, ys, Xt))
            right.append(100 * np.mean(nearest_neighbour(Zs, ys, Zt) == yt))
        seconds, cpu = perf_counter() - start, process_time() - cpu
        print(f"{method:12s} {np.mean(right):6.2f} %  {seconds:6.2f} s  {cpu:6.2f} s CPU")


if __name__ == "__main__":
    if sys.argv[1:] == ["surf"]:
        surf()
    elif len(sys.argv) == 3:
        seconds, cpu, before, peak = measure(*sys.argv[1:])
        print(f"{seconds:8.2f} s  {cpu:8.2f} s CPU ", end="")
        print(f"peak {peak / 1024:6.0f} MB ({before / 1024:.0f} MB before)")
    else:
        scaling()
