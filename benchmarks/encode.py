"""Images per second of ``encode`` beside the bare forward pass of its network.

    python benchmarks/encode.py --model data/models/amazon-webcam/0/dah.pt --images webcam.tar
    OMP_NUM_THREADS=1 taskset -c 0 python benchmarks/encode.py ...    # one core for everything

Rounds alternate, so that what else the machine does falls on all alike: the network as trained and
the network with folded batch norms, both on pixels that lie decoded in memory, and ``encode`` from
the archive, with reading, decoding, codes and categories. Medians over the rounds, of elapsed time
and of processor time, which other work on the machine disturbs less.
"""

import argparse
import time
from pathlib import Path
from statistics import median

import torch

from dah.compute.augment import centre_crop
from dah.encoder.encoder import load_encoder
from dah.encoder.inputs import origins
from dah.images.decode import decode


def forward(network: torch.nn.Module, batches: list[torch.Tensor]) -> None:
    with torch.inference_mode():
        for batch in batches:
            network(batch)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--model", type=Path, required=True)
    parser.add_argument("--images", required=True)
    parser.add_argument("--count", type=int, default=256)
    parser.add_argument("--rounds", type=int, default=5)
    given = parser.parse_args()
    encoder = load_encoder(given.model)
    trained = encoder.parts.network(given.model)
    trained = trained.to(encoder.device, memory_format=torch.channels_last)
    (origin,) = origins([given.images])
    members = [m for m, _ in zip(origin.members(), range(given.count), strict=False)]
    names = {name for name, _ in members}
    squares = [torch.from_numpy(decode(data, encoder.parts.size)) for _, data in members]
    views = centre_crop(torch.stack(squares).to(encoder.device), encoder.network.input_size)
    batches = list(views.to(memory_format=torch.channels_last).split(encoder.batch))
    works = {
        "network as trained": lambda: forward(trained, batches),
        "network, norms folded": lambda: forward(encoder.network, batches),
        "encode": lambda: list(encoder.batches(origin.members(names.__contains__))),
    }
    elapsed: dict[str, list[float]] = {name: [] for name in works}
    used: dict[str, list[float]] = {name: [] for name in works}
    for work in works.values():
        work()
    for _ in range(given.rounds):
        for name, work in works.items():
            start, busy = time.perf_counter(), time.process_time()
            work()
            elapsed[name].append(time.perf_counter() - start)
            used[name].append(time.process_time() - busy)
    rates, costs = (
        {name: median(values) / len(members) for name, values in table.items()}
        for table in (elapsed, used)
    )
    for name in works:
        print(
            f"{name}: {1 / rates[name]:.1f} images/s, encode is {rates[name] / rates['encode']:.2f}"
            f" of it; {1000 * costs[name]:.1f} ms of processor time, by which encode is"
            f" {costs[name] / costs['encode']:.2f} of it"
        )


if __name__ == "__main__":
    main()
