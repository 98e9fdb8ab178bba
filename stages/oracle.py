"""SuH, the oracle: DPSH on the target's own labels, which no honest method may see.

The only stage besides evaluate that depends on data/truth. It learns from the database part of the
target, so that the queries are held out; its codes are an upper bound, not a result. A
target without labels has none.
"""

from argparse import Namespace

import torch
from tqdm import tqdm

from dah.compute.activations import activations
from dah.compute.augment import plain_view, random_view
from dah.compute.devices import choose_device, make_repeatable, use_precision, use_threads
from dah.compute.distributed import is_first
from dah.compute.inference import folded
from dah.deep.training import Training, fit
from dah.files.artifacts import Codes, write_codes
from dah.files.omissions import NO_LABELS, write_omissions
from dah.networks.checkpoints import load_trunk
from dah.networks.heads import build_network
from dah.params import Params
from dah.retrieval.codes import pack
from dah.tasks.inputs import read_inputs
from dah.tasks.lists import oracle_lists, read_lists, read_truth
from stages.processes import run_shared


def main(params: Params, given: Namespace) -> None:
    options, finetune, bits = params.train, params.train.finetune, params.dah.bits
    use_threads(options.threads)
    device = choose_device(options.device)
    make_repeatable(device, given.seed)
    use_precision(options.precision)
    truth, lists = read_truth(given.truth), read_lists(given.lists)
    if not truth.known:
        if is_first():
            print(*write_omissions(given.out, given.task, {given.method: NO_LABELS}))
        return
    known_lists = oracle_lists(lists, truth)
    _, domain = params.domains_of(given.task)
    trunk = load_trunk(given.backbone)
    learner = build_network(trunk, bits, options.bottleneck, finetune).to(device).learner(finetune)
    size, domains = trunk.input_size, (domain, domain)
    folders = given.images, given.features, given.views
    known, whole = read_inputs(*folders, domains, known_lists, size, finetune)
    view = random_view(finetune, size, options.augment, device, known)
    arrays = known, known_lists.source_labels, whole
    data, weights = (torch.from_numpy(a).to(device) for a in arrays), (params.dah, params.softmax)
    training = Training(learner, *data, view, "noda", *weights, options, given.seed)
    epochs = fit(training, given.checkpoint)
    title = f"{given.method} {given.task}"
    bar = tqdm(epochs, title, options.epochs, unit="epoch", disable=not is_first())
    for record in bar:
        bar.set_postfix(objective=record["objective"])
    inputs = torch.from_numpy(whole).to(device)
    look = plain_view(finetune, size)
    codes = pack(activations(folded(learner, look(inputs[:1])), inputs, look).u)
    oracle = Codes(bits, codes[:0], [], codes, lists.target_ids)
    if is_first():
        write_codes(given.out / f"{given.method}.h5", oracle)


if __name__ == "__main__":
    names = "task", "method", "seed"
    paths = "backbone", "images", "features", "views", "lists", "truth", "out", "checkpoint"
    run_shared(main, *(f"--{name}" for name in (*names, *paths)))
