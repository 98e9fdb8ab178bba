"""Which images form a batch: K of each source category, and the target in passes."""

from collections.abc import Iterator

import torch
from torch import Tensor


class SourceBatches:
    """Endless batches of rows int64 ``(C K,)``, K images of each category, in random order.

    Each category goes through its images in a new random order per pass, so that no image is drawn
    twice before all were drawn once; a category of fewer than K images is repeated. Labels int64
    ``(n,)``. ``waiting``: the rows of each category that are drawn but not yet in a batch; with the
    state of `rng` they are all that the next batches depend on.
    """

    def __init__(self, labels: Tensor, per_category: int, rng: torch.Generator) -> None:
        self.members = [torch.nonzero(labels == label).ravel() for label in labels.unique()]
        self.per_category, self.rng = per_category, rng
        self.waiting = [rows[:0] for rows in self.members]

    def __next__(self) -> Tensor:
        for category, rows in enumerate(self.members):
            while len(self.waiting[category]) < self.per_category:
                order = torch.randperm(len(rows), generator=self.rng)
                self.waiting[category] = torch.cat([self.waiting[category], rows[order]])
        batch = torch.cat([rows[: self.per_category] for rows in self.waiting])
        self.waiting = [rows[self.per_category :] for rows in self.waiting]
        return batch[torch.randperm(len(batch), generator=self.rng)]


def target_batches(count: int, size: int, rng: torch.Generator) -> Iterator[Tensor]:
    """One epoch: batches of rows int64 ``(size,)`` that cover all ``count`` images.

    In random order; a short last batch is filled up from the start of that order, again and again
    where the target is smaller than a batch.
    """
    order = torch.randperm(count, generator=rng)
    steps = -(-count // size)
    repeats = -(-steps * size // count)
    yield from order.repeat(repeats)[: steps * size].split(size)
