"""The trunk that comes with the library: the very file, what it can read, and what made it."""

from hashlib import sha256

import numpy as np
import pytest
import torch

from dah.compute.augment import centre_crop
from dah.deep.pretraining import pretrain
from dah.images.letters import draw_letters
from dah.networks.build import build_trunk
from dah.networks.weights import LETTERS, load_weights

CHECKSUM = "8a30db4e8b3a24abb9a6a2de7e13b2f847b8f6c18cecdac2abc5b2b762357fe0"
TRAINING_SEED, OTHER_SEED = 0, 7


def fc7(trunk, pixels):
    """Activations of squares of 32 pixels, seen as the features stage sees them."""
    with torch.inference_mode():
        return trunk(centre_crop(torch.from_numpy(pixels), 28))[-1]


def accuracy(trunk, pixels, labels):
    """Percent of letters that ridge regression on fc7 names right, fitted on half of them."""
    X = torch.nn.functional.pad(fc7(trunk, pixels), (0, 1), value=1.0).double()
    y = torch.nn.functional.one_hot(torch.from_numpy(labels)).double()
    order = torch.randperm(len(X), generator=torch.Generator().manual_seed(0))
    fit, rest = order.split(len(X) // 2)
    gram = X[fit].T @ X[fit] + torch.eye(X.shape[1])
    weights = torch.linalg.solve(gram, X[fit].T @ y[fit])
    found = (X[rest] @ weights).argmax(dim=1)
    return 100 * float((found == torch.from_numpy(labels)[rest]).double().mean())


@pytest.fixture(scope="module")
def unseen():
    """Letters at other places, sizes and backgrounds than those it learnt from."""
    return draw_letters(32, OTHER_SEED)


def test_the_file_is_the_one_that_the_figures_were_measured_with():
    """A trunk retrained on another machine differs, and all figures with it."""
    assert sha256(LETTERS.read_bytes()).hexdigest() == CHECKSUM


def test_it_tells_letters_that_it_has_not_seen(unseen):
    """More than 70 % of 52, where a trunk with random weights tells less than half as many."""
    trunk = build_trunk("lenet")
    load_weights(trunk, "lenet", "letters")
    torch.manual_seed(0)
    untrained = accuracy(build_trunk("lenet"), *unseen)
    assert accuracy(trunk, *unseen) > max(70, 2 * untrained)


@pytest.mark.slow
def test_the_recipe_makes_one_as_good(unseen):
    """``backbone.weights: train``: within two points, whatever this machine rounds like."""
    torch.manual_seed(TRAINING_SEED)
    made, shipped = build_trunk("lenet"), build_trunk("lenet")
    pixels, labels = draw_letters(32, TRAINING_SEED)
    images = centre_crop(torch.from_numpy(pixels), 28)
    shares = list(pretrain(made, images, torch.from_numpy(labels), 8, TRAINING_SEED))
    assert np.argmax(shares) >= 6
    load_weights(shipped, "lenet", "letters")
    assert abs(accuracy(made, *unseen) - accuracy(shipped, *unseen)) < 2
