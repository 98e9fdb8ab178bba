"""A map of two domains in the plane: t-SNE of a sample of their fc7."""

from dataclasses import dataclass

import numpy as np
from threadpoolctl import threadpool_limits

from dah.linalg import as_features

PERPLEXITY = 30.0


class FlatError(ValueError):
    """A sample that does not vary in the two dimensions of a map."""


@dataclass(frozen=True)
class Embedding:
    """A sample of both domains in the plane.

    Coordinates ``source`` and ``target`` float32 ``(rows, 2)``, and the rows of the domains that
    they belong to, int64, increasing.
    """

    source: np.ndarray
    target: np.ndarray
    source_rows: np.ndarray
    target_rows: np.ndarray


def tsne(
    source: np.ndarray,
    target: np.ndarray,
    labels_source: np.ndarray,
    labels_target: np.ndarray,
    categories: int = 10,
    per_category: int = 20,
    seed: int = 0,
) -> Embedding:
    """t-SNE of a sample of both domains together, as in Figures 3b-d of the paper.

        min over z  KL(P || Q),   q_ij = (1 + |z_i - z_j|^2)^-1 / sum of the same over all pairs

    with P from Gaussian neighbourhoods of 30 neighbours, or a third of a smaller sample (van der
    Maaten & Hinton 2008), from the first two principal components on, on one thread: a seed gives
    one picture. `categories` of those that both domains have and up to `per_category` images of
    each in each domain are drawn by `seed`. Features ``(n, D)`` of any scale, which does not change
    the map, labels int64 ``(n,)``. Raises ValueError as ``as_features``, where labels do not fit or
    no category is in both domains, and ``FlatError`` where the sample has no two dimensions.
    """
    source, target = as_features(source, target)
    for name, X, y in (("source", source, labels_source), ("target", target, labels_target)):
        if y.shape != (len(X),):
            raise ValueError(
                f"{len(X)} {name} images need labels of shape ({len(X)},), found {y.shape}:"
                " pass one label per image, in the same order"
            )
    both = np.intersect1d(labels_source, labels_target)
    if min(len(both), categories, per_category) < 1:
        raise ValueError(
            f"nothing to draw: {categories} categories of {len(both)} in both domains, with"
            f" {per_category} images of each: each number must be at least 1"
        )
    rng = np.random.default_rng(seed)
    chosen = rng.choice(both, min(categories, len(both)), replace=False)
    source_rows, target_rows = (
        _sample(labels, chosen, per_category, rng) for labels in (labels_source, labels_target)
    )
    X = np.concatenate([source[source_rows], target[target_rows]])
    X = X - X[0]
    X /= np.abs(X).max() or 1.0
    rank = np.linalg.matrix_rank(X)
    if rank < 2:
        raise FlatError(
            f"a map needs features that vary in 2 dimensions, found {rank} in {len(X)} images:"
            " pass more images, or features of a layer that tells them apart"
        )
    from sklearn.manifold import TSNE  # noqa: PLC0415 - a second

    method = TSNE(perplexity=min(PERPLEXITY, (len(X) - 1) / 3), init="pca", random_state=seed)
    with threadpool_limits(1):
        Z = method.fit_transform(X)
    return Embedding(Z[: len(source_rows)], Z[len(source_rows) :], source_rows, target_rows)


def _sample(
    labels: np.ndarray, chosen: np.ndarray, per_category: int, rng: np.random.Generator
) -> np.ndarray:
    """Up to so many random rows of each chosen category, increasing, int64."""
    rows = []
    for category in chosen:
        of = np.flatnonzero(labels == category)
        rows.append(rng.choice(of, min(per_category, len(of)), replace=False))
    return np.sort(np.concatenate(rows))
