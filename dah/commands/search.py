"""Find the images of an index that are nearest to other images."""

import sys
from argparse import ArgumentParser
from functools import partial
from pathlib import Path

import numpy as np

from dah.commands.arguments import DEVICE, DEVICES, IMAGES, INDEX, PICTURES, whole
from dah.encoder.encoder import Encoded, Encoder, load_encoder
from dah.encoder.imagecodes import Header
from dah.encoder.inputs import origins
from dah.errors import UserError
from dah.files.artifacts import replacing
from dah.images.named import named_now, noted
from dah.printable import printable
from dah.search.index import open_index, search
from dah.search.kinds import faiss
from dah.search.results import json_lines, results, table
from dah.search.sheet import contact_sheet

NEAREST = 10


def arguments(command: ArgumentParser) -> None:
    """What it takes."""
    command.add_argument("index", type=Path, metavar="INDEX", help=INDEX)
    command.add_argument("queries", nargs="+", metavar="QUERY", help=IMAGES)
    command.add_argument("-k", type=partial(whole, 1), help="how many; 10 without --radius")
    command.add_argument("--radius", type=partial(whole, 0), help="largest Hamming distance")
    command.add_argument(
        "--effort", type=partial(whole, 1), help="ivf: cells searched; hnsw: candidates kept;"
        " multihash: bits that may differ"
    )  # fmt: skip
    command.add_argument("--model", type=Path, help="the model, where it was moved since encode")
    command.add_argument("--json", action="store_true", help="JSON lines instead of a table")
    command.add_argument("--sheet", type=Path, metavar="PAGE.html", help="pictures as a page too")
    command.add_argument(
        "--pictures", action="append", default=[], type=Path, metavar="FOLDER", help=PICTURES
    )
    command.add_argument("--device", choices=DEVICES, default="auto", help=DEVICE)


def run(
    index: Path,
    queries: list[str],
    k: int | None,
    radius: int | None,
    effort: int | None,
    model: Path | None,
    json: bool,
    sheet: Path | None,
    pictures: list[Path],
    device: str,
) -> None:
    """Print the nearest images of each query, and write the page with pictures if there is one."""
    faiss()
    shown = [*noted(), *named_now(pictures)]
    opened = open_index(index)
    encoder = encoder_of(opened.header, model, device)
    encoded, places = encode_queries(encoder, queries)
    k = NEAREST if k is None and radius is None else k
    near = search(opened, encoded.codes, k, radius, effort, encoded.outputs)
    found = results(opened, encoded, places, near)
    for line in json_lines(found) if json else table(found, opened.header.calibrated):
        print(line)
    if sheet is not None:
        shown += [Path(place) for place in places]
        with replacing(sheet) as part:
            part.write_text(contact_sheet(opened, found, shown), encoding="utf-8")


def encoder_of(header: Header, model: Path | None, device: str) -> Encoder:
    """The encoder that made an index's codes; raises ``UserError`` for another."""
    path = Path(header.model) if model is None else model
    if not path.is_file():
        raise UserError(f"{path}: the model of this index is not there; give --model")
    encoder = load_encoder(path, device, "torch")  # queries are few
    if encoder.fingerprint != header.fingerprint:
        raise UserError(
            f"{path}: expected the model of this index ({header.fingerprint}), found another"
            f" ({encoder.fingerprint}); encode and index the images again"
        )
    if len(encoder.categories) != len(header.categories):
        raise UserError(
            f"{path}: expected the {len(header.categories)} categories of this index, found"
            f" {len(encoder.categories)}; encode and index the images again"
        )
    return encoder


def encode_queries(encoder: Encoder, arguments: list[str]) -> tuple[Encoded, list[str]]:
    """All queries that can be read, and the folder or archive of each; the others are told."""
    batches, folders = [], []
    for origin in origins(arguments):
        for batch in encoder.batches(origin.members()):
            batches.append(batch)
            folders += [origin.place] * len(batch.names)
            for name, reason in batch.failures.items():
                print(f"dah: {printable(f'{origin.place}/{name}')}: {reason}", file=sys.stderr)
    if not folders:
        raise UserError("no query is an image that can be read")
    encoded = Encoded(
        names=[name for batch in batches for name in batch.names],
        codes=np.concatenate([batch.codes for batch in batches]),
        probabilities=np.concatenate([batch.probabilities for batch in batches]),
        failures={},
        far=np.concatenate([batch.far for batch in batches]),
        outputs=np.concatenate([batch.outputs for batch in batches]),
    )
    return encoded, folders
