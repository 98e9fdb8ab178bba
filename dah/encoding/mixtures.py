"""Target images with a share of another: what stands for labelled ones where none are labelled."""

import numpy as np
import torch
from torch import Tensor

MIXED = 0.65  # lambda of Hu et al. 2024
ROWS_AT_ONCE = 256


def partners(count: int, seed: int) -> np.ndarray:
    """The image that each of `count` is mixed with, a permutation drawn by `seed`, int64."""
    return np.random.default_rng(seed).permutation(count)


def mixtures(x: Tensor, partner: np.ndarray) -> Tensor:
    """Each image with a share of another: ``0.65 x_i + 0.35 x_partner(i)``, in the dtype of x.

    Pixels uint8, rounded, or activations float; the first dimension is that of the images. Hu et
    al., ICML 2024.
    """
    mixed, others = torch.empty_like(x), torch.from_numpy(partner).to(x.device)
    for rows in torch.arange(len(x), device=x.device).split(ROWS_AT_ONCE):
        both = MIXED * x[rows].float() + (1 - MIXED) * x[others[rows]].float()
        mixed[rows] = (both if x.is_floating_point() else both.round()).to(x.dtype)
    return mixed
