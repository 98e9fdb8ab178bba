"""Load codes into a PostgreSQL table that pgvector can search."""

from argparse import ArgumentParser
from pathlib import Path

from dah.commands.arguments import CODES
from dah.search.pgvector import load


def arguments(command: ArgumentParser) -> None:
    """What it takes."""
    command.add_argument("codes", type=Path, metavar="CODES.h5", help=CODES)
    command.add_argument("--url", required=True, help="postgresql://user@host/database")
    command.add_argument("--table", default="dah_images", help="default: dah_images")


def run(codes: Path, url: str, table: str) -> None:
    """Make or replace the table of the codes of a file."""
    count = load(codes, url, table)
    print(f"{table}: {count} images; search with ORDER BY code <~> B'0101...' LIMIT 10")
