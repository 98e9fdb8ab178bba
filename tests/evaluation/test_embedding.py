"""A map of two domains: the sample that was asked for, and neighbours that stay together."""

import numpy as np
import pytest
from numpy.testing import assert_array_equal

from dah.evaluation.embedding import tsne


def clusters(n, categories, shift=0.0, D=8, seed=0):
    """Rows around the category's own centre, some way along one axis, and their labels."""
    rng = np.random.default_rng(seed)
    labels = rng.permutation(np.arange(n) % categories)
    centres = 10 * np.random.default_rng(99).standard_normal((categories, D))
    X = centres[labels] + rng.standard_normal((n, D))
    X[:, 0] += shift
    return X, labels


@pytest.fixture(scope="module")
def domains():
    """Source and target of twelve categories, the last of them in the source alone."""
    source, ys = clusters(240, 12)
    target, yt = clusters(180, 12, shift=1, seed=1)
    kept = yt < 11
    return source, target[kept], ys, yt[kept]


@pytest.fixture(scope="module")
def embedding(domains):
    return tsne(*domains, categories=5, per_category=8, seed=4)


def test_map_takes_so_many_rows_of_so_many_categories(domains, embedding):
    """Eight different rows of five categories in each domain, the same ones, all shared."""
    _, _, ys, yt = domains
    for rows, labels, Z in (
        (embedding.source_rows, ys, embedding.source),
        (embedding.target_rows, yt, embedding.target),
    ):
        categories, counts = np.unique(labels[rows], return_counts=True)
        assert_array_equal(counts, [8] * 5)
        assert (np.diff(rows) > 0).all()
        assert Z.shape == (40, 2)
        assert np.isfinite(Z).all()
    assert set(ys[embedding.source_rows]) == set(yt[embedding.target_rows]) == set(categories)


def test_every_shared_category_may_be_drawn(domains):
    """None but the shared eleven, all where more are wanted, and all images where there are few."""
    _, _, ys, yt = domains
    everything = tsne(*domains, categories=99, per_category=99)
    assert set(ys[everything.source_rows]) == set(range(11))
    assert_array_equal(everything.source_rows, np.flatnonzero(ys < 11))
    assert_array_equal(everything.target_rows, np.arange(len(yt)))


def test_map_keeps_neighbours_together(domains, embedding):
    """The nearest point of each in the plane is of its category, as it is in the features."""
    _, _, ys, yt = domains
    Z = np.concatenate([embedding.source, embedding.target])
    labels = np.concatenate([ys[embedding.source_rows], yt[embedding.target_rows]])
    distance = ((Z[:, None] - Z) ** 2).sum(axis=2)
    np.fill_diagonal(distance, np.inf)
    assert_array_equal(labels[distance.argmin(axis=1)], labels)


def test_a_seed_gives_one_map(domains, embedding):
    """Bit by bit, and another seed another sample; features may be float32 and read-only."""
    again = tsne(*domains, categories=5, per_category=8, seed=4)
    for name in ("source", "target", "source_rows", "target_rows"):
        assert_array_equal(getattr(again, name), getattr(embedding, name))
    arrays = [array.copy() for array in domains]
    for array in arrays:
        array.flags.writeable = False
    other = tsne(*arrays, categories=5, per_category=8, seed=5)
    assert not np.array_equal(other.source_rows, embedding.source_rows)


def test_a_sample_smaller_than_thirty_neighbours_has_a_map():
    """Four images of one category."""
    X = np.random.default_rng(0).standard_normal((4, 3))
    few = tsne(X[:2], X[2:], np.zeros(2, int), np.zeros(2, int))
    assert few.source.shape == few.target.shape == (2, 2)


def test_what_has_no_map_is_refused():
    """Labels that do not fit, nothing shared, nothing asked for, and features in a line."""
    X, y = clusters(20, 2)
    with pytest.raises(ValueError, match=r"20 target images need labels .* found \(19,\)"):
        tsne(X, X, y, y[1:])
    with pytest.raises(ValueError, match="10 categories of 0 in both domains"):
        tsne(X, X, y, y + 2)
    with pytest.raises(ValueError, match="0 categories of 2 in both domains"):
        tsne(X, X, y, y, categories=0)
    with pytest.raises(ValueError, match="with 0 images of each"):
        tsne(X, X, y, y, per_category=0)
    line = np.outer(np.arange(20), [1.0, 2, 3])
    with pytest.raises(ValueError, match="vary in 2 dimensions, found 1 in 40 images"):
        tsne(line, line, y, y)
