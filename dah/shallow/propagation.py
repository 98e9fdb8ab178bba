"""Labels that spread from labelled samples to their neighbours, and theirs in turn."""

import numpy as np
import torch
from scipy.sparse import csr_array, diags_array
from torch import Tensor
from torch.nn.functional import normalize

from dah.linalg import rows_at_once, unit_rows

POWER = 3  # of the cosines: near neighbours weigh more (Iscen et al., CVPR 2019)
ROWS = 1024  # whose neighbours are looked for at a time, at most
EXACT = 2**15  # samples, up to which each is compared with all others
PROBED = 16  # cells that are looked through, beyond that, of a sample's surroundings
TURNS = 3  # of the means of cells
LEFT = 1e-4  # of what is spread, after the last step


def neighbour_graph(Z: np.ndarray, neighbours: int) -> csr_array:
    """The normalised graph of each sample and its nearest others by cosine.

        A_ij = max(0, cos(z_i, z_j))^3   where j is one of the `neighbours` nearest of i, or i of j
        W = D^(-1/2) A D^(-1/2),   D = diag(sum_j A_ij)

    Features float ``(n, d)``; returns W float32 ``(n, n)``, symmetric, with eigenvalues in
    [-1, 1]. A sample whose cosines are all negative has no neighbours. Zhou et al., NIPS 2003;
    the cubed cosines as in Iscen et al., CVPR 2019.
    """
    cosines, columns = nearest_others(Z, neighbours)
    n, count = cosines.shape
    weights = np.maximum(cosines, 0).ravel() ** POWER
    rows = np.repeat(np.arange(n), count)
    A = csr_array((weights, (rows, columns.ravel())), shape=(n, n))
    A = A.maximum(A.T)
    degree = A.sum(axis=1)
    scale = np.divide(1, np.sqrt(degree), out=np.zeros_like(degree), where=degree > 0)
    return diags_array(scale) @ A @ diags_array(scale)


def nearest_others(Z: np.ndarray, neighbours: int) -> tuple[np.ndarray, np.ndarray]:
    """Cosines float32 and rows int64 ``(n, k)`` of the nearest others of each, nearest first.

    k is `neighbours`, or all others where there are fewer. Of more than ``EXACT`` samples some
    neighbours may be missed (``_in_cells``), so that the time is no longer quadratic. Features
    float ``(n, d)``.
    """
    units = torch.from_numpy(unit_rows(Z).astype(np.float32))
    count = min(neighbours, len(units) - 1)
    if len(units) > EXACT:
        return _in_cells(units, count)
    rows, found = rows_at_once(len(units), ROWS), []
    for first in range(0, len(units), rows):
        block = units[first : first + rows] @ units.T
        block.diagonal(first).fill_(-2.0)
        found.append(block.topk(count, dim=1))
    cosines, columns = (torch.cat(parts).numpy() for parts in zip(*found, strict=True))
    return cosines, columns


def _in_cells(units: Tensor, count: int) -> tuple[np.ndarray, np.ndarray]:
    """The nearest others of each row as ``nearest_others``, looked for in the cells around it.

    There are sqrt(n) cells, by a few turns of spherical k-means from evenly chosen rows; a row is
    compared with those of the ``PROBED`` cells nearest to its own, or of as many more as it takes
    to have `count` others. Time grows as n^(3/2). Rows float32 ``(n, d)`` of a length of one.
    """
    number = int(len(units) ** 0.5)
    centres = units[torch.linspace(0, len(units) - 1, number, dtype=torch.float64).long()]
    for _ in range(TURNS):
        cell = _nearest_centre(units, centres)
        centres = normalize(torch.zeros_like(centres).index_add_(0, cell, units))
    cell = _nearest_centre(units, centres)
    sizes = cell.bincount(minlength=number)
    members = cell.argsort(stable=True).split(sizes.tolist())
    around = (centres @ centres.T).argsort(dim=1, descending=True, stable=True)
    cosines = torch.empty(len(units), count)
    columns = torch.empty(len(units), count, dtype=torch.int64)
    for own, near in zip(members, around, strict=True):
        enough = int((sizes[near].cumsum(0) <= count).sum()) + 1
        others = torch.cat([members[at] for at in near[: max(PROBED, enough)].tolist()])
        for rows in own.split(rows_at_once(len(others), ROWS)):
            found = units[rows] @ units[others].T
            found[rows[:, None] == others] = -2.0
            cosines[rows], places = found.topk(count, dim=1)
            columns[rows] = others[places]
    return cosines.numpy(), columns.numpy()


def _nearest_centre(units: Tensor, centres: Tensor) -> Tensor:
    blocks = units.split(rows_at_once(len(centres), len(units)))
    return torch.cat([(block @ centres.T).argmax(dim=1) for block in blocks])


def propagated(W: csr_array, given: np.ndarray, alpha: float) -> np.ndarray:
    """What has come to each sample of the labels `given`.

        F = (1 - alpha) sum_t (alpha W)^t F_0 = (1 - alpha) (I - alpha W)^(-1) F_0

    Summed until the rest is below 10^-4 of the whole. W of ``neighbour_graph``, F_0 float
    ``(n, C)``, ``0 <= alpha < 1``; returns the dtype and shape of F_0. Zhou et al., NIPS 2003.
    """
    F = given
    steps = int(np.ceil(np.log(LEFT) / np.log(alpha))) if alpha else 1
    for _ in range(steps):
        F = alpha * (W @ F) + (1 - alpha) * given
    return F


def balanced(F: np.ndarray) -> np.ndarray:
    """Shares of categories from what has come to each sample, so that categories weigh alike.

        q_ij = r_ij / m_j / sum_l r_il / m_l,   r_ij = F_ij / sum_l F_il,   m_j = sum_i r_ij

    A category that is common among the labelled, or central in the graph, does not swallow the
    others. Of a sample that nothing came to, all shares are equal. Float ``(n, C)``, not negative;
    returns rows that sum to one. Class mass normalisation, Zhu et al., ICML 2003, with equal
    masses.
    """
    F = np.maximum(F, np.finfo(F.dtype).tiny * 1e6)
    shares = F / F.sum(axis=1, keepdims=True)
    shares = shares / shares.sum(axis=0)
    return shares / shares.sum(axis=1, keepdims=True)
