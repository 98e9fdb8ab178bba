"""From image files to codes and categories, with a model that was trained before."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch

from dah.calibration import tempered
from dah.checkpoints import read_model
from dah.codes import pack, unpack
from dah.data.augment import centre_crop
from dah.data.decode import Picture, decode_all
from dah.data.inputs import origins
from dah.data.prefetch import ahead
from dah.devices import choose_device
from dah.encoder_file import EncoderParts, encoder_of, is_encoder
from dah.encoding import probabilities
from dah.networks import Network
from dah.networks.folding import fold_batch_norms
from dah.reach import nearest_distances
from dah.trained import completed, folders_beside

BATCH = {"cpu": 32, "cuda": 256}  # images
BATCHES_AHEAD = 2


class Encoded(NamedTuple):
    """Images with their codes, and those that cannot be read with the reasons.

    ``names`` of n images; ``codes``: packed uint8 ``(n, ceil(bits / 8))``, bit i of an image in bit
    7 - i % 8 of byte i // 8; ``probabilities`` float32 ``(n, C)`` of the categories by eq. 6,
    calibrated where the encoder is; ``failures``: name to reason, the second of two folders' equal
    names by its whole path; ``far``: bool ``(n,)``, which images are of none of the categories;
    ``outputs``: float16 ``(n, bits)``, the network's real outputs, whose signs are the codes.
    """

    names: list[str]
    codes: np.ndarray
    probabilities: np.ndarray
    failures: dict[str, str]
    far: np.ndarray | None = None
    outputs: np.ndarray | None = None


@dataclass(frozen=True)
class Encoder:
    """A network on a device, what it was made of, and its ``fingerprint``."""

    network: Network
    parts: EncoderParts
    device: torch.device
    fingerprint: str

    @property
    def bits(self) -> int:
        """Length of the codes."""
        return self.parts.bits

    @property
    def categories(self) -> list[str]:
        """The source's categories, in the order of the columns of probabilities."""
        return self.parts.categories

    @torch.inference_mode()
    def outputs(self, squares: np.ndarray) -> np.ndarray:
        """u float32 ``(n, bits)`` of squares uint8 ``(n, size, size, 3)`` of ``decode``."""
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
        if self.parts.reach is None:
            return np.zeros(len(codes), bool)
        return nearest_distances(codes, self.parts.source_codes) > self.parts.reach

    def batches(self, members: Iterable[tuple[str, bytes]]) -> Iterator[Encoded]:
        """Codes of image files ``(name, bytes)``, batch by batch, in their order.

        The next batches are read and decoded on all cores while the network sees this one.
        """
        pictures = decode_all(members, self.parts.size)
        for batch in ahead(_chunks(pictures, BATCH[self.device.type]), BATCHES_AHEAD):
            yield self._encoded(batch)

    def encode(self, images: str | Path | Sequence[str | Path]) -> Encoded:
        """Codes of folders, archives, glob patterns and single images, all of them at once."""
        given = [images] if isinstance(images, str | Path) else images
        found = origins([str(path) for path in given])
        batches: list[Encoded] = []
        failures: dict[str, str] = {}
        for origin in found:
            for batch in self.batches(origin.members()):
                batches.append(batch)
                for name, reason in batch.failures.items():
                    failures[name if name not in failures else str(origin.path / name)] = reason
        batches = batches or [self._encoded([])]
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


def load_encoder(model: str | Path, device: str = "auto") -> Encoder:
    """The encoder of a file that ``python -m dah export`` wrote, or of a trained network.

    A network ``<data>/models/<task>/.../<method>.pt`` is completed from the pipeline's folders
    beside it. `device`: auto (a GPU where there is one), cpu or cuda.
    """
    path = Path(model)
    return assemble(load_parts(path), path, device)


def load_parts(model: Path) -> EncoderParts:
    """What an encoder is made of, from either kind of file."""
    state, config = read_model(model)
    if is_encoder(config):
        return encoder_of(model, state, config)
    return completed(model, state, config, folders_beside(model))


def assemble(parts: EncoderParts, path: Path, device: str) -> Encoder:
    """An encoder from its parts, its batch norms folded into the convolutions before them."""
    place = choose_device(device)
    network = parts.network(path)
    if isinstance(getattr(network.trunk, "model", None), torch.nn.Module):
        network.trunk.model = fold_batch_norms(network.trunk.model)
    network = network.to(place, memory_format=torch.channels_last)
    return Encoder(network, parts, place, parts.fingerprint())


def _chunks(
    pictures: Iterable[tuple[str, Picture | str]], size: int
) -> Iterator[list[tuple[str, Picture | str]]]:
    iterator = iter(pictures)
    while chunk := list(islice(iterator, size)):
        yield chunk
