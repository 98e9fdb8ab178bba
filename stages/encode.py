"""Export hash codes and the target's category probabilities of a task's trained networks."""

from argparse import Namespace

import torch
from tqdm import tqdm

from dah.compute.activations import activations
from dah.compute.augment import plain_view
from dah.compute.devices import choose_device, use_precision, use_threads
from dah.compute.distributed import is_first
from dah.compute.inference import folded
from dah.encoding.mixtures import mixtures, partners
from dah.encoding.outputs import codes_of
from dah.encoding.validators import validation_figures
from dah.evaluation.figures import by_figure, left_out
from dah.files.artifacts import write_codes
from dah.files.tables import write_json
from dah.networks.checkpoints import load_network
from dah.params import Params
from dah.shallow.domains import held_out_log_odds
from dah.tasks.inputs import read_inputs
from dah.tasks.lists import read_lists
from stages.processes import run_shared


def main(params: Params, given: Namespace) -> None:
    use_threads(params.train.threads)
    use_precision(params.train.precision)
    device, finetune = choose_device(params.train.device), params.train.finetune
    lists, domains = read_lists(given.lists), params.domains_of(given.task)
    sharpness, folders = params.dah.sharpness, (given.images, given.features, given.views)
    sides, figures = None, {}
    title, silent = f"encode {given.task}", not is_first()
    for method in (bar := tqdm(params.methods, title, unit="method", disable=silent)):
        bar.set_postfix(method=method)
        network = load_network(given.models / f"{method}.pt").to(device)
        size = network.input_size
        if sides is None:
            read = read_inputs(*folders, domains, lists, size, finetune)
            sides = [torch.from_numpy(side).to(device) for side in read]
            sides.append(mixtures(sides[1], partners(len(sides[1]), given.seed)))
        view = plain_view(finetune, size)
        encoder = folded(network.learner(finetune), view(sides[0][:1]))
        source, target, mixed = (activations(encoder, side, view) for side in sides)
        if is_first():
            odds = held_out_log_odds(source.fc7, target.fc7, given.seed)
            codes = codes_of(source, target, lists, network, sharpness, given.seed, odds, mixed)
            write_codes(given.out / f"{method}.h5", codes)
            figures[method] = validation_figures(
                codes, source, lists.source_labels, sharpness, odds
            )
    if is_first():
        write_json(given.validation, by_figure(figures))
        for line in left_out(figures):
            print(line)


if __name__ == "__main__":
    inputs = "models", "images", "features", "views", "lists"
    names = "task", "seed", *inputs, "out", "validation"
    run_shared(main, *(f"--{name}" for name in names))
