"""Who learns how fast: groups of parameters, and a schedule in closed form."""

from torch import nn
from torch.optim import SGD

from dah.params import Train


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
