"""From a trained network to codes, category probabilities and the overlap of the domains."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedKFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from torch import Tensor, nn

from dah.artifacts import Codes
from dah.codes import pack, unpack
from dah.data.tasks import Lists
from dah.losses import category_log_probabilities
from dah.networks import Network

BATCH = 256
QUERIES_AT_ONCE = 1024
FOLDS = 5  # of a classifier that tells source from target


@dataclass(frozen=True)
class Activations:
    """The last two layers of a network: fc7 float32 ``(n, D)`` and u float32 ``(n, bits)``."""

    fc7: np.ndarray
    u: np.ndarray


@torch.inference_mode()
def activations(
    network: nn.Module, inputs: Tensor, view: Callable[[Tensor], Tensor]
) -> Activations:
    """fc7 and u of all rows of `inputs`, in evaluation mode, `view` applied to each batch.

    `network` is a ``Network`` or the ``Head`` of one with an fc7 of its own.
    """
    network.eval()
    fc7, u = [], []
    for batch in inputs.split(BATCH):
        outputs = network(view(batch))
        fc7.append(outputs.layers[-2].float().cpu())
        u.append(outputs.u.float().cpu())
    return Activations(torch.cat(fc7).numpy(), torch.cat(u).numpy())


def probabilities(ut: np.ndarray, us: np.ndarray, ys: np.ndarray, categories: int) -> np.ndarray:
    """Category probabilities float32 ``(n_t, C)`` of target outputs or signs (eq. 6), in blocks.

    Outputs float ``(n_t, bits)`` and ``(n_s, bits)``, labels int64 ``(n_s,)``; all source images
    of a category count.
    """
    source, labels = torch.from_numpy(us), torch.from_numpy(ys)
    blocks = [
        category_log_probabilities(block, source, labels, categories).exp()
        for block in torch.from_numpy(ut).split(QUERIES_AT_ONCE)
    ]
    return torch.cat(blocks).numpy()


def codes_of(
    source: Activations, target: Activations, lists: Lists, network: Network, seed: int
) -> Codes:
    """What is exported of a trained network: codes and probabilities by eq. 6, or a softmax's.

    Activations of both domains in the order of `lists`; `seed` is that of ``domain_error``'s folds.
    """
    categories = len(lists.categories)
    error = domain_error(source.fc7, target.fc7, seed)
    if network.shape["softmax"]:
        shares = torch.softmax(torch.from_numpy(target.u), dim=1).numpy()
        packed = [np.empty((len(side.u), 0), np.uint8) for side in (source, target)]
        return Codes(
            0, packed[0], lists.source_ids, packed[1], lists.target_ids, shares, shares, error
        )
    bits, ys = network.shape["outputs"], lists.source_labels
    packed = [pack(side.u) for side in (source, target)]
    signs = [unpack(codes, bits) for codes in packed]
    return Codes(
        bits=bits,
        source=packed[0],
        source_ids=lists.source_ids,
        target=packed[1],
        target_ids=lists.target_ids,
        probabilities=probabilities(signs[1], signs[0], ys, categories),
        probabilities_real=probabilities(target.u, source.u, ys, categories),
        domain_error=error,
    )


def domain_error(fc7_source: np.ndarray, fc7_target: np.ndarray, seed: int) -> float:
    """Share of images whose domain a linear classifier cannot tell from fc7, at most 1/2.

    Five-fold cross-validated logistic regression on standardised features, classes weighted alike:
    see ``held_out_error``. The paper chooses gamma where it is largest (section 5.2); it looks at
    no label. Features float ``(n, D)``.
    """
    model = make_pipeline(
        StandardScaler(), LogisticRegression(C=0.01, class_weight="balanced", max_iter=1000)
    )
    return held_out_error(
        fc7_source, fc7_target, lambda X, y, new: model.fit(X, y).predict(new), seed
    )


def held_out_error(
    fc7_source: np.ndarray,
    fc7_target: np.ndarray,
    predict: Callable[[np.ndarray, np.ndarray, np.ndarray], np.ndarray],
    seed: int,
) -> float:
    """Mean of both domains' shares of images that a classifier puts in the other, at most 1/2.

    Stratified five-fold cross-validation in random order of `seed`. ``predict(X, y, new)`` gives
    the domains, 0 or 1, of rows it has not seen from features ``(n, D)`` and domains int64 ``(n,)``
    of the rest. The mean over domains, so that unequal sizes do not make them look apart.
    """
    X = np.concatenate([fc7_source, fc7_target])
    y = np.repeat([0, 1], [len(fc7_source), len(fc7_target)])
    wrong = np.empty(len(y), bool)
    for train, held_out in StratifiedKFold(FOLDS, shuffle=True, random_state=seed).split(X, y):
        wrong[held_out] = predict(X[train], y[train], X[held_out]) != y[held_out]
    return float(min(0.5, (wrong[y == 0].mean() + wrong[y == 1].mean()) / 2))
