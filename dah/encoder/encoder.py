"""From image files to codes and categories, with a model that was trained before."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import islice
from os import PathLike
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch

from dah.compute.augment import centre_crop
from dah.compute.devices import choose_device
from dah.compute.inference import batch_size, settled
from dah.encoder.engine import faster
from dah.encoder.file import EncoderParts, encoder_of, is_encoder
from dah.encoder.inputs import origins
from dah.encoder.prefetch import ahead
from dah.encoder.trained import completed, folders_beside
from dah.encoding.calibration import tempered
from dah.encoding.outputs import probabilities
from dah.errors import UserError
from dah.images.decode import Picture, decode_all
from dah.images.pixels import Pixels, listed, pictures
from dah.networks.checkpoints import read_model
from dah.networks.heads import Network
from dah.retrieval.codes import pack, unpack
from dah.retrieval.reach import is_beyond

BATCHES_AHEAD = 2
Images = str | PathLike | Pixels


class Encoded(NamedTuple):
    """Images with their codes, and those that cannot be read with the reasons.

    ``names`` of n images; ``codes``: packed uint8 ``(n, ceil(bits / 8))``, bit i of an image in bit
    7 - i % 8 of byte i // 8; ``probabilities`` float32 ``(n, C)`` of the categories by eq. 6,
    calibrated where the encoder is; ``failures``: name to reason, the second of two folders' equal
    names by its whole path; ``far``: bool ``(n,)``, which images are of none of the categories;
    ``outputs``: float16 ``(n, bits)``, real outputs, whose signs are the codes. Pictures
    that are no files are named by their numbers, from 0.
    """

    names: list[str]
    codes: np.ndarray
    probabilities: np.ndarray
    failures: dict[str, str]
    far: np.ndarray | None = None
    outputs: np.ndarray | None = None

    def __repr__(self) -> str:
        width, categories = self.codes.shape[1], self.probabilities.shape[1]
        return (
            f"Encoded({len(self.names)} images, codes of {width} bytes, {categories} categories,"
            f" {len(self.failures)} failures)"
        )


@dataclass(frozen=True)
class Encoder:
    """A network on a device, what it was made of, and its ``fingerprint``.

    ``runtime``: ONNX Runtime's outputs of squares where that computes them, else None; ``told``:
    why it does not, where one should know.
    """

    network: Network
    parts: EncoderParts
    device: torch.device
    fingerprint: str
    runtime: Callable[[np.ndarray], np.ndarray] | None = field(default=None, repr=False)
    told: str = ""

    def __repr__(self) -> str:
        trunk, categories = self.parts.shape["trunk"], len(self.categories)
        return (
            f"Encoder({trunk}, {self.bits} bits, {categories} categories, squares of"
            f" {self.parts.size} pixels, on {self.device}, fingerprint {self.fingerprint})"
        )

    @property
    def bits(self) -> int:
        """Length of the codes."""
        return self.parts.bits

    @property
    def categories(self) -> list[str]:
        """The source's categories, in the order of the columns of probabilities."""
        return self.parts.categories

    @property
    def batch(self) -> int:
        """How many images it sees at a time."""
        return batch_size(self.device, self.network.input_size)

    @property
    def engine(self) -> str:
        """What computes: ``torch`` or ``onnx``."""
        return "torch" if self.runtime is None else "onnx"

    @torch.inference_mode()
    def outputs(self, squares: np.ndarray) -> np.ndarray:
        """u float32 ``(n, bits)`` of squares uint8 ``(n, size, size, 3)`` of ``decode``."""
        if self.runtime is not None:
            return self.runtime(squares)
        pixels = torch.from_numpy(squares).to(self.device)
        return self.network(centre_crop(pixels, self.network.input_size)).u.float().cpu().numpy()

    def codes(self, squares: np.ndarray) -> np.ndarray:
        """Packed codes uint8 ``(n, ceil(bits / 8))`` of squares as of ``outputs``."""
        return pack(self.outputs(squares))

    def probabilities(self, codes: np.ndarray) -> np.ndarray:
        """Category probabilities float32 ``(n, C)`` of packed codes (eq. 6), calibrated or not."""
        signs = (unpack(given, self.bits) for given in (codes, self.parts.source_codes))
        labels, sharpness = self.parts.source_labels, self.parts.sharpness
        p = probabilities(*signs, labels, sharpness, len(self.categories))
        return p if self.parts.temperature is None else tempered(p, self.parts.temperature)

    @property
    def is_calibrated(self) -> bool:
        """Whether probabilities are calibrated, or mere scores."""
        return self.parts.temperature is not None

    def far(self, codes: np.ndarray) -> np.ndarray:
        """Which packed codes lie far from all source codes, so in no category, bool ``(n,)``."""
        return is_beyond(codes, self.parts.source_codes, self.parts.reach)

    def batches(
        self, members: Iterable[tuple[str, bytes]], threads: int | None = None
    ) -> Iterator[Encoded]:
        """Codes of image files ``(name, bytes)``, batch by batch, in their order.

        The next batches are read and decoded on all cores, or in so many `threads`, while the
        network sees this one.
        """
        decoded = decode_all(members, self.parts.size, threads)
        for batch in ahead(_chunks(decoded, self.batch), BATCHES_AHEAD):
            yield self._encoded(batch)

    def encode(self, images: Images | Iterable[Images]) -> Encoded:
        """Codes of images, all of them at once.

        Paths of folders, archives, glob patterns and single images; or pictures in memory, which
        are scaled and cut as files are: PIL images, arrays ``(h, w, 3)`` and tensors ``(3, h, w)``
        or ``(h, w, 3)``, uint8 or floats in [0, 1], and batches ``(n, ...)`` of these. Raises
        ``UserError`` for others.
        """
        given = listed(images)
        if given and not isinstance(given[0], str | PathLike):
            prepared = _chunks(pictures(given, self.parts.size), self.batch)
            return self._joined(("", self._encoded(batch)) for batch in prepared)
        found = origins([str(path) for path in given])
        return self._joined(
            (origin.place, batch) for origin in found for batch in self.batches(origin.members())
        )

    def _joined(self, parts: Iterable[tuple[str, Encoded]]) -> Encoded:
        """All batches as one; each comes with the path of its folder or archive."""
        batches: list[Encoded] = [self._encoded([])]
        failures: dict[str, str] = {}
        for path, batch in parts:
            batches.append(batch)
            for name, reason in batch.failures.items():
                failures[name if name not in failures else str(Path(path) / name)] = reason
        return Encoded(
            names=[name for batch in batches for name in batch.names],
            codes=np.concatenate([batch.codes for batch in batches]),
            probabilities=np.concatenate([batch.probabilities for batch in batches]),
            failures=failures,
            far=np.concatenate([batch.far for batch in batches]),
            outputs=np.concatenate([batch.outputs for batch in batches]),
        )

    def _encoded(self, batch: Sequence[tuple[str, Picture | str]]) -> Encoded:
        good = [(name, picture) for name, picture in batch if isinstance(picture, Picture)]
        failures = {name: reason for name, reason in batch if isinstance(reason, str)}
        if not good:
            width, categories = self.parts.source_codes.shape[1], len(self.categories)
            shares = np.empty((0, categories), np.float32)
            none = np.empty(0, bool), np.empty((0, self.bits), np.float16)
            return Encoded([], np.empty((0, width), np.uint8), shares, failures, *none)
        u = self.outputs(np.stack([picture.square for _, picture in good]))
        codes, names = pack(u), [name for name, _ in good]
        told = self.far(codes), u.astype(np.float16)
        return Encoded(names, codes, self.probabilities(codes), failures, *told)


