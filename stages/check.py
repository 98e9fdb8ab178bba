"""Refuse mistakes in the parameters before any work starts."""

from argparse import Namespace
from pathlib import Path

from dah.errors import UserError
from dah.networks import build_trunk
from dah.params import Params
from stages.command import run


def main(params: Params, _: Namespace) -> None:
    path, weights = params.dataset.path, params.backbone.weights
    if path is not None and not Path(path).expanduser().exists():
        raise UserError(f"dataset.path: there is no {path!r}; set it to an archive or folder")
    if weights not in ("letters", "imagenet") and not Path(weights).expanduser().is_file():
        raise UserError(
            f"backbone.weights: there is no file {weights!r}; set it to one, to imagenet or letters"
        )
    trunk = build_trunk(params.backbone.name)
    if params.images.size < trunk.input_size:
        raise UserError(
            f"images.size is {params.images.size}, but {params.backbone.name} sees squares of"
            f" {trunk.input_size} pixels; set it to at least {trunk.input_size}"
        )
    print(f"{len(params.tasks)} tasks, {len(params.methods)} methods, {params.dah.bits} bits")


if __name__ == "__main__":
    run(main)
