"""The lists of an adaptation task in files: what training may read, and the truth beside it."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from dah.errors import UserError
from dah.files.tables import (
    CATEGORIES,
    SOURCE,
    TARGET,
    TRUTH,
    as_integers,
    read_table,
    rows_of,
    write_table,
)

NO_LABEL = -1
ROLES = {"query", "database"}


@dataclass(frozen=True)
class Task:
    """An adaptation task: label ``i`` means ``categories[i]``; labels int64, roles as text.

    The labels of a target without any are ``NO_LABEL``.
    """

    categories: list[str]
    source_labels: np.ndarray
    target_labels: np.ndarray
    roles: list[str]


@dataclass(frozen=True)
class Lists:
    """What everything but evaluation knows of a task: no label of the target."""

    categories: list[str]
    source_ids: list[str]
    source_labels: np.ndarray
    target_ids: list[str]


@dataclass(frozen=True)
class Truth:
    """The target's labels int64 ``(n_t,)`` and which of its images are queries, bool."""

    ids: list[str]
    labels: np.ndarray
    is_query: np.ndarray

    @property
    def known(self) -> bool:
        """Whether the target has labels at all."""
        return bool((self.labels != NO_LABEL).any())


@dataclass(frozen=True)
class Labels:
    """Labels int64 of the images of an export, ``(n_source,)`` and ``(n_target,)``.

    ``is_query``: bool ``(n_target,)``, which target images are queries.
    """

    source: np.ndarray
    target: np.ndarray
    is_query: np.ndarray


class Labelled:
    """A task's lists and truth, read once, for the labels of any of its images: for evaluation.

    Raises ``UserError`` where the two belong to different runs.
    """

    def __init__(self, lists: Path, truth: Path) -> None:
        self.places = lists / "source.csv", truth
        self.lists, self.truth = read_lists(lists), read_truth(truth)
        if (self.truth.labels >= len(self.lists.categories)).any():
            raise UserError(
                f"{truth}: expected labels below {len(self.lists.categories)}, the number of"
                f" categories in {lists}, found {self.truth.labels.max()}; they belong to different"
                " runs, split again"
            )

    def of(self, source_ids: list[str], target_ids: list[str]) -> Labels:
        """The labels of images given by their ids; ``UserError`` for one that is not listed."""
        source = rows_of(self.lists.source_ids, source_ids, self.places[0])
        target = rows_of(self.truth.ids, target_ids, self.places[1])
        return Labels(
            source=self.lists.source_labels[source],
            target=self.truth.labels[target],
            is_query=self.truth.is_query[target],
        )


def oracle_lists(lists: Lists, truth: Truth) -> Lists:
    """The database part of the target, with its labels, in the place of the source: for SuH alone.

    Labels are numbered anew, since the part may lack categories. The target must have labels.
    """
    part = np.flatnonzero(~truth.is_query)
    present, labels = np.unique(truth.labels[part], return_inverse=True)
    return Lists(
        categories=[lists.categories[label] for label in present],
        source_ids=[truth.ids[row] for row in part],
        source_labels=labels.astype(np.int64),
        target_ids=lists.target_ids,
    )


def write_task(
    task: Task, source_ids: list[str], target_ids: list[str], lists: Path, truth: Path
) -> None:
    """Store a task's lists in the folder `lists` and the target's labels in the file `truth`."""
    write_table(lists / "categories.csv", CATEGORIES, enumerate(task.categories))
    write_table(lists / "source.csv", SOURCE, zip(source_ids, task.source_labels, strict=True))
    write_table(lists / "target.csv", TARGET, ([image] for image in target_ids))
    write_table(truth, TRUTH, zip(target_ids, task.target_labels, task.roles, strict=True))


def read_lists(folder: Path) -> Lists:
    """A task's lists as stored by ``write_task``."""
    path = folder / "source.csv"
    source, categories = read_table(path, SOURCE), read_table(folder / "categories.csv", CATEGORIES)
    count = len(categories["category"])
    if not count or categories["label"] != [str(label) for label in range(count)]:
        raise UserError(
            f"{folder / 'categories.csv'}: expected the labels 0, 1, 2 ... in order, found"
            f" {','.join(categories['label'])[:80] or 'none'}; split again"
        )
    labels = as_integers(source["label"], path)
    if ((labels < 0) | (labels >= count)).any():
        raise UserError(
            f"{path}: expected labels from 0 to {count - 1}, as {folder / 'categories.csv'} has"
            f" {count} categories, found {labels.min()} to {labels.max()}; split again"
        )
    return Lists(
        categories=categories["category"],
        source_ids=source["id"],
        source_labels=labels,
        target_ids=read_table(folder / "target.csv", TARGET)["id"],
    )


def read_truth(path: Path) -> Truth:
    """The target's labels as stored by ``write_task``: for evaluation alone."""
    table = read_table(path, TRUTH)
    labels = as_integers(table["label"], path)
    if (labels < NO_LABEL).any() or not set(table["role"]) <= ROLES:
        raise UserError(
            f"{path}: expected labels from {NO_LABEL} on and the roles"
            f" {' and '.join(sorted(ROLES))}, found others; split again"
        )
    return Truth(ids=table["id"], labels=labels, is_query=np.array(table["role"]) == "query")
