"""What a search found, image by image, and how it is told: a table, JSON lines, a page."""

import base64
import json
from collections.abc import Iterator, Sequence
from html import escape
from pathlib import Path
from string import Template
from typing import NamedTuple

import numpy as np

from dah.encoder.encoder import Encoded
from dah.images.thumbnails import thumbnail_of
from dah.printable import as_cell, printable
from dah.retrieval.reach import named
from dah.search.index import Found, ImageIndex, images_at

PAGE = Template("""<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<meta name="color-scheme" content="light dark">
<title>Search by hash codes</title>
<style>
:root { color-scheme: light dark; --text: #222; --faint: #5a5a5a; --ground: #fff; --line: #ddd;
  --empty: #eee; }
@media (prefers-color-scheme: dark) {
  :root { --text: #e6e6e6; --faint: #a8a8a8; --ground: #161616; --line: #444; --empty: #333; }
}
body { font: 14px/1.4 system-ui, sans-serif; margin: 1.5rem; color: var(--text);
  background: var(--ground); }
section { display: grid; grid-template-columns: 144px 1fr; gap: 1rem; padding: 0.8rem 0;
  border-bottom: 1px solid var(--line); }
section > div { display: flex; flex-wrap: wrap; gap: 0.6rem; }
figure { margin: 0; width: 128px; overflow-wrap: anywhere; }
section > figure { font-weight: bold; }
img, .absent { width: 128px; height: 128px; background: var(--empty); display: block; }
small { color: var(--faint); display: block; font-weight: normal; }
@media (max-width: 30rem) { body { margin: 1rem; } section { grid-template-columns: 1fr; } }
</style>
<h1>Search by hash codes</h1>
<p>$about
$sections
</html>
""")


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


def contact_sheet(index: ImageIndex, found: Sequence[Result], folders: Sequence[Path]) -> str:
    """A page that opens without a network: each query and its neighbours, pictures inside.

    Pictures that lie elsewhere than in `folders` are left out.
    """

    def figure(of: Result | Neighbour, what: str) -> str:
        picture = thumbnail_of(of.origin, of.name, folders)
        return _figure(picture, of.name, what, named(of.category, of.far), of.probability)

    sections = []
    for result in found:
        query = figure(result, "query")
        near = "".join(figure(n, f"distance {n.distance}") for n in result.neighbours)
        sections.append(f"<section>{query}<div>{near}</div></section>")
    number = "probabilities" if index.header.calibrated else "scores, not calibrated"
    about = escape(f"{index.count} images, {index.header.bits} bits, {index.kind}; {number}")
    return PAGE.substitute(about=about, sections="\n".join(sections))


def _figure(picture: bytes | None, name: str, what: str, category: str, probability: float) -> str:
    title = escape(printable(name))
    image = '<div class="absent"></div>'
    if picture is not None:
        data = base64.b64encode(picture).decode()
        image = f'<img alt="{title}" src="data:image/jpeg;base64,{data}">'
    file = escape(printable(name.rpartition("/")[2]))
    told = escape(printable(category))
    text = f"{file}<small>{told} {probability:.2f}</small><small>{escape(what)}</small>"
    return f'<figure title="{title}">{image}{text}</figure>'
