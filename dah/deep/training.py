"""The one training loop of all deep methods: batches, a step, a state to go on from."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.utils import clip_grad_norm_

from dah.compute.activations import BATCH, activations
from dah.compute.augment import View, plain_view
from dah.compute.devices import compiled
from dah.compute.distributed import exchanged, own_share, shared_over_processes
from dah.deep import methods
from dah.deep.batches import SourceBatches, target_batches
from dah.deep.labelling import Labelling, label
from dah.deep.methods import Batch, check_finite
from dah.deep.optimiser import learning_rate, optimiser
from dah.deep.resuming import fingerprint, keeping
from dah.names import DEEP
from dah.networks.adversary import Critic
from dah.networks.heads import Upper
from dah.params import Dah, PseudoLabels, Softmax, Train


class Training:
    """A training under way, of a network in place: what its next step depends on, and no more.

    `network` is a ``Network``, or the ``Head`` of one whose trunk stays as it is. An epoch is one
    pass over the target. A batch is K = ``dah.samples_per_class`` images of each source category
    and as many of the target, in one forward pass, so that batch norm sees both. `source` and
    `target` are whatever `view` turns into the network's input, row by row, with randomness of its
    own; `labels` int64 ``(n_s,)`` are 0 ... C - 1, each present. All on one device. `seed` is that
    of batches and views. The methods with a softmax learn at their own rates; one with labels of
    the target needs `pseudo_labels`. Within a ``process_group`` each process calls it alike and
    computes its share of every batch; weights and records are the same in all, and those of one
    process up to rounding.
    """

    def __init__(
        self,
        network: nn.Module,
        source: Tensor,
        labels: Tensor,
        target: Tensor,
        view: View,
        method: str,
        dah: Dah,
        softmax: Softmax,
        options: Train,
        seed: int,
        pseudo_labels: PseudoLabels | None = None,
    ) -> None:
        self.kind = DEEP[method]
        if self.kind.softmax:
            rates = softmax.learning_rate, softmax.final_learning_rate
            options = replace(options, learning_rate=rates[0], final_learning_rate=rates[1])
        self.network, self.source, self.labels, self.target = network, source, labels, target
        self.view, self.method, self.options, self.seed = view, method, options, seed
        self.dah, self.softmax, self.pseudo_labels = dah, softmax, pseudo_labels
        self.labelling: Labelling | None = None
        self.labels_stay = options.finetune == "head"
        self.head_learnt = False
        device = source.device
        self.categories = len(labels.unique())
        self.size = self.categories * dah.samples_per_class
        self.draw = torch.Generator().manual_seed(seed)
        self.noise = torch.Generator(device).manual_seed(seed)
        self.batches = SourceBatches(labels.cpu(), dah.samples_per_class, self.draw)
        network.to(memory_format=torch.channels_last).train()
        head = getattr(network, "head", network)
        self.critic = Critic(head.fc8.in_features).to(device) if self.kind.critic else None
        self.sgd = optimiser(network, self.critic, options)
        self.forward = shared_over_processes(network)
        if options.compile:
            self.forward = compiled(self.forward)
        self.judge = None if self.critic is None else shared_over_processes(self.critic)
        self.steps = options.epochs * -(-len(target) // self.size)
        self.history: list[dict[str, float]] = []

    def step(self, source_rows: Tensor, target_rows: Tensor, done: int) -> dict[str, Tensor]:
        """One step on a batch, after `done` others; the terms of its objective and their sum."""
        size, options = self.size, self.options
        with_target = not self.kind.blind
        whole = 2 * size if with_target else size
        share = own_share(whole)
        inputs = self.source[source_rows[share]]
        if with_target:
            after = slice(max(0, share.start - size), max(0, share.stop - size))
            inputs = torch.cat([inputs, self.target[target_rows[after]]])
        images = self.view(inputs, self.noise, whole, share)
        with torch.autocast(inputs.device.type, torch.bfloat16, options.precision == "bf16"):
            outputs = self.forward(images)
        outputs = exchanged(outputs, whole)
        batch = Batch(
            source=outputs.rows(slice(size)),
            target=outputs.rows(slice(size, None)) if with_target else None,
            y=self.labels[source_rows],
            categories=self.categories,
            progress=done / self.steps,
            critic=self.judge,
            labels=self.labelling and self.labelling.rows(target_rows),
            pseudo_labels=self.pseudo_labels,
        )
        terms = getattr(methods, self.kind.terms)(batch, self.dah, self.softmax)
        objective = sum(terms.values())
        self.sgd.forget_gradients()
        objective.backward()
        if options.clip is not None:
            clip_grad_norm_(self.sgd.parameters, options.clip)
        self.sgd.step(learning_rate(len(self.history), options))
        return {name: term.detach() for name, term in (*terms.items(), ("objective", objective))}

    def epoch(self) -> dict[str, float]:
        """One pass over the target; the mean of each term, and the learning rate."""
        if self.kind.labels:
            self.relabel()
        rate = learning_rate(len(self.history), self.options)
        target_rows = torch.stack(list(target_batches(len(self.target), self.size, self.draw)))
        source_rows = torch.stack([next(self.batches) for _ in target_rows])
        device, done = self.source.device, len(self.history) * len(target_rows)
        rows = source_rows.to(device), target_rows.to(device)  # all at once: a copy waits for a GPU
        steps = [self.step(*of, done + i) for i, of in enumerate(zip(*rows, strict=True))]
        values = torch.stack([torch.stack(list(terms.values())) for terms in steps])
        check_finite(list(steps[0]), values, done)
        means = values.mean(dim=0).tolist()
        record = dict(zip(steps[0], means, strict=True)) | {"learning_rate": rate}
        self.history.append(record)
        return record

    def relabel(self) -> None:
        """Before an epoch: label the target anew where ``pseudo_labels`` says that it is time.

        From fc7 of all images as the network sees them now, or from the activations of a frozen
        trunk: those do not change, and one labelling does.
        """
        options = self.pseudo_labels
        since = len(self.history) - options.warm_up
        if since < 0 or since % options.every or (self.labels_stay and self.labelling):
            return
        sides = self.source, self.target
        if self.options.finetune == "head":
            features = [side.cpu().numpy() for side in sides]
        else:
            view = plain_view(self.options.finetune, getattr(self.network, "input_size", 0))
            features = [activations(self.network, side, view).fc7 for side in sides]
            self.network.train()
        Xs, Xt = features
        self.labelling = label(Xs, self.labels.cpu().numpy(), Xt, options, self.source.device)

    def mark(self) -> str:
        """What its steps depend on besides its ``state``: `network` must be as it began."""
        options = replace(self.options, seeds=(self.seed,))
        values = self.method, self.dah, self.softmax, options, self.pseudo_labels
        data = self.source, self.labels, self.target
        return fingerprint(values, [*data, *self.network.state_dict().values()])

    def state(self) -> dict[str, Any]:
        """Everything that the next epoch depends on, as tensors and plain values."""
        generators = [self.draw.get_state(), self.noise.get_state(), torch.get_rng_state()]
        if self.source.is_cuda:
            generators.append(torch.cuda.get_rng_state(self.source.device))
        return {
            "network": self.network.state_dict(),
            "critic": {} if self.critic is None else self.critic.state_dict(),
            "optimiser": self.sgd.state(),
            "generators": generators,
            "waiting": self.batches.waiting,
            "head_learnt": self.head_learnt,
            "labels_stay": self.labels_stay,
            "labelling": list(self.labelling or ()),
            "history": self.history,
        }

    def resume(self, state: dict[str, Any]) -> None:
        """Go on from a ``state`` of a training with the same arguments."""
        self.network.load_state_dict(state["network"])
        if self.critic is not None:
            self.critic.load_state_dict(state["critic"])
        self.sgd.resume(state["optimiser"])
        draw, noise, everywhere, *cuda = state["generators"]
        self.draw.set_state(draw)
        self.noise.set_state(noise)
        torch.set_rng_state(everywhere)
        for of_device in cuda:
            torch.cuda.set_rng_state(of_device, self.source.device)
        self.batches.waiting = list(state["waiting"])
        self.history = list(state["history"])
        self.head_learnt, self.labels_stay = state["head_learnt"], state["labels_stay"]
        found = [part.to(self.source.device) for part in state["labelling"]]
        self.labelling = Labelling(*found) if found else None


def fit(training: Training, checkpoint: Path | None = None) -> Iterator[dict[str, float]]:
    """Go through all epochs; after each, yield the mean of every term of the objective.

    Where blocks of a trunk learn, the head does alone first, for ``head_epochs``, which are not
    yielded. With a file `checkpoint`, the head that has learnt so is kept in it, then epochs are,
    and where it has some of this very training, they are yielded from it and the training goes on
    after them, to the same bits. Raises ``UserError`` when a loss is not finite, before it reaches
    a file.
    """
    first = isinstance(training.network, Upper) and training.options.head_epochs > 0
    with keeping(training, checkpoint) as keep:
        if first and not training.head_learnt:
            train_head_first(training)
            keep()
        yield from list(training.history)
        while len(training.history) < training.options.epochs:
            record = training.epoch()
            keep()
            yield record


def train_head_first(training: Training) -> None:
    """Train the head of an ``Upper`` alone, on what its trunk makes of the centres.

    Gradients through a head that knows nothing yet would spoil what the trunk knows (Kumar et al.,
    *Fine-Tuning can Distort Pretrained Features and Underperform Out-of-Distribution*, ICLR 2022).
    Labels of the target, where the head has had some, stay those that the trunk as it came gives.
    """
    network, given = training.network, training.options
    options = replace(given, finetune="head", epochs=given.head_epochs)
    view = plain_view(given.finetune, 0)
    sides = training.source, training.target
    with torch.no_grad():
        network.eval()
        source, target = (
            torch.cat([network.trunk(view(rows))[-1] for rows in side.split(BATCH)])
            for side in sides
        )
    weights = training.dah, training.softmax, options, training.seed, training.pseudo_labels
    data = source, training.labels, target
    head = Training(network.head, *data, lambda rows, *_: rows, training.method, *weights)
    while len(head.history) < options.epochs:
        head.epoch()
    training.labelling = head.labelling
    training.labels_stay = head.labelling is not None
    training.head_learnt = True
    network.train()
