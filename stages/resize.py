"""Decode a domain's archive into squares, in an order that tells nothing of their categories."""

from argparse import Namespace
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from tqdm import tqdm

from dah.errors import UserError
from dah.files.artifacts import write_images
from dah.files.tables import LABELS, SKIPPED, write_table
from dah.images.archives import member_names, read_members
from dah.images.decode import decode_all
from dah.images.identity import opaque_ids, shuffled
from dah.images.places import category_of
from dah.params import Params
from dah.printable import as_cell, printable
from stages.command import run


def unreadable(archive: Path, failures: dict[str, str], images: int) -> UserError:
    """What to say of images that cannot be read, by name and reason."""
    listed = "; ".join(f"{printable(name)}: {reason}" for name, reason in failures.items())
    return UserError(
        f"{archive}: {len(failures)} of {images} images cannot be read ({listed}); mend or remove"
        " them, or set images.on_error to skip"
    )


def main(params: Params, given: Namespace) -> None:
    files = member_names(given.archive)
    ids = opaque_ids(given.domain, files, params.dataset.seed)
    size = params.images.size
    sizes: dict[str, tuple[int, int]] = {}
    failures: dict[str, str] = {}

    def squares() -> Iterator[tuple[int, np.ndarray]]:
        members = decode_all(read_members(given.archive), size)
        bar = tqdm(members, f"resize {given.domain}", len(files), unit="image")
        for row, (name, picture) in zip(shuffled(ids), bar, strict=True):
            if isinstance(picture, str):
                failures[name] = picture
            else:
                sizes[name] = picture.width, picture.height
                yield row, picture.square
        if failures and (params.images.on_error == "stop" or not sizes):
            raise unreadable(given.archive, failures, len(files))

    write_images(given.images, squares(), sorted(ids), size)
    labels = (
        (image, category_of(name), name, *sizes[name])
        for image, name in zip(ids, files, strict=True)
        if name in sizes
    )
    write_table(given.labels, LABELS, sorted(labels))
    rows = ((as_cell(name), reason) for name, reason in failures.items())
    write_table(given.skipped, SKIPPED, sorted(rows))


if __name__ == "__main__":
    run(main, "--domain", "--archive", "--images", "--labels", "--skipped")
