"""Codes in a PostgreSQL table, which pgvector searches by Hamming distance."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from dah.encoder.imagecodes import read_header
from dah.errors import UserError
from dah.search.tablerows import blocks

SEARCH = "ORDER BY code <~> B'0101...' LIMIT 10"
OLDEST = (0, 7)  # the first pgvector with bit strings
TYPES = {
    "id": "bigint",
    "folder": "text",
    "name": "text",
    "category": "text",
    "probability": "real",
    "code": "bit",
}
ADDRESS = (
    "--to is no address of a database; expected lancedb:FOLDER, milvus:http://host:port or"
    " postgresql://user@host:port/database, in which special characters of a password are written"
    " as %40 for @ and the like; better leave it out and set PGPASSWORD or write it into ~/.pgpass"
)


def psycopg() -> Any:
    """The module; raises ``UserError`` where it is not installed."""
    try:
        import psycopg as module  # noqa: PLC0415 - an extra
    except ImportError as error:
        raise UserError(
            "pgvector needs psycopg, which is not installed: pip install 'psycopg[binary]'"
        ) from error
    return module


def bit_strings(codes: np.ndarray, bits: int) -> list[str]:
    """Each packed code as PostgreSQL writes a bit string: bit 0 first, without the padding."""
    digits = np.unpackbits(codes, axis=1, count=bits) + ord("0")
    return [row.tobytes().decode() for row in digits.astype(np.uint8)]


def load(codes: Path, url: str, table: str) -> int:
    """Make a table of the codes of a file, in one transaction, with an HNSW index of them.

    Columns: id, folder, name, category, probability, ``code bit(d)``, where the first digit of the
    bit string is bit 0 of the image. Search with ``ORDER BY code <~> B'...' LIMIT 10``. A table of
    that name with just these columns is replaced, any other left alone. Returns the number of rows.
    Raises ``UserError`` where there is such another one, or the database cannot be reached or lacks
    pgvector; no message has the address, in which a password may stand.
    """
    client, header = psycopg(), read_header(codes)
    name = client.sql.Identifier(table)
    check_address(url)
    try:
        with client.connect(url) as connection:
            check_extension(connection)
            drop_own(connection, table)
            create = client.sql.SQL(
                "CREATE TABLE {0} (id bigint PRIMARY KEY, folder text NOT NULL, name text NOT NULL,"
                " category text NOT NULL, probability real NOT NULL, code bit({1}) NOT NULL)"
            )
            connection.execute(create.format(name, client.sql.Literal(header.bits)))
            copy = client.sql.SQL(f"COPY {{}} ({', '.join(TYPES)}) FROM STDIN").format(name)
            count = 0
            with connection.cursor().copy(copy) as stream:
                for count, row in enumerate(table_rows(codes), start=1):
                    stream.write_row((count - 1, *row))
            index = client.sql.SQL("CREATE INDEX ON {} USING hnsw (code bit_hamming_ops)")
            connection.execute(index.format(name))
            return count
    except client.Error as error:
        reason = str(error).strip().split("\n", 1)[0]
        raise UserError(f"the table {table!r} cannot be written: {reason}") from error


def check_address(url: str) -> None:
    """Raise ``UserError`` where the address is none, or parts of a password look like a host.

    What libpq says of such an address quotes it.
    """
    client = psycopg()
    try:
        parts = client.conninfo.conninfo_to_dict(url)
    except client.Error:
        raise UserError(ADDRESS) from None
    ports = str(parts.get("port") or "").split(",")
    quoted = f"{parts.get('host', '')}{parts.get('dbname', '')}" if "://" in url else ""
    if "@" in quoted or not all(port.isdecimal() or not port for port in ports):
        raise UserError(ADDRESS)


def drop_own(connection: Any, table: str) -> None:
    """Drop a former table of codes; raise ``UserError`` where something else has its name."""
    sql = psycopg().sql
    name = sql.Identifier(table)
    written = name.as_string(connection)
    (oid,) = connection.execute("SELECT to_regclass(%s)::oid", (written,)).fetchone()
    if oid is None:
        return
    kind, columns = connection.execute(
        "SELECT relkind::text, ARRAY(SELECT attname || ' ' || format_type(atttypid, NULL)"
        " FROM pg_attribute WHERE attrelid = c.oid AND attnum > 0 AND NOT attisdropped"
        " ORDER BY attnum) FROM pg_class c WHERE oid = %s",
        (oid,),
    ).fetchone()
    if kind != "r" or columns != [" ".join(column) for column in TYPES.items()]:
        found = ", ".join(columns) or "no columns"
        raise UserError(
            f"the database has something else by the name {table!r}: {found};"
            " give another name by --table"
        )
    connection.execute(sql.SQL("DROP TABLE {}").format(name))


def table_rows(path: Path) -> Iterator[tuple[str, str, str, float, str]]:
    """The columns after id of each image of a file of codes, in its order."""
    bits = read_header(path).bits
    for block in blocks(path):
        last = block.probabilities.tolist(), bit_strings(block.codes, bits)
        yield from zip(*block[1:4], *last, strict=True)


def check_extension(connection: Any) -> None:
    """Make pgvector available; raise ``UserError`` where it is absent or has no bit strings."""
    available = connection.execute(
        "SELECT default_version FROM pg_available_extensions WHERE name = 'vector'"
    ).fetchone()
    if available is None:
        raise UserError("the database has no pgvector; install it on the database's machine")
    connection.execute("CREATE EXTENSION IF NOT EXISTS vector")
    (version,) = connection.execute(
        "SELECT extversion FROM pg_extension WHERE extname = 'vector'"
    ).fetchone()
    if tuple(int(part) for part in version.split(".")[:2]) < OLDEST:
        raise UserError(f"pgvector {version} has no bit strings; install 0.7 or newer")
