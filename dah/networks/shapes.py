"""Networks as shapes alone: built in a moment, without memory."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from torch.overrides import TorchFunctionMode

FILLING = {"normal_", "uniform_"}  # what every initialisation of torch draws with


class _Unfilled(TorchFunctionMode):
    """Random weights are not drawn.

    There is nothing to draw them into, and torch would load its compiler to find that out: more
    than a second.
    """

    def __torch_function__(
        self,
        func: Callable[..., Any],
        types: Sequence[type],
        args: Sequence[Any] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:
        kwargs = kwargs or {}
        if getattr(func, "__name__", "") in FILLING:
            return args[0] if args else kwargs["tensor"]
        return func(*args, **kwargs)


@contextmanager
def shapes_alone() -> Iterator[None]:
    """Networks that are built in the block have weights of a shape and a dtype, and no values.

    A file's config may ask for any width: this costs nothing at any.
    """
    with torch.device("meta"), _Unfilled():
        yield
