"""MK-MMD: how far two samples of activations are apart, by two unbiased estimates (eq. 1, 2).

    M = E k(s, s') + E k(t, t') - 2 E k(s, t)
    k(x, y) = 1/17 sum over q = -8 ... 8 of exp(-||x - y||^2 / (2^q sigma))

sigma is the median of the squared distances that the estimate uses, a constant for the gradient, so
that M does not know the unit of its inputs. Both are scalars of the inputs' dtype, differentiable,
finite for inputs whose squares are, and may be negative. Gretton et al., NIPS 2012, for the
estimates; Long et al., ICML 2015, for the kernels.
"""

from collections.abc import Callable
from functools import lru_cache
from math import exp
from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable
from torch.nn.functional import threshold

from dah.compute.devices import exact_products

OCTAVES = range(-8, 9)
SMALLEST_SIGMA = 1e-30  # of equal activations: 2^8 / sigma must stay finite in float32
FAINTEST = -80.0  # exponent, beyond which a kernel is 0: exp takes twelve times as long to say so


def quadratic_mk_mmd(xs: Tensor, xt: Tensor) -> Tensor:
    """M over all pairs: the estimate of least variance, in time quadratic in the batch.

        1/(n (n - 1)) sum_{i != j} k(s_i, s_j) + 1/(m (m - 1)) sum_{i != j} k(t_i, t_j)
        - 2/(n m) sum_ij k(s_i, t_j)

    Distances come from one Gram matrix of both samples, centred so that an offset costs no digits;
    the kernels look at each pair once. Activations float ``(n, D)`` and ``(m, D)``. Raises
    ValueError for fewer than two rows or different widths.
    """
    if xs.ndim != 2 or xt.ndim != 2 or xs.shape[1] != xt.shape[1] or min(len(xs), len(xt)) < 2:
        raise ValueError(
            f"source and target need two rows each and one width, found {tuple(xs.shape)} and"
            f" {tuple(xt.shape)}"
        )
    n, m = len(xs), len(xt)
    pairs, weights = _pairs(n, m, xs.dtype, xs.device)
    squared = _PairDistances.apply(torch.cat([xs, xt]), pairs)
    k = _Kernels.apply(squared, squared.detach().median())
    return (weights * k).sum()


def linear_mk_mmd(xs: Tensor, xt: Tensor) -> Tensor:
    """M over quadruples, as in the paper: in time linear in the batch, with far more variance.

        mean over quadruples (s1, s2, t1, t2) of k(s1, s2) + k(t1, t2) - k(s1, t2) - k(s2, t1)

    A quadruple holds rows i and i + n/2 of both samples, whose rows must be in random order; the
    last row of an odd batch is left out. Activations float ``(n, D)`` each. Raises ValueError for
    fewer than two rows or different shapes.
    """
    if xs.shape != xt.shape or xs.ndim != 2 or len(xs) < 2:
        raise ValueError(
            f"source and target need one shape (n, D) with n >= 2, found {tuple(xs.shape)} and"
            f" {tuple(xt.shape)}: draw as many target images as source images"
        )
    squared = _QuadrupleDistances.apply(xs, xt)
    k = _Kernels.apply(squared, squared.detach().median())
    return (k[0] + k[1] - k[2] - k[3]).mean()


MK_MMD: dict[str, Callable[[Tensor, Tensor], Tensor]] = {
    "quadratic": quadratic_mk_mmd,
    "linear": linear_mk_mmd,
}


@lru_cache(maxsize=4)
def _pairs(n: int, m: int, dtype: torch.dtype, device: torch.device) -> tuple[Tensor, Tensor]:
    """Places of the pairs i < j in a matrix ``(n + m, n + m)`` row by row, and their weights."""
    i, j = torch.triu_indices(n + m, n + m, 1, device=device)
    weights = torch.full(i.shape, 2 / (m * (m - 1)), dtype=torch.float64, device=device)
    weights[j < n] = 2 / (n * (n - 1))
    weights[(i < n) & (j >= n)] = -2 / (n * m)
    return i * (n + m) + j, weights.to(dtype)


class _Kernels(torch.autograd.Function):
    """k of squared distances, their shape kept, octave by octave; sigma has no gradient.

    Each octave is the square of the one before it, but for every fourth, which is computed anew, so
    that rounding is not squared more often.
    """

    @staticmethod
    def forward(ctx: Any, squared: Tensor, sigma: Tensor) -> Tensor:
        per_unit = -1 / sigma.clamp_min(SMALLEST_SIGMA)
        k, slope = torch.zeros_like(squared), torch.zeros_like(squared)
        for place, octave in enumerate(reversed(OCTAVES)):
            rate = 2.0**-octave * per_unit
            if place % 4 == 0:
                of_octave = (rate * squared).clamp_min_(FAINTEST).exp_()
                threshold(of_octave, exp(FAINTEST + 1), 0.0, inplace=True)
            else:
                of_octave.square_()
            k += of_octave
            slope.addcmul_(of_octave, rate)
        ctx.save_for_backward(slope.div_(len(OCTAVES)))
        return k.div_(len(OCTAVES))

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None]:
        (slope,) = ctx.saved_tensors
        return gradient * slope, None


class _PairDistances(torch.autograd.Function):
    """||x_i - x_j||^2 of pairs of rows, by places in ``(n, n)``, from one product of matrices.

    The gradient in x_i is 2 sum_j (g_ij + g_ji) (x_i - x_j): one more product, where autograd takes
    two. A distance within the rounding of the squares it is a difference of counts as none.
    """

    @staticmethod
    def forward(ctx: Any, x: Tensor, pairs: Tensor) -> Tensor:
        x = x - x.mean(dim=0)
        with exact_products():
            gram = x @ x.T
        norms = gram.diagonal()
        sums = norms[:, None] + norms
        squared = torch.sub(sums, gram, alpha=2)
        units = 4 + x.shape[1] ** 0.5  # in the last place, more than the products lose
        lost = squared <= units * torch.finfo(x.dtype).eps * sums
        ctx.save_for_backward(x, lost, pairs)
        return squared.masked_fill_(lost, 0).ravel()[pairs]

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None]:
        x, lost, pairs = ctx.saved_tensors
        of_pairs = gradient.new_zeros(lost.numel()).scatter_(0, pairs, gradient).view_as(lost)
        both = (of_pairs + of_pairs.T).masked_fill_(lost, 0)
        with exact_products():
            product = torch.addmm(both.sum(dim=1, keepdim=True) * x, both, x, alpha=-1)
        return product.mul_(2), None


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
