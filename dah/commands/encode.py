"""Turn images into codes and predicted categories; goes on if stopped."""

import sys
from argparse import ArgumentParser
from pathlib import Path

from tqdm import tqdm

from dah.commands.arguments import (
    ADDRESSES,
    DEVICE,
    DEVICES,
    ENGINE,
    ENGINES,
    IMAGES,
    MODEL,
)
from dah.encoder.cluster import encode_on_cluster
from dah.encoder.encoder import load_encoder, with_engine
from dah.encoder.inputs import Origin, origins
from dah.encoder.shards import alone, already_done, encode_rest, finish, header_of
from dah.errors import UserError
from dah.files.tables import SKIPPED, write_table
from dah.images.contents import NO_IMAGE
from dah.images.named import note, notes
from dah.printable import as_cell


def arguments(command: ArgumentParser) -> None:
    """What it takes."""
    command.add_argument("model", type=Path, metavar="MODEL", help=MODEL)
    command.add_argument("images", nargs="+", metavar="IMAGES", help=f"{IMAGES}; {ADDRESSES}")
    command.add_argument(
        "-o", "--out", type=Path, required=True, metavar="CODES.h5", help="a new file, or to go on"
    )
    command.add_argument("--device", choices=DEVICES, default="auto", help=DEVICE)
    command.add_argument("--engine", choices=ENGINES, default="auto", help=ENGINE)
    command.add_argument(
        "--outputs", action="store_true",
        help="keep the real outputs too, by which search orders equally distant images",
    )  # fmt: skip
    command.add_argument(
        "--ray", nargs="?", const="", metavar="ADDRESS",
        help="all GPUs or cores of a cluster of Ray; without ADDRESS: of this machine's"
        " (then last, since it takes the word that follows)",
    )  # fmt: skip


def run(
    model: Path,
    images: list[str],
    out: Path,
    device: str,
    outputs: bool = False,
    engine: str = "auto",
    ray: str | None = None,
) -> None:
    """Encode what is not in `out` yet; list what cannot be read in ``<out>.skipped.csv``.

    There a file is named within its folder or archive, or by its whole path where the images are
    of several. Files that are no images are counted. With `outputs`, the real ones are kept too.
    """
    with alone(out):
        _encode(model, images, out, device, outputs, engine, ray)


def _encode(
    model: Path,
    images: list[str],
    out: Path,
    device: str,
    outputs: bool,
    engine: str,
    ray: str | None,
) -> None:
    found = origins(images)
    if not note(origin.path for origin in found if isinstance(origin, Origin)):
        print(f"dah: {notes()}: cannot be written; serve will need --pictures", file=sys.stderr)
    if ray is not None and engine == "onnx":
        raise UserError("a cluster computes by torch: leave out --engine onnx, or --ray")
    device_here, engine = (device, engine) if ray is None else ("cpu", "torch")
    encoder = load_encoder(model, device_here, engine, 0)
    header = header_of(encoder, model, outputs)
    done = already_done(out, header)
    known = sum(len(names) for names in done.values())
    missing = sum(
        name not in done.get(origin.place, ()) for origin in found for name in origin.listed()
    )
    encoder = with_engine(encoder, model, engine, missing)
    if encoder.told:
        print(encoder.told)
    failures: list[tuple[str, str]] = []
    others = 0
    given = encoder, found, out, header, done
    coded = encode_rest(*given) if ray is None else encode_on_cluster(*given, ray, device)
    with tqdm(total=missing, desc="encode", unit="image") as bar:
        for origin, batch in coded:
            for name, reason in batch.failures.items():
                if reason == NO_IMAGE:
                    others += 1
                else:
                    place = f"{origin.place}/{name}" if len(found) > 1 else name
                    failures.append((as_cell(place), reason))
            bar.update(len(batch.names) + len(batch.failures))
    count = finish(out, header)
    print(f"{out}: {count} images, {count - known} of them new, {encoder.bits} bits")
    if others:
        print(f"files that are no images by name and first bytes, passed over: {others}")
    skipped = out.with_name(f"{out.stem}.skipped.csv")
    skipped.unlink(missing_ok=True)
    if failures:
        write_table(skipped, SKIPPED, sorted(failures))
        print(f"{skipped}: {len(failures)} images that cannot be read, with the reasons")
