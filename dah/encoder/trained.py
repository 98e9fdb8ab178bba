"""From a network that the pipeline trained to an encoder: what stands in the folders beside it."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from torch import Tensor

from dah.encoder.file import SHAPE, EncoderParts, check_parts
from dah.errors import UserError
from dah.files.artifacts import read_codes
from dah.files.hdf5 import array_in, read_names, reading
from dah.networks.checkpoints import read_model
from dah.tasks.lists import read_lists


@dataclass(frozen=True)
class Folders:
    """Where a network's source codes, its task's lists and the images it learnt from are."""

    codes: Path
    lists: Path
    images: Path


def folders_beside(model: Path) -> Folders:
    """The pipeline's folders of a network ``<data>/models/<task>/<seed>/<method>.pt``.

    Its codes are ``<data>/codes/<task>/<seed>/deep/<method>.h5``.

    Raises ``UserError`` where no folder above the model is named ``models``.
    """
    parts = model.absolute().parts
    places = [place for place, part in enumerate(parts[:-2]) if part == "models"]
    if not places:
        raise UserError(
            f"{model}: a network alone names no categories, and it does not lie in the models"
            " folder of a pipeline; make an encoder of it with"
            " `python -m dah export MODEL --codes ... --lists ... --images ... -o ENCODER.pt`"
        )
    data, below = Path(*parts[: places[-1]]), parts[places[-1] + 1 :]
    codes = data.joinpath("codes", *below[:-1], "deep", f"{model.stem}.h5")
    return Folders(codes, data / "tasks" / below[0], data / "images")


def gather(model: Path, folders: Folders) -> EncoderParts:
    """The encoder of a trained network.

    Raises ``UserError`` where a file is missing, where codes and lists are of different runs, and
    for a network without hash codes.
    """
    return completed(model, *read_model(model), folders)


def completed(
    model: Path, state: Mapping[str, Tensor], config: Mapping[str, Any], folders: Folders
) -> EncoderParts:
    """The encoder of a network that ``read_model`` gave; errors as of ``gather``."""
    try:
        shape, sharpness = {name: config[name] for name in SHAPE}, config["sharpness"]
    except KeyError as error:
        raise UserError(
            f"{model}: expected a trained network of this project, found a model without {error};"
            " run `dvc repro`"
        ) from error
    lists = read_lists(folders.lists)
    codes = read_codes(folders.codes)
    if codes.source_ids != lists.source_ids:
        raise UserError(
            f"{folders.codes}: expected the codes of the {len(lists.source_ids)} source images in"
            f" {folders.lists}, found others; run `dvc repro`"
        )
    size = stored_size(folders.images, codes.source_ids[0])
    source = codes.source, lists.source_labels
    found = codes.temperature, codes.reach
    parts = EncoderParts(state, shape, size, lists.categories, *source, sharpness, *found)
    check_parts(model, parts)
    return parts


def stored_size(folder: Path, image: str) -> int:
    """Side of the stored squares of the domain that an image belongs to, pixels."""
    for path in sorted(folder.glob("*.h5")):
        with reading(path, "images") as file:
            if image in read_names(file, "id"):
                return array_in(file, "image", np.uint8, 4).shape[1]
    raise UserError(f"{folder}: expected the images of the source, found none; run `dvc repro`")
