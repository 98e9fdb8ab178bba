"""Export hash codes and the target's category probabilities of one trained network."""

from argparse import Namespace
from pathlib import Path

from dah.artifacts import Codes, write_codes
from dah.checkpoints import load_network
from dah.codes import pack, unpack
from dah.data.augment import centre_crop
from dah.data.pictures import read_pixels
from dah.data.tasks import read_lists
from dah.devices import choose_device
from dah.encoding import activations, domain_error, probabilities
from dah.params import Params
from stages.command import run


def main(params: Params, given: Namespace) -> None:
    device = choose_device(params.train.device)
    network = load_network(given.model).to(device)
    lists = read_lists(given.lists)
    ids = lists.source_ids, lists.target_ids

    def outputs(domain: str, wanted: list[str]):
        path: Path = given.images / f"{domain}.h5"
        pixels = read_pixels(path, wanted, network.input_size).to(device)
        return activations(network, pixels, lambda batch: centre_crop(batch, network.input_size))

    source, target = (
        outputs(domain, wanted)
        for domain, wanted in zip(params.domains_of(given.task), ids, strict=True)
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
    run(main, "--task", "--model", "--images", "--lists", "--out")
