"""What grows faster than the images, or out of 8 GB: seconds and memory of what the stages compute.

``python benchmarks/million.py --rows 10000 100000 1000000`` makes so many rows of features (128
numbers, ten categories) of each domain, or codes of 64 bits, and runs each computation of the
stages in a process of its own on one thread: seconds, and the process's peak memory less what it
had before. A process that takes longer than ``--limit`` seconds, or more than ``--gib``, is ended
and named with its stage. ``--of tsne itq`` runs some of them.
"""

import argparse
import multiprocessing
import resource
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from threadpoolctl import threadpool_limits

from dah import hashing
from dah.encoding.outputs import principal_components, probabilities
from dah.encoding.validators import left_out_log_probabilities, neighbourhood_density
from dah.evaluation.embedding import tsne
from dah.evaluation.targets import queries_of
from dah.hashing.prediction import category_probabilities
from dah.hashing.transfer import all_codes
from dah.retrieval import statistics
from dah.retrieval.hamming import histograms
from dah.retrieval.reach import is_beyond, reach
from dah.samples import asked, compared, learned
from dah.shallow import adapt
from dah.shallow.classifiers import linear_svm, nearest_neighbour
from dah.shallow.domains import held_out_log_odds
from dah.shallow.propagation import nearest_others
from dah.shallow.pseudo_labels import pseudo_labels
from dah.tasks.lists import Labels

WIDTH, BITS, CATEGORIES = 128, 64, 10
LABELS = {"dim": 64, "neighbours": 15, "alpha": 0.9, "rounds": 10}


class Data:
    """Features float32 and float64 of a length of one, labels, real outputs and packed codes."""

    def __init__(self, rows: int) -> None:
        rng = np.random.default_rng(0)
        self.rng, self.y = rng, np.arange(rows) % CATEGORIES
        centres = rng.normal(size=(CATEGORIES, WIDTH)).astype(np.float32)
        noise = [2 * rng.normal(size=(rows, WIDTH)).astype(np.float32) for _ in range(2)]
        self.Xs, self.Xt = (centres[self.y] + of for of in noise)
        self.us, self.ut = self.Xs[:, :BITS], self.Xt[:, :BITS]
        self.cs, self.ct = (np.packbits(u > 0, axis=1) for u in (self.us, self.ut))
        self.p = np.exp(self.Xt[:, :CATEGORIES])
        self.p /= self.p.sum(axis=1, keepdims=True)


def _map(d: Data) -> Any:
    tenth = np.arange(len(d.y)) % 100 < CATEGORIES
    rows = queries_of(Labels(d.y, d.y, tenth))
    return histograms(d.ct[rows], d.y[rows], d.ct[~tenth], d.y[~tenth], bits=BITS, n_jobs=1)


def _psca(d: Data) -> Any:
    of = compared(d.y), learned(len(d.y))
    found = hashing.psca(d.Xs[of[0]], d.y[of[0]], d.Xt[of[1]], BITS, d.rng)
    target, source = (
        all_codes(codes, rows, found.encoder, X)
        for codes, rows, X in zip((found.target, found.source), of[::-1], (d.Xt, d.Xs), strict=True)
    )
    return category_probabilities(target, source, d.y, BITS, 10.0, CATEGORIES)


def _hash(fit: Callable[..., Any]) -> Callable[[Data], Any]:
    return lambda d: fit(d.Xt[learned(len(d.y))], BITS, d.rng).encode(d.Xt)


def _left_out(d: Data) -> Any:
    return left_out_log_probabilities(d.us, d.y, 10.0, CATEGORIES, asked(len(d.y)))


def _reach(d: Data) -> Any:
    return is_beyond(d.ct[asked(len(d.y))], d.cs, reach(d.cs, BITS))


RUNS: dict[str, tuple[str, Callable[[Data], Any]]] = {
    "svm": ("adapt", lambda d: linear_svm(d.Xs, d.y, d.Xt)),
    "1-NN": ("adapt", lambda d: nearest_neighbour(d.Xs, d.y, d.Xt)),
    "gfk": ("adapt", lambda d: adapt.gfk(d.Xs, d.Xt, 20)),
    "tca": ("adapt", lambda d: adapt.tca(d.Xs, d.Xt, 20, 1.0)),
    "coral": ("adapt", lambda d: adapt.coral(d.Xs, d.Xt, 1.0)),
    "jda": ("adapt", lambda d: adapt.jda(d.Xs, d.y, d.Xt, 20, 1.0, 10)),
    "neighbours": ("train", lambda d: nearest_others(d.Xt, 15)),
    "labels": ("train", lambda d: pseudo_labels(d.Xs, d.y, d.Xt, **LABELS)),
    "odds": ("encode", lambda d: held_out_log_odds(d.Xs, d.Xt, 0)),
    "components": ("encode", lambda d: principal_components(d.Xs, d.Xt)),
    "eq. 6": ("encode", lambda d: probabilities(d.ut, d.us, d.y, 10.0, CATEGORIES)),
    "density": ("encode", lambda d: neighbourhood_density(d.p)),
    "left out": ("encode", _left_out),
    "reach": ("encode", _reach),
    "psca": ("transfer", _psca),
    "itq": ("hash", _hash(hashing.itq)),
    "kmeans": ("hash", _hash(hashing.kmeans_hashing)),
    "ba": ("hash", _hash(hashing.binary_autoencoder)),
    "bdnn": ("hash", _hash(hashing.binary_network)),
    "map": ("evaluate", _map),
    "collisions": ("evaluate", lambda d: statistics.collisions(d.ct)),
    "tsne": ("evaluate", lambda d: tsne(d.Xs, d.Xt, d.y, d.y)),
}


def one(name: str, rows: int, gib: float, answer: Any) -> None:
    """Run one computation and send its seconds and memory."""
    threadpool_limits(1)
    torch.set_num_threads(1)
    given = Data(rows)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    resource.setrlimit(resource.RLIMIT_AS, (int(gib * 2**30),) * 2)
    begun = time.perf_counter()
    try:
        RUNS[name][1](given)
    except (MemoryError, RuntimeError, np.linalg.LinAlgError, ValueError) as error:
        answer.send(f"ended by {type(error).__name__}: {str(error)[:60]}")
        return
    seconds = time.perf_counter() - begun
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    answer.send(f"{seconds:.1f} s, {(peak - before) / 2**20:.2f} GiB")


def told(name: str, rows: int, limit: float, gib: float) -> str:
    """What a process of its own says."""
    here, there = multiprocessing.get_context("spawn").Pipe(duplex=False)
    process = multiprocessing.get_context("spawn").Process(
        target=one, args=(name, rows, gib, there)
    )
    process.start()
    there.close()
    try:
        said = here.recv() if here.poll(limit) else f"more than {limit:.0f} s"
    except EOFError:
        said = "ended by the system"
    process.kill()
    process.join()
    return said


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--rows", type=int, nargs="+", default=[10**4, 10**5])
    parser.add_argument("--of", nargs="+", choices=RUNS, default=list(RUNS))
    parser.add_argument("--limit", type=float, default=60.0)
    parser.add_argument("--gib", type=float, default=12.0, help="addresses, not memory alone")
    given = parser.parse_args()
    for rows in given.rows:
        for name in given.of:
            print(
                f"{RUNS[name][0]}\t{name}\t{rows}\t{told(name, rows, given.limit, given.gib)}",
                flush=True,
            )
