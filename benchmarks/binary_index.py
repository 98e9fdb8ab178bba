"""Size, time per query and recall of each kind of index, on random codes or on those of a file.

    python benchmarks/binary_index.py --count 10000000 --kind flat ivf
    python benchmarks/binary_index.py --codes codes.h5 --kind ivf hnsw multihash

Random codes are the hardest case: nothing is near anything. Beside random queries there are near
ones, codes of the set with ``--flips`` bits changed, as of another photograph of the same object.
Recall is the share of the k answers that are no farther than the exact k-th; of near queries, the
share whose own code is among the answers. Each index is written, then read as ``search`` reads it.
"""

import argparse
import tempfile
import time
from pathlib import Path

import numpy as np

from dah.encoder.imagecodes import read_codes_of
from dah.search.kinds import EFFORT, build, faiss, read, tune, write

NEAREST = 10


def near_queries(codes: np.ndarray, rows: np.ndarray, flips: int, rng: np.random.Generator):
    """Some codes with `flips` different bits changed."""
    bits = np.unpackbits(codes[rows], axis=1)
    for code in bits:
        code[rng.choice(len(code), flips, replace=False)] ^= 1
    return np.packbits(bits, axis=1)


def timed(index: object, queries: np.ndarray) -> tuple[np.ndarray, np.ndarray, float]:
    """Distances, rows and milliseconds per query, one at a time, the faster of two passes."""
    best = np.inf
    for _ in range(2):
        start = time.perf_counter()
        found = [index.search(queries[i : i + 1], NEAREST) for i in range(len(queries))]
        best = min(best, time.perf_counter() - start)
    distances, rows = (np.concatenate(part) for part in zip(*found, strict=True))
    return distances, rows, 1000 * best / len(queries)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--count", type=int, default=10**6)
    parser.add_argument("--bits", type=int, default=64)
    parser.add_argument("--codes", type=Path, nargs="*")
    parser.add_argument("--kind", nargs="+", choices=EFFORT, default=["flat"])
    parser.add_argument("--effort", type=int, nargs="+", help="instead of the kind's own")
    parser.add_argument("--queries", type=int, default=20)
    parser.add_argument("--flips", type=int, default=4)
    parser.add_argument("--threads", type=int, default=1)
    given = parser.parse_args()
    faiss().omp_set_num_threads(given.threads)
    rng = np.random.default_rng(0)
    if given.codes:
        blocks = [block for path in given.codes for block in read_codes_of(path, 2**20)]
        codes = np.concatenate(blocks)
    else:
        codes = rng.integers(0, 256, (given.count, given.bits // 8), np.uint8)
    rows = rng.choice(len(codes), given.queries, replace=False)
    near = near_queries(codes, rows, given.flips, rng)
    far = codes[rows] if given.codes else rng.integers(0, 256, near.shape, np.uint8)
    exact, _, _ = timed(build("flat", codes), far)
    print("kind\teffort\tcodes\tbuild s\tbytes/code\tms/query\trecall\tnear ms\tnear found")
    with tempfile.TemporaryDirectory() as folder:
        for kind in given.kind:
            path, start = Path(folder) / kind, time.perf_counter()
            write(build(kind, codes), path)
            seconds = time.perf_counter() - start
            for effort in given.effort or [EFFORT[kind]]:
                index = read(kind, path, *codes.shape)
                tune(kind, index, effort)
                distances, found, ms = timed(index, far)
                recall = ((distances <= exact[:, -1:]) & (found >= 0)).mean()
                _, near_found, near_ms = timed(index, near)
                hit = (near_found == rows[:, None]).any(axis=1).mean()
                size = path.stat().st_size / len(codes)
                print(
                    f"{kind}\t{effort}\t{len(codes)}\t{seconds:.1f}\t{size:.1f}\t{ms:.2f}"
                    f"\t{recall:.3f}\t{near_ms:.2f}\t{hit:.3f}",
                    flush=True,
                )


if __name__ == "__main__":
    main()