def load_encoder(
    model: str | Path, device: str = "auto", engine: str = "auto", images: int | None = None
) -> Encoder:
    """The encoder of a file that ``python -m dah export`` wrote, or of a trained network.

    A network ``<data>/models/<task>/.../<method>.pt`` is completed from the pipeline's folders
    beside it. `device`: auto (a GPU where there is one), cpu or cuda. `engine`: torch; onnx, ONNX
    Runtime on a CPU; or auto, that where it gives the same codes and pays for so many `images`,
    where their number is not known: where its graph was made before.
    """
    path = Path(model)
    return assemble(load_parts(path), path, device, engine, images)


def load_parts(model: Path) -> EncoderParts:
    """What an encoder is made of, from either kind of file."""
    state, config = read_model(model)
    if is_encoder(config):
        return encoder_of(model, state, config)
    return completed(model, state, config, folders_beside(model))


def assemble(
    parts: EncoderParts, path: Path, device: str, engine: str = "auto", images: int | None = None
) -> Encoder:
    """An encoder from its parts; the rest as of ``load_encoder``."""
    place = choose_device("cpu" if (device, engine) == ("auto", "onnx") else device)
    network = settled(parts.network(path), place)
    encoder = Encoder(network, parts, place, parts.fingerprint())
    return with_engine(encoder, path, engine, images)


def with_engine(encoder: Encoder, path: Path, engine: str, images: int | None) -> Encoder:
    """An encoder of torch's with the engine that is wanted, or that pays for so many `images`.

    One that has it, or tells why it has not, stays as it is.
    """
    on_cpu, settled_before = encoder.device.type == "cpu", encoder.runtime or encoder.told
    if engine == "torch" or (engine == "auto" and not on_cpu) or settled_before:
        return encoder
    if not on_cpu:
        raise UserError("engine onnx computes on a CPU; take --device cpu, or --engine torch")
    runtime, told = faster(encoder.outputs, encoder.parts, path, engine, images)
    return replace(encoder, runtime=runtime, told=told)


def _chunks(
    pictures: Iterable[tuple[str, Picture | str]], size: int
) -> Iterator[list[tuple[str, Picture | str]]]:
    iterator = iter(pictures)
    while chunk := list(islice(iterator, size)):
        yield chunk
