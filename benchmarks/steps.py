"""A training step beside itself with plain memory: ``python benchmarks/steps.py [--trunk ...]``.

The same step of DAH, all layers, 30 + 30 made-up images, random weights, one thread, in processes
of their own, one after another: as the stages run it (``dah.process``: freed memory is kept,
channels last), with the system's own malloc, and that with the layout of torch's default too. Each
line: seconds of the clock and of the processor, of these the system's, page faults, and the
peak of memory.
"""

import argparse
import json
import resource
import subprocess
import sys
from dataclasses import replace
from time import perf_counter

KINDS = ("as it is", "plain malloc", "and contiguous")
WARM = 2  # steps that grow the heap


def steps(trunk: str, precision: str, count: int, kind: str) -> dict[str, float]:
    """Means over the steps after the first ones."""
    if kind == KINDS[0]:
        from dah.process import settle  # noqa: PLC0415 - before torch

        settle(give_back=False)
    import torch  # noqa: PLC0415
    from training import Bench, preset  # noqa: PLC0415

    from dah.compute.devices import make_repeatable  # noqa: PLC0415
    from dah.deep.training import Training  # noqa: PLC0415

    torch.set_num_threads(1)
    device = torch.device("cpu")
    make_repeatable(device, 0)
    p = preset("office_home")
    options = replace(p.train, precision=precision, epochs=1, clip=1.0)
    bench = Bench(replace(p, backbone=replace(p.backbone, name=trunk)), device)
    data = bench.source, bench.labels, bench.target
    given = "dah", p.dah, p.softmax, options, 0
    training = Training(bench.network, *data, bench.view, *given)
    if kind == KINDS[2]:
        bench.network.to(memory_format=torch.contiguous_format)
    rows = torch.arange(training.size)
    for _ in range(WARM):
        training.step(rows, rows, 0)
    before, clock = resource.getrusage(resource.RUSAGE_SELF), perf_counter()
    for _ in range(count):
        training.step(rows, rows, 0)
    clock, after = perf_counter() - clock, resource.getrusage(resource.RUSAGE_SELF)
    system = after.ru_stime - before.ru_stime
    return {
        "clock": clock / count,
        "cpu": (after.ru_utime - before.ru_utime + system) / count,
        "system": system / count,
        "faults": (after.ru_minflt - before.ru_minflt) / count,
        "peak": after.ru_maxrss / 1024,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--trunk", default="mobilenet_v2")
    parser.add_argument("--precision", default="fp32", choices=["fp32", "bf16"])
    parser.add_argument("--steps", type=int, default=3)
    parser.add_argument("--kind", choices=KINDS, help="this one alone, as JSON")
    given = parser.parse_args()
    if given.kind:
        print(json.dumps(steps(given.trunk, given.precision, given.steps, given.kind)))
        return
    first = None
    for kind in KINDS:
        command = [sys.executable, *sys.argv, "--kind", kind]
        result = subprocess.run(command, capture_output=True, text=True, check=True)
        found = json.loads(result.stdout)
        first = first or found
        print(
            f"{given.trunk} {given.precision} {kind:15}{found['clock']:7.2f} s, cpu"
            f" {found['cpu']:6.2f} (system {found['system']:5.2f}), {found['faults']:9.0f} faults,"
            f" peak {found['peak']:6.0f} MiB; x {found['cpu'] / first['cpu']:.2f} cpu,"
            f" x {found['clock'] / first['clock']:.2f} clock",
            flush=True,
        )


if __name__ == "__main__":
    main()
