"""The deep methods: what each makes of a batch's outputs, as named terms of its objective.

A method is a function of a batch and the weights of its terms; the objective is the sum of what it
returns. ``dah.names`` lists them.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from dah.deep import losses
from dah.deep.labelling import Labelling, given_shares, similarities
from dah.deep.mmd import MK_MMD
from dah.errors import UserError
from dah.networks.adversary import domain_loss, reversal_weight
from dah.networks.heads import Outputs
from dah.params import Dah, PseudoLabels, Softmax


@dataclass(frozen=True)
class Batch:
    """What a method sees of a step.

    Outputs of the source and, where the method sees it, of the target; labels int64 ``(n,)`` of the
    source in 0 ... categories - 1; the share of the steps done, 0 ... 1; the critic of ``dann``;
    for ``dah-p`` the target's labels, once it has them, and the parameters of these.
    """

    source: Outputs
    target: Outputs | None
    y: Tensor
    categories: int
    progress: float = 0.0
    critic: nn.Module | None = None
    labels: Labelling | None = None
    pseudo_labels: PseudoLabels | None = None


def hash_terms(batch: Batch, p: Dah) -> dict[str, Tensor]:
    """The terms of J = L + gamma M + eta H (eq. 8), weighted; J is their sum.

    The quantization loss of eq. 5 is a term of its own, on source and target. Terms of weight 0
    and, without a target, those that need one are left out.
    """
    source, target, y = batch.source, batch.target, batch.y
    sides = [source.u] if target is None else [source.u, target.u]
    terms = {"hash": losses.supervised_hash_loss(source.u, y, p.like_weight, p.sharpness)}
    if p.quantization:
        terms["quantization"] = p.quantization * sum(losses.quantization_loss(u) for u in sides)
    if target is not None and p.gamma:
        terms["mmd"] = p.gamma * multi_layer_mmd(source, target, p.mmd_estimate, p.mmd_layers)
    if target is not None and p.eta:
        entropy = losses.target_entropy(target.u, source.u, y, p.sharpness, batch.categories)
        terms["entropy"] = p.eta * entropy
    return terms


def dah(batch: Batch, p: Dah, _: Softmax) -> dict[str, Tensor]:
    """The paper's objective."""
    return hash_terms(batch, p)


def dah_e(batch: Batch, p: Dah, _: Softmax) -> dict[str, Tensor]:
    """Without the target's entropy, eta = 0."""
    return hash_terms(batch, replace(p, eta=0.0))


def dah_p(batch: Batch, p: Dah, _: Softmax) -> dict[str, Tensor]:
    """The paper's objective until the target has pseudo-labels, then that of labelled images.

    The hash loss over all pairs of source and target, alike as ``similarities`` says, takes the
    place of the source's and of MK-MMD; the cross-entropy of the labels that of the target's
    entropy, which draws an image to the nearest category, right or wrong.
    """
    source, target, labels, options = batch.source, batch.target, batch.labels, batch.pseudo_labels
    if labels is None:
        return hash_terms(batch, p)
    u, shares = torch.cat([source.u, target.u]), given_shares(batch.y, labels)
    alike = similarities(batch.y, labels, options.structure)
    given = source.u, batch.y, p.sharpness, batch.categories
    return hash_terms(batch, replace(p, gamma=0.0, eta=0.0)) | {
        "hash": losses.similarity_loss(u, alike, p.like_weight, p.sharpness),
        "labels": options.weight * losses.label_cross_entropy(u, shares, *given),
    }


def noda(batch: Batch, p: Dah, _: Softmax) -> dict[str, Tensor]:
    """No adaptation at all, gamma = eta = 0: the supervised hash loss on the source."""
    return hash_terms(batch, replace(p, gamma=0.0, eta=0.0))


def source(batch: Batch, _: Dah, __: Softmax) -> dict[str, Tensor]:
    """Cross-entropy of the source's categories, 1/n sum_i -log softmax(u_i)_{y_i}."""
    return {"softmax": cross_entropy(batch.source.u, batch.y)}


def dan(batch: Batch, p: Dah, s: Softmax) -> dict[str, Tensor]:
    """And MK-MMD of fc6, fc7 and fc8 (Long et al., ICML 2015, eq. 4)."""
    mmd = s.mmd * multi_layer_mmd(batch.source, batch.target, p.mmd_estimate)
    return source(batch, p, s) | {"mmd": mmd}


def dann(batch: Batch, p: Dah, s: Softmax) -> dict[str, Tensor]:
    """And the domain loss of fc7 (Ganin et al., JMLR 2016, eq. 13).

    ``adversary`` scales the gradient that is reversed, so that the critic learns whatever it is. A
    head that is fc8 alone, trained before the blocks below it, has no fc7 that could be moved.
    """
    if len(batch.source.layers) == 1:
        return source(batch, p, s)
    sides = (outputs.layers[-2] for outputs in (batch.source, batch.target))
    weight = s.adversary * reversal_weight(batch.progress)
    return source(batch, p, s) | {"adversary": domain_loss(batch.critic, *sides, weight)}


def multi_layer_mmd(
    source: Outputs, target: Outputs, estimate: str, last: int | None = None
) -> Tensor:
    """M: the sum over layers, all or the `last` ones, of the squared MK-MMD (eq. 1)."""
    first = 0 if last is None else -last
    pairs = zip(source.layers[first:], target.layers[first:], strict=True)
    return sum(MK_MMD[estimate](xs, xt) for xs, xt in pairs)


def check_finite(names: Sequence[str], values: Tensor, done: int) -> None:
    """Raise ``UserError`` that names the first step and term of an epoch that is nan or infinite.

    The terms `names` of each step, float ``(steps, terms)``, after `done` steps of other epochs.
    """
    wrong = torch.nonzero(~torch.isfinite(values)).tolist()
    if wrong:
        step, term = wrong[0]
        terms = dict(zip(names, values[step].tolist(), strict=True))
        raise UserError(
            f"training diverged in step {done + step + 1}: {names[term]} is {terms[names[term]]};"
            f" lower the learning rate (the terms were {terms})"
        )
