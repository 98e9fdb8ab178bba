"""The terms of the objective J = L + gamma M + eta H (eq. 8), each a function of a batch.

Letters: u are the outputs of the hash layer in (-1, 1), d of them, y the labels, s source, t
target. L is a mean over source images of the sum over their pairs; quantization and H are means
over images; M is in ``dah.deep.mmd``. Inner products of outputs enter as ``sharpness / d <u, v>``,
between -sharpness and sharpness at any length of the code: d is the paper to the letter, d / 2 the
authors' code, 10 HashNet's (Cao et al., ICCV 2017). Every term is a scalar of the inputs' dtype,
differentiable, and finite for finite inputs. Venkateswara et al., CVPR 2017.
"""

import torch
from torch import Tensor
from torch.nn.functional import softplus

LEAST = -50.0  # of a logarithm of a probability that a label is compared with


def supervised_hash_loss(u: Tensor, y: Tensor, like_weight: float, sharpness: float) -> Tensor:
    """Negative log likelihood of the similarities of a labelled batch.

        L = 1/n sum_i sum_j w_ij (log(1 + exp z_ij) - s_ij z_ij),   z_ij = sharpness / d <u_i, u_j>
        s_ij = [y_i = y_j],   w_ij = like_weight where s_ij = 1, else 1

    Outputs float ``(n, d)``, labels int64 ``(n,)``. Eq. 4, 5 without quantization; the weight
    balances like and unlike pairs (section 5.2).
    """
    return similarity_loss(u, (y[:, None] == y).to(u.dtype), like_weight, sharpness)


def similarity_loss(u: Tensor, s: Tensor, like_weight: float, sharpness: float) -> Tensor:
    """The same where pairs are alike by degrees.

        L = 1/n sum_i sum_j w_ij (log(1 + exp z_ij) - s_ij z_ij)
        w_ij = 1 + (like_weight - 1) s_ij

    It is least where sigmoid(z_ij) = s_ij. Outputs float ``(n, d)``, similarities float ``(n, n)``
    in [0, 1].
    """
    inner = sharpness / u.shape[1] * u @ u.T
    return ((1 + (like_weight - 1) * s) * (softplus(inner) - s * inner)).sum() / len(u)


def quantization_loss(u: Tensor) -> Tensor:
    """Mean over images of ``||u - sgn(u)||^2``, sgn(0) = +1 (eq. 5). Outputs float ``(n, d)``."""
    sign = torch.where(u >= 0, 1.0, -1.0).to(u.dtype)
    return (u - sign).square().sum() / len(u)


def category_log_probabilities(
    ut: Tensor, us: Tensor, ys: Tensor, sharpness: float, categories: int | None = None
) -> Tensor:
    """log p_ij: how alike target image i is to the source images of category j (eq. 6).

        p_ij = mean_k exp z(u_i, u_k^j) / sum_l mean_k exp z(u_i, u_k^l),   z = sharpness / d <., .>

    The means equal the paper's sums over K images of every category, and do not favour a category
    that has more images; a category without images has p = 0. Target float ``(n_t, d)``, source
    float ``(n_s, d)`` with labels int64 ``(n_s,)`` in 0 ... categories - 1 (default: the largest
    label). Returns float ``(n_t, categories)``.
    """
    if categories is None:
        categories = int(ys.max()) + 1
    inner = sharpness / ut.shape[1] * ut @ us.T
    shape = (len(ut), categories)
    largest = torch.full(shape, -torch.inf, dtype=inner.dtype, device=inner.device)
    largest = largest.scatter_reduce(1, ys.expand_as(inner), inner.detach(), "amax")
    sums = torch.zeros_like(largest).index_add(1, ys, torch.exp(inner - largest[:, ys]))
    counts = torch.zeros_like(largest[0]).index_add(0, ys, torch.ones_like(inner[0]))
    return torch.log_softmax(largest + sums.log() - counts.log().clamp_min(0), dim=1)


def target_entropy(
    ut: Tensor, us: Tensor, ys: Tensor, sharpness: float, categories: int | None = None
) -> Tensor:
    """Mean entropy of the target's category probabilities.

        H = -1/n_t sum_i sum_j p_ij log p_ij

    It is least where each target code lies at the source codes of one category. Arguments as in
    ``category_log_probabilities``. Eq. 7.
    """
    log_p = category_log_probabilities(ut, us, ys, sharpness, categories)
    return -(log_p.exp() * log_p.clamp_min(torch.finfo(log_p.dtype).min)).sum(dim=1).mean()


def label_cross_entropy(
    u: Tensor, q: Tensor, us: Tensor, ys: Tensor, sharpness: float, categories: int | None = None
) -> Tensor:
    """Mean cross-entropy of given shares of the categories and those that codes say (eq. 6).

        -1/n sum_i sum_j q_ij log p_ij

    With q = p it is ``target_entropy``. Outputs float ``(n, d)``, shares float ``(n, C)``, source
    as in ``category_log_probabilities``. A category without source images in the batch, whose
    log p is minus infinity, counts as LEAST.
    """
    log_p = category_log_probabilities(u, us, ys, sharpness, categories)
    return -(q * log_p.clamp_min(LEAST)).sum(dim=1).mean()
