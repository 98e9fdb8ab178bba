"""What reads each kind of file in the pipeline, and what may be relied on where it was read."""

from pathlib import Path

import numpy as np
import torch

from benchmarks.hostile.beside import Reader, holds, index, lists
from benchmarks.hostile.samples import SEARCHES
from dah import params
from dah.encoder.encoder import assemble
from dah.encoder.file import read_encoder
from dah.encoder.imagecodes import count_rows, read_header, read_rows, rows_at
from dah.errors import UserError
from dah.files.artifacts import read_codes, read_features, read_images, read_pictures
from dah.files.tables import LABELS, as_integers, read_figures, read_table
from dah.images.archives import read_members
from dah.images.decode import decode_all
from dah.images.download import check_digest
from dah.images.fetch import obtain
from dah.images.formats import AVIF
from dah.networks.build import build_trunk
from dah.networks.checkpoints import load_network, load_trunk
from dah.networks.matconvnet import convert_matconvnet
from dah.networks.weights import load_weights
from dah.project.presets import apply_preset
from dah.retrieval.codes import check_codes
from dah.search.index import CONTENTS, shard_path
from dah.search.kinds import EFFORT
from dah.tasks.lists import read_truth

PRESETS = Path(__file__).parents[2] / "presets"


def image(path: Path, _: Path) -> None:
    """As the stage resize does."""
    members = [(str(path), path.read_bytes())]
    ((name, found),) = decode_all(members, 32, threads=1)
    if isinstance(found, str):
        raise UserError(f"{name}: {found}")
    holds(found.square.shape == (32, 32, 3) and found.square.dtype == np.uint8, "no square")
    holds(found.width > 0 and found.height > 0, "no size")


def hdf5_images(path: Path, _: Path) -> None:
    images, ids = read_images(path)
    holds(len(images) == len(ids) and images.dtype == np.uint8, "images do not fit ids")
    for square in read_pictures(path, ids[:2]):
        holds(square.shape == images.shape[1:], "a picture is no square")


def hdf5_features(path: Path, _: Path) -> None:
    fc7, ids = read_features(path)
    holds(fc7.shape[0] == len(ids) and np.isfinite(fc7).all(), "features do not fit ids")


def hdf5_codes(path: Path, _: Path) -> None:
    found = read_codes(path)
    for side, ids in ((found.source, found.source_ids), (found.target, found.target_ids)):
        if found.bits:
            check_codes(side, found.bits)
        holds(len(side) == len(ids), "codes do not fit ids")
    for shares in (found.probabilities, found.probabilities_real):
        holds(shares is None or len(shares) == len(found.target), "shares do not fit ids")
    holds(found.domain_error is None or 0 <= found.domain_error <= 0.5, "no domain error")


def hdf5_encoded(path: Path, _: Path) -> None:
    """As `encode`, `index` and `search` do."""
    header = read_header(path)
    holds(header.bits > 0, "codes have no bits")
    names = []
    for rows in read_rows(path):
        check_codes(rows.codes, header.bits)
        columns = {len(column) for column in rows if column is not None}
        holds(columns == {len(rows.names)}, "columns do not fit")
        holds(set(rows.labels.tolist()) <= set(range(len(header.categories))), "no such category")
        names += rows.names
    holds(count_rows(path) == len(names), "rows are missing")
    holds(rows_at(path, range(len(names))).names == names, "rows come in another order")


def encoder(path: Path, _: Path) -> None:
    """As `encode` does."""
    parts = read_encoder(path)
    loaded = assemble(parts, path, "cpu")
    _finite(loaded.network)
    codes = loaded.codes(np.zeros((1, parts.size, parts.size, 3), np.uint8))
    shares = loaded.probabilities(codes)
    holds(shares.shape == (1, len(parts.categories)), "shares do not fit categories")


def _finite(network: torch.nn.Module) -> None:
    values = network.state_dict().values()
    holds(all(bool(torch.isfinite(value).all()) for value in values), "weights are not finite")


def model(path: Path, _: Path) -> None:
    _finite(load_network(path))


def trunk(path: Path, _: Path) -> None:
    _finite(load_trunk(path))


def weights(path: Path, _: Path) -> None:
    trunk = build_trunk("lenet")
    load_weights(trunk, "lenet", path)
    _finite(trunk)


def matconvnet(path: Path, _: Path) -> None:
    found = convert_matconvnet(path)
    holds(all(value.dtype == torch.float32 for value in found.values()), "not float")


def archive(path: Path, out: Path) -> None:
    """As the stages fetch and resize do."""
    obtain("folder", path, ["a"], out / "raw", cache=out / "c", checksums=out / "SHA256")
    for _, found in decode_all(read_members(out / "raw" / "a.tar"), 32, threads=1):
        holds(isinstance(found, str) or found.square.shape == (32, 32, 3), "no square")


def truth(path: Path, _: Path) -> None:
    found = read_truth(path)
    holds(len(found.ids) == len(found.labels) == len(found.is_query), "columns do not fit")
    holds(len(set(found.ids)) == len(found.ids), "an id stands twice")
    holds(bool((found.labels >= -1).all()), "a label is below -1")


def labels(path: Path, _: Path) -> None:
    table = read_table(path, LABELS)
    sides = [as_integers(table[side], path) for side in ("width", "height")]
    holds(all(len(side) == len(table["id"]) for side in sides), "columns do not fit")


def metrics(path: Path, _: Path) -> None:
    figures = read_figures(path)
    deviations = figures.pop("deviation", {})
    for methods in (*figures.values(), *deviations.values()):
        holds(all(np.isfinite(value) for value in methods.values()), "a figure is not finite")


def parameters(path: Path, _: Path) -> None:
    found = params.load(path)
    holds(1 <= found.dah.bits <= 1024, "bits are out of range")
    apply_preset("digits", PRESETS, path)


def checksums(path: Path, out: Path) -> None:
    archive = out / "office31.archive"
    archive.parent.mkdir(parents=True, exist_ok=True)
    archive.write_bytes(b"")
    check_digest(archive, path)


READERS: dict[str, Reader] = {
    **dict.fromkeys(("JPEG", "PNG", "BMP", "GIF", "WebP", "TIFF"), image),
    **({"AVIF": image} if AVIF else {}),
    "HDF5 images": hdf5_images,
    "HDF5 features": hdf5_features,
    "HDF5 codes": hdf5_codes,
    "HDF5 encoded": hdf5_encoded,
    **({f"index {kind}": index(kind) for kind in EFFORT} if SEARCHES else {}),
    **({CONTENTS: index("flat")} if SEARCHES else {}),
    "encoder": encoder,
    "model": model,
    "trunk": trunk,
    "weights": weights,
    "MatConvNet": matconvnet,
    "zip": archive,
    "tar": archive,
    **{name: lists(name) for name in ("categories.csv", "source.csv", "target.csv")},
    "truth.csv": truth,
    "labels.csv": labels,
    "metrics": metrics,
    "params.yaml": parameters,
    "SHA256": checksums,
}
SUFFIXES = {
    "MatConvNet": ".mat",
    "encoder": ".pt",
    "model": ".pt",
    "trunk": ".pt",
    "weights": ".pth",
}


def file_name(kind: str) -> str:
    """The name that a file of a kind has while it is read."""
    if "." in kind or kind == "SHA256":
        return kind
    if kind.startswith("index "):
        return shard_path(Path(), 0).name
    return f"case{SUFFIXES.get(kind, '')}"
