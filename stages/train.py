"""Train one deep method on one task with one seed; training curves by DVCLive."""

from argparse import Namespace
from collections import deque

import torch
from dvclive import Live
from tqdm import tqdm

from dah.compute.augment import random_view
from dah.compute.devices import choose_device, make_repeatable, use_precision, use_threads
from dah.compute.distributed import is_first
from dah.deep.training import Training, fit
from dah.names import DEEP
from dah.networks.checkpoints import load_trunk, write_model
from dah.networks.heads import build_network
from dah.params import Params
from dah.tasks.inputs import read_inputs
from dah.tasks.lists import read_lists
from stages.processes import run_shared


def main(params: Params, given: Namespace) -> None:
    options = params.train
    use_threads(options.threads)
    device = choose_device(options.device)
    make_repeatable(device, given.seed)
    use_precision(options.precision)
    lists, domains = read_lists(given.lists), params.domains_of(given.task)
    trunk = load_trunk(given.backbone)
    kind = DEEP[given.method]
    outputs = len(lists.categories) if kind.softmax else params.dah.bits
    network = build_network(trunk, outputs, options.bottleneck, options.finetune, kind.softmax)
    network = network.to(device)
    size, finetune = trunk.input_size, options.finetune
    folders = given.images, given.features, given.views
    source, target = read_inputs(*folders, domains, lists, size, finetune)
    seen = (source,) if kind.blind else (source, target)
    view = random_view(finetune, size, options.augment, device, *seen)
    arrays = source, lists.source_labels, target
    data = (torch.from_numpy(rows).to(device) for rows in arrays)
    learner, weights = network.learner(finetune), (params.dah, params.softmax)
    settings = *weights, options, given.seed, params.pseudo_labels
    training = Training(learner, *data, view, given.method, *settings)
    epochs = fit(training, given.checkpoint)
    if not is_first():
        deque(epochs, maxlen=0)
        return
    bar = tqdm(epochs, f"train {given.task} {given.method}", options.epochs, unit="epoch")
    folder = given.curves.parent  # DVCLive's, which writes the curves to plots/ in it
    with Live(str(folder), dvcyaml=None, save_dvc_exp=False, monitor_system=False) as live:
        for record in bar:
            for name, value in record.items():
                live.log_metric(name, value)
            bar.set_postfix(objective=record["objective"])
            live.next_step()
    (folder / "metrics.json").unlink()  # the last row of each curve again
    told = {"method": given.method, "sharpness": params.dah.sharpness}
    config = {"trunk": params.backbone.name, **told, **network.shape}
    write_model(given.out, network.state_dict(), config)


if __name__ == "__main__":
    names = "task", "method", "seed"
    paths = "backbone", "images", "features", "views", "lists", "out", "curves", "checkpoint"
    run_shared(main, *(f"--{name}" for name in (*names, *paths)))
