"""Time, peak memory and scaling of the shallow methods: ``python benchmarks/shallow.py [surf]``.

Without arguments: random features of a power-law spectrum at the sizes below, a process each, on
the small size the dense textbook formulas and skada beside ours; then the exponents of n and d.
`surf` times the 12 pairs of Office-Caltech (tests/shallow/test_surf.py), neighbours included.
Ratios are of CPU time, which other load stretches less than the clock, to `gram`: both sets times
their own transpose, on the smaller side. No covariance or kernel method does without either that
product or several passes over the data, so it is the limit that a solver is measured by. Set
OMP_NUM_THREADS=1 to compare single threads. skada is left out where it is not installed:
``pip install -e .[bench]``.
"""

import os
import resource
import subprocess
import sys
import warnings
from pathlib import Path
from time import perf_counter, process_time

import numpy as np
from scipy.fft import dct
from scipy.io import loadmat
from scipy.linalg import eig, fractional_matrix_power

from dah.linalg import unit_rows
from dah.shallow.adapt import coral, gfk, jda, tca
from dah.shallow.classifiers import linear_svm, nearest_neighbour

try:
    import skada
except ImportError:
    skada = None

SIZES = ["500+400x800", "1000+800x800", "2200+2200x4096", "4400+4400x2048", "4400+4400x4096"]
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


def gram(Xs, Xt):
    """The products of both sets with themselves, on the smaller side; numpy does half of each."""
    return [X @ X.T if len(X) < X.shape[1] else X.T @ X for X in (Xs, Xt)]


def adapted(adapter, Xs, ys, Xt):
    """What an adapter of skada makes of both sets; it marks the target by negative domains."""
    domains = np.repeat([1, -2], [len(Xs), len(Xt)])
    labels = np.concatenate([ys, np.full(len(Xt), -1)])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        Z = adapter.fit_transform(np.vstack([Xs, Xt]), labels, sample_domain=domains)
    return Z[: len(Xs)], Z[len(Xs) :]


def tca_skada(Xs, ys, Xt):
    adapter = skada.TransferComponentAnalysisAdapter(kernel="linear", n_components=100, mu=1.0)
    return adapted(adapter, Xs, ys, Xt)


METHODS = {
    "gram": lambda Xs, ys, Xt: gram(Xs, Xt),
    "1-NN": nearest_neighbour,
    "SVM": linear_svm,
    "gfk": lambda Xs, ys, Xt: gfk(Xs, Xt, 20),
    "coral": lambda Xs, ys, Xt: coral(Xs, Xt, 1.0),
    "coral-dense": lambda Xs, ys, Xt: coral_dense(Xs, Xt),
    "tca": lambda Xs, ys, Xt: tca(Xs, Xt, 100, 1.0),
    "tca-dense": lambda Xs, ys, Xt: tca_dense(Xs, Xt, 100),
    "jda": lambda Xs, ys, Xt: jda(Xs, ys, Xt, 100, 1.0, 10),
}
PEERS = {
    "coral-skada": lambda Xs, ys, Xt: adapted(skada.CORALAdapter(reg=0.1), Xs, ys, Xt),
    "tca-skada": tca_skada,
}
ON_SMALL = ("coral-dense", "tca-dense", *PEERS)
if skada is None:
    print("skada is not installed and left out: pip install -e .[bench]", file=sys.stderr)
else:
    METHODS |= PEERS


def features(size):
    """Unit rows of a power-law spectrum around category centres, turned, the target shifted."""
    ns, nt, d = (int(x) for x in size.replace("x", "+").split("+"))
    rng = np.random.default_rng(0)
    labels = np.arange(ns + nt) % CATEGORIES
    X = rng.standard_normal((CATEGORIES, d))[labels] + 2 * rng.standard_normal((ns + nt, d))
    X *= np.arange(1, d + 1) ** -0.5
    X[ns:] += 0.02
    X = unit_rows(dct(X * rng.choice([-1.0, 1.0], d), norm="ortho"))
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
    """A row per size and method, a fresh process each: peak memory is the whole process's."""
    cpu = {}
    for size in SIZES:
        for method in METHODS:
            if method in ON_SMALL and size != SIZES[0]:
                continue
            command = [sys.executable, __file__, method, size]
            output = subprocess.run(command, check=True, capture_output=True, text=True).stdout
            seconds, cpu[method, size], before, peak = map(float, output.split())
            print(
                f"{size:16}{method:12}{seconds:8.2f} s{cpu[method, size]:8.2f} s CPU"
                f"{cpu[method, size] / cpu['gram', size]:8.1f} x gram"
                f"  peak {peak / 1024:6.0f} MB ({before / 1024:.0f} MB before)",
                flush=True,
            )
    fewer, narrower, largest = SIZES[2:]
    print("CPU time grows as n^a d^b from half the samples, or half the features, to the largest:")
    for method in METHODS.keys() - set(ON_SMALL):
        a, b = (np.log2(cpu[method, largest] / cpu[method, half]) for half in (fewer, narrower))
        print(f"{method:12} a = {a:4.1f}  b = {b:4.1f}")


def surf():
    """Mean accuracy and seconds over the 12 pairs."""
    domains = {}
    for letter, name in FILES.items():
        file = loadmat(FOLDER / "office_caltech_surf" / f"{name}_SURF_L10.mat")
        X = file["fts"] / file["fts"].sum(axis=1, keepdims=True)
        X = (X - X.mean(axis=0)) / np.where(X.std(axis=0) > 0, X.std(axis=0), 1)
        domains[letter] = unit_rows(X), file["labels"].ravel()
    base = None
    for method in ("gram", "gfk", "coral", "tca", "jda", *(PEERS.keys() & METHODS.keys())):
        right, start, cpu = [], perf_counter(), process_time()
        for source, target in PAIRS:
            (Xs, ys), (Xt, yt) = domains[source], domains[target]
            Z = METHODS[method](Xs, ys, Xt)
            if method != "gram":
                Zs, Zt = (unit_rows(side) for side in Z)
                right.append(100 * np.mean(nearest_neighbour(Zs, ys, Zt) == yt))
        seconds, cpu = perf_counter() - start, process_time() - cpu
        base = base or cpu
        accuracy = f"{np.mean(right):6.2f} %" if right else ""
        print(f"{method:12}{seconds:7.2f} s{cpu:7.2f} s CPU{cpu / base:7.1f} x gram  {accuracy}")


if __name__ == "__main__":
    if sys.argv[1:] == ["surf"]:
        surf()
    elif len(sys.argv) == 3:
        print(*measure(*sys.argv[1:]))
    else:
        scaling()
