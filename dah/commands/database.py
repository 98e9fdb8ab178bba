"""Load codes into a database that searches them: PostgreSQL with pgvector, LanceDB or Milvus."""

from argparse import ArgumentParser
from pathlib import Path

from dah.commands.arguments import CODES
from dah.search.databases import load


def arguments(command: ArgumentParser) -> None:
    """What it takes."""
    command.add_argument("codes", type=Path, metavar="CODES.h5", help=CODES)
    command.add_argument(
        "--to", required=True, metavar="ADDRESS",
        help="postgresql://user@host/database, lancedb:FOLDER (or lancedb:s3://bucket/folder),"
        " milvus:http://host:19530 (or milvus:FILE.db)",
    )  # fmt: skip
    command.add_argument("--table", default="dah_images", help="default: dah_images")


def run(codes: Path, to: str, table: str) -> None:
    """Make or replace the table of the codes of a file."""
    count, how = load(codes, to, table)
    print(f"{table}: {count} images; search with {how}")
