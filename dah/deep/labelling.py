"""What the target's images are alike to, by pseudo-labels and by their neighbourhoods."""

from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import one_hot

from dah.params import PseudoLabels

SHORTEST = 0.05  # reach, where an image has no near ones


class Labelling(NamedTuple):
    """Of each target image, or those of a batch, float32.

    ``shares`` ``(n, C)`` of the source's categories; its ``directions`` ``(n, D)`` from the
    target's mean, of length one; the mean cosine ``(n,)`` to its nearest others, its ``reach``.
    """

    shares: Tensor
    directions: Tensor
    reach: Tensor

    def rows(self, part: Tensor) -> "Labelling":
        """Those of some of the images."""
        return Labelling(*(values[part] for values in self))


def label(
    Xs: np.ndarray, ys: np.ndarray, Xt: np.ndarray, options: PseudoLabels, device: torch.device
) -> Labelling:
    """Label a target by features of both domains and the source's labels.

    The shares of ``pseudo_labels``, squared and scaled to one: sure ones count more. Features float
    ``(n_s, D)`` and ``(n_t, D)``, labels int64 ``(n_s,)``. The result is on `device`.
    """
    from dah.linalg import centred, unit_rows  # noqa: PLC0415 - SciPy: only dah-p needs it
    from dah.shallow.propagation import nearest_others  # noqa: PLC0415

    shares = torch.from_numpy(spread(Xs, ys, Xt, options)).square()
    away = centred(Xt)
    directions = torch.from_numpy(unit_rows(away).astype(np.float32))
    cosines, _ = nearest_others(away, options.neighbours)
    reach = torch.from_numpy(cosines).mean(dim=1)
    parts = shares / shares.sum(dim=1, keepdim=True), directions, reach
    return Labelling(*(part.to(device) for part in parts))


def spread(Xs: np.ndarray, ys: np.ndarray, Xt: np.ndarray, options: PseudoLabels) -> np.ndarray:
    """The shares of ``pseudo_labels`` by the parameters that it takes."""
    from dah.shallow.pseudo_labels import pseudo_labels  # noqa: PLC0415 - SciPy

    names = "dim", "neighbours", "alpha", "rounds"
    return pseudo_labels(Xs, ys, Xt, **{name: getattr(options, name) for name in names})


def given_shares(y: Tensor, labels: Labelling) -> Tensor:
    """Shares of the categories ``(n_s + n_t, C)``: one in the place of y, then the target's."""
    return torch.cat([one_hot(y, labels.shares.shape[1]).to(labels.shares.dtype), labels.shares])


def similarities(y: Tensor, labels: Labelling, structure: float) -> Tensor:
    """How alike the images of a batch are, source first, float ``(n_s + n_t, n_s + n_t)``.

        s_ij = <p_i, p_j> / |p_i| |p_j|,   for two target images times 1 - structure (1 - c_ij)
        c_ij = cos(x_i, x_j) / max(r_i, r_j), cut to [0, 1]

    p are ``given_shares``; x and r the target's directions and reach. An image is as alike to its
    nearest as their categories say, and less to those of its category that look otherwise, so that
    codes keep the target's own structure where the category is mistaken. Labels int64 ``(n_s,)``,
    `structure` in 0 ... 1.
    """
    p = given_shares(y, labels)
    p = p / p.norm(dim=1, keepdim=True)
    s = p @ p.T
    cosines = labels.directions @ labels.directions.T
    reach = torch.maximum(labels.reach[:, None], labels.reach).clamp_min(SHORTEST)
    near = (cosines / reach).clamp(0, 1)
    s[len(y) :, len(y) :] *= 1 - structure * (1 - near)
    return s
