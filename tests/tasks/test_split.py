"""Ids tell nothing, labels go where they may, queries are a stratified tenth."""

import numpy as np
import pytest
from numpy.testing import assert_array_equal

from dah.errors import UserError
from dah.images.identity import opaque_ids, shuffled
from dah.tasks.lists import Lists, Truth, oracle_lists, read_lists, read_truth, write_task
from dah.tasks.split import Domain, make_task, query_roles


def domain(name, **counts):
    """Images named by number, so many of each category."""
    categories = [c for c, count in counts.items() for _ in range(count)]
    return Domain(name, [f"{name}{i}" for i in range(len(categories))], categories)


def test_an_id_depends_on_domain_file_and_seed_alone():
    """An image keeps its id when others come or go; another seed gives other ids."""
    files = ["mug/1.jpg", "mug/2.jpg", "bike/1.jpg"]
    ids = opaque_ids("amazon", files, 0)
    assert opaque_ids("amazon", files[1:], 0) == ids[1:]
    assert not set(ids) & set(opaque_ids("amazon", files, 1))
    assert not set(ids) & set(opaque_ids("webcam", files, 0))
    assert all(len(name) == 16 and int(name, 16) >= 0 for name in ids)


def test_the_order_of_ids_is_a_shuffle():
    """Categories that lie one after another in the archive are spread over all rows alike."""
    files = [f"{category}/{i}.png" for category in range(5) for i in range(200)]
    rows = shuffled(opaque_ids("a", files, 0))
    assert_array_equal(np.sort(rows), np.arange(1000))
    means = rows.reshape(5, 200).mean(axis=1)
    assert np.abs(means - 499.5).max() < 5 * 1000 / np.sqrt(12 * 200)
    ids = opaque_ids("a", files, 0)
    assert_array_equal(np.array(ids)[np.argsort(rows)], sorted(ids))


def test_categories_are_numbered_by_name():
    """Both domains share the source's numbers; the target may lack a category."""
    task = make_task(domain("s", mug=3, bike=2), domain("t", mug=5), 2, 0)
    assert task.categories == ["bike", "mug"]
    assert_array_equal(task.source_labels, [1, 1, 1, 0, 0])
    assert_array_equal(task.target_labels, [1] * 5)


def test_a_target_may_be_without_labels():
    """All -1, and known to be so; the source's are numbered as ever."""
    task = make_task(domain("s", mug=3, bike=2), Domain("t", list("abcde"), [""] * 5), 2, 0)
    assert_array_equal(task.target_labels, [-1] * 5)
    assert_array_equal(task.source_labels, [1, 1, 1, 0, 0])
    assert not Truth(list("abcde"), task.target_labels, np.zeros(5, bool)).known
    assert Truth(["a", "b"], np.array([0, 1]), np.zeros(2, bool)).known


def test_queries_are_a_tenth_of_each_category():
    """At least one, none of a single image, seeded, and not the first ones."""
    labels = np.repeat([0, 1, 2, 3], [40, 4, 1, 25])
    roles = np.array(query_roles(labels, np.random.default_rng(0)))
    counts = [np.count_nonzero(roles[labels == label] == "query") for label in range(4)]
    assert counts == [4, 1, 0, 2]
    assert set(roles) == {"query", "database"}
    assert_array_equal(roles, query_roles(labels, np.random.default_rng(0)))
    assert roles.tolist() != query_roles(labels, np.random.default_rng(1))


@pytest.mark.parametrize(
    ("source", "target", "message"),
    [
        (
            {"mug": 4, "bike": 5},
            {"mug": 1},
            "samples_per_class is 5, but category 'mug' of",
        ),
        ({"mug": 9, "bike": 9}, {"pen": 1}, "domain t has the category 'pen'"),
        ({"mug": 9}, {"mug": 1}, "domain s: a source needs two categories, found 1"),
        ({"": 9}, {"mug": 1}, "domain s: a source needs labels, found its images in no folders"),
        ({"mug": 9, "bike": 9}, {"mug": 4}, "domain t: a target needs 5 images, found 4"),
        (dict.fromkeys("abcde", 9), dict.fromkeys("abcde", 1), "t: no category has two images"),
    ],
)
def test_tasks_that_cannot_be_learnt_are_refused(source, target, message):
    """K larger than a category, a category unknown to the source, one category."""
    with pytest.raises(UserError, match=message):
        make_task(domain("s", **source), domain("t", **target), 5, 0)


def test_the_oracle_learns_from_the_database_alone():
    """Its labelled part is the target without queries, numbered anew; all images get codes."""
    lists = Lists(["ant", "bee", "cat"], ["s"], np.array([0]), list("abcde"))
    truth = Truth(list("abcde"), np.array([2, 0, 2, 0, 2]), np.array([1, 0, 0, 0, 0], bool))
    oracle = oracle_lists(lists, truth)
    assert oracle.source_ids == list("bcde")
    assert_array_equal(oracle.source_labels, [0, 1, 0, 1])
    assert (oracle.categories, oracle.target_ids) == (["ant", "cat"], list("abcde"))


def test_the_lists_hold_no_label_of_the_target(tmp_path):
    """What training reads of the target is a column of ids; the truth lies in another file."""
    source, target = domain("s", mug=3, bike=2), domain("t", mug=2, bike=9)
    task = make_task(source, target, 2, 0)
    write_task(task, source.ids, target.ids, tmp_path / "lists", tmp_path / "truth.csv")
    assert (tmp_path / "lists/target.csv").read_text().split() == ["id", *target.ids]
    assert sorted(path.name for path in (tmp_path / "lists").iterdir()) == [
        "categories.csv",
        "source.csv",
        "target.csv",
    ]
    lists, truth = read_lists(tmp_path / "lists"), read_truth(tmp_path / "truth.csv")
    assert lists.categories == task.categories
    assert (lists.source_ids, lists.target_ids, truth.ids) == (source.ids, target.ids, target.ids)
    assert_array_equal(lists.source_labels, task.source_labels)
    assert_array_equal(truth.labels, task.target_labels)
    assert truth.is_query.sum() == 2
