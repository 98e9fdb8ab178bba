"""The error of telling two domains apart: a twin of the folds, its ends, its order."""

import numpy as np
import pytest
from numpy.testing import assert_allclose
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedKFold

from dah.shallow.domains import a_distance, domain_error, held_out_log_odds


def error_of(source, target, seed):
    """The domain error of two samples; None where there are no folds."""
    log_odds = held_out_log_odds(source, target, seed)
    return None if log_odds is None else domain_error(log_odds, len(source))


@pytest.mark.parametrize("shift", [0.5, 1.0, 2.0])
def test_the_error_is_the_mean_of_both_domains(shift):
    """Weights, standardisation and a count of each domain's wrong images, one by one."""
    rng = np.random.default_rng(0)
    a, b = rng.standard_normal((90, 4)), rng.standard_normal((50, 4)) + shift
    X, y = np.concatenate([a, b]), np.array([0] * 90 + [1] * 50)
    expected = 0.0
    for train, held_out in StratifiedKFold(5, shuffle=True, random_state=3).split(X, y):
        mean, deviation = X[train].mean(axis=0), X[train].std(axis=0)
        weights = {0: len(train) / 2 / sum(y[train] == 0), 1: len(train) / 2 / sum(y[train] == 1)}
        model = LogisticRegression(C=0.01, class_weight=weights, max_iter=1000)
        model.fit((X[train] - mean) / deviation, y[train])
        for i in held_out:
            if model.predict([(X[i] - mean) / deviation])[0] != y[i]:
                expected += 1 / (90 if y[i] == 0 else 50) / 2
    assert 0 < expected < 0.5
    assert_allclose(error_of(a, b, 3), expected, rtol=1e-12)


def test_the_error_lies_between_its_ends():
    """Separated domains give 0, equal ones about a half; unequal sizes do not fake one."""
    rng = np.random.default_rng(0)
    a, b = rng.standard_normal((200, 5)), rng.standard_normal((60, 5))
    assert error_of(a, b + 9, 0) == 0
    assert 0.4 < error_of(a, b, 0) <= 0.5
    assert error_of(np.ones((9, 2)), np.ones((6, 2)), 0) == 0.5


def test_the_error_falls_with_the_shift_and_sees_no_unit():
    """Further apart, smaller; features times 64 change nothing; one seed gives one value."""
    rng = np.random.default_rng(0)
    a, b = rng.standard_normal((2, 150, 3))
    values = [error_of(a, b + shift, 0) for shift in (0, 1, 2, 4)]
    assert values == sorted(set(values), reverse=True)
    assert error_of(a, b + 1, 0) == values[1]
    assert error_of(64 * a, 64 * (b + 1), 0) == values[1]


def test_four_images_have_no_five_folds():
    """Nothing is said of a domain of four images, on either side."""
    X = np.random.default_rng(0).standard_normal((9, 3))
    assert error_of(X, X[:4], 0) is None
    assert error_of(X[:4], X, 0) is None
    assert error_of(X, X[:5], 0) is not None


def test_a_distance_is_two_where_domains_are_apart():
    """And none where one answer is as good as the other; between them it is linear."""
    assert [a_distance(error) for error in (0, 0.25, 0.5)] == [2, 1, 0]
