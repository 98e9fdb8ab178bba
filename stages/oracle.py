"""SuH, the oracle: DPSH on the target's own labels, which no honest method may see.

The only stage besides evaluate that depends on data/truth. It learns from the database part of the
target, so that the queries are held out; its codes are an upper bound, not a result.
"""

from argparse import Namespace

import numpy as np
import torch
from tqdm import tqdm

from dah.artifacts import Codes, write_codes
from dah.checkpoints import load_trunk
from dah.codes import pack
from dah.data.augment import plain_view, random_view
from dah.data.pictures import read_inputs
from dah.data.tasks import oracle_lists, read_lists, read_truth
from dah.devices import choose_device
from dah.encoding import activations
from dah.networks import build_network
from dah.params import Params
from dah.training import fit
from stages.command import run


def learn(params: Params, given: Namespace) -> np.ndarray:
    """Packed codes of all target images from a network trained on the labelled part of them."""
    options, finetune, bits = params.train, params.train.finetune, params.dah.bits
    device = choose_device(options.device)
    torch.use_deterministic_algorithms(True, warn_only=device.type == "cuda")
    torch.manual_seed(options.seed)
    lists = oracle_lists(read_lists(given.lists), read_truth(given.truth))
    _, domain = params.domains_of(given.task)
    trunk = load_trunk(given.backbone)
    learner = build_network(trunk, bits, options.bottleneck, finetune).to(device).learner(finetune)
    size, domains = trunk.input_size, (domain, domain)
    known, whole = read_inputs(given.images, given.features, domains, lists, size, finetune)
    view = random_view(finetune, size, options.augment, known)
    data = (torch.from_numpy(rows).to(device) for rows in (known, lists.source_labels, whole))
    epochs = fit(learner, *data, view, "noda", params.dah, params.softmax, options)
    for record in (bar := tqdm(epochs, f"oracle {given.task}", options.epochs, unit="epoch")):
        bar.set_postfix(objective=record["objective"])
    inputs = torch.from_numpy(whole).to(device)
    return pack(activations(learner, inputs, plain_view(finetune, size)).u)


def main(params: Params, given: Namespace) -> None:
    ids = read_lists(given.lists).target_ids
    known = params.oracle.suh and read_truth(given.truth).known
    codes = learn(params, given) if known else np.empty((len(ids), 0), np.uint8)
    no_share = np.empty((len(ids), 0), np.float32)
    oracle = Codes(
        bits=params.dah.bits if known else 0,
        source=codes[:0],
        source_ids=[],
        target=codes,
        target_ids=ids,
        probabilities=no_share,
        probabilities_real=no_share,
        domain_error=None,
    )
    write_codes(given.out, oracle)


if __name__ == "__main__":
    arguments = "task", "backbone", "images", "features", "lists", "truth", "out"
    run(main, *(f"--{name}" for name in arguments))
