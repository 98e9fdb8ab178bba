"""Several processes on one batch: each computes a share of its rows, and all see the whole.

The objective couples all images of a batch, in pairs, quadruples and batch norm, so gradients of
parts of it do not add up to its own. Instead the processes exchange activations: J is computed from
the whole batch in each of them, alike. The loss that is differentiated is the sum over processes
of their J, P times J, and ``DistributedDataParallel`` takes the mean of its gradients: that of J.
"""

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import pairwise
from typing import Any

import torch
from torch import Tensor, distributed, nn
from torch.autograd.function import once_differentiable
from torch.nn.modules.batchnorm import _BatchNorm
from torch.nn.parallel import DistributedDataParallel

from dah.errors import UserError
from dah.networks.heads import Outputs

STORE = "DAH_STORE"  # a file by which the processes of one machine meet, in place of a port
_GONE = re.compile(r"gloo/transport/.*(closed|reset) by peer|gloo/transport/.*Broken pipe")


class LostProcessError(UserError):
    """Another process of the group has ended before its time."""


@contextmanager
def process_group(device: torch.device) -> Iterator[None]:
    """Join the processes that torchrun's environment names, until the block ends; or be alone.

    The environment is ``WORLD_SIZE``, ``RANK``, ``LOCAL_WORLD_SIZE``, ``LOCAL_RANK``, and either
    ``MASTER_ADDR`` and ``MASTER_PORT`` or STORE. On GPUs each process takes one of its machine, its
    current device from here on. Raises ``UserError`` where a machine has more processes than GPUs,
    ``LostProcessError`` where another one ends while this one waits for it.
    """
    if int(os.environ.get("WORLD_SIZE", "1")) == 1:
        yield
        return
    if device.type == "cuda":
        place, gpus = int(os.environ["LOCAL_RANK"]), torch.cuda.device_count()
        if place >= gpus:
            raise UserError(
                f"train.processes: process {place + 1} of this machine finds {gpus} GPUs; start at"
                " most one process for each, or set train.device to cpu"
            )
        torch.cuda.set_device(place)
    _initialise("nccl" if device.type == "cuda" else "gloo")
    try:
        yield
    except RuntimeError as error:
        if _GONE.search(str(error)):
            raise LostProcessError("another of the processes has ended; it says why") from error
        raise
    finally:
        distributed.destroy_process_group()


def _initialise(backend: str) -> None:
    file = os.environ.get(STORE)
    if file is None:
        distributed.init_process_group(backend)
        return
    rank, size = int(os.environ["RANK"]), int(os.environ["WORLD_SIZE"])
    store = distributed.FileStore(file, size)
    distributed.init_process_group(backend, store=store, rank=rank, world_size=size)


def processes() -> int:
    """How many processes share a batch, P."""
    return distributed.get_world_size() if distributed.is_initialized() else 1


def processes_here() -> int:
    """How many of them run on this machine, as torchrun's environment says."""
    return int(os.environ.get("LOCAL_WORLD_SIZE", "1"))


def is_first() -> bool:
    """Whether this process writes the files and draws the bars; one of them does."""
    return not distributed.is_initialized() or distributed.get_rank() == 0


def from_first(value: Any) -> Any:
    """The first process's plain value or tensors, in all processes."""
    if not distributed.is_initialized():
        return value
    values = [value]
    distributed.broadcast_object_list(values)
    return values[0]


