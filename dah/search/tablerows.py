"""The rows of a file of codes as tables of databases hold them."""

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np

from dah.encoder.imagecodes import read_header, read_rows

COLUMNS = "id", "folder", "name", "category", "probability", "code"


class Block(NamedTuple):
    """Some images, column by column: ids int64, texts, probabilities float32, codes packed uint8.

    A byte of a name that is no UTF-8 is ``\\x..``, since databases hold text alone.
    """

    ids: np.ndarray
    folders: list[str]
    names: list[str]
    categories: list[str]
    probabilities: np.ndarray
    codes: np.ndarray


def blocks(path: Path) -> Iterator[Block]:
    """All images of a file of codes in its order, so many in memory as ``read_rows`` reads."""
    header, start = read_header(path), 0
    for rows in read_rows(path):
        ids = np.arange(start, start + len(rows.names))
        folders, names = ([as_text(text) for text in of] for of in (rows.origins, rows.names))
        categories = [as_text(header.categories[label]) for label in rows.labels]
        yield Block(ids, folders, names, categories, rows.probabilities, rows.codes)
        start += len(ids)


def as_text(name: str) -> str:
    """Valid Unicode of a name as Python keeps it."""
    return name.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")
