"""The settings of a hashing method, refused by name where they make no sense."""

import numpy as np


def check_counts(**counts: int) -> None:
    """Raise ValueError unless every count is a whole number from 1."""
    for name, count in counts.items():
        if not isinstance(count, int | np.integer) or count < 1:
            raise ValueError(f"{name} must be a whole number from 1 on, found {count}: raise it")


def check_weights(**weights: float) -> None:
    """Raise ValueError unless every weight is above 0 and finite."""
    for name, weight in weights.items():
        if not 0 < weight < np.inf:
            raise ValueError(f"{name} must be above 0 and finite, found {weight}: use its default")
