"""Codes in a table of LanceDB: files in a folder or in object storage, and no server."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from dah.encoder.imagecodes import read_header
from dah.errors import UserError
from dah.search.tablerows import Block, blocks

SEARCH = 'table.search(code, vector_column_name="code").distance_type("hamming").limit(10)'
FEWEST = 2**16  # images of which an index is made; fewer are compared one by one in milliseconds


def modules() -> tuple[Any, Any]:
    """LanceDB and pyarrow; raises ``UserError`` where they are not installed."""
    try:
        import lancedb as module  # noqa: PLC0415 - an extra
        import pyarrow  # noqa: PLC0415
    except ImportError as error:
        raise UserError(
            "lancedb: needs LanceDB, which is not installed: pip install 'dah[lancedb]'"
        ) from error
    return module, pyarrow


def load(codes: Path, place: str, table: str) -> int:
    """Make a table of the codes of a file at a folder or ``s3://...``; the number of rows.

    Columns: id, folder, name, category, probability, and code, the packed bytes as of the file:
    ``fixed_size_list<uint8>``, which LanceDB takes for bits where the distance is Hamming's. From
    ``FEWEST`` images on with an index of cells, IVF_FLAT. A table of that name with these columns
    is replaced at once when all rows are written. Raises ``UserError`` for any other table.
    """
    library, arrow = modules()
    schema = schema_of(arrow, -(-read_header(codes).bits // 8))
    try:
        database = library.connect(place)
        former = table in database.list_tables().tables
        if former:
            check_own(database.open_table(table).schema, table)
        batches = arrow.RecordBatchReader.from_batches(schema, record_batches(arrow, schema, codes))
        made = database.create_table(table, batches, mode="overwrite" if former else "create")
        count = made.count_rows()
        if count >= FEWEST:
            kind = library.index.IvfFlat(distance_type="hamming", num_partitions=int(count**0.5))
            made.create_index("code", config=kind)
    except (OSError, RuntimeError, ValueError) as error:
        reason = " ".join(str(error).split())[:300]
        raise UserError(f"the table {table!r} cannot be written: {reason}") from error
    return count


def schema_of(arrow: Any, width: int) -> Any:
    """The columns of a table of codes of `width` bytes."""
    types = {
        "id": arrow.int64(),
        **dict.fromkeys(("folder", "name", "category"), arrow.string()),
        "probability": arrow.float32(),
        "code": arrow.list_(arrow.uint8(), width),
    }
    return arrow.schema([arrow.field(name, of, nullable=False) for name, of in types.items()])


def record_batches(arrow: Any, schema: Any, codes: Path) -> Iterator[Any]:
    """The rows of a file of codes."""
    for block in blocks(codes):
        columns = [arrow.array(column, field.type) for column, field in _plain(block, schema)]
        flat = arrow.array(block.codes.reshape(-1))
        columns.append(arrow.FixedSizeListArray.from_arrays(flat, type=schema.field("code").type))
        yield arrow.record_batch(columns, schema=schema)


def _plain(block: Block, schema: Any) -> Iterator[tuple[Any, Any]]:
    return zip(block[:-1], list(schema)[:-1], strict=True)


def check_own(found: Any, table: str) -> None:
    """Raise ``UserError`` where a table has other columns than ours, of whatever length the code.

    A table of another program is left alone.
    """
    _, arrow = modules()
    code = found.field("code").type if "code" in found.names else None
    width = code.list_size if code is not None and hasattr(code, "list_size") else 0
    expected = schema_of(arrow, max(1, width))
    if [(f.name, f.type) for f in found] != [(f.name, f.type) for f in expected]:
        columns = ", ".join(f"{field.name} {field.type}" for field in found) or "no columns"
        raise UserError(
            f"the database has something else by the name {table!r}: {columns};"
            " give another name by --table"
        )
