"""A billion codes in shards on the disk, searched as ``search`` does: seconds, recall and memory.

    python benchmarks/billion.py make --folder F --kind flat --count 1000000000
    python benchmarks/billion.py search --folder F --kind flat --batches 1 100

Random codes, 64 bits. ``make`` writes the shards that are not there yet (so it may be stopped) and
prints what each took; ``search`` opens all of them, or ``--shards N``, and asks each batch once
after a first query that brings the files into memory. Queries are codes of the set with 4 bits
changed; recall is the share of such codes found, and that of the ten nearest of ``--exact``, a
folder of flat shards of the same codes. Memory is the process's own peak (``ru_maxrss``), of which
pages of files that are mapped are a part that the system may take back; ``anonymous`` is the rest.
"""

import argparse
import resource
import time
from pathlib import Path

import numpy as np
from binary_index import near_queries

from dah.encoder.imagerows import Header
from dah.search import kinds
from dah.search.index import Found, ImageIndex, search, shard_path
from dah.search.kinds import EFFORT, build, faiss, read, write

WIDTH, NEAREST, BLOCK = 8, 10, 2**20


def codes_of(start: int, count: int) -> np.ndarray:
    """Random codes by their numbers, whatever the shards: those of a block follow from its seed."""
    blocks = range(start // BLOCK, -(-(start + count) // BLOCK))
    made = [np.random.default_rng(n).integers(0, 256, (BLOCK, WIDTH), np.uint8) for n in blocks]
    skipped = start - blocks[0] * BLOCK
    return np.concatenate(made)[skipped : skipped + count].copy()


def starts(count: int, shard: int) -> list[tuple[int, int]]:
    """Where each shard begins, and how many codes it has."""
    return [(start, min(shard, count - start)) for start in range(0, count, shard)]


def make(folder: Path, kind: str, count: int, shard: int, seconds: float) -> None:
    """Write the shards that are missing, until the time is over."""
    folder.mkdir(parents=True, exist_ok=True)
    begun, made, drawing = time.perf_counter(), 0, 0.0
    places = starts(count, shard)
    for number, (start, size) in enumerate(places):
        path = shard_path(folder, number)
        if not path.exists() and time.perf_counter() - begun < seconds:
            since = time.perf_counter()
            codes = codes_of(start, size)
            drawing += time.perf_counter() - since
            write(build(kind, codes), path)
            made += size
    spent = time.perf_counter() - begun - drawing
    there = sum(shard_path(folder, n).exists() for n in range(len(places)))
    print(f"{kind}: {made} codes in {spent:.0f} s; {there} of {len(places)} shards; {memory()}")


def opened(folder: Path, kind: str, count: int, shard: int, shards: int | None) -> ImageIndex:
    """The index as ``search`` takes it, of the codes alone."""
    sizes = [size for _, size in starts(count, shard)][:shards]
    parts = [read(kind, shard_path(folder, n), size, WIDTH) for n, size in enumerate(sizes)]
    header = Header(8 * WIDTH, ["none"], "", "")
    return ImageIndex(folder, kind, sizes, header, tuple(parts), ())


def ask(index: ImageIndex, queries: np.ndarray, effort: int) -> tuple[Found, float]:
    """The nearest of each query, and the seconds of all."""
    begun = time.perf_counter()
    found = search(index, queries, NEAREST, effort=effort)
    return found, time.perf_counter() - begun


def measure(index: ImageIndex, batches: list[int], efforts: list[int], exact: ImageIndex | None):
    """Each batch once."""
    rng, count = np.random.default_rng(0), sum(index.shards)
    _, first = ask(index, near_queries(codes_of(0, 1), np.array([0]), 4, rng), efforts[0])
    print(f"{index.kind}: {count} codes, {len(index.shards)} shards; first query {first:.1f} s")
    for size in batches:
        rows = np.sort(rng.integers(0, count, size))
        own = np.concatenate([codes_of(int(row), 1) for row in rows[:100]])
        own = np.resize(own, (size, WIDTH))
        queries = near_queries(own, np.arange(size), 4, rng)
        for effort in efforts:
            found, seconds = ask(index, queries, effort)
            hit = np.mean([row in of for row, of in zip(rows[:100], found.rows, strict=False)])
            line = f"effort {effort}: batch {size}: {seconds:.2f} s, {1000 * seconds / size:.2f}"
            line += f" ms a query, near found {hit:.2f}"
            if exact is not None and size <= 100:
                far = np.random.default_rng(1).integers(0, 256, (size, WIDTH), np.uint8)
                answers, truth = ask(index, far, effort)[0], ask(exact, far, 0)[0]
                pairs = zip(answers.distances, truth.distances, strict=True)
                line += f", recall {np.mean([(d <= t[-1]).sum() / NEAREST for d, t in pairs]):.2f}"
            print(f"{line}; {memory()}", flush=True)


def memory() -> str:
    """The process's peak, and its memory at this moment that is of no file."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    (own,) = (
        int(line.split()[1]) / 2**20
        for line in Path("/proc/self/status").read_text(encoding="ascii").splitlines()
        if line.startswith("RssAnon")
    )
    return f"peak {peak:.2f} GiB, anonymous {own:.2f} GiB"


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("what", choices=("make", "search"))
    parser.add_argument("--folder", type=Path, required=True)
    parser.add_argument("--kind", choices=EFFORT, default="flat")
    parser.add_argument("--count", type=int, default=10**9)
    parser.add_argument("--shard", type=int, default=2**25)
    parser.add_argument("--shards", type=int, help="search the first alone")
    parser.add_argument("--seconds", type=float, default=1e9, help="make begins no shard after")
    parser.add_argument("--batches", type=int, nargs="+", default=[1, 100])
    parser.add_argument("--efforts", type=int, nargs="+")
    parser.add_argument("--exact", type=Path)
    parser.add_argument("--cells", type=int, help="of each ivf shard, instead of its own number")
    given = parser.parse_args()
    faiss().omp_set_num_threads(1)
    if given.cells:
        kinds.cells = lambda count: given.cells
    if given.what == "make":
        make(given.folder, given.kind, given.count, given.shard, given.seconds)
    else:
        size = given.count, given.shard, given.shards
        index = opened(given.folder, given.kind, *size)
        exact = given.exact and opened(given.exact, "flat", *size)
        measure(index, given.batches, given.efforts or [EFFORT[given.kind]], exact)
