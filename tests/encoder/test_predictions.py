"""Predictions by the names of files."""

from dataclasses import replace

import numpy as np

from dah.encoder.predictions import columns, predictions
from dah.files.artifacts import Codes


def test_rows_are_files_with_their_most_probable_category():
    """In the order of the files, each with its own code."""
    shares = np.array([[0.25, 0.75], [0.9, 0.1]], np.float32)
    codes = Codes(
        bits=8,
        source=np.zeros((1, 1), np.uint8),
        source_ids=["s"],
        target=np.array([[0x0F], [0xA0]], np.uint8),
        target_ids=["x", "y"],
        probabilities=shares,
        probabilities_real=1 - shares,
        domain_error=0.5,
    )
    rows = list(predictions(codes, ["mug", "pen"], ["b.jpg", "a.jpg"]))
    assert rows == [
        ("a.jpg", "mug", "0.9000", "a0", "mug"),
        ("b.jpg", "pen", "0.7500", "0f", "pen"),
    ]
    assert columns(codes) == ("file", "category", "score", "code", "nearest")
    rows = list(predictions(codes, ["=1+1", "@pen"], ["-b\n.jpg", "a.jpg"]))
    assert [row[:2] for row in rows] == [(r"'-b\n.jpg", "'@pen"), ("a.jpg", "'=1+1")]


def test_probabilities_are_calibrated_and_far_images_are_none_of_them():
    """3 to 1 at temperature 2 of 9 to 1; a code 4 bits from the source, whose reach is 3."""
    shares = np.array([[0.1, 0.9], [0.9, 0.1]], np.float32)
    packed = np.array([[0x00], [0x0F]], np.uint8)
    source = np.zeros((2, 1), np.uint8)
    codes = Codes(8, source, ["s", "r"], packed, ["x", "y"], shares, shares, 0.5)
    codes = replace(codes, temperature=2.0, reach=3)
    assert columns(codes)[2] == "probability"
    assert list(predictions(codes, ["mug", "pen"], ["a", "b"])) == [
        ("a", "pen", "0.7500", "00", "pen"),
        ("b", "none of them", "0.7500", "0f", "mug"),
    ]
