"""Provide the pretrained trunk: the one that ships, weights from outside, or a LeNet made here."""

from argparse import Namespace

import torch
from torch import nn
from tqdm import tqdm

from dah.compute.augment import centre_crop
from dah.compute.devices import use_threads
from dah.deep.pretraining import pretrain
from dah.images.letters import draw_letters
from dah.networks.build import build_trunk
from dah.networks.checkpoints import write_model
from dah.networks.weights import load_weights
from dah.params import Params
from stages.command import run


def learn_letters(trunk: nn.Module, params: Params) -> None:
    """Pretrain a trunk in place on printed letters, with a bar."""
    options = params.backbone
    pixels, labels = draw_letters(params.images.size, options.seed)
    images = centre_crop(torch.from_numpy(pixels), trunk.input_size)
    epochs = pretrain(trunk, images, torch.from_numpy(labels), options.epochs, options.seed)
    for share in (bar := tqdm(epochs, "backbone", options.epochs, unit="epoch")):
        bar.set_postfix(right=f"{share:.1%}")


def main(params: Params, given: Namespace) -> None:
    use_threads(params.train.threads)
    options = params.backbone
    torch.manual_seed(options.seed)
    trunk = build_trunk(options.name)
    if options.weights == "train":
        learn_letters(trunk, params)
    else:
        load_weights(trunk, options.name, options.weights)
    write_model(given.out, trunk.state_dict(), {"trunk": options.name})


if __name__ == "__main__":
    run(main, "--out")
