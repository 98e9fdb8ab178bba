"""The one training loop of all deep methods: batches, a step, a schedule in closed form."""

from collections.abc import Iterator
from dataclasses import replace

import torch
from torch import Tensor, nn
from torch.nn.utils import clip_grad_norm_
from torch.optim import SGD

from dah.data.augment import View
from dah.data.batches import source_batches, target_batches
from dah.distributed import gather, own_share, processes, shared_over_processes
from dah.errors import UserError
from dah.methods import SOFTMAX, Batch, sees_target, terms_of
from dah.networks import Outputs
from dah.networks.adversary import Critic
from dah.params import Dah, Softmax, Train


def learning_rate(epoch: int, options: Train) -> float:
    """Log-linear from ``learning_rate`` in epoch 0 to ``final_learning_rate`` in the last epoch."""
    done = epoch / max(1, options.epochs - 1)
    return options.learning_rate ** (1 - done) * options.final_learning_rate**done


def optimiser(network: nn.Module, critic: nn.Module | None, options: Train) -> SGD:
    """SGD with momentum; each group's ``factor`` is its share of the schedule's learning rate.

    Pretrained layers, those of a network's ``trunk``, learn at ``trunk_factor``; biases at twice
    their layer's rate and without weight decay (authors' code).
    """
    modules = [network] if critic is None else [network, critic]
    named = [pair for module in modules for pair in module.named_parameters()]
    groups = []
    for pretrained in (True, False):
        for bias in (True, False):
            chosen = [
                parameter
                for name, parameter in named
                if name.startswith("trunk.") == pretrained and name.endswith("bias") == bias
            ]
            factor = (options.trunk_factor if pretrained else 1.0) * (2 if bias else 1)
            decay = 0.0 if bias else options.weight_decay
            if chosen and factor:
                groups.append({"params": chosen, "factor": factor, "weight_decay": decay})
    fused = True if named[0][1].is_cuda else None
    return SGD(groups, lr=options.learning_rate, momentum=options.momentum, fused=fused)


def fit(
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
) -> Iterator[dict[str, float]]:
    """Train a network in place; after each epoch, yield the mean of every term of the objective.

    `network` is a ``Network``, or the ``Head`` of one whose trunk stays as it is. An epoch is one
    pass over the target. A batch is K = ``dah.samples_per_class`` images of each source category
    and as many of the target, in one forward pass, so that batch norm sees both. `source` and
    `target` are whatever `view` turns into the network's input, row by row, with randomness of its
    own; `labels` int64 ``(n_s,)`` are 0 ... C - 1, each present. All on one device. `seed` is that
    of batches and views. The methods with a softmax learn at their own rates. Within a
    ``process_group`` each process calls it alike and computes its share of every batch; weights and
    records are the same in all, and those of one process up to rounding. Raises ``UserError`` when
    a loss is not finite, before it reaches the weights' file.
    """
    device = source.device
    if method in SOFTMAX:
        rates = softmax.learning_rate, softmax.final_learning_rate
        options = replace(options, learning_rate=rates[0], final_learning_rate=rates[1])
    categories = len(labels.unique())
    size = categories * dah.samples_per_class
    whole = 2 * size if sees_target(method) else size
    share = own_share(whole)
    draw = torch.Generator().manual_seed(seed)
    noise = torch.Generator(device).manual_seed(seed)
    batches = source_batches(labels.cpu(), dah.samples_per_class, draw)
    network.to(memory_format=torch.channels_last).train()
    head = getattr(network, "head", network)
    critic = Critic(head.fc8.in_features).to(device) if method == "dann" else None
    sgd = optimiser(network, critic, options)
    learnt = [parameter for group in sgd.param_groups for parameter in group["params"]]
    forward = shared_over_processes(network)
    if options.compile:
        forward = torch.compile(forward)
    critic = None if critic is None else shared_over_processes(critic)
    steps, step = options.epochs * -(-len(target) // size), 0
    for epoch in range(options.epochs):
        for group in sgd.param_groups:
            group["lr"] = group["factor"] * learning_rate(epoch, options)
        history = []
        target_rows = torch.stack(list(target_batches(len(target), size, draw)))
        source_rows = torch.stack([next(batches) for _ in target_rows])
        rows = source_rows.to(device), target_rows.to(device)  # all at once: a copy waits for a GPU
        for s, t in zip(*rows, strict=True):
            inputs = source[s[share]]
            if sees_target(method):
                after = slice(max(0, share.start - size), max(0, share.stop - size))
                inputs = torch.cat([inputs, target[t[after]]])
            images = view(inputs, noise, whole, share)
            with torch.autocast(device.type, torch.bfloat16, options.precision == "bf16"):
                outputs = forward(images)
            outputs = exchanged(outputs, whole)
            batch = Batch(
                source=outputs.rows(slice(size)),
                target=outputs.rows(slice(size, None)) if sees_target(method) else None,
                y=labels[s],
                categories=categories,
                progress=step / steps,
                critic=critic,
            )
            terms = terms_of(method, batch, dah, softmax)
            objective = sum(terms.values())
            sgd.zero_grad()
            objective.backward()
            if options.clip is not None:
                clip_grad_norm_(learnt, options.clip)
            sgd.step()
            step += 1
            history.append(torch.stack([*terms.values(), objective]).detach())
        means = torch.stack(history).mean(dim=0).tolist()
        record = dict(zip([*terms, "objective"], means, strict=True))
        check_finite(record, epoch)
        yield {**record, "learning_rate": learning_rate(epoch, options)}


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


def check_finite(record: dict[str, float], epoch: int) -> None:
    """Raise ``UserError`` that names the term where a loss of an epoch is nan or infinite."""
    for name, value in record.items():
        if not torch.isfinite(torch.tensor(value)):
            raise UserError(
                f"training diverged in epoch {epoch}: {name} is {value}; lower train.learning_rate"
                f" (the terms were {record})"
            )
