"""Export hash codes and the target's category probabilities of one trained network."""

from argparse import Namespace

import torch

from dah.artifacts import write_codes
from dah.checkpoints import load_network
from dah.data.augment import plain_view
from dah.data.pictures import read_inputs
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
    size, finetune = network.input_size, params.train.finetune
    sides = read_inputs(given.images, given.features, domains, lists, size, finetune)
    encoder, view = network.learner(finetune), plain_view(finetune, size)
    source, target = (
        activations(encoder, torch.from_numpy(side).to(device), view) for side in sides
    )
    write_codes(given.out, codes_of(source, target, lists, network, params.train.seed))


if __name__ == "__main__":
    run(main, "--task", "--model", "--images", "--features", "--lists", "--out")
