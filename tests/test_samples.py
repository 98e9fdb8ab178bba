"""All rows of few, the same part of many; what a part of very many images stands for."""

from types import SimpleNamespace

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from dah import samples
from dah.encoding import outputs, validators
from dah.encoding.outputs import probabilities
from dah.evaluation import targets
from dah.files.artifacts import Codes
from dah.hashing.prediction import category_probabilities
from dah.retrieval.reach import nearest_distances
from dah.samples import asked, compared, of_each
from dah.shallow import domains
from dah.shallow.pseudo_labels import pseudo_labels

ROWS, BITS, CATEGORIES = 300, 16, 3
Y = np.arange(ROWS) % CATEGORIES


@pytest.fixture
def few(monkeypatch):
    """More than 100 images are very many: 60 are compared, 40 asked."""
    monkeypatch.setattr(samples, "MANY", 100)
    monkeypatch.setattr(samples, "COMPARED", 60)
    monkeypatch.setattr(samples, "ASKED", 40)


def drawn(rows=ROWS, seed=0):
    """Outputs float32 and their packed codes."""
    u = np.random.default_rng(seed).normal(size=(rows, BITS)).astype(np.float32)
    return u, np.packbits(u >= 0, axis=1)


def test_an_equal_part_of_each_category_is_chosen():
    """All of few; a tenth of each of many, and one of a category that has no tenth."""
    ys = np.concatenate([np.tile([5, 3], 500), [9, 9]])
    assert_array_equal(of_each(ys, 1002), np.arange(1002))
    rows = of_each(ys, 100)
    assert (np.diff(rows) > 0).all()
    counts = np.unique(ys[rows], return_counts=True)
    assert_array_equal(counts[0], [3, 5, 9])
    assert_array_equal(np.round(counts[1][:2] / 50), 1)


def test_up_to_many_images_all_count():
    """200,000 are all of them, one more is a part, of each category alike."""
    y = np.arange(samples.MANY + 1) % 10
    assert_array_equal(compared(y[:-1]), np.arange(samples.MANY))
    assert_allclose(np.bincount(y[compared(y)]), 2000, atol=1)
    assert_array_equal(asked(samples.MANY), np.arange(samples.MANY))
    rows = asked(samples.MANY + 1)
    assert len(rows) == samples.ASKED
    assert np.ptp(np.diff(rows)) == 1
    assert (rows[0], rows[-1]) == (0, samples.MANY)


def test_eq_6_of_very_many_source_images_is_that_of_those_compared(few):
    """By outputs and by codes: the formula on the chosen rows alone, which is another number."""
    (us, hs), (ut, ht) = drawn(), drawn(seed=1)
    rows = compared(Y)
    p = probabilities(ut, us, Y, 9.0, CATEGORIES)
    z = 9 / BITS * ut.astype(float) @ us[rows].T
    of = np.stack([np.exp(z[:, Y[rows] == c]).mean(axis=1) for c in range(CATEGORIES)], axis=1)
    assert_allclose(p, of / of.sum(axis=1, keepdims=True), rtol=1e-4)
    by_codes = category_probabilities(ht, hs, Y, BITS, 9.0, CATEGORIES)
    expected = category_probabilities(ht, hs[rows], Y[rows], BITS, 9.0, CATEGORIES)
    assert_array_equal(by_codes, expected)


@pytest.mark.parametrize("sharpness", [9.0, 300.0])
def test_eq_6_by_the_likeliest_image_is_that_of_the_losses(monkeypatch, sharpness):
    """Also where the shares of most categories are zero, and of one without images."""
    (us, _), (ut, _) = drawn(), drawn(seed=1)
    expected = probabilities(ut, us, Y, sharpness, CATEGORIES + 1)
    monkeypatch.setattr(outputs, "AS_WRITTEN", 0)
    found = probabilities(ut, us, Y, sharpness, CATEGORIES + 1)
    assert found.dtype == np.float32
    assert_allclose(found, expected, rtol=1e-4, atol=1e-6)
    assert (found[:, -1] == 0).all()


def test_of_very_many_images_some_are_asked_among_all(few):
    """Each asked one is compared with all others, so that its own number is exact."""
    u, _ = drawn()
    rows = asked(ROWS)
    whole = validators.left_out_log_probabilities(u, Y, 9.0, CATEGORIES)
    part = validators.left_out_log_probabilities(u, Y, 9.0, CATEGORIES, rows)
    assert_allclose(part, whole[rows], rtol=1e-10)
    p = np.random.default_rng(0).dirichlet(np.ones(CATEGORIES), ROWS)
    f = p / np.linalg.norm(p, axis=1, keepdims=True)
    densities = []
    for i in rows:
        q = np.exp(np.delete(f @ f[i], i) / validators.TEMPERATURE)
        q /= q.sum()
        densities.append(-(q * np.log(q)).sum())
    assert_allclose(validators.neighbourhood_density(p), np.mean(densities), rtol=1e-10)


