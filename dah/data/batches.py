"""Which images form a batch: K of each source category, and the target in passes."""

from collections.abc import Iterator

import torch
from torch import Tensor


def source_batches(labels: Tensor, per_category: int, rng: torch.Generator) -> Iterator[Tensor]:
    """Endless batches of rows int64 ``(C K,)``, K images of each category, in random order.

    Each category goes through its images in a new random order per pass, so that no image is drawn
    twice before all were drawn once; a category of fewer than K images is repeated. Labels int64
    ``(n,)``.
    """
    members = [torch.nonzero(labels == label).ravel() for label in labels.unique()]
    waiting = [rows[:0] for rows in members]
    while True:
        for category, rows in enumerate(members):
            while len(waiting[category]) < per_category:
                order = torch.randperm(len(rows), generator=rng)
                waiting[category] = torch.cat([waiting[category], rows[order]])
        batch = torch.cat([rows[:per_category] for rows in waiting])
        waiting = [rows[per_category:] for rows in waiting]
        yield batch[torch.randperm(len(batch), generator=rng)]


def target_batches(count: int, size: int, rng: torch.Generator) -> Iterator[Tensor]:
    """One epoch: batches of rows int64 ``(size,)`` that cover all ``count`` images.

    In random order; a short last batch is filled up from the start of that order, again and again
    where the target is smaller than a batch.
    """
    order = torch.randperm(count, generator=rng)
    steps = -(-count // size)
    repeats = -(-steps * size // count)
    yield from order.repeat(repeats)[: steps * size].split(size)
