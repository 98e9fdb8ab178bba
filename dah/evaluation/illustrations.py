"""What the report draws of a run: confusion, maps of the domains, nearest images by code."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from dah.encoding.calibration import is_far, tempered
from dah.evaluation.confusion import confusion_of
from dah.evaluation.embedding import FlatError, tsne
from dah.evaluation.targets import NEAREST
from dah.files.artifacts import Codes
from dah.retrieval.hamming import hamming_distances
from dah.tasks.lists import Labels

QUERIES = 5
CATEGORIES = 12  # of which predictions are shown, the most frequent ones
OF_EACH = 8  # images


def illustrations(
    codes: Mapping[str, Codes], labels: Mapping[str, Labels], categories: int, seed: int
) -> dict[str, Any]:
    """Plain values for pictures of the methods that have what they show.

    ``confusion``: the cells of each that classifies; ``points``: a map of each that has an fc7
    which varies in two dimensions; ``nearest``: neighbours by the first that has codes. `seed`
    draws queries and categories.
    """
    classified = {m: of for m, of in codes.items() if of.probabilities is not None}
    mapped = {m: of for m, of in codes.items() if of.components_target is not None}
    maps = ((method, domain_points(of, labels[method], seed)) for method, of in mapped.items())
    hashed = next((method for method, of in codes.items() if of.bits), None)
    return {
        "confusion": {
            method: confusion_cells(of, labels[method], categories)
            for method, of in classified.items()
        },
        "points": {method: points for method, points in maps if points is not None},
        "nearest": {} if hashed is None else {
            hashed: nearest_images(codes[hashed], labels[hashed], NEAREST, seed)
        },
    }  # fmt: skip


def unlabelled_illustrations(
    codes: Mapping[str, Codes], labels: Mapping[str, Labels], categories: int, seed: int
) -> dict[str, Any]:
    """What can be drawn of a target without labels: arguments and values as ``illustrations``.

    No confusion; in maps and among neighbours, images have the category that their method predicts,
    or the first that classifies. ``predicted``: images of the first, by category.
    """
    first = next((m for m, of in codes.items() if of.probabilities is not None), None)
    if first is None:
        return {"confusion": {}, "points": {}, "nearest": {}, "predicted": {}}
    supposed = {}
    for method, of in codes.items():
        p = codes[first].probabilities if of.probabilities is None else of.probabilities
        supposed[method] = replace(labels[method], target=p.argmax(axis=1))
    drawn = illustrations(codes, supposed, categories, seed)
    return drawn | {"confusion": {}, "predicted": {first: predicted_images(codes[first], seed)}}


def predicted_images(codes: Codes, seed: int) -> list[dict[str, Any]]:
    """Target images of the categories that are predicted most often, a few of each by `seed`.

    Plain values of each: ``id``, ``label``, the predicted category; ``probability``, of that;
    whether it is ``calibrated``; ``far``, whether it lies out of the codes' reach.
    """
    T = codes.temperature
    p = codes.probabilities if T is None else tempered(codes.probabilities, T)
    predicted = codes.probabilities.argmax(axis=1)
    found, counts = np.unique(predicted, return_counts=True)
    rng = np.random.default_rng(seed)
    shown = np.concatenate(
        [
            rng.permutation(np.flatnonzero(predicted == label))[:OF_EACH]
            for label in np.sort(found[np.argsort(-counts, kind="stable")[:CATEGORIES]])
        ]
    )
    return [
        {
            "id": codes.target_ids[row],
            "label": int(predicted[row]),
            "probability": round(float(p[row, predicted[row]]), 4),
            "calibrated": T is not None,
            "far": bool(far),
        }
        for row, far in zip(shown, is_far(codes, shown), strict=True)
    ]


def confusion_cells(codes: Codes, labels: Labels, categories: int) -> dict[str, list[int]]:
    """The cells of a method's ``Confusion`` as lists: ``true``, ``predicted`` and ``images``."""
    found = confusion_of(codes.probabilities.argmax(axis=1), labels.target, categories)
    return {name: getattr(found, name).tolist() for name in ("true", "predicted", "images")}


def nearest_images(codes: Codes, labels: Labels, k: int, seed: int) -> list[dict[str, Any]]:
    """A few target queries, each of another category where there are as many, and their nearest.

    The `k` database images of the smallest Hamming distance, equal ones in the order of their rows.
    `seed` draws the queries. Each as plain values: ``id``, ``label``, and ``nearest``, a list of
    ``id``, ``label`` and ``distance``.
    """
    drawn = np.random.default_rng(seed).permutation(np.flatnonzero(labels.is_query))
    _, first = np.unique(labels.target[drawn], return_index=True)
    others = np.setdiff1d(np.arange(len(drawn)), first)
    chosen = drawn[np.concatenate([np.sort(first), others])[:QUERIES]]
    database = np.flatnonzero(~labels.is_query)
    distances = hamming_distances(codes.target[chosen], codes.target[database])

    def image(row: int) -> dict[str, Any]:
        return {"id": codes.target_ids[row], "label": int(labels.target[row])}

    def nearest(of: np.ndarray) -> list[dict[str, Any]]:
        order = np.argsort(of, kind="stable")[:k]
        return [image(database[i]) | {"distance": int(of[i])} for i in order]

    pairs = zip(chosen, distances, strict=True)
    return [image(query) | {"nearest": nearest(of)} for query, of in pairs]


def domain_points(codes: Codes, labels: Labels, seed: int) -> dict[str, Any] | None:
    """t-SNE of a method's fc7, ten categories (Figures 3b-d), as plain values.

    ``source`` and ``target``: lists of points; ``source_labels`` and ``target_labels``: theirs.
    None where the images that were drawn do not vary in two dimensions. Raises ValueError as
    ``tsne``.
    """
    sides = codes.components_source, codes.components_target
    if sides[0].shape[1] < 2:
        return None
    try:
        embedding = tsne(*sides, labels.source, labels.target, seed=seed)
    except FlatError:
        return None
    return {
        "source": np.round(embedding.source.astype(float), 3).tolist(),
        "target": np.round(embedding.target.astype(float), 3).tolist(),
        "source_labels": labels.source[embedding.source_rows].tolist(),
        "target_labels": labels.target[embedding.target_rows].tolist(),
    }
