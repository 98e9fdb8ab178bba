"""Load codes into a PostgreSQL table that pgvector can search."""

from pathlib import Path

from dah.search.pgvector import load


def run(codes: Path, url: str, table: str) -> None:
    """Make or replace the table of the codes of a file."""
    count = load(codes, url, table)
    print(f"{table}: {count} images; search with ORDER BY code <~> B'0101...' LIMIT 10")
