"""Pretraining of a trunk on labelled images by an ordinary softmax classifier."""

from collections.abc import Iterator

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy
from torch.optim import SGD

BATCH = 128
PEAK_RATE = 0.05


def pretrain(
    trunk: nn.Module, images: Tensor, labels: Tensor, epochs: int, seed: int
) -> Iterator[float]:
    """Train a trunk in place; after each epoch, yield the share of its images classified right.

    A linear layer on fc7 and cross-entropy; SGD with momentum 0.9, the rate falling linearly from
    0.05 to 0. Images float ``(n, 3, s, s)`` in [0, 1], labels int64 ``(n,)``.
    """
    rng = torch.Generator().manual_seed(seed)
    classifier = nn.Linear(trunk.widths[-1], int(labels.max()) + 1)
    parameters = [*trunk.parameters(), *classifier.parameters()]
    sgd = SGD(parameters, lr=PEAK_RATE, momentum=0.9, weight_decay=5e-4)
    steps, step = epochs * -(-len(images) // BATCH), 0
    trunk.train()
    for _ in range(epochs):
        right = torch.zeros((), dtype=torch.int64)
        for rows in torch.randperm(len(images), generator=rng).split(BATCH):
            sgd.param_groups[0]["lr"] = PEAK_RATE * (1 - step / steps)
            scores = classifier(trunk(images[rows])[-1])
            sgd.zero_grad()
            cross_entropy(scores, labels[rows]).backward()
            sgd.step()
            right += (scores.argmax(dim=1) == labels[rows]).sum()
            step += 1
        yield right.item() / len(images)
