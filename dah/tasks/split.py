"""Who sees which label: the source's go to training, the target's to evaluation alone."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from dah.errors import UserError
from dah.tasks.lists import NO_LABEL, Task

QUERY_SHARE = 0.1
SMALLEST_TARGET = 5  # images: the domain error has five folds


@dataclass(frozen=True)
class Domain:
    """The images of a domain: ids and, one for each, category names, all empty without labels."""

    name: str
    ids: Sequence[str]
    categories: Sequence[str]


def make_task(source: Domain, target: Domain, per_category: int, seed: int) -> Task:
    """Number the source's categories and divide the target into queries and database.

    A target without labels has the label -1 throughout. Raises ``UserError`` where the source has
    no labels, a category of it has fewer than ``per_category`` images, or the target has a category
    that the source lacks, fewer than five images, or no two images of one category.
    """
    if not any(source.categories):
        raise UserError(
            f"domain {source.name}: a source needs labels, found its images in no folders of"
            " categories; only a target may be without"
        )
    counts = Counter(source.categories)
    smallest = min(sorted(counts), key=lambda category: counts[category])
    if len(counts) < 2:
        raise UserError(f"domain {source.name}: a source needs two categories, found {len(counts)}")
    if counts[smallest] < per_category:
        raise UserError(
            f"dah.samples_per_class is {per_category}, but category {smallest!r} of domain"
            f" {source.name} has {counts[smallest]} images; lower it to at most {counts[smallest]}"
        )
    labelled = any(target.categories)
    unknown = sorted(set(target.categories) - set(counts)) if labelled else []
    if unknown:
        raise UserError(
            f"domain {target.name} has the category {unknown[0]!r} ({len(unknown)} such), which the"
            f" source {source.name} lacks: both domains of a task need the same categories"
        )
    if len(target.ids) < SMALLEST_TARGET:
        raise UserError(
            f"domain {target.name}: a target needs {SMALLEST_TARGET} images, found"
            f" {len(target.ids)}; add some"
        )
    categories = sorted(counts)
    number = {category: label for label, category in enumerate(categories)}
    target_labels = np.array([number.get(c, NO_LABEL) for c in target.categories], np.int64)
    roles = query_roles(target_labels, np.random.default_rng(seed))
    if "query" not in roles:
        raise UserError(
            f"domain {target.name}: no category has two images, so that none could be found by"
            " another; add some, or give the target without folders of categories"
        )
    return Task(
        categories=categories,
        source_labels=np.array([number[c] for c in source.categories], np.int64),
        target_labels=target_labels,
        roles=roles,
    )


def query_roles(labels: np.ndarray, rng: np.random.Generator) -> list[str]:
    """``query`` for a random tenth of each category, at least one image, else ``database``.

    The only image of a category is ``database``: no query could find it. Labels int64 ``(n,)``.
    """
    roles = ["database"] * len(labels)
    for label in np.unique(labels):
        rows = rng.permutation(np.flatnonzero(labels == label))
        count = max(1, round(QUERY_SHARE * len(rows))) if len(rows) > 1 else 0
        for row in rows[:count]:
            roles[row] = "query"
    return roles
