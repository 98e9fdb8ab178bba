"""What a training step costs and where: ``python benchmarks/training.py [--preset office_home]``.

Random images of a preset's sizes through its network, with random weights, and the training's own
loop: the shares of a step, steps per second, floating point operations beside what this machine
multiplies, peak memory, and the input beside a DataLoader's (benchmarks/loading.py). On a GPU also
the seconds of the whole training and how often the host waits. There the sizes are the preset's
(office_home: VGG-F, 325 + 325 images of 65 categories, 14 steps an epoch, 300 epochs); on a CPU
batches are smaller. Under torchrun several processes share the batches.
"""

import argparse
import resource
import statistics
import sys
import tempfile
import warnings
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from time import perf_counter
from unittest.mock import patch

import loading
import numpy as np
import torch
from torch import Tensor
from torch.utils.flop_counter import FlopCounterMode

from dah import params
from dah.compute.augment import View, random_view
from dah.compute.devices import choose_device, use_precision
from dah.compute.distributed import is_first, process_group, processes
from dah.deep.optimiser import Sgd
from dah.deep.training import Training, fit
from dah.networks.build import build_trunk
from dah.networks.heads import Network, build_network
from dah.project.presets import apply_preset

ROOT = Path(__file__).parents[1]
OFFICE_HOME = 65, 4439  # categories, images of the target Product
SMALL = 6, 60
PARTS = ("data", "forward", "losses", "backward", "optimiser")


def preset(name: str) -> params.Params:
    """The default parameters with a preset's values."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "params.yaml"
        path.write_bytes((ROOT / "params.yaml").read_bytes())
        apply_preset(name, ROOT / "presets", path)
        return params.load(path)


class Bench:
    """Random data and a network of random weights, and epochs of training on them."""

    def __init__(self, p: params.Params, device: torch.device) -> None:
        categories, target = OFFICE_HOME if device.type == "cuda" else SMALL
        self.p, self.device = p, device
        self.size = categories * p.dah.samples_per_class
        self.steps = -(-target // self.size)
        torch.manual_seed(0)
        trunk = build_trunk(p.backbone.name)
        bottleneck = p.train.bottleneck
        self.network: Network = build_network(trunk, p.dah.bits, bottleneck, "all").to(device)
        rng = torch.Generator(device).manual_seed(0)
        shape = p.images.size, p.images.size, 3
        self.source, self.target = (
            torch.randint(0, 256, (n, *shape), dtype=torch.uint8, device=device, generator=rng)
            for n in (2 * self.size, target)
        )
        self.labels = torch.arange(2 * self.size, device=device) % categories
        few = self.source[:32].cpu().numpy()
        self.view: View = random_view("all", trunk.input_size, p.train.augment, device, few)

    def epochs(self, count: int) -> Iterator[dict[str, float]]:
        options = replace(self.p.train, epochs=count, clip=1.0)  # random weights: no divergence
        data = self.source, self.labels, self.target
        weights = self.p.dah, self.p.softmax
        return fit(Training(self.network, *data, self.view, "dah", *weights, options, 0))

    def batch(self) -> Tensor:
        """The input of one step."""
        rows = torch.cat([self.source[: self.size], self.target[: self.size]])
        noise = torch.Generator(self.device).manual_seed(0)
        return self.view(rows, noise, len(rows), slice(None))


def wait(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize()


def step_seconds(training: Bench, epochs: int) -> float:
    """Median over epochs of the mean step, the first epoch left out; nothing is measured inside."""
    edges = []
    for _ in training.epochs(epochs + 1):
        wait(training.device)
        edges.append(perf_counter())
    return statistics.median(np.diff(edges)) / training.steps


def shares(training: Bench) -> dict[str, float]:
    """Seconds per step of each part, the device idle at every edge between two of them."""
    spent: dict[str, float] = defaultdict(float)
    last = [0.0]

    def end(part: str) -> None:
        wait(training.device)
        now = perf_counter()
        spent[part] += now - last[0]
        last[0] = now

    backward, descend = Tensor.backward, Sgd.step

    def timed_backward(loss: Tensor) -> None:
        end("losses")
        backward(loss)
        end("backward")

    def timed_step(sgd: Sgd, rate: float) -> None:
        descend(sgd, rate)
        end("optimiser")

    hooks = [
        training.network.register_forward_pre_hook(lambda *_: end("data")),
        training.network.register_forward_hook(lambda *_: end("forward")),
    ]
    options = replace(training.p, train=replace(training.p.train, compile=False))
    with (
        patch.object(training, "p", options),
        patch.object(Tensor, "backward", timed_backward),
        patch.object(Sgd, "step", timed_step),
    ):
        for epoch, _ in enumerate(training.epochs(2)):
            if epoch == 0:
                spent.clear()
            last[0] = perf_counter()
    for hook in hooks:
        hook.remove()
    return {part: spent[part] / training.steps for part in PARTS}


def flops(training: Bench) -> int:
    """Floating point operations of a step's forward and backward pass, as torch counts them."""
    batch = training.batch()
    with FlopCounterMode(display=False) as counter:
        training.network(batch).u.sum().backward()
    training.network.zero_grad()
    return counter.get_total_flops()


