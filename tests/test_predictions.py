"""Predictions by the names of files."""

import numpy as np

from dah.artifacts import Codes
from dah.predictions import predictions


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
    assert rows == [("a.jpg", "mug", "0.9000", "a0"), ("b.jpg", "pen", "0.7500", "0f")]
    rows = list(predictions(codes, ["=1+1", "@pen"], ["-b\n.jpg", "a.jpg"]))
    assert [row[:2] for row in rows] == [(r"'-b\n.jpg", "'@pen"), ("a.jpg", "'=1+1")]
