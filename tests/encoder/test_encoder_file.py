"""An encoder's file, and how one is made of what the pipeline leaves."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from encoders import CATEGORIES, SIZE, parts, pipeline
from numpy.testing import assert_array_equal

from dah.encoder.file import check_parts, is_encoder, read_encoder, write_encoder
from dah.encoder.trained import Folders, folders_beside, gather, stored_size
from dah.errors import UserError
from dah.files.artifacts import read_codes, write_codes
from dah.networks.checkpoints import read_model, write_model


def assert_same(found, expected):
    """Every part of two encoders is equal."""
    assert found.state.keys() == expected.state.keys()
    for name, value in expected.state.items():
        torch.testing.assert_close(found.state[name], value, rtol=0, atol=0)
    assert (found.shape, found.size, found.categories) == (
        expected.shape,
        expected.size,
        expected.categories,
    )
    assert_array_equal(found.source_codes, expected.source_codes)
    assert_array_equal(found.source_labels, expected.source_labels)
    assert found.fingerprint() == expected.fingerprint()


def test_what_is_written_is_read(tmp_path):
    """One file holds all of an encoder, in plain values that need no code to load."""
    given = parts()
    write_encoder(tmp_path / "e.pt", given)
    assert is_encoder(read_model(tmp_path / "e.pt")[1])
    assert_same(read_encoder(tmp_path / "e.pt"), given)


@pytest.mark.parametrize("between", [(), ("0",)])
def test_a_network_is_completed_from_the_folders_beside_it(tmp_path, between):
    """With and without a folder for the seed between task and method."""
    given = parts()
    network = pipeline(tmp_path / "data", given, "studio-street", *between)
    assert not is_encoder(read_model(network)[1])
    assert_same(gather(network, folders_beside(network)), given)


def test_the_fingerprint_changes_with_whatever_changes_a_code():
    """Each weight and the squares' size do; categories and source codes change no code."""
    given = parts()
    kept = replace(given, categories=["a", "b", "c"], source_codes=given.source_codes[::-1].copy())
    assert kept.fingerprint() == given.fingerprint()
    assert replace(given, size=SIZE + 1).fingerprint() != given.fingerprint()
    for name, value in given.state.items():
        other = value.clone()
        other.view(-1)[0] += 1
        assert replace(given, state={**given.state, name: other}).fingerprint() != (
            given.fingerprint()
        ), name


def test_a_network_elsewhere_needs_its_folders_named(tmp_path):
    """The message gives the command."""
    with pytest.raises(UserError, match=r"does not lie in the models.* dah export MODEL --codes"):
        folders_beside(tmp_path / "dah.pt")


def test_codes_of_another_run_are_refused(tmp_path):
    """Source codes belong to the lists' images, in their order."""
    network = pipeline(tmp_path, parts())
    path = tmp_path / "codes/studio-street/deep/dah.h5"
    codes = read_codes(path)
    write_codes(path, replace(codes, source_ids=codes.source_ids[::-1]))
    with pytest.raises(UserError, match=r"the 9 source images in .*studio-street, found others"):
        gather(network, folders_beside(network))


def test_a_file_of_an_earlier_version_is_read(tmp_path):
    """It has no temperature and no reach: its probabilities are scores, and nothing is far."""
    write_encoder(tmp_path / "e.pt", replace(parts(), temperature=2.5, reach=3))
    found = read_encoder(tmp_path / "e.pt")
    assert (found.temperature, found.reach) == (2.5, 3)
    content = torch.load(tmp_path / "e.pt")
    del content["config"]["temperature"], content["config"]["reach"]
    torch.save(content, tmp_path / "e.pt")
    older = read_encoder(tmp_path / "e.pt")
    assert (older.temperature, older.reach) == (None, None)
    assert older.fingerprint() == found.fingerprint()


def test_temperature_and_reach_come_with_the_codes(tmp_path):
    """Those that `encode` found for the network."""
    network = pipeline(tmp_path, parts())
    path = tmp_path / "codes/studio-street/deep/dah.h5"
    write_codes(path, replace(read_codes(path), temperature=1.75, reach=2))
    found = gather(network, folders_beside(network))
    assert (found.temperature, found.reach) == (1.75, 2)


