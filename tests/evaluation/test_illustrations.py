"""What the report draws: neighbours as a sort of all pairs finds them, maps, confusion."""

import numpy as np
import pytest
from numpy.testing import assert_array_equal

from dah.evaluation.illustrations import domain_points, illustrations, nearest_images
from dah.files.artifacts import Codes
from dah.retrieval.codes import pack
from dah.tasks.lists import Labels


@pytest.fixture
def labels():
    rng = np.random.default_rng(1)
    return Labels(rng.integers(0, 3, 25), np.arange(40) % 3, np.arange(40) % 4 == 0)


@pytest.fixture
def codes():
    """Six bits of 25 source and 40 target images, and an fc7 of four components."""
    rng = np.random.default_rng(0)
    source, target = (rng.standard_normal((n, 6)) for n in (25, 40))
    return Codes(
        bits=6,
        source=pack(source),
        source_ids=[f"s{i}" for i in range(25)],
        target=pack(target),
        target_ids=[f"t{i}" for i in range(40)],
        probabilities=np.eye(3, dtype=np.float32)[np.arange(40) % 2],
        components_source=source[:, :4],
        components_target=target[:, :4],
    )


def test_neighbours_are_those_of_a_sort(codes, labels):
    """Python's stable sort by counted bits; the database alone; labels and distances its own."""
    found = nearest_images(codes, labels, 7, seed=0)
    assert len(found) == 5
    bits = [[int(b) for b in np.unpackbits(row)] for row in codes.target]
    database = [i for i in range(40) if i % 4]
    for query in found:
        q = int(query["id"][1:])
        assert q % 4 == 0
        assert query["label"] == q % 3
        gaps = {i: sum(a != b for a, b in zip(bits[q], bits[i], strict=True)) for i in database}
        expected = sorted(database, key=gaps.get)[:7]
        assert query["nearest"] == [
            {"id": f"t{i}", "label": i % 3, "distance": gaps[i]} for i in expected
        ]


def test_queries_are_of_different_categories(codes, labels):
    """The first three of three categories; another seed draws others."""
    found = nearest_images(codes, labels, 1, seed=0)
    assert {query["label"] for query in found[:3]} == {0, 1, 2}
    assert len({query["id"] for query in found}) == 5
    other = nearest_images(codes, labels, 1, seed=1)
    assert [query["id"] for query in other] != [query["id"] for query in found]


def test_points_have_the_labels_of_their_images(codes, labels):
    """As many of each category as there are images of it, all of them here."""
    points = domain_points(codes, labels, seed=0)
    for side in ("source", "target"):
        assert np.array(points[side]).shape == (len(points[f"{side}_labels"]), 2)
        assert_array_equal(points[f"{side}_labels"], getattr(labels, side))


def test_each_method_is_drawn_with_what_it_has(codes, labels):
    """Confusion of those that classify, maps of those with a network, neighbours of the first."""
    plain = Codes(6, codes.source, codes.source_ids, codes.target, codes.target_ids)
    scores = Codes(
        0, codes.source[:, :0], codes.source_ids, codes.target[:, :0], codes.target_ids,
        codes.probabilities, codes.probabilities, 0.1,
        codes.components_source[:, :1], codes.components_target[:, :1],
    )  # fmt: skip
    methods = {"dan": scores, "itq": plain, "dah": codes}
    drawn = illustrations(methods, dict.fromkeys(methods, labels), 3, seed=0)
    assert set(drawn["confusion"]) == {"dan", "dah"}
    cells = drawn["confusion"]["dah"]
    assert np.bincount(cells["true"], cells["images"]).tolist() == [14, 13, 13]
    assert set(cells["predicted"]) == {0, 1}
    assert set(drawn["points"]) == {"dah"}
    assert set(drawn["nearest"]) == {"itq"}
    assert illustrations({"dan": scores}, {"dan": labels}, 3, 0)["nearest"] == {}
