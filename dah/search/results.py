"""What a search found, image by image, and how it is told: a table, JSON lines."""

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from dah.encoder.encoder import Encoded
from dah.printable import as_cell
from dah.retrieval.reach import named
from dah.search.index import Found, ImageIndex, images_at


class Neighbour(NamedTuple):
    """An image near a query: its Hamming distance, where it is, and its predicted category.

    ``far``: whether it is of none of the categories, so that this one is the nearest at most.
    """

    distance: int
    row: int
    origin: str
    name: str
    category: str
    probability: float
    far: bool


class Result(NamedTuple):
    """A query with its code, its predicted category, and its neighbours, nearest first."""

    origin: str
    name: str
    code: bytes
    category: str
    probability: float
    far: bool
    neighbours: list[Neighbour]


def results(
    index: ImageIndex, queries: Encoded, origins: Sequence[str], found: Found
) -> list[Result]:
    """One for each query, in their order; `origins` are the queries' folders or archives."""
    categories = index.header.categories
    lengths = [len(rows) for rows in found.rows]
    every = np.concatenate([*found.rows, np.empty(0, np.int64)])
    images, names = images_at(index, every)
    distances = np.concatenate([*found.distances, np.empty(0, np.int32)]).tolist()
    columns = distances, every.tolist(), images.origins, images.names, names
    told = images.probabilities.tolist(), images.far.tolist()
    flat = [Neighbour(*row) for row in zip(*columns, *told, strict=True)]
    ends = np.cumsum(lengths)
    best = queries.probabilities.argmax(axis=1)
    return [
        Result(
            origin=origins[row],
            name=queries.names[row],
            code=queries.codes[row].tobytes(),
            category=categories[best[row]],
            probability=float(queries.probabilities[row, best[row]]),
            far=queries.far is not None and bool(queries.far[row]),
            neighbours=flat[ends[row] - lengths[row] : ends[row]],
        )
        for row in range(len(queries.names))
    ]


def table(found: Sequence[Result], calibrated: bool = True) -> Iterator[str]:
    """Lines of tab-separated columns under a head: one for each neighbour of each query.

    What was not `calibrated` is a score and no probability.
    """
    last = "probability" if calibrated else "score"
    yield f"query\tpredicted\trank\tdistance\timage\tcategory\t{last}"
    for result in found:
        for rank, near in enumerate(result.neighbours, start=1):
            query, category = (named(of.category, of.far) for of in (result, near))
            image = str(Path(near.origin) / near.name)
            cells = result.name, query, str(rank), str(near.distance), image, category
            yield "\t".join([*map(as_cell, cells), f"{near.probability:.4f}"])


def json_lines(found: Sequence[Result]) -> Iterator[str]:
    """One JSON object for each query, its code in hexadecimal digits, names as they are."""
    for result in found:
        record = {
            "query": str(Path(result.origin) / result.name),
            "code": result.code.hex(),
            "category": result.category,
            "probability": round(result.probability, 6),
            "far": result.far,
            "results": [
                {
                    "rank": rank,
                    "distance": near.distance,
                    "image": str(Path(near.origin) / near.name),
                    "category": near.category,
                    "probability": round(near.probability, 6),
                    "far": near.far,
                }
                for rank, near in enumerate(result.neighbours, start=1)
            ],
        }
        text = json.dumps(record, ensure_ascii=False)
        yield text if text.isascii() or _is_unicode(text) else json.dumps(record)


def _is_unicode(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:  # bytes of a file's name that are no UTF-8
        return False
    return True
