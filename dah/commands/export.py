"""Make one self-contained file of a trained network."""

from pathlib import Path

from dah.encoder.encoder import load_parts
from dah.encoder.file import write_encoder
from dah.encoder.trained import Folders, gather
from dah.errors import UserError


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
