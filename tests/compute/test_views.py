"""Stored views: the centre and fixed random ones, in float16, bounded, drawn from at random."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose
from torch.testing import assert_close

from dah import params
from dah.compute.activations import activations
from dah.compute.augment import augment, centre_crop, colour_deviation, drawn_views, plain_view
from dah.compute.views import stored_views
from dah.errors import UserError
from dah.networks.build import build_trunk
from dah.networks.cuts import cut
from dah.networks.heads import build_network

DEFAULT = params.load(Path(__file__).parents[2] / "params.yaml").train
CPU = torch.device("cpu")
OPTIONS = replace(DEFAULT, finetune=2, views=3)


def pixels(n=7):
    rng = np.random.default_rng(0)
    return torch.from_numpy(rng.integers(0, 256, (n, 32, 32, 3), dtype=np.uint8))


def made(options=OPTIONS, batch=3):
    torch.manual_seed(0)
    network = build_network(build_trunk("lenet").eval(), 8, 16, options.finetune)
    lower = cut(network.trunk, options.finetune).lower
    views = stored_views(lower, pixels(), 28, options, CPU, batch)
    return network, lower, torch.stack(list(views), dim=1)


def test_views_are_those_of_the_augmentation():
    """The centre, then what the view's number draws for all images at once."""
    _, lower, views = made()
    assert views.shape[:2] == (7, 3)
    assert views.dtype == torch.float16
    how = {"size": 28, "options": OPTIONS.augment, "deviation": colour_deviation(pixels().numpy())}
    expected = [centre_crop(pixels(), 28)]
    expected += [augment(pixels(), torch.Generator().manual_seed(i), **how) for i in (1, 2)]
    with torch.no_grad():
        for number, images in enumerate(expected):
            assert_close(views[:, number].float(), lower(images), rtol=1e-3, atol=1e-3)


def test_views_do_not_depend_on_the_size_of_batches():
    assert_close(made(batch=1)[2], made(batch=7)[2], rtol=2e-3, atol=2e-3)


@pytest.mark.parametrize("finetune", [1, 2, "convolutions"])
def test_codes_are_those_of_the_whole_network(finetune):
    """Whether the layers below were stored or are computed again."""
    network, _, views = made(replace(OPTIONS, finetune=finetune))
    stored = activations(network.learner(finetune), views, plain_view(finetune, 28))
    whole = activations(network, pixels(), plain_view("all", 28))
    assert_allclose(stored.u, whole.u, rtol=0, atol=1e-3)
    assert_allclose(stored.fc7, whole.fc7, rtol=5e-3, atol=5e-3)
    clear = np.abs(whole.u) > 1e-3
    assert clear.mean() > 0.9
    assert np.array_equal(stored.u[clear] > 0, whole.u[clear] > 0)


def test_a_batch_draws_one_view_of_each_image():
    """All of them in time, by the generator alone; a share is that of the whole batch."""
    views = torch.arange(24).view(4, 3, 2).half()
    drawn = drawn_views(views, torch.Generator().manual_seed(0))
    assert drawn.dtype == torch.float32
    which = (drawn[:, 0].long() // 2) - 3 * torch.arange(4)
    assert_close(drawn, views[torch.arange(4), which].float())
    share = slice(1, 3)
    part = drawn_views(views[share], torch.Generator().manual_seed(0), 4, share)
    assert_close(part, drawn[share])
    rng = torch.Generator().manual_seed(1)
    assert {float(drawn_views(views, rng)[0, 0]) for _ in range(60)} == {0.0, 2.0, 4.0}


def test_too_many_bytes_are_refused_with_their_number():
    """7 images, 3 views, 256 activations of two bytes: before any but one is computed."""
    tight = replace(OPTIONS, finetune="fc7", views_gib=1e-6)
    message = r"3 views of 7 images, \(256,\) each, take 10752 bytes .* raise it, or lower"
    with pytest.raises(UserError, match=message):
        made(tight)
