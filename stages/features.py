"""fc7 activations of a domain's images from the frozen pretrained trunk."""

from argparse import Namespace

import torch
from tqdm import tqdm

from dah.compute.augment import centre_crop
from dah.compute.devices import choose_device, use_precision, use_threads
from dah.compute.distributed import gather, is_first, own_share
from dah.compute.inference import batch_size, settled
from dah.files.artifacts import read_images, write_features
from dah.networks.checkpoints import load_trunk
from dah.params import Params
from stages.processes import run_shared


def main(params: Params, given: Namespace) -> None:
    use_threads(params.train.threads)
    use_precision(params.train.precision)
    device = choose_device(params.train.device)
    trunk = settled(load_trunk(given.backbone), device)
    images, ids = read_images(given.images)
    size = batch_size(device, trunk.input_size)
    batches = torch.from_numpy(images[own_share(len(images))]).split(size)
    title, silent = f"features {given.images.stem}", not is_first()
    fc7 = []
    with torch.inference_mode():
        for batch in tqdm(batches, title, unit="batch", disable=silent):
            fc7.append(trunk(centre_crop(batch.to(device), trunk.input_size))[-1])
        whole = gather(torch.cat(fc7), len(images)).cpu().numpy()
    if is_first():
        write_features(given.out, whole, ids)


if __name__ == "__main__":
    run_shared(main, "--images", "--backbone", "--out")
