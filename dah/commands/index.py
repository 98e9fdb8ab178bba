"""Build an index of codes for searching."""

from argparse import ArgumentParser
from functools import partial
from pathlib import Path

from dah.commands.arguments import CODES, whole
from dah.search.index import SHARD, build_index
from dah.search.kinds import faiss


def arguments(command: ArgumentParser) -> None:
    """What it takes."""
    command.add_argument("codes", nargs="+", type=Path, metavar="CODES.h5", help=CODES)
    command.add_argument(
        "-o", "--out", type=Path, required=True, metavar="INDEX", help="a folder, new or replaced"
    )
    kinds = ("flat", "ivf", "hnsw", "multihash")
    command.add_argument("--kind", choices=kinds, default="flat", help="default: flat, exact")
    command.add_argument(
        "--shard", type=partial(whole, 1), help="codes in a shard, default 2^25: bounds the memory"
    )


def run(codes: list[Path], out: Path, kind: str, shard: int | None) -> None:
    """Index files of codes of one model, in their order."""
    faiss()
    index = build_index(codes, out, kind, shard or SHARD)
    print(
        f"{out}: {index.count} images, {index.header.bits} bits, {kind}, {len(index.shards)} shards"
    )
