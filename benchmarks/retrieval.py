"""Figures of Hamming retrieval beside a sort per query, faiss and the bare distances.

    python benchmarks/retrieval.py --queries 10000 --items 1000000

First mean average precision of 500 queries on 4,000 codes, one thread, all contestants in turn and
the fewest CPU seconds of ``--rounds`` each, since other load stretches the clock; ours includes
the precision-recall curve and radius 2. Then ours alone on growing sets, on one core and on all,
by the clock. The limit is a loop that does nothing but xor the words of a query with those of the
database, tile by tile, and count the bits: no histogram takes less. faiss is left out where it is
not installed: ``pip install -e .[bench]``.
"""

import argparse
import os
import tracemalloc
from collections.abc import Callable
from functools import partial
from time import perf_counter, process_time

import numpy as np
from threadpoolctl import threadpool_limits

from dah.retrieval.codes import unpack
from dah.retrieval.hamming import PAIRS_AT_ONCE, histograms
from dah.retrieval.precision import (
    average_precision,
    mean_over_queries,
    precision_recall,
    precision_within_radius,
)
from dah.retrieval.ties import map_spread

try:
    import faiss
except ImportError:
    faiss = None

BITS, CATEGORIES = 64, 31
Sets = tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]


def sets(queries: int, items: int) -> Sets:
    """Codes and labels of queries and of a database: noisy copies of a code per category."""
    rng = np.random.default_rng(0)
    labels = rng.integers(0, CATEGORIES, queries + items)
    centres = rng.integers(0, 256, (CATEGORIES, BITS // 8), np.uint8)
    noise = [rng.integers(0, 256, (queries + items, BITS // 8), np.uint8) for _ in range(2)]
    codes = centres[labels] ^ (noise[0] & noise[1])
    return codes[:queries], labels[:queries], codes[queries:], labels[queries:]


def ours(data: Sets, n_jobs: int) -> float:
    """Tie-aware mAP; the curve and the precision within radius 2 from the same histograms."""
    counts = histograms(*data, n_jobs=n_jobs)
    precision_recall(counts)
    precision_within_radius(counts)
    return mean_over_queries(average_precision(counts))


def sorting(data: Sets) -> float:
    """The algorithm of DeepHash-pytorch's CalcTopMap: inner products and a sort for each query."""
    queries, query_labels, items, labels = data
    Q, B = unpack(queries, BITS), unpack(items, BITS)
    of_query, of_item = np.eye(CATEGORIES)[query_labels], np.eye(CATEGORIES)[labels]
    total = 0.0
    for q, label in zip(Q, of_query, strict=True):
        relevant = (label @ of_item.T > 0).astype(np.float32)
        ranked = relevant[np.argsort(0.5 * (BITS - q @ B.T))]
        ranks = np.flatnonzero(ranked) + 1
        total += np.mean(np.arange(1, len(ranks) + 1) / ranks) if len(ranks) else 0
    return total / len(Q)


def searching(data: Sets) -> float:
    """faiss's exact search for the whole database, then average precision of its rankings."""
    queries, query_labels, items, labels = data
    index = faiss.IndexBinaryFlat(BITS)
    index.add(items)
    _, ranking = index.search(queries, len(items))
    relevant = labels[ranking] == query_labels[:, None]
    precision = np.cumsum(relevant, axis=1) / np.arange(1, len(items) + 1)
    return float(np.mean((precision * relevant).sum(axis=1) / relevant.sum(axis=1)))


def bare(queries: np.ndarray, items: np.ndarray) -> None:
    """Xor and popcount of every pair, into the same two buffers, which stay in the cache."""
    a, b = queries.view(np.uint64)[:, 0], items.view(np.uint64)[:, 0]
    words, counts = np.empty(PAIRS_AT_ONCE, np.uint64), np.empty(PAIRS_AT_ONCE, np.uint8)
    for left in range(0, len(b), PAIRS_AT_ONCE):
        tile = b[left : left + PAIRS_AT_ONCE]
        for word in a:
            np.bitwise_xor(word, tile, out=words[: len(tile)])
            np.bitwise_count(words[: len(tile)], out=counts[: len(tile)])


def measure(run: Callable[[], object]) -> tuple[float, float, object]:
    """CPU seconds, of all threads, and seconds of a run, and what it returned."""
    start, cpu = perf_counter(), process_time()
    result = run()
    return process_time() - cpu, perf_counter() - start, result


def contest(rounds: int) -> None:
    data = sets(500, 4000)
    runs = {
        "ours (mAP, curve, radius 2)": partial(ours, data, 1),
        "sort per query (mAP)": partial(sorting, data),
        "bare xor and popcount": partial(bare, data[0], data[2]),
    }
    if faiss is None:
        print("faiss is not installed and left out: pip install -e .[bench]")
    else:
        faiss.omp_set_num_threads(1)
        runs["faiss search, then AP (mAP)"] = partial(searching, data)
    best: dict[str, tuple[float, float, object]] = {}
    with threadpool_limits(1):
        for _ in range(rounds):
            for name, run in runs.items():  # in turn, so that other load meets all alike
                figures = measure(run)
                best[name] = min(best.get(name, figures), figures, key=lambda figures: figures[0])
    base = best["ours (mAP, curve, radius 2)"][0]
    pairs = 500 * 4000
    print(f"500 queries x 4000 codes of {BITS} bits, one thread, CPU time")
    for name, (seconds, _, value) in best.items():
        figure = "" if value is None else f"  mAP {value:.6f}"
        print(
            f"{name:30}{1e3 * seconds:8.1f} ms{1e9 * seconds / pairs:8.2f} ns per pair"
            f"{seconds / base:7.2f} x ours{figure}"
        )
    low, high = map_spread(histograms(*data))
    print(f"orders of ties make any mAP from {low:.6f} to {high:.6f}\n")


def scaling(queries: int, items: int) -> None:
    cores = os.cpu_count() or 1
    print("growing sets; the bare loop, on one core, with a hundredth of the queries")
    for size in [(queries // 10, items // 10), (queries // 10, items), (queries, items)]:
        data = sets(*size)
        pairs = size[0] * size[1]
        one, shared = (measure(partial(ours, data, n_jobs))[1] for n_jobs in (1, cores))
        sample = data[0][: max(1, size[0] // 100)]
        limit = 1e9 * measure(partial(bare, sample, data[2]))[1] / (len(sample) * size[1])
        print(
            f"{size[0]:>6} x {size[1]:<8} one core{one:7.2f} s{1e9 * one / pairs:6.2f} ns per pair,"
            f" bare{limit:6.2f} ns, ratio{1e9 * one / pairs / limit:5.2f};"
            f" {cores} cores{shared:7.2f} s, {one / shared:.2f} times as fast"
        )
    tracemalloc.start()
    ours(data, 1)
    peak = tracemalloc.get_traced_memory()[1] / 2**20
    print(f"memory beyond the codes and labels, largest set, on one core: {peak:.0f} MiB")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--queries", type=int, default=10_000, help="of the largest set")
    parser.add_argument("--items", type=int, default=1_000_000, help="of the largest set")
    parser.add_argument("--rounds", type=int, default=5, help="of the small contest")
    arguments = parser.parse_args()
    contest(arguments.rounds)
    scaling(arguments.queries, arguments.items)


if __name__ == "__main__":
    main()
