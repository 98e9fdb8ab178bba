"""Views in a file: as they were written, or refused."""

import h5py
import numpy as np
import pytest

from dah.errors import UserError
from dah.files.views import read_views, write_views

IDS = ["a", "b", "ü"]


@pytest.mark.parametrize("shape", [(5,), (4, 3, 2)])
def test_views_come_back(tmp_path, shape):
    views = np.random.default_rng(0).normal(size=(3, 2, *shape)).astype(np.float16)
    write_views(tmp_path / "v.h5", views, IDS)
    read, ids = read_views(tmp_path / "v.h5")
    np.testing.assert_array_equal(read, views)
    assert (read.dtype, ids) == (np.float16, IDS)


def test_none_are_a_file_that_nobody_learns_from(tmp_path):
    write_views(tmp_path / "v.h5", np.empty((0, 0, 0), np.float16), [])
    message = r"v\.h5: expected what blocks that do not learn made, found none"
    with pytest.raises(UserError, match=message):
        read_views(tmp_path / "v.h5")


def test_what_float16_cannot_hold_is_refused(tmp_path):
    views = np.full((3, 2, 4), np.inf, np.float16)
    with pytest.raises(UserError, match=r"not finite or above 65504; set train\.finetune"):
        write_views(tmp_path / "v.h5", views, IDS)
    assert list(tmp_path.iterdir()) == []


def test_a_shape_that_does_not_fit_is_refused(tmp_path):
    write_views(tmp_path / "v.h5", np.zeros((3, 2, 4, 1), np.float16), IDS)
    with h5py.File(tmp_path / "v.h5", "r+") as file:
        file["shape"][...] = [4, 2]
    message = r"expected views of 3 images, \[4, 2\] each, found \(3, 2, 4"
    with pytest.raises(UserError, match=message):
        read_views(tmp_path / "v.h5")
