"""Binary files come back as they were stored, and what is not theirs is refused in one line."""

from dataclasses import fields

import h5py
import numpy as np
import pytest
from numpy.testing import assert_array_equal

from dah.errors import UserError
from dah.files.artifacts import Codes, read_codes, read_pictures, write_codes, write_images


def codes(**more):
    rng = np.random.default_rng(0)
    source, target = (rng.integers(0, 256, (n, 2), np.uint8) for n in (3, 2))
    return Codes(16, source, ["a", "b", "c"], target, ["d", "e"], **more)


@pytest.mark.parametrize(
    "more",
    [
        {},
        {"probabilities": np.eye(2, dtype=np.float32), "domain_error": 0.25},
        {"components_source": np.ones((3, 4), np.float32), "domain_error": 0.0},
        {"temperature": 1.5, "reach": 3},
    ],
)
def test_codes_come_back_with_what_they_had(tmp_path, more):
    """Every field, and None for what a method does not have."""
    stored = codes(**more)
    write_codes(tmp_path / "c.h5", stored)
    found = read_codes(tmp_path / "c.h5")
    for field in fields(Codes):
        a, b = getattr(stored, field.name), getattr(found, field.name)
        if isinstance(a, np.ndarray):
            assert_array_equal(b, a)
            assert b.dtype == a.dtype
        else:
            assert b == a


def test_probabilities_that_are_not_finite_are_refused(tmp_path):
    """What is optional is checked where it is there."""
    write_codes(tmp_path / "c.h5", codes(probabilities=np.eye(2, dtype=np.float32)))
    with h5py.File(tmp_path / "c.h5", "a") as file:
        file["probabilities"][0, 0] = np.nan
    with pytest.raises(UserError, match=r"c\.h5: 'probabilities' holds values that are not finite"):
        read_codes(tmp_path / "c.h5")


@pytest.mark.parametrize(
    ("name", "value"), [("temperature", np.nan), ("temperature", 2), ("reach", 0.5), ("reach", -1)]
)
def test_a_temperature_or_reach_that_is_none_is_refused(tmp_path, name, value):
    """It would end up in every probability."""
    write_codes(tmp_path / "c.h5", codes(temperature=2.0, reach=1))
    with h5py.File(tmp_path / "c.h5", "a") as file:
        file.attrs[name] = value
    with pytest.raises(UserError, match=r"c\.h5: expected a temperature and a reach, found"):
        read_codes(tmp_path / "c.h5")


def test_some_pictures_are_read_by_their_ids(tmp_path):
    """In the order asked for, and an id that is not there is named."""
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (4, 8, 8, 3), np.uint8)
    write_images(tmp_path / "i.h5", enumerate(images), list("wxyz"), 8)
    for found, expected in zip(
        read_pictures(tmp_path / "i.h5", ["z", "w", "z"]), images[[3, 0, 3]], strict=True
    ):
        assert_array_equal(found, expected)
    with pytest.raises(UserError, match=r"i\.h5: expected images .* 1 ids of this run, .*'q'"):
        read_pictures(tmp_path / "i.h5", ["q"])