def test_a_network_without_codes_is_refused(tmp_path):
    """A softmax has no hash code."""
    given = parts()
    with pytest.raises(UserError, match="hash codes, found one with a softmax; take that of dah"):
        check_parts(tmp_path, replace(given, shape={**given.shape, "softmax": True}))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"source_labels": np.arange(9)}, r"source labels 0 \.\.\. 2 of its categories"),
        ({"source_labels": np.zeros(4, np.int64)}, "found 4 labels and 9 codes"),
        ({"source_codes": np.zeros((9, 3), np.uint8)}, r"12 bits need shape \(n, 2\)"),
        ({"source_labels": np.zeros((9, 1), np.int64)}, r"labels as int64 \(n,\), found int64"),
        ({"source_labels": np.zeros(9)}, "labels as int64 .* found float64"),
        ({"categories": list("abcdefghij")}, "found 9 images and 10 categories"),
        ({"categories": [1, 2, 3]}, "expected the names of a trunk and of categories"),
        ({"size": 2**31}, "expected size as a whole number of 8 to 4096, found another"),
        ({"size": True}, "expected size as a whole number"),
        ({"temperature": 0.5}, "expected a temperature of 1 to 100, found another"),
        ({"temperature": float("nan")}, "expected a temperature of 1 to 100, found another"),
        ({"reach": 13}, "expected a reach of 0 to 12 bits, found another"),
        ({"reach": 0.5}, "expected a reach of 0 to 12 bits, found another"),
        ({"size": 27.5}, "expected size as a whole number"),
        ({"shape": parts().shape | {"outputs": 2**40}}, "expected outputs as a whole number of 1"),
        ({"shape": parts().shape | {"bottleneck": -1}}, "expected bottleneck as a whole number"),
        ({"shape": parts().shape | {"trunk": ["lenet"]}}, "the names of a trunk"),
        ({"shape": parts().shape | {"softmax": 0}}, "found one with a softmax"),
    ],
)
def test_parts_that_do_not_fit_are_refused(tmp_path, change, message):
    """Labels number the categories, codes have the network's length, each has a label."""
    write_encoder(tmp_path / "e.pt", replace(parts(), **change))
    with pytest.raises(UserError, match=message):
        read_encoder(tmp_path / "e.pt")


def test_squares_smaller_than_the_network_sees_are_refused(tmp_path):
    """Their centre would be no square of its size."""
    write_encoder(tmp_path / "e.pt", parts(size=27))
    with pytest.raises(UserError, match=r"sees squares of 28 pixels, but .* prepared with 27"):
        read_encoder(tmp_path / "e.pt").network(tmp_path / "e.pt")


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (
            torch.zeros(1, dtype=torch.uint8).expand(10**9, 2),
            r"weight 'source\.codes', found Tensor",
        ),
        (torch.zeros(9, 2, dtype=torch.uint8, device="meta"), r"weight 'source\.codes', found Ten"),
        (torch.zeros(9, 2, dtype=torch.bfloat16), "source codes and labels are no whole numbers"),
        (torch.zeros(9, 2, requires_grad=True), "packed codes must be uint8, found float32"),
    ],
)
def test_source_codes_that_are_not_there_are_refused(tmp_path, value, message):
    """A few bytes may tell that they are gigabytes."""
    write_encoder(tmp_path / "e.pt", parts())
    content = torch.load(tmp_path / "e.pt")
    content["state"]["source.codes"] = value
    torch.save(content, tmp_path / "e.pt")
    with pytest.raises(UserError, match=message):
        read_encoder(tmp_path / "e.pt")


def test_weights_that_numpy_has_not_are_refused(tmp_path):
    """The fingerprint is of their bytes."""
    given = parts()
    state = {name: value.to(torch.bfloat16) for name, value in given.state.items()}
    write_encoder(tmp_path / "e.pt", replace(given, state=state))
    with pytest.raises(UserError, match="expected weights of 16, 32 or 64 bits"):
        read_encoder(tmp_path / "e.pt")


def test_other_models_are_told_apart(tmp_path):
    """A trunk alone is neither an encoder nor a network."""
    write_model(tmp_path / "models/t/trunk.pt", {"w": torch.zeros(1)}, {"trunk": "lenet"})
    with pytest.raises(UserError, match=r"expected a trained network .* without 'outputs'"):
        gather(tmp_path / "models/t/trunk.pt", folders_beside(tmp_path / "models/t/trunk.pt"))
    with pytest.raises(UserError, match="expected an encoder, found a model without 'source"):
        read_encoder(tmp_path / "models/t/trunk.pt")


def test_the_size_is_that_of_the_source_domain(tmp_path):
    """It is read from the file that holds the source's images."""
    pipeline(tmp_path, parts())
    assert stored_size(tmp_path / "images", "s3") == SIZE
    with pytest.raises(UserError, match="images of the source, found none; run `dvc repro`"):
        stored_size(tmp_path / "images", "another")


def test_folders_can_be_named(tmp_path):
    """Whatever they are called."""
    given = parts()
    network = pipeline(tmp_path, given)
    moved = network.rename(tmp_path / "moved.pt")
    named = Folders(
        tmp_path / "codes/studio-street/deep/dah.h5",
        tmp_path / "tasks/studio-street",
        tmp_path / "images",
    )
    assert_same(gather(moved, named), given)
    assert given.categories == CATEGORIES
