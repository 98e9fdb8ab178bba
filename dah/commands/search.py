"""Find the images of an index that are nearest to other images."""

import sys
from pathlib import Path

import numpy as np

from dah.artifacts import replacing
from dah.data.inputs import origins
from dah.encoder import Encoded, Encoder, load_encoder
from dah.errors import UserError
from dah.imagecodes import Header
from dah.search.index import open_index, search
from dah.search.kinds import faiss
from dah.search.results import contact_sheet, json_lines, results, table

NEAREST = 10


def run(
    index: Path,
    queries: list[str],
    k: int | None,
    radius: int | None,
    effort: int | None,
    model: Path | None,
    json: bool,
    sheet: Path | None,
    device: str,
) -> None:
    """Print the nearest images of each query, and write the page with pictures if there is one."""
    faiss()
    opened = open_index(index)
    encoder = encoder_of(opened.header, model, device)
    encoded, folders = encode_queries(encoder, queries)
    k = NEAREST if k is None and radius is None else k
    found = results(opened, encoded, folders, search(opened, encoded.codes, k, radius, effort))
    for line in json_lines(found) if json else table(found):
        print(line)
    if sheet is not None:
        with replacing(sheet) as part:
            page = contact_sheet(opened, found)
            part.write_text(page, encoding="utf-8", errors="backslashreplace")


def encoder_of(header: Header, model: Path | None, device: str) -> Encoder:
    """The encoder that made an index's codes; raises ``UserError`` for another."""
    path = Path(header.model) if model is None else model
    if not path.exists():
        raise UserError(f"{path}: the model of this index is not there; give --model")
    encoder = load_encoder(path, device)
    if encoder.fingerprint != header.fingerprint:
        raise UserError(
            f"{path}: expected the model of this index ({header.fingerprint}), found another"
            f" ({encoder.fingerprint}); encode and index the images again"
        )
    return encoder


def encode_queries(encoder: Encoder, arguments: list[str]) -> tuple[Encoded, list[str]]:
    """All queries that can be read, and the folder or archive of each; the others are told."""
    batches, folders = [], []
    for origin in origins(arguments):
        for batch in encoder.batches(origin.members()):
            batches.append(batch)
            folders += [str(origin.path)] * len(batch.names)
            for name, reason in batch.failures.items():
                print(f"dah: {origin.path / name}: {reason}", file=sys.stderr)
    if not folders:
        raise UserError("no query is an image that can be read")
    encoded = Encoded(
        names=[name for batch in batches for name in batch.names],
        codes=np.concatenate([batch.codes for batch in batches]),
        probabilities=np.concatenate([batch.probabilities for batch in batches]),
        failures={},
    )
    return encoded, folders
