"""Make one self-contained file of a trained network: .pt or .onnx."""

from argparse import ArgumentParser
from pathlib import Path

from dah.commands.arguments import MODEL
from dah.encoder.encoder import load_parts
from dah.encoder.file import write_encoder
from dah.encoder.trained import Folders, gather
from dah.errors import UserError


def arguments(command: ArgumentParser) -> None:
    """What it takes."""
    command.add_argument("model", type=Path, metavar="MODEL", help=MODEL)
    command.add_argument(
        "-o", "--out", type=Path, required=True, metavar="FILE", help="ends in .pt or .onnx"
    )
    folders = "where the network does not lie in data/models: "
    command.add_argument(
        "--codes", type=Path, metavar="FILE", help=folders + "its codes, data/codes/.../dah.h5"
    )
    command.add_argument(
        "--lists", type=Path, metavar="FOLDER", help=folders + "its lists, data/tasks/<task>"
    )
    command.add_argument("--images", type=Path, metavar="FOLDER", help=folders + "data/images")


def run(
    model: Path, out: Path, codes: Path | None, lists: Path | None, images: Path | None
) -> None:
    """An encoder's file, or a graph for ONNX Runtime where `out` ends in ``.onnx``."""
    given = [path for path in (codes, lists, images) if path is not None]
    if given and len(given) < 3:
        raise UserError("export needs all of --codes, --lists and --images, or none of them")
    parts = gather(model, Folders(*given)) if given else load_parts(model)
    if out.suffix == ".onnx":
        from dah.encoder.portable import write_onnx  # noqa: PLC0415 - an extra, and seconds

        write_onnx(out, parts)
    elif out.suffix == ".pt":
        write_encoder(out, parts)
    else:
        raise UserError(f"{out}: expected a name that ends in .pt or .onnx")
    print(f"{out}: {parts.bits} bits, {len(parts.categories)} categories")
