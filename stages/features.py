"""fc7 of a domain's images, and what the blocks that do not learn make of views of them."""

from argparse import Namespace
from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor, nn
from tqdm import tqdm

from dah.compute.augment import centre_crop
from dah.compute.devices import choose_device, use_precision, use_threads
from dah.compute.distributed import gather, is_first, own_share
from dah.compute.graphs import SAMPLE, trunk_looking
from dah.compute.inference import batch_size, settled
from dah.compute.views import stored_views
from dah.files.artifacts import read_images, write_features
from dah.files.views import write_views
from dah.networks.checkpoints import load_trunk
from dah.networks.cuts import WHOLE, cut
from dah.networks.folding import fold_batch_norms
from dah.params import Params
from stages.processes import run_shared


def fc7_by(
    engine: str, trunk: nn.Module, images: np.ndarray, device: torch.device
) -> Callable[[Tensor], Tensor]:
    """fc7 of images uint8 ``(n, s, s, 3)`` on `device`, by torch or, on a CPU, by ONNX Runtime."""

    @torch.inference_mode()
    def by_torch(batch: Tensor) -> Tensor:
        return trunk(centre_crop(batch.to(device), trunk.input_size))[-1]

    if engine == "torch" or device.type != "cpu":
        return by_torch
    found = trunk_looking(
        trunk, lambda squares: by_torch(torch.from_numpy(squares)).numpy(), images[:SAMPLE]
    )
    return lambda batch: torch.from_numpy(found(batch.numpy()))


def main(params: Params, given: Namespace) -> None:
    use_threads(params.train.threads)
    use_precision(params.train.precision)
    device = choose_device(params.train.device)
    trunk, lower = load_trunk(given.backbone), None
    if params.train.finetune not in WHOLE:
        below = cut(trunk, params.train.finetune).lower
        lower = fold_batch_norms(below, trunk.input_size)
        lower = lower.to(device, memory_format=torch.channels_last)
    trunk = settled(trunk, device)
    images, ids = read_images(given.images)
    size = batch_size(device, trunk.input_size)
    look = fc7_by(params.backbone.engine, trunk, images, device)
    batches = torch.from_numpy(images[own_share(len(images))]).split(size)
    title, silent = f"features {given.images.stem}", not is_first()
    fc7 = []
    with torch.inference_mode():
        for batch in tqdm(batches, title, unit="batch", disable=silent):
            fc7.append(look(batch))
        whole = gather(torch.cat(fc7), len(images)).cpu().numpy()
    if is_first():
        write_features(given.out, whole, ids)
    views, rows = [torch.empty(0, 0, 0, dtype=torch.float16)], []  # none: no blocks are cut off
    if lower is not None:
        pixels, side = torch.from_numpy(images), trunk.input_size
        made = stored_views(lower, pixels, side, params.train, device, size)
        title = f"views {given.images.stem}"
        views = list(tqdm(made, title, params.train.views, unit="view", disable=silent))
        views, rows = [torch.stack(views, dim=1)], ids
    if is_first():
        write_views(given.views, views[0].numpy(), rows)


if __name__ == "__main__":
    run_shared(main, "--images", "--backbone", "--out", "--views")
