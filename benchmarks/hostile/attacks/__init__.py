"""Attacks that someone would write down: bombs, names that lead out, code in pickles, lies."""

from collections.abc import Sequence

from benchmarks.hostile.attacks.containers import archives, encoded, hdf5
from benchmarks.hostile.attacks.contents import images, texts
from benchmarks.hostile.attacks.models import encoders, matlab, pickles
from benchmarks.hostile.bombs import Attacks


def attacks(kind: str, whole: Sequence[bytes]) -> Attacks:
    """What is written down for a kind of file, by name, each made when it is called."""
    if kind in {"encoder", "model", "trunk", "weights"}:
        return pickles(whole) | (encoders(whole) if kind == "encoder" else {})
    if kind in {"zip", "tar"}:
        return archives(kind, whole)
    if kind.startswith("HDF5"):
        return encoded(whole) if kind == "HDF5 encoded" else hdf5(whole)
    if kind == "MatConvNet":
        return matlab(whole)
    if kind in {"JPEG", "PNG", "BMP", "GIF", "WebP"}:
        return images(kind, whole)
    return texts(kind, whole)