def test_figures_of_the_source_are_means_over_those_asked(few):
    """Accuracy and risk of 40 of 300 images, each by itself; weights belong to the same images."""
    u, _ = drawn()
    p = np.full((ROWS, CATEGORIES), 1 / 3)
    codes = SimpleNamespace(bits=BITS, domain_error=0.5, probabilities_real=p)
    odds = np.random.default_rng(1).normal(size=2 * ROWS)
    source = SimpleNamespace(u=u)
    found = validators.validation_figures(codes, source, Y, 9.0, odds)
    rows = asked(ROWS)
    log_p = validators.left_out_log_probabilities(u, Y, 9.0, CATEGORIES)[rows]
    assert found["source_accuracy"] == 100 * np.mean(log_p.argmax(axis=1) == Y[rows])
    risk = validators.embedded_risk(np.exp(odds[rows]), -log_p[np.arange(40), Y[rows]])
    assert_allclose(found["embedded_risk"], risk)


def test_pseudo_labels_of_very_many_source_samples_are_those_of_the_ones_compared(few):
    """Every target sample has its own all the same."""
    (Xs, _), (Xt, _) = drawn(), drawn(130, seed=1)
    options = {"dim": 4, "neighbours": 5, "alpha": 0.5, "rounds": 2}
    rows = compared(Y)
    found = pseudo_labels(Xs, Y, Xt, **options)
    assert found.shape == (130, CATEGORIES)
    assert_array_equal(found, pseudo_labels(Xs[rows], Y[rows], Xt, **options))


def test_the_classifier_of_domains_learns_from_a_part(few, monkeypatch):
    """The odds of all images by fits to 50 of a fold's, of both domains alike."""
    fitted = []

    class Model:
        def fit(self, X, y):
            fitted.append(np.bincount(y))
            return self

        def decision_function(self, X):
            return X[:, 0]

    monkeypatch.setattr(samples, "LEARNED", 50)
    monkeypatch.setattr(domains, "domain_classifier", Model)
    (Xs, _), (Xt, _) = drawn(), drawn(seed=1)
    assert_array_equal(domains.held_out_log_odds(Xs, Xt, 0), np.concatenate([Xs, Xt])[:, 0])
    assert_array_equal(fitted, np.full((5, 2), 25))


@pytest.mark.parametrize(("rows", "part"), [((100, 100), False), ((101, 60), True)])
def test_a_classifier_of_domains_asks_how_large_each_domain_is(few, monkeypatch, rows, part):
    """Two domains that are not very many are all learned from, however many both are."""
    monkeypatch.setattr(samples, "LEARNED", 50)
    assert len(samples.learned(160, max(rows))) == (50 if part else 160)
    fitted = []
    model = SimpleNamespace(decision_function=lambda X: X[:, 0])
    model.fit = lambda X, _: fitted.append(len(X)) or model
    monkeypatch.setattr(domains, "domain_classifier", lambda: model)
    domains.held_out_log_odds(*(drawn(n)[0] for n in rows), 0)
    assert (max(fitted) == 50) == part


def test_out_of_reach_is_a_share_of_those_asked(few):
    """The other images are not looked at."""
    (_, source), (_, target) = drawn(), drawn(seed=1)
    ids = [str(i) for i in range(ROWS)]
    figures = targets.code_figures(Codes(BITS, source, ids, target, ids, reach=1))
    far = nearest_distances(target, source) > 1
    assert figures["out_of_reach"] == far[asked(ROWS)].mean() != far.mean()


def test_of_very_many_queries_some_of_each_category_are_asked(monkeypatch):
    """In the order of the images; of few, all."""
    labels = SimpleNamespace(target=Y, is_query=np.arange(ROWS) % 2 == 0)
    assert_array_equal(targets.queries_of(labels), np.arange(0, ROWS, 2))
    monkeypatch.setattr(targets, "COMPARED", 60)
    rows = targets.queries_of(labels)
    assert (np.diff(rows) > 0).all()
    assert labels.is_query[rows].all()
    assert_allclose(np.bincount(Y[rows]), 20, atol=1)
    _, codes = drawn()
    ids = [str(i) for i in range(ROWS)]
    _, within = targets.target_figures(Codes(BITS, codes[:0], [], codes, ids), labels)
    assert len(within.total) == len(rows) < labels.is_query.sum()
