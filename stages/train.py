"""Train one deep method on one task; training curves by DVCLive."""

from argparse import Namespace
from functools import partial

import torch
from dvclive import Live
from tqdm import tqdm

from dah.checkpoints import load_trunk, write_model
from dah.data.augment import augment, colour_deviation
from dah.data.pictures import read_task
from dah.data.tasks import read_lists
from dah.devices import choose_device
from dah.networks import HashNetwork
from dah.params import Params
from dah.training import fit
from stages.command import run


def main(params: Params, given: Namespace) -> None:
    options, dah = params.train, params.dah
    torch.use_deterministic_algorithms(True)
    torch.utils.deterministic.fill_uninitialized_memory = False
    torch.manual_seed(options.seed)
    device = choose_device(options.device)
    trunk = load_trunk(given.backbone)
    lists = read_lists(given.lists)
    domains = params.domains_of(given.task)
    source, target = (
        pixels.to(device) for pixels in read_task(given.images, domains, lists, trunk.input_size)
    )
    labels = torch.from_numpy(lists.source_labels).to(device)
    network = HashNetwork(trunk, dah.bits).to(device)
    view = partial(
        augment,
        size=trunk.input_size,
        options=options.augment,
        deviation=colour_deviation(source, target),
    )
    epochs = fit(network, source, labels, target, view, given.method, dah, options)
    bar = tqdm(epochs, f"train {given.task} {given.method}", options.epochs, unit="epoch")
    with Live(str(given.curves), dvcyaml=None, save_dvc_exp=False, monitor_system=False) as live:
        for record in bar:
            for name, value in record.items():
                live.log_metric(name, value)
            bar.set_postfix(objective=record["objective"])
            live.next_step()
    config = {"trunk": params.backbone.name, "bits": dah.bits, "method": given.method}
    write_model(given.out, network.state_dict(), config)


if __name__ == "__main__":
    run(main, "--task", "--method", "--backbone", "--images", "--lists", "--out", "--curves")
