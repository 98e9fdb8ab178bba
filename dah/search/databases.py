"""Codes in databases, which hold more than memory: one way in, whichever it is.

Each gets a table of the images: id (the row in the file of codes), folder, name, category,
probability and code; a former one of ours by that name is replaced, any other left alone.
"""

from pathlib import Path

from dah.search import lancedb, milvus, pgvector

KINDS = {"lancedb": lancedb, "milvus": milvus}


def load(codes: Path, address: str, table: str) -> tuple[int, str]:
    """Make a table of the codes of a file at ``lancedb:...``, ``milvus:...``, or in PostgreSQL.

    The number of images, and how to search them, in the database's own words. Raises ``UserError``
    where the database cannot be reached, its package is not installed, or something else has the
    table's name.
    """
    kind, _, rest = address.partition(":")
    if kind in KINDS:
        return KINDS[kind].load(codes, rest, table), KINDS[kind].SEARCH
    return pgvector.load(codes, address, table), pgvector.SEARCH
