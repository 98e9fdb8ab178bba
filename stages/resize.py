"""Decode a domain's archive into squares, in an order that tells nothing of their categories."""

from argparse import Namespace
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

import numpy as np
from tqdm import tqdm

from dah.artifacts import write_images
from dah.data.archives import member_names, read_members
from dah.data.decode import decode_all
from dah.data.identity import opaque_ids, shuffled
from dah.errors import UserError
from dah.params import Params
from dah.tables import LABELS, write_table
from stages.command import run


def squares(archive: Path, size: int, rows: np.ndarray) -> Iterator[tuple[int, np.ndarray]]:
    decoded = decode_all(read_members(archive), size)
    for row, (name, image) in zip(rows, tqdm(decoded, "resize", len(rows)), strict=True):
        if isinstance(image, str):
            raise UserError(f"{archive}: {name}: {image}")
        yield row, image


def main(params: Params, given: Namespace) -> None:
    files = member_names(given.archive)
    ids = opaque_ids(given.domain, files, params.dataset.seed)
    rows = shuffled(ids)
    size = params.images.size
    write_images(given.images, squares(given.archive, size, rows), sorted(ids), size)
    labels = zip(ids, (PurePosixPath(name).parent.name for name in files), files, strict=True)
    write_table(given.labels, LABELS, sorted(labels))


if __name__ == "__main__":
    run(main, "--domain", "--archive", "--images", "--labels")
