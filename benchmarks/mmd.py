"""MK-MMD forward and backward beside a copy of its inputs: ``python benchmarks/mmd.py``.

`quadratic` and `linear` are ours; `plain` is the linear formula left to autograd; `skada` is that
package's MK-MMD, all pairs of rows with their differences in memory, where it is installed
(``pip install skada skorch``). The fastest of calls that take turns counts, so that other load
meets all alike; memory is what a call holds at its peak beside its inputs. Set OMP_NUM_THREADS=1 to
compare single threads.
"""

import argparse
from collections.abc import Callable
from importlib.util import find_spec
from time import perf_counter

import torch
from torch import Tensor
from torch.profiler import ProfilerActivity, profile

from dah.deep.mmd import MK_MMD

SIZES = ["155x4096", "310x4096", "620x4096", "155x1024", "155x256"]
Loss = Callable[[Tensor, Tensor], Tensor]


def plain(xs: Tensor, xt: Tensor) -> Tensor:
    """The formula of ``linear_mk_mmd``, its gradient by autograd."""
    half = len(xs) // 2
    s1, s2, t1, t2 = xs[:half], xs[half : 2 * half], xt[:half], xt[half : 2 * half]
    pairs = (s1, s2), (t1, t2), (s1, t2), (s2, t1)
    squared = torch.stack([(x - y).square().sum(dim=1) for x, y in pairs])
    sigma = squared.detach().median()
    k = sum(torch.exp(-squared / (sigma * 2.0**q)) for q in range(-8, 9)) / 17
    return (k[0] + k[1] - k[2] - k[3]).mean()


def losses() -> dict[str, Loss]:
    known: dict[str, Loss] = {**MK_MMD, "plain": plain}
    if find_spec("skada") and find_spec("skorch"):
        from skada.deep.losses import dan_loss  # noqa: PLC0415 - a peer that need not be here

        known["skada"] = dan_loss
    return known


def samples(rows: int, width: int, device: str) -> tuple[Tensor, Tensor]:
    """Rectified normal activations of a source and a wider target."""
    rng = torch.Generator().manual_seed(0)
    both = torch.randn(2, rows, width, generator=rng).relu().to(device)
    return both[0].clone().requires_grad_(), (1.2 * both[1]).requires_grad_()


def seconds(call: Callable[[], object], device: str) -> float:
    begin = perf_counter()
    call()
    if device == "cuda":
        torch.cuda.synchronize()
    return perf_counter() - begin


def peak(call: Callable[[], object], device: str) -> float:
    """MiB allocated during a call at its highest, from the allocator's own record."""
    if device == "cuda":
        before = torch.cuda.memory_allocated()
        torch.cuda.reset_peak_memory_stats()
        call()
        return (torch.cuda.max_memory_allocated() - before) / 2**20
    with profile(activities=[ProfilerActivity.CPU], profile_memory=True) as record:
        call()
    held = highest = 0
    for event in record.profiler.kineto_results.events():
        if event.name() == "[memory]":
            held += event.nbytes()
            highest = max(highest, held)
    return highest / 2**20


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("sizes", nargs="*", default=SIZES, help="rows x width")
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--rounds", type=int, default=40)
    arguments = parser.parse_args()
    print(f"{arguments.device}, {torch.get_num_threads()} threads")
    print(f"{'rows x width':>14}{'':>11}{'ms':>9}{'x copy':>8}{'x quadratic':>12}{'MiB':>8}")
    for size in arguments.sizes:
        rows, width = (int(number) for number in size.split("x"))
        xs, xt = samples(rows, width, arguments.device)
        copies = xs.detach(), xt.detach()
        calls: dict[str, Callable[[], object]] = {"copy": lambda c=copies: [x.clone() for x in c]}
        for name, loss in losses().items():
            calls[name] = lambda f=loss, x=(xs, xt): torch.autograd.grad(f(*x), x)
        times = {name: [] for name in calls}
        for _ in range(arguments.rounds):
            for name, call in calls.items():
                call()
                times[name] += [seconds(call, arguments.device) for _ in range(5)]
        fastest = {name: min(values) for name, values in times.items()}
        for name, call in calls.items():
            ratios = fastest[name] / fastest["copy"], fastest[name] / fastest["quadratic"]
            print(
                f"{rows:>8} x {width:<4}{name:>10} {1e3 * fastest[name]:>8.3f}"
                f"{ratios[0]:>8.1f}{ratios[1]:>12.2f}"
                f"{peak(call, arguments.device):>8.1f}",
                flush=True,
            )


if __name__ == "__main__":
    main()
