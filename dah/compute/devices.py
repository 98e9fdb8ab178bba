"""Where networks run, with which precision, and that they do the same there each time."""

import os
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
from threadpoolctl import threadpool_limits
from torch import nn

from dah.compute.distributed import processes_here
from dah.errors import UserError


def choose_device(name: str) -> torch.device:
    """``auto`` is a GPU where there is one; ``cuda`` without one raises ``UserError``."""
    available = torch.cuda.is_available()
    if name == "cuda" and not available:
        raise UserError("train.device is cuda, but torch finds no GPU here; set it to auto or cpu")
    return torch.device("cuda" if available and name != "cpu" else "cpu")


def make_repeatable(device: torch.device, seed: int) -> None:
    """Deterministic operators, and new weights of `seed`.

    On a GPU, cuBLAS must be told before its first product how much memory it may work in; and where
    an operator of some trunk has no repeatable form there, torch warns and names it. The compiler,
    which takes two seconds to load, is told in ``compiled``.
    """
    gpu = device.type == "cuda"
    if gpu:
        os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
    torch.set_deterministic_debug_mode("warn" if gpu else "error")
    torch.utils.deterministic.fill_uninitialized_memory = False
    torch.manual_seed(seed)


def use_precision(name: str) -> None:
    """How a GPU multiplies float32: exactly (``fp32``), else with ten-bit mantissas (``tf32``).

    Under ``bf16`` that holds for what torch.autocast leaves in float32. A CPU is always exact. Of
    torch's two ways to say so the older is what its exporter asks, which ends where they differ.
    """
    rounded, convolutions = name != "fp32", torch.backends.cudnn
    torch.backends.cuda.matmul.allow_tf32 = convolutions.allow_tf32 = rounded
    for part in (convolutions.conv, convolutions.rnn):
        part.fp32_precision = "tf32" if rounded else "ieee"


def compiled(network: nn.Module) -> Callable[..., Any]:
    """`network` by torch.compile, repeatable where ``make_repeatable`` asked for that.

    It is not to advise against what ``use_precision`` says.
    """
    if torch.are_deterministic_algorithms_enabled():
        warn = torch.is_deterministic_algorithms_warn_only_enabled()
        torch.use_deterministic_algorithms(True, warn_only=warn)  # tells the compiler too
    warnings.filterwarnings("ignore", "TensorFloat32 tensor cores", UserWarning)
    return torch.compile(network)


@contextmanager
def exact_products() -> Iterator[None]:
    """In the block a GPU multiplies float32 matrices exactly, whatever ``use_precision`` says."""
    matrices = torch.backends.cuda.matmul
    before, matrices.allow_tf32 = matrices.allow_tf32, False
    try:
        yield
    finally:
        matrices.allow_tf32 = before


def use_threads(count: int | None) -> None:
    """Compute with `count` threads, shared by this machine's processes, at least one for each.

    Each thread adds up its part of a sum, so that their number decides the last bits of the result,
    and that of the cores does not. None: as many as cores, or as ``OMP_NUM_THREADS`` says.
    """
    if count is not None:
        each = max(1, count // processes_here())
        torch.set_num_threads(each)
        threadpool_limits(each)
