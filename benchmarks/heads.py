"""The head of a frozen trunk, as of Office-31: ``OMP_NUM_THREADS=1 python benchmarks/heads.py``.

Made-up activations, 1280 numbers an image, 31 categories, batches of 155 + 155, a new fc7 of 512
units (preset office31_mobilenet), one thread; epochs of 19 steps, as of amazon. Each method in
turns with what it was before: MK-MMD with all pairs twice and exponents that underflow, torch's
own SGD. Medians of milliseconds of the processor a step; the terms of both are the same.
"""

import statistics
from contextlib import ExitStack
from dataclasses import replace
from time import process_time
from unittest.mock import patch

import torch
from torch import Tensor
from training import preset

from dah.deep import methods
from dah.deep.mmd import OCTAVES, quadratic_mk_mmd
from dah.deep.training import Training
from dah.networks.heads import Head

WIDTH, CATEGORIES, SOURCE, TARGET = 1280, 31, 795, 2817
EPOCHS = 5


def products(x: Tensor, g: Tensor, w: Tensor) -> float:
    """The products that no head can do without: fc7 forward, its weights' gradient; ms."""
    times = []
    for _ in range(20):
        start = process_time()
        x @ w
        x.T @ g
        times.append(process_time() - start)
    return 1e3 * min(times)


class WholeMatrix(torch.autograd.Function):
    """M from the whole matrix of pairs, kernel by kernel, as it was."""

    @staticmethod
    def forward(ctx, xs: Tensor, xt: Tensor) -> Tensor:
        n, m = len(xs), len(xt)
        x = torch.cat([xs, xt])
        x = x - x.mean(dim=0)
        gram = x @ x.T
        norms = gram.diagonal()
        sums = norms[:, None] + norms
        squared = torch.sub(sums, gram, alpha=2)
        lost = squared <= (4 + x.shape[1] ** 0.5) * torch.finfo(x.dtype).eps * sums
        squared.masked_fill_(lost, 0)
        i, j = torch.triu_indices(n + m, n + m, 1)
        sigma = squared[i, j].median()
        k, slope = torch.zeros_like(squared), torch.zeros_like(squared)
        for place, octave in enumerate(reversed(OCTAVES)):
            rate = -(2.0**-octave) / sigma
            if place % 4 == 0:
                of_octave = (rate * squared).exp_()
            else:
                of_octave.square_()
            k += of_octave
            slope.addcmul_(of_octave, rate)
        weights = k.new_full((n + m, n + m), -1 / (n * m))
        weights[:n, :n] = 1 / (n * (n - 1))
        weights[n:, n:] = 1 / (m * (m - 1))
        weights.fill_diagonal_(0)
        ctx.save_for_backward(x, lost, weights, slope.div_(len(OCTAVES)))
        ctx.n = n
        return (weights * k.div_(len(OCTAVES))).sum()

    @staticmethod
    def backward(ctx, gradient: Tensor) -> tuple[Tensor, Tensor]:
        x, lost, weights, slope = ctx.saved_tensors
        of_pairs = gradient * weights * slope
        both = (of_pairs + of_pairs.T).masked_fill_(lost, 0)
        found = torch.addmm(both.sum(dim=1, keepdim=True) * x, both, x, alpha=-1).mul_(2)
        return found[: ctx.n], found[ctx.n :]


class TorchSgd:
    """torch.optim.SGD in the place of ours."""

    def __init__(self, groups, momentum: float) -> None:
        self.groups = [
            {"params": of.parameters, "weight_decay": of.decay, "factor": of.factor}
            for of in groups
        ]
        self.sgd = torch.optim.SGD(self.groups, lr=1.0, momentum=momentum)

    @property
    def parameters(self):
        return (parameter for group in self.groups for parameter in group["params"])

    def forget_gradients(self) -> None:
        self.sgd.zero_grad()

    def step(self, rate: float) -> None:
        for group in self.sgd.param_groups:
            group["lr"] = group["factor"] * rate
        self.sgd.step()


def training(method: str) -> Training:
    """A training of a head on activations of a rectifier's kind, categories apart."""
    p = preset("office31_mobilenet")
    rng = torch.Generator().manual_seed(0)
    centres = torch.randn(CATEGORIES, WIDTH, generator=rng)
    labels, others = torch.arange(SOURCE) % CATEGORIES, torch.arange(TARGET) % CATEGORIES
    noise = torch.randn(SOURCE + TARGET, WIDTH, generator=rng)
    x = (centres[torch.cat([labels, others])] + 2 * noise).relu()
    torch.manual_seed(0)
    head = Head(WIDTH, p.dah.bits, p.train.bottleneck)
    options = replace(p.train, epochs=EPOCHS)
    data = x[:SOURCE], labels, x[SOURCE:]
    given = method, p.dah, p.softmax, options, 0, p.pseudo_labels
    return Training(head, *data, lambda rows, *_: rows, *given)


def main() -> None:
    torch.set_num_threads(1)
    torch.set_deterministic_debug_mode("error")
    x, g, w = torch.randn(310, WIDTH), torch.randn(310, 512), torch.randn(WIDTH, 512)
    print(f"fc7's own products {products(x, g, w):5.1f} ms")
    for method in ("dah", "dah-p", "noda"):
        sides = {}
        for before in (True, False):
            with ExitStack() as stack:
                if before:
                    stack.enter_context(patch("dah.deep.optimiser.Sgd", TorchSgd))
                sides[before] = training(method)
        times: dict[bool, list[float]] = {True: [], False: []}
        for _ in range(EPOCHS):
            records = {}
            for before, of in sides.items():
                estimate = WholeMatrix.apply if before else quadratic_mk_mmd
                with patch.dict(methods.MK_MMD, quadratic=estimate):
                    start = process_time()
                    records[before] = of.epoch()
                steps = of.steps // EPOCHS
                times[before].append(1e3 * (process_time() - start) / steps)
            apart = abs(records[True]["objective"] / records[False]["objective"] - 1)
        was, now = (statistics.median(of[1:]) for of in times.values())
        print(
            f"{method:6} {was:5.1f} ms a step before, {now:5.1f} now: {was / now:.2f} times as"
            f" fast; objective apart by {apart:.0e}",
            flush=True,
        )


if __name__ == "__main__":
    main()
