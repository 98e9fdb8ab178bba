"""PSCA against its published figures: ``python benchmarks/psca.py MNIST_vs_USPS.mat``.

The file is that of the shallow literature (JDA, PWCF): ``X_src`` 256 x 2000 of MNIST, ``X_tar`` 256
x 1800 of USPS, ``Y_src``, ``Y_tar``. Queries are a random tenth of the target, of the seeds 0 to 2.
``held out``: the queries are encoded by the regression, as images that were not learned from;
``learned``: all of the target is learned from, as the pipeline does. mAP in percent, tie-aware, and
in brackets as an ordinary sort has it, ties in the order of the database.
"""

import sys
from collections.abc import Iterator
from time import perf_counter, process_time

import numpy as np
from scipy.io import loadmat

from dah.hashing import psca
from dah.retrieval.hamming import hamming_distances
from dah.retrieval.precision import mean_average_precision

PUBLISHED = {  # cross and single
    16: (86.05, 80.61),
    32: (86.47, 81.09),
    64: (87.35, 81.53),
    128: (88.71, 83.07),
}
SEEDS = range(3)


def sorted_map(queries, query_labels, database, labels):
    """Mean average precision of a stable sort by distance."""
    order = hamming_distances(queries, database).argsort(axis=1, kind="stable")
    relevant = labels[order] == query_labels[:, None]
    precision = relevant.cumsum(axis=1) / np.arange(1, len(database) + 1)
    found = relevant.any(axis=1)
    return float(((precision * relevant).sum(axis=1)[found] / relevant.sum(axis=1)[found]).mean())


def protocols(Xs, ys, Xt, yt, bits, seed, **options) -> Iterator[tuple[str, list[float]]]:
    """Each protocol's cross and single mAP, tie-aware and sorted, and its share of right labels."""
    asked = np.isin(np.arange(len(yt)), np.random.default_rng(seed).permutation(len(yt))[::10])
    for name, learned in (("held out", ~asked), ("learned", np.ones_like(asked))):
        codes = psca(Xs, ys, Xt[learned], bits, np.random.default_rng(seed), **options)
        queries = codes.target[asked] if name == "learned" else codes.encoder.encode(Xt[asked])
        rest = codes.target[~asked[learned]]
        sets = (queries, yt[asked], codes.source, ys), (queries, yt[asked], rest, yt[~asked])
        maps = [measure(*of) for of in sets for measure in (mean_average_precision, sorted_map)]
        labels = np.unique(ys)[codes.memberships.argmax(axis=1)]
        yield name, [*maps, float(np.mean(labels == yt[learned]))]


def rows(Xs, ys, Xt, yt, lengths=tuple(PUBLISHED), **options) -> Iterator[str]:
    """A line for each length and protocol: means and deviations over seeds."""
    for bits in lengths:
        clock, cpu, found = perf_counter(), process_time(), {}
        for seed in SEEDS:
            for name, figures in protocols(Xs, ys, Xt, yt, bits, seed, **options):
                found.setdefault(name, []).append(figures)
        fits = len(SEEDS) * len(found)
        clock, cpu = (perf_counter() - clock) / fits, (process_time() - cpu) / fits
        for name, of in found.items():
            mean, deviation = 100 * np.mean(of, axis=0), 100 * np.std(of, axis=0, ddof=1)
            yield (
                f"{bits:4d} bits, {name:8s}  cross {mean[0]:.2f} ± {deviation[0]:.2f}"
                f" ({mean[1]:.2f})  single {mean[2]:.2f} ± {deviation[2]:.2f} ({mean[3]:.2f})"
                f"  memberships right {mean[4]:.1f} %  {cpu:.1f} s CPU, {clock:.1f} s"
            )


if __name__ == "__main__":
    file = loadmat(sys.argv[1])
    sides = ((file[f"X_{of}"].T.astype(float), file[f"Y_{of}"].ravel()) for of in ("src", "tar"))
    (Xs, ys), (Xt, yt) = sides
    for line in rows(Xs, ys.astype(int), Xt, yt.astype(int)):
        print(line, flush=True)
    for bits, (cross, single) in PUBLISHED.items():
        print(f"{bits:4d} bits, published  cross {cross}  single {single}")
