"""The deep methods: what each makes of a batch's outputs, as named terms of its objective."""

from dataclasses import dataclass, replace

from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from dah import losses
from dah.mmd import MK_MMD
from dah.networks import Outputs
from dah.networks.adversary import domain_loss, reversal_weight
from dah.params import Dah, Softmax

SOFTMAX = ("source", "dan", "dann")
BLIND = ("noda", "source")


@dataclass(frozen=True)
class Batch:
    """What a method sees of a step.

    Outputs of the source and, where the method sees it, of the target; labels int64 ``(n,)`` of the
    source in 0 ... categories - 1; the share of the steps done, 0 ... 1; the critic of ``dann``.
    """

    source: Outputs
    target: Outputs | None
    y: Tensor
    categories: int
    progress: float = 0.0
    critic: nn.Module | None = None


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


def softmax_terms(batch: Batch, method: str, p: Softmax, mmd_estimate: str) -> dict[str, Tensor]:
    """Cross-entropy of the source's categories, and what brings the domains together.

    source:  1/n sum_i -log softmax(u_i)_{y_i}
    dan:     + mmd * M(fc6, fc7, fc8)           (Long et al., ICML 2015, eq. 4)
    dann:    + domain_loss(fc7)                 (Ganin et al., JMLR 2016, eq. 13)

    ``adversary`` scales the gradient that is reversed, so that the critic learns whatever it is.
    """
    terms = {"softmax": cross_entropy(batch.source.u, batch.y)}
    if method == "dan":
        terms["mmd"] = p.mmd * multi_layer_mmd(batch.source, batch.target, mmd_estimate)
    if method == "dann":
        sides = (outputs.layers[-2] for outputs in (batch.source, batch.target))
        weight = p.adversary * reversal_weight(batch.progress)
        terms["adversary"] = domain_loss(batch.critic, *sides, weight)
    return terms


def terms_of(method: str, batch: Batch, dah: Dah, softmax: Softmax) -> dict[str, Tensor]:
    """The weighted terms of a method; its objective is their sum.

    dah-e has no entropy, noda no adaptation at all (gamma = eta = 0).
    """
    if method in SOFTMAX:
        return softmax_terms(batch, method, softmax, dah.mmd_estimate)
    if method == "dah-e":
        dah = replace(dah, eta=0.0)
    if method == "noda":
        dah = replace(dah, gamma=0.0, eta=0.0)
    return hash_terms(batch, dah)


def multi_layer_mmd(
    source: Outputs, target: Outputs, estimate: str, last: int | None = None
) -> Tensor:
    """M: the sum over layers, all or the `last` ones, of the squared MK-MMD (eq. 1)."""
    first = 0 if last is None else -last
    pairs = zip(source.layers[first:], target.layers[first:], strict=True)
    return sum(MK_MMD[estimate](xs, xt) for xs, xt in pairs)


def sees_target(method: str) -> bool:
    """Whether the target's images are in the batch; the blind methods learn from the source."""
    return method not in BLIND
