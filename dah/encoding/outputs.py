"""From a trained network to codes, category probabilities and what its fc7 looks like."""

import numpy as np
import torch
from torch import Tensor

from dah.compute.activations import Activations
from dah.deep.losses import category_log_probabilities
from dah.encoding.calibration import mixture_temperature
from dah.encoding.mixtures import partners
from dah.files.artifacts import Codes
from dah.linalg import centred, row_space, rows_at_once
from dah.networks.heads import Network
from dah.retrieval.codes import pack, unpack
from dah.retrieval.reach import reach
from dah.samples import AS_WRITTEN, compared, taken
from dah.shallow.domains import domain_error
from dah.tasks.lists import Lists

QUERIES_AT_ONCE = 1024
COMPONENTS = 50


def probabilities(
    ut: np.ndarray, us: np.ndarray, ys: np.ndarray, sharpness: float, categories: int
) -> np.ndarray:
    """Category probabilities float32 ``(n_t, C)`` of target outputs or signs (eq. 6), in blocks.

    Outputs float ``(n_t, bits)`` and ``(n_s, bits)``, labels int64 ``(n_s,)``; all source images
    of a category count, of very many those that are ``compared``.
    """
    us, ys = taken(compared(ys), us, ys)
    source, labels, target = torch.from_numpy(us), torch.from_numpy(ys), torch.from_numpy(ut)
    p = target.new_empty(len(ut), categories)  # first: a block's, kept, would split the heap
    step = rows_at_once(len(ys), QUERIES_AT_ONCE)
    for to, block in zip(p.split(step), target.split(step), strict=True):
        given = block, source, labels, sharpness, categories
        to[:] = _by_largest(*given) if len(ys) > AS_WRITTEN else _as_written(*given)
    return p.numpy()


def _as_written(ut: Tensor, us: Tensor, ys: Tensor, sharpness: float, categories: int) -> Tensor:
    return category_log_probabilities(ut, us, ys, sharpness, categories).exp()


def _by_largest(ut: Tensor, us: Tensor, ys: Tensor, sharpness: float, categories: int) -> Tensor:
    """Eq. 6 in half of the time: what is e^87 times less likely than the likeliest image is 0.

        p_ij = l_ij / sum_k l_ik,   l_ij = 1/n_j sum_{s: y_s = j} exp(z_is - max_r z_ir)

    Outputs float ``(n_t, bits)`` and ``(n_s, bits)``, labels int64 ``(n_s,)``; p = 0 of a category
    without images.
    """
    z = sharpness / ut.shape[1] * ut @ us.T
    likeness = z.new_zeros(len(z), categories)
    likeness.index_add_(1, ys, z.sub_(z.amax(dim=1, keepdim=True)).exp_())
    likeness /= torch.bincount(ys, minlength=categories).clamp_min(1)
    return likeness / likeness.sum(dim=1, keepdim=True)


def codes_of(
    source: Activations,
    target: Activations,
    lists: Lists,
    network: Network,
    sharpness: float,
    seed: int,
    log_odds: np.ndarray | None,
    mixed: Activations | None = None,
) -> Codes:
    """What is exported of a trained network: codes and probabilities by eq. 6, or a softmax's.

    Activations of both domains in the order of `lists`, and what ``held_out_log_odds`` makes of
    them; `seed` is that of the ``partners`` that the target's images are mixed with. `mixed`:
    activations of these ``mixtures``, without which the probabilities cannot be calibrated.
    """
    ys, categories = lists.source_labels, len(lists.categories)
    softmax, bits = network.shape["softmax"], network.shape["outputs"]

    def shares_of(u: np.ndarray) -> np.ndarray:
        if softmax:
            return torch.softmax(torch.from_numpy(u), dim=1).numpy()
        signs = (unpack(pack(side), bits) for side in (u, source.u))
        return probabilities(*signs, ys, sharpness, categories)

    shares = shares_of(target.u)
    if softmax:
        source_codes, target_codes = (np.empty((len(x.u), 0), np.uint8) for x in (source, target))
        real = shares
    else:
        source_codes, target_codes = pack(source.u), pack(target.u)
        real = probabilities(target.u, source.u, ys, sharpness, categories)
    components = principal_components(source.fc7, target.fc7)
    return Codes(
        bits=0 if softmax else bits,
        source=source_codes,
        source_ids=lists.source_ids,
        target=target_codes,
        target_ids=lists.target_ids,
        probabilities=shares,
        probabilities_real=real,
        domain_error=None if log_odds is None else domain_error(log_odds, len(ys)),
        components_source=components[: len(source.fc7)],
        components_target=components[len(source.fc7) :],
        temperature=None
        if mixed is None
        else mixture_temperature(shares, shares_of(mixed.u), partners(len(shares), seed)),
        reach=None if softmax else reach(source_codes, bits),
    )


def principal_components(fc7_source: np.ndarray, fc7_target: np.ndarray) -> np.ndarray:
    """Both domains' fc7, source first, on their leading principal components together.

    At most 50: what a map of the domains needs (van der Maaten & Hinton 2008 take 30). Features
    float ``(n, D)``; returns float32 ``(n_source + n_target, r)``.
    """
    X = centred(np.concatenate([fc7_source, fc7_target]).astype(np.float64))
    if not X.any():
        return np.empty((len(X), 0), np.float32)
    _, V = row_space(X, COMPONENTS)
    return (X @ V).astype(np.float32)
