"""Codes in a collection of Milvus, whose shards lie on as many machines as it has."""

from pathlib import Path
from typing import Any

from dah.encoder.imagecodes import read_header
from dah.errors import UserError
from dah.search.tablerows import COLUMNS, blocks

SEARCH = 'client.search(table, [code], anns_field="code", limit=10)'
STEP = 8192  # rows of an insertion, of which a message has at most 64 MB
LONGEST = 4096  # bytes of a text
PATIENCE = 60  # seconds


def pymilvus() -> Any:
    """The module; raises ``UserError`` where it is not installed."""
    try:
        import pymilvus as module  # noqa: PLC0415 - an extra
    except ImportError as error:
        raise UserError(
            "milvus: needs pymilvus, which is not installed: pip install 'dah[milvus]'"
        ) from error
    return module


def load(codes: Path, address: str, table: str) -> int:
    """Make a collection of the codes of a file at ``http://host:port`` or in a file of milvus-lite.

    Fields: id, folder, name, category, probability, and code, a ``BINARY_VECTOR`` of the packed
    bytes as of the file, zeros behind the last bit; Hamming distances, by cells on a server and
    exact in a file. Milvus has no transaction: a former collection of ours goes first. Returns the
    number of rows. Raises ``UserError`` where another collection has the name or the server does
    not answer; no message has the address, in which a password may stand.
    """
    library, width = pymilvus(), -(-read_header(codes).bits // 8)
    count, server = 0, "://" in address
    try:
        client = library.MilvusClient(address, timeout=PATIENCE)
    except (library.MilvusException, ValueError) as error:
        raise UserError("milvus: no server answers at that address, or none is one") from error
    try:
        if client.has_collection(table):
            check_own(client.describe_collection(table), table)
            client.drop_collection(table)
        client.create_collection(table, schema=schema_of(client, library.DataType, width))
        for block in blocks(codes):
            rows = [
                dict(zip(COLUMNS, row, strict=True))
                for row in zip(
                    block.ids.tolist(),
                    *block[1:4],
                    block.probabilities.tolist(),
                    map(bytes, block.codes),
                    strict=True,
                )
            ]
            for start in range(0, len(rows), STEP):
                client.insert(table, rows[start : start + STEP])
            count += len(rows)
        client.flush(table)
        index = client.prepare_index_params()
        kind = "BIN_IVF_FLAT" if server else "BIN_FLAT"
        cells = {"nlist": max(1, min(65536, int(count**0.5)))} if server else {}
        index.add_index("code", index_type=kind, metric_type="HAMMING", params=cells)
        client.create_index(table, index)
        client.load_collection(table)
    except library.MilvusException as error:
        reason = " ".join(str(error).split())[:300]
        raise UserError(f"the collection {table!r} cannot be written: {reason}") from error
    finally:
        client.close()
    return count


def schema_of(client: Any, types: Any, width: int) -> Any:
    """The fields of a collection of codes of `width` bytes."""
    schema = client.create_schema(auto_id=False)
    schema.add_field("id", types.INT64, is_primary=True)
    for name in ("folder", "name", "category"):
        schema.add_field(name, types.VARCHAR, max_length=LONGEST)
    schema.add_field("probability", types.FLOAT)
    schema.add_field("code", types.BINARY_VECTOR, dim=8 * width)
    return schema


def check_own(found: dict[str, Any], table: str) -> None:
    """Raise ``UserError`` where a collection has other fields than ours."""
    names = [field["name"] for field in found["fields"]]
    if names != list(COLUMNS):
        raise UserError(
            f"the database has something else by the name {table!r}: {', '.join(names)};"
            " give another name by --table"
        )
