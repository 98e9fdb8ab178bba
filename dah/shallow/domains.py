"""How well the two domains of a task can be told apart by what a network makes of them."""

import numpy as np
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedKFold
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler

FOLDS = 5


def domain_error(fc7_source: np.ndarray, fc7_target: np.ndarray, seed: int) -> float | None:
    """Share of images whose domain a linear classifier cannot tell from fc7, at most 1/2.

    The mean of both domains' held-out errors, so that unequal sizes do not make them look apart:
    stratified five-fold cross-validation, in random order of `seed`, of a logistic regression on
    standardised features that weights the domains alike. The paper chooses gamma where it is
    largest (section 5.2); it looks at no label. Features float ``(n, D)``. None for a domain of
    fewer than five images.
    """
    if min(len(fc7_source), len(fc7_target)) < FOLDS:
        return None
    model = domain_classifier()
    X = np.concatenate([fc7_source, fc7_target]).astype(np.float64)
    y = np.repeat([0, 1], [len(fc7_source), len(fc7_target)])
    wrong = np.empty(len(y), bool)
    for train, held_out in StratifiedKFold(FOLDS, shuffle=True, random_state=seed).split(X, y):
        wrong[held_out] = model.fit(X[train], y[train]).predict(X[held_out]) != y[held_out]
    return float(min(0.5, (wrong[y == 0].mean() + wrong[y == 1].mean()) / 2))


def domain_classifier() -> Pipeline:
    """Logistic regression on standardised features that weights the domains alike, not yet fit."""
    return make_pipeline(
        StandardScaler(), LogisticRegression(C=0.01, class_weight="balanced", max_iter=1000)
    )


def a_distance(error: float) -> float:
    """A-distance of two domains: 0 where a classifier cannot tell them apart, 2 where it can.

        2 (1 - 2 eps)

    with eps its ``domain_error`` (section 5.3 and Figure 3a; Ben-David et al. 2010).
    """
    return 2 * (1 - 2 * error)
