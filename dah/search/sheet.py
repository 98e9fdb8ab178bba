"""What a search found as a page with pictures, which opens without a network."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from dah.images.thumbnails import thumbnail_of
from dah.retrieval.reach import named
from dah.search.index import ImageIndex
from dah.search.results import Neighbour, Result
from dah.templates import inside, templates

TEMPLATES = templates("dah.search")


def contact_sheet(index: ImageIndex, found: Sequence[Result], folders: Sequence[Path]) -> str:
    """Each query and its neighbours, pictures inside.

    Pictures that lie elsewhere than in `folders` are left out.
    """

    def figure(of: Result | Neighbour, what: str) -> dict[str, Any]:
        picture = thumbnail_of(of.origin, of.name, folders)
        return {
            "picture": picture and inside(picture, "jpeg"),
            "name": of.name,
            "file": of.name.rpartition("/")[2],
            "category": named(of.category, of.far),
            "probability": of.probability,
            "what": what,
        }

    return TEMPLATES.get_template("sheet.html.j2").render(
        count=index.count,
        bits=index.header.bits,
        kind=index.kind,
        number="probabilities" if index.header.calibrated else "scores, not calibrated",
        sections=[
            (figure(of, "query"), [figure(n, f"distance {n.distance}") for n in of.neighbours])
            for of in found
        ],
    )
