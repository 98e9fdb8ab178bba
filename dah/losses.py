"""The terms of the objective J = L + gamma M + eta H (eq. 8), each a function of a batch.

Letters: u are the outputs of the hash layer in (-1, 1), y the labels, s source, t target. L is a
mean over source images of the sum over their pairs; quantization and H are means over images; M is
a mean over quadruples and kernels. Every term is a scalar of the inputs' dtype, differentiable,
and finite for finite inputs. Venkateswara et al., CVPR 2017.
"""

from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable
from torch.nn.functional import softplus

SMALLEST_SIGMA = 1e-30  # of equal activations: 2^8 / sigma must stay finite in float32


def mk_mmd(xs: Tensor, xt: Tensor) -> Tensor:
    """Squared multi-kernel maximum mean discrepancy of two samples, estimated in linear time.

        M = mean over quadruples (s1, s2, t1, t2) of
            k(s1, s2) + k(t1, t2) - k(s1, t2) - k(s2, t1)
        k(x, y) = 1/17 sum over q = -8 ... 8 of exp(-||x - y||^2 / (2^q sigma))

    A quadruple holds rows i and i + n/2 of both samples, whose rows must be in random order; the
    last row of an odd batch is left out. sigma is the median of the squared distances above, a
    constant for the gradient. Unbiased, so it can be negative. Activations float ``(n, D)`` each.
    Raises ValueError for fewer than two rows or different shapes. Eq. 1, 2; Gretton et al., NIPS
    2012, for the estimate; Long et al., ICML 2015, for the kernels.
    """
    if xs.shape != xt.shape or xs.ndim != 2 or len(xs) < 2:
        raise ValueError(
            f"source and target need one shape (n, D) with n >= 2, found {tuple(xs.shape)} and"
            f" {tuple(xt.shape)}: draw as many target images as source images"
        )
    squared = _QuadrupleDistances.apply(xs, xt)
    sigma = squared.detach().median().clamp_min(SMALLEST_SIGMA)
    octaves = torch.arange(-8, 9, device=squared.device, dtype=squared.dtype)
    k = torch.exp(-squared[..., None] / sigma * torch.exp2(-octaves)).mean(dim=2)
    return (k[0] + k[1] - k[2] - k[3]).mean()


class _QuadrupleDistances(torch.autograd.Function):
    """||s1 - s2||^2, ||t1 - t2||^2, ||s1 - t2||^2, ||s2 - t1||^2 of all quadruples, ``(4, n/2)``.

    The gradient of ||x - y||^2 is 2 (x - y) in x, its opposite in y. Written out because every row
    takes part in two distances: autograd would add them up in full-size copies of both samples.
    """

    @staticmethod
    def forward(ctx: Any, xs: Tensor, xt: Tensor) -> Tensor:
        half = len(xs) // 2
        (s1, s2), (t1, t2) = ((x[:half], x[half : 2 * half]) for x in (xs, xt))
        differences = [s1 - s2, t1 - t2, s1 - t2, s2 - t1]
        ctx.save_for_backward(*differences)
        ctx.rows = len(xs)
        return torch.stack([torch.linalg.vector_norm(d, dim=1) for d in differences]).square()

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, Tensor]:
        (ss, tt, st, ts), weights = ctx.saved_tensors, 2 * gradient[..., None]
        half, width = ss.shape
        gs, gt = (ss.new_empty(ctx.rows, width) for _ in range(2))
        for g in (gs, gt):
            g[2 * half :] = 0
        (g_s1, g_s2), (g_t1, g_t2) = ((g[:half], g[half : 2 * half]) for g in (gs, gt))
        torch.mul(weights[0], ss, out=g_s1)
        torch.mul(weights[1], tt, out=g_t1)
        pull, push = weights[3] * ts, -weights[2] * st
        torch.sub(pull, g_s1, out=g_s2)
        torch.sub(push, g_t1, out=g_t2)
        g_s1 -= push
        g_t1 -= pull
        return gs, gt


def supervised_hash_loss(u: Tensor, y: Tensor, like_weight: float) -> Tensor:
    """Negative log likelihood of the similarities of a labelled batch.

        L = 1/n sum_i sum_j w_ij (log(1 + exp <u_i, u_j>) - s_ij <u_i, u_j>)
        s_ij = [y_i = y_j],   w_ij = like_weight where s_ij = 1, else 1

    Outputs float ``(n, d)``, labels int64 ``(n,)``. Eq. 4, 5 without quantization; the weight
    balances like and unlike pairs (section 5.2).
    """
    inner = u @ u.T
    like = y[:, None] == y
    nll = softplus(inner) - torch.where(like, inner, 0)
    return torch.where(like, like_weight * nll, nll).sum() / len(u)


def quantization_loss(u: Tensor) -> Tensor:
    """Mean over images of ``||u - sgn(u)||^2``, sgn(0) = +1 (eq. 5). Outputs float ``(n, d)``."""
    sign = torch.where(u >= 0, 1.0, -1.0).to(u.dtype)
    return (u - sign).square().sum() / len(u)


def category_log_probabilities(
    ut: Tensor, us: Tensor, ys: Tensor, categories: int | None = None
) -> Tensor:
    """log p_ij: how alike target image i is to the source images of category j (eq. 6).

        p_ij = mean_k exp<u_i, u_k^j> / sum_l mean_k exp<u_i, u_k^l>

    The means equal the paper's sums over K images of every category, and do not favour a category
    that has more images; a category without images has p = 0. Target float ``(n_t, d)``, source
    float ``(n_s, d)`` with labels int64 ``(n_s,)`` in 0 ... categories - 1 (default: the largest
    label). Returns float ``(n_t, categories)``.
    """
    if categories is None:
        categories = int(ys.max()) + 1
    inner = ut @ us.T
    shape = (len(ut), categories)
    largest = torch.full(shape, -torch.inf, dtype=inner.dtype, device=inner.device)
    largest = largest.scatter_reduce(1, ys.expand_as(inner), inner.detach(), "amax")
    sums = torch.zeros_like(largest).index_add(1, ys, torch.exp(inner - largest[:, ys]))
    counts = torch.zeros_like(largest[0]).index_add(0, ys, torch.ones_like(inner[0]))
    return torch.log_softmax(largest + sums.log() - counts.log().clamp_min(0), dim=1)


def target_entropy(ut: Tensor, us: Tensor, ys: Tensor, categories: int | None = None) -> Tensor:
    """Mean entropy of the target's category probabilities.

        H = -1/n_t sum_i sum_j p_ij log p_ij

    It is least where each target code lies at the source codes of one category. Arguments as in
    ``category_log_probabilities``. Eq. 7.
    """
    log_p = category_log_probabilities(ut, us, ys, categories)
    return -(log_p.exp() * log_p.clamp_min(torch.finfo(log_p.dtype).min)).sum(dim=1).mean()
