"""A task's rows in the order of its lists, copied only where the file has another."""

import numpy as np
import pytest
from numpy.testing import assert_array_equal

from dah.errors import UserError
from dah.files.artifacts import write_features
from dah.tasks import inputs
from dah.tasks.lists import Lists

X = np.arange(12, dtype=np.float32).reshape(4, 3)


@pytest.fixture
def folder(tmp_path):
    """fc7 of two domains, ids a ... d."""
    for domain in "st":
        write_features(tmp_path / f"{domain}.h5", X, "abcd")
    return tmp_path


def of(source, target):
    return Lists(["one"], list(source), np.zeros(len(source), np.int64), list(target))


def test_rows_come_in_the_order_of_the_lists(folder):
    Xs, Xt = inputs.read_fc7(folder, ("s", "t"), of("abcd", "db"))
    assert_array_equal(Xs, X)
    assert_array_equal(Xt, X[[3, 1]])


def test_rows_in_the_order_of_the_file_are_not_copied(folder, monkeypatch):
    """What was read is handed on."""
    monkeypatch.setattr(inputs, "read_features", lambda path: (X, list("abcd")))
    Xs, Xt = inputs.read_fc7(folder, ("s", "t"), of("abcd", "abdc"))
    assert Xs is X
    assert_array_equal(Xt, X[[0, 1, 3, 2]])


def test_an_image_that_is_not_there_is_named(folder):
    with pytest.raises(UserError, match=r"t\.h5: holds no 'e' \(1 of 2 ids are missing\)"):
        inputs.read_fc7(folder, ("s", "t"), of("abcd", "ae"))