def best_rate(device: torch.device, precision: str) -> float:
    """Floating point operations per second of a large square matrix product."""
    n = 8192 if device.type == "cuda" else 2048
    dtype = torch.bfloat16 if precision == "bf16" else torch.float32
    a, b = torch.randn(2, n, n, device=device).to(dtype)
    times = []
    for _ in range(5):
        begin = perf_counter()
        a @ b
        wait(device)
        times.append(perf_counter() - begin)
    return 2 * n**3 / min(times)


def synchronisations(training: Bench) -> int:
    """How often the host waits for the GPU, per epoch, after a first one."""
    run = training.epochs(2)
    next(run)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        torch.cuda.set_sync_debug_mode("warn")
        next(run)
        torch.cuda.set_sync_debug_mode("default")
    return sum("synchron" in str(warning.message) for warning in caught)


def peak(device: torch.device) -> float:
    """MiB of the GPU's memory, or of this process's, at the most so far."""
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated() / 2**20
    unit = 2**20 if sys.platform == "darwin" else 2**10
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / unit


def report(training: Bench, workers: int) -> Iterator[str]:
    """The lines, each as soon as it is measured."""
    p, device, steps = training.p, training.device, training.steps
    gpu, precision = device.type == "cuda", p.train.precision
    place = torch.cuda.get_device_name() if gpu else f"CPU, {torch.get_num_threads()} threads"
    yield f"{processes()} x {place}; {p.backbone.name}, {precision}"
    yield f"batch      {training.size} + {training.size} images"
    seconds = step_seconds(training, 3 if gpu else 2)
    yield f"step       {1e3 * seconds:10.1f} ms   {1 / seconds:.3f} steps/s"
    parts = shares(training)
    for part, spent in parts.items():
        yield f"  {part:9}{1e3 * spent:10.1f} ms   {100 * spent / sum(parts.values()):5.1f} %"
    operations, bound = flops(training), best_rate(device, precision) * processes()
    yield f"arithmetic {operations / 1e9:10.1f} GFLOP, matrix products {bound / 1e9:.0f} GFLOP/s"
    least = operations / bound
    yield f"           {1e3 * least:10.1f} ms at least, the step {seconds / least:.1f} times that"
    yield f"memory     {peak(device):10.0f} MiB at the peak"
    if gpu:
        yield f"waits      {synchronisations(training):10d} in an epoch of {steps} steps"
        total = p.train.epochs * steps
        yield f"training   {total * seconds:10.0f} s for {p.train.epochs} epochs, {total} steps"
    if is_first():
        for title, rate in loading.measure(device, workers).items():
            share = 100 * 2 * training.size / rate / seconds
            yield f"{title:22}{rate:8.0f} images/s, a batch in {share:.1f} % of a step"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--preset", default="office_home")
    parser.add_argument("--trunk", help="another trunk than the preset's, such as mobilenet_v2")
    parser.add_argument("--device", default="auto", choices=["auto", "cpu", "cuda"])
    parser.add_argument("--precision", choices=["fp32", "tf32", "bf16"])
    parser.add_argument("--compile", action="store_true")
    parser.add_argument("--workers", type=int, default=torch.get_num_threads())
    arguments = parser.parse_args()
    p, device = preset(arguments.preset), choose_device(arguments.device)
    precision = arguments.precision or p.train.precision
    p = replace(
        p,
        train=replace(p.train, precision=precision, compile=arguments.compile),
        backbone=replace(p.backbone, name=arguments.trunk or p.backbone.name),
    )
    use_precision(precision)
    with process_group(device):
        for line in report(Bench(p, device), arguments.workers):
            if is_first():
                print(line, flush=True)


if __name__ == "__main__":
    main()
