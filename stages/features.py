"""fc7 activations of a domain's images from the frozen pretrained trunk."""

from argparse import Namespace

import numpy as np
import torch
from tqdm import tqdm

from dah.artifacts import read_images, write_features
from dah.checkpoints import load_trunk
from dah.data.augment import centre_crop
from dah.devices import choose_device
from dah.params import Params
from stages.command import run

BATCH = {"cpu": 32, "cuda": 256}  # images: beyond 32 a CPU's caches overflow


def main(params: Params, given: Namespace) -> None:
    device = choose_device(params.train.device)
    trunk = load_trunk(given.backbone).to(device, memory_format=torch.channels_last).eval()
    images, ids = read_images(given.images)
    batches = torch.from_numpy(images).split(BATCH[device.type])
    fc7 = []
    with torch.inference_mode():
        for batch in tqdm(batches, f"features {given.images.stem}", unit="batch"):
            fc7.append(trunk(centre_crop(batch.to(device), trunk.input_size))[-1].cpu().numpy())
    write_features(given.out, np.concatenate(fc7), ids)


if __name__ == "__main__":
    run(main, "--images", "--backbone", "--out")
