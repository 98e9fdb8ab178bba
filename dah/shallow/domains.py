"""How well the two domains of a task can be told apart by what a network makes of them."""

from typing import TYPE_CHECKING

import numpy as np
from threadpoolctl import threadpool_limits

from dah.samples import learned

if TYPE_CHECKING:
    from sklearn.pipeline import Pipeline

FOLDS = 5


def held_out_log_odds(
    fc7_source: np.ndarray, fc7_target: np.ndarray, seed: int
) -> np.ndarray | None:
    """``log p(t | x) / p(s | x)`` of each image by a classifier that has not seen it.

    Stratified five-fold cross-validation, in random order of `seed`, of a logistic regression on
    standardised features that weights the domains alike. Features float ``(n_s, D)`` and
    ``(n_t, D)``; returns float64 ``(n_s + n_t,)``, above 0 where it takes an image for one of the
    target. Of a domain of very many images a fold learns from a part of both. None for a domain of
    fewer than five.
    """
    if min(len(fc7_source), len(fc7_target)) < FOLDS:
        return None
    from sklearn.model_selection import StratifiedKFold  # noqa: PLC0415 - a second

    model = domain_classifier()
    X = np.concatenate([fc7_source, fc7_target]).astype(np.float64)
    y = np.repeat([0, 1], [len(fc7_source), len(fc7_target)])
    log_odds = np.empty(len(y))
    largest = max(len(fc7_source), len(fc7_target))
    folds = StratifiedKFold(FOLDS, shuffle=True, random_state=seed)
    with threadpool_limits(1, user_api="blas"):  # products of matrix and vector gain nothing
        for train, held_out in folds.split(X, y):
            few = train[learned(len(train), largest)]
            log_odds[held_out] = model.fit(X[few], y[few]).decision_function(X[held_out])
    return log_odds


def domain_error(log_odds: np.ndarray, source: int) -> float:
    """Share of images whose domain a linear classifier cannot tell from fc7, at most 1/2.

    The mean of both domains' held-out errors, so that unequal sizes do not make them look apart.
    The paper chooses gamma where it is largest (section 5.2); it looks at no label. `log_odds` of
    ``held_out_log_odds``, of the `source` images first.
    """
    taken = log_odds > 0
    return float(min(0.5, (taken[:source].mean() + (~taken[source:]).mean()) / 2))


def domain_odds(log_odds: np.ndarray, source: int) -> np.ndarray:
    """How many times likelier in the target than in the source each source image is.

    ``p(t | x) / p(s | x)``, float64 ``(source,)``, of ``held_out_log_odds``. Within 1/n and n of
    the n images: so many tell no greater odds, and where a classifier tells the domains apart
    without error, its own grow past any number. You et al., ICML 2019, eq. 6.
    """
    most = np.log(len(log_odds))
    return np.exp(log_odds[:source].clip(-most, most))


def domain_classifier() -> "Pipeline":
    """Logistic regression on standardised features that weights the domains alike, not yet fit."""
    from sklearn.linear_model import LogisticRegression  # noqa: PLC0415 - a second
    from sklearn.pipeline import make_pipeline  # noqa: PLC0415
    from sklearn.preprocessing import StandardScaler  # noqa: PLC0415

    return make_pipeline(
        StandardScaler(), LogisticRegression(C=0.01, class_weight="balanced", max_iter=1000)
    )


def a_distance(error: float) -> float:
    """A-distance of two domains: 0 where a classifier cannot tell them apart, 2 where it can.

        2 (1 - 2 eps)

    with eps its ``domain_error`` (section 5.3 and Figure 3a; Ben-David et al. 2010).
    """
    return 2 * (1 - 2 * error)
