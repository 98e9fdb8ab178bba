"""How fast networks look and learn on this machine, measured before a run."""

import time
from collections.abc import Callable

import torch
from torch import nn

from dah.compute.inference import settled
from dah.errors import UserError
from dah.networks.cuts import cut
from dah.networks.heads import build_network
from dah.params import Train

SEEN = {"cpu": 8, "cuda": 64}  # images at a time
ROWS = 256  # of activations at a time
LEAST = 0.1  # seconds


def speeds(
    trunk: nn.Module, outputs: int, options: Train, device: torch.device
) -> dict[int | str, float]:
    """Images per second that learn, by what does: ``head``, blocks and ``all``.

    The blocks are those of ``options.finetune``, else the last one; a trunk that cannot be cut has
    none. A forward and a backward pass, without the losses. The weights of `trunk` do not change;
    its norms' running moments do.
    """
    wanted = 1 if options.finetune in ("head", "all") else options.finetune
    found = {}
    for finetune in ("head", wanted, "all"):
        try:
            found[finetune] = _speed(trunk, finetune, outputs, options, device)
        except UserError:
            if wanted == options.finetune:
                raise
    return found


def looking_speed(trunk: nn.Module, device: torch.device) -> float:
    """Images per second of a trunk that looks at them and does not learn; it is ``settled``."""
    count = SEEN[device.type]
    images = torch.rand(count, 3, trunk.input_size, trunk.input_size, device=device)
    trunk = settled(trunk, device)
    with torch.inference_mode():
        return count / _seconds(lambda: trunk(images), device)


def _speed(
    trunk: nn.Module, finetune: int | str, outputs: int, options: Train, device: torch.device
) -> float:
    count = ROWS if finetune == "head" else SEEN[device.type]
    network = build_network(trunk, outputs, options.bottleneck, finetune).to(device)
    if finetune == "head":
        x = torch.rand(count, trunk.widths[-1], device=device)
    else:
        x = torch.rand(count, 3, trunk.input_size, trunk.input_size, device=device)
    if finetune not in ("head", "all"):
        with torch.no_grad():
            x = cut(network.trunk.eval(), finetune).lower(x)
    learner = network.learner(finetune).to(memory_format=torch.channels_last).train()

    def step() -> None:
        learner.zero_grad()
        with torch.autocast(device.type, torch.bfloat16, options.precision == "bf16"):
            u = learner(x).u
        u.float().square().sum().backward()

    return count / _seconds(step, device)


def _seconds(step: Callable[[], object], device: torch.device) -> float:
    """Mean duration of a step, after one that warms up."""
    times = []
    while len(times) < 2 or sum(times[1:]) < LEAST:
        start = time.perf_counter()
        step()
        if device.type == "cuda":
            torch.cuda.synchronize(device)
        times.append(time.perf_counter() - start)
    return sum(times[1:]) / len(times[1:])
