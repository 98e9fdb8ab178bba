"""Export hash codes and the target's category probabilities of one trained network."""

from argparse import Namespace
from functools import partial

import torch

from dah.artifacts import Codes, write_codes
from dah.checkpoints import load_network
from dah.codes import pack, unpack
from dah.data.augment import as_it_is, centre_crop
from dah.data.pictures import read_fc7, read_pixels
from dah.data.tasks import read_lists
from dah.devices import choose_device
from dah.encoding import activations, domain_error, probabilities
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
    bits, ys, categories = params.dah.bits, lists.source_labels, len(lists.categories)
    codes = pack(source.u), pack(target.u)
    signs = [unpack(code, bits) for code in codes]
    write_codes(
        given.out,
        Codes(
            bits=bits,
            source=codes[0],
            source_ids=lists.source_ids,
            target=codes[1],
            target_ids=lists.target_ids,
            probabilities=probabilities(signs[1], signs[0], ys, categories),
            probabilities_real=probabilities(target.u, source.u, ys, categories),
            domain_error=domain_error(source.fc7, target.fc7, params.train.seed),
        ),
    )


if __name__ == "__main__":
    run(main, "--task", "--model", "--images", "--features", "--lists", "--out")
