"""Attacks that someone would write down: bombs, names that lead out, code in pickles, lies."""

from collections.abc import Sequence

from benchmarks.hostile.attacks.containers import archives, encoded, hdf5
from benchmarks.hostile.attacks.contents import images, texts
from benchmarks.hostile.attacks.indexes import contents, shards
from benchmarks.hostile.attacks.models import encoders, matlab, pickles
from benchmarks.hostile.attacks.photographs import avif, tiff
from benchmarks.hostile.bombs import Attacks
from dah.search.kinds import EFFORT

ALONE = {
    "AVIF": avif,
    "TIFF": tiff,
    "HDF5 encoded": encoded,
    "MatConvNet": matlab,
    "index.json": contents,
    **{f"index {kind}": shards for kind in EFFORT},
}


def attacks(kind: str, whole: Sequence[bytes]) -> Attacks:
    """What is written down for a kind of file, by name, each made when it is called."""
    if kind in ALONE:
        return ALONE[kind](whole)
    if kind in {"encoder", "model", "trunk", "weights"}:
        return pickles(whole) | (encoders(whole) if kind == "encoder" else {})
    if kind in {"zip", "tar"}:
        return archives(kind, whole)
    if kind.startswith("HDF5"):
        return hdf5(whole)
    if kind in {"JPEG", "PNG", "BMP", "GIF", "WebP"}:
        return images(kind, whole)
    return texts(kind, whole)