def shares(rows: int) -> list[slice]:
    """The consecutive rows of every process, in the order of the processes; sizes differ by one."""
    count = processes()
    edges = [rows * place // count for place in range(count + 1)]
    return [slice(*edge) for edge in pairwise(edges)]


def own_share(rows: int) -> slice:
    """The rows of this process among `rows`."""
    return shares(rows)[distributed.get_rank()] if distributed.is_initialized() else slice(0, rows)


def gather(x: Tensor, rows: int) -> Tensor:
    """All rows ``(rows, ...)`` from this process's ``x = whole[own_share(rows)]``.

    Differentiable: the gradient of a share is P times its rows of the gradient of the whole, the
    sum over processes where all of them differentiate the same function of the whole.
    """
    return _Gather.apply(x, rows) if distributed.is_initialized() else x


def exchanged(outputs: Outputs, batch: int) -> Outputs:
    """The outputs of all `batch` images from this process's share of them, in one exchange.

    At least float32, so that the losses do not see the digits that bfloat16 lacks.
    """
    parts = [
        x.to(torch.promote_types(x.dtype, torch.float32)) for x in (*outputs.layers, outputs.u)
    ]
    if processes() > 1:
        widths = [part.shape[1] for part in parts]
        parts = gather(torch.cat(parts, dim=1), batch).split(widths, dim=1)
    *layers, u = parts
    return Outputs(tuple(layers), u)


class _Gather(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, rows: int) -> Tensor:
        ctx.rows = rows
        longest = -(-rows // processes())
        padded = x.new_zeros(longest, *x.shape[1:])
        padded[: len(x)] = x
        parts = [torch.empty_like(padded) for _ in range(processes())]
        distributed.all_gather(parts, padded)
        counts = (share.stop - share.start for share in shares(rows))
        return torch.cat([part[:count] for part, count in zip(parts, counts, strict=True)])

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None]:
        return processes() * gradient[own_share(ctx.rows)], None


class _Sum(torch.autograd.Function):
    """y = sum over processes of x, in each of them; so is its gradient."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        total = x.clone()
        distributed.all_reduce(total)
        return total

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> Tensor:
        total = gradient.clone()
        distributed.all_reduce(total)
        return total


class SharedBatchNorm(_BatchNorm):
    """Batch norm whose mean and variance are those of all processes' rows, on any device.

        y = weight (x - mean) / sqrt(variance + eps) + bias

    Inputs float ``(n, C, ...)``. The gradient flows through both moments, of every process. Like
    torch's, it keeps running moments, the variance's with n - 1, and uses them in evaluation.
    (``torch.nn.SyncBatchNorm`` refuses a CPU.)
    """

    def _check_input_dim(self, x: Tensor) -> None:
        pass

    def forward(self, x: Tensor) -> Tensor:
        if not self.training:
            return super().forward(x)
        values = x.float() if x.dtype in (torch.float16, torch.bfloat16) else x
        others = [axis for axis in range(x.ndim) if axis != 1]
        column = (1, -1) + (1,) * (x.ndim - 2)
        count = values.new_full((1,), values.numel() // values.shape[1])
        totals = _Sum.apply(torch.cat([values.sum(dim=others), count]))
        mean, count = totals[:-1] / totals[-1], totals[-1].detach()
        centred = values - mean.view(column)
        variance = _Sum.apply(centred.square().sum(dim=others)) / count
        with torch.no_grad():
            self.num_batches_tracked += 1
            unbiased = variance * (count / (count - 1))
            self.running_mean.lerp_(mean.to(self.running_mean.dtype), self.momentum)
            self.running_var.lerp_(unbiased.to(self.running_var.dtype), self.momentum)
        scale = self.weight * (variance + self.eps).rsqrt()
        return (centred * scale.view(column) + self.bias.view(column)).to(x.dtype)


def share_batch_norm(network: nn.Module) -> None:
    """Replace every batch norm inside `network` by one of all processes, weights and names kept."""
    for parent in list(network.modules()):
        for name, layer in list(parent.named_children()):
            if isinstance(layer, _BatchNorm) and not isinstance(layer, SharedBatchNorm):
                shared = SharedBatchNorm(layer.num_features, layer.eps, layer.momentum)
                for kind in ("_parameters", "_buffers"):
                    getattr(shared, kind).update(getattr(layer, kind))
                setattr(parent, name, shared.train(layer.training))


def shared_over_processes(network: nn.Module) -> nn.Module:
    """What to call in `network`'s place: its gradients become means over the processes."""
    if processes() == 1:
        return network
    share_batch_norm(network)
    return DistributedDataParallel(network, forward_sync_buffers=False)
