"""The deep methods: what each makes of a batch's outputs, as named terms of its objective."""

from dataclasses import replace

from torch import Tensor

from dah import losses
from dah.networks import Outputs
from dah.params import Dah


def hash_terms(
    source: Outputs, target: Outputs | None, y: Tensor, categories: int, p: Dah
) -> dict[str, Tensor]:
    """The terms of J = L + gamma M + eta H (eq. 8), weighted; J is their sum.

    The quantization loss of eq. 5 is a term of its own, on source and target. Terms of weight 0
    and, without a target, those that need one are left out.
    """
    sides = [source.u] if target is None else [source.u, target.u]
    terms = {"hash": losses.supervised_hash_loss(source.u, y, p.like_weight)}
    if p.quantization:
        terms["quantization"] = p.quantization * sum(losses.quantization_loss(u) for u in sides)
    if target is not None and p.gamma:
        pairs = zip(source.layers, target.layers, strict=True)
        terms["mmd"] = p.gamma * sum(losses.mk_mmd(xs, xt) for xs, xt in pairs)
    if target is not None and p.eta:
        terms["entropy"] = p.eta * losses.target_entropy(target.u, source.u, y, categories)
    return terms


def settings(method: str, p: Dah) -> Dah:
    """The weights with which a method trains: dah-e has no entropy, noda no adaptation at all."""
    if method == "dah-e":
        return replace(p, eta=0.0)
    if method == "noda":
        return replace(p, gamma=0.0, eta=0.0)
    return p


def sees_target(method: str) -> bool:
    """Whether the target's images are in the batch; noda learns from the source alone."""
    return method != "noda"
