"""Build an index of codes for searching."""

from pathlib import Path

from dah.search.index import SHARD, build_index
from dah.search.kinds import faiss


def run(codes: list[Path], out: Path, kind: str, shard: int | None) -> None:
    """Index files of codes of one model, in their order."""
    faiss()
    index = build_index(codes, out, kind, shard or SHARD)
    print(
        f"{out}: {index.count} images, {index.header.bits} bits, {kind}, {len(index.shards)} shards"
    )
