"""Turn images into codes and predicted categories."""

import sys
from pathlib import Path

from tqdm import tqdm

from dah.data.folders import NO_IMAGE
from dah.data.inputs import origins
from dah.encoder import load_encoder
from dah.named import note, notes
from dah.printable import as_cell
from dah.shards import LeftOut, alone, already_done, encode_rest, finish, header_of
from dah.tables import SKIPPED, write_table


def run(model: Path, images: list[str], out: Path, device: str) -> None:
    """Encode what is not in `out` yet; list what cannot be read in ``<out>.skipped.csv``.

    There a file is named within its folder or archive, or by its whole path where the images are
    of several.
    """
    with alone(out):
        _encode(model, images, out, device)


def _encode(model: Path, images: list[str], out: Path, device: str) -> None:
    found = origins(images)
    if not note(origin.path for origin in found):
        print(f"dah: {notes()}: cannot be written; serve will need --pictures", file=sys.stderr)
    encoder = load_encoder(model, device)
    header = header_of(encoder, model)
    done = already_done(out, header)
    known = sum(len(names) for names in done.values())
    missing = sum(
        name not in done.get(str(origin.path), ()) for origin in found for name in origin.listed()
    )
    left: list[LeftOut] = []
    with tqdm(total=missing, desc="encode", unit="image") as bar:
        for batch in encode_rest(encoder, found, out, header, done, left):
            bar.update(len(batch.names) + len(batch.failures))
    count = finish(out, header)
    print(f"{out}: {count} images, {count - known} of them new, {encoder.bits} bits")
    bad = [(origin, name, why) for origin, name, why in left if why != NO_IMAGE]
    if len(bad) < len(left):
        others = len(left) - len(bad)
        print(f"files that are no images by name and first bytes, passed over: {others}")
    skipped = out.with_name(f"{out.stem}.skipped.csv")
    skipped.unlink(missing_ok=True)
    if bad:
        several = len(found) > 1
        rows = ((str(o.path / name) if several else name, why) for o, name, why in bad)
        write_table(skipped, SKIPPED, sorted((as_cell(name), why) for name, why in rows))
        print(f"{skipped}: {len(bad)} images that cannot be read, with the reasons")
