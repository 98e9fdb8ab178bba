"""Export hash codes and the target's category probabilities of one trained network."""

from argparse import Namespace
from functools import partial

import torch

from dah.artifacts import write_codes
from dah.checkpoints import load_network
from dah.data.augment import as_it_is, centre_crop
from dah.data.pictures import read_fc7, read_pixels
from dah.data.tasks import read_lists
from dah.devices import choose_device
from dah.encoding import activations, codes_of
from dah.params import Params
from stages.command import run


def main(params: Params, given: Namespace) -> None:
    device = choose_device(params.train.device)
    network = load_network(given.model).to(device)
    lists = read_lists(given.lists)
    domains = params.domains_of(given.task)
    if params.train.finetune == "head":
        sides = read_fc7(given.features, domains, lists)
        encoder, view = network.head, as_it_is
    else:
        sides = read_pixels(given.images, domains, lists, network.input_size)
        encoder, view = network, partial(centre_crop, size=network.input_size)
    source, target = (
        activations(encoder, torch.from_numpy(side).to(device), view) for side in sides
    )
    write_codes(given.out, codes_of(source, target, lists, network, params.train.seed))


if __name__ == "__main__":
    run(main, "--task", "--model", "--images", "--features", "--lists", "--out")
