"""Figures of a task from codes whose answers are known, their tables and their page."""

import re
import statistics
from dataclasses import replace

import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose, assert_array_equal

from dah.artifacts import Codes
from dah.codes import pack
from dah.encoding import activations, domain_error, probabilities
from dah.evaluation import (
    accuracy,
    by_figure,
    category_accuracy,
    code_figures,
    confusion_matrix,
    mean_and_deviation,
    mean_over_tasks,
)
from dah.networks import Network, build_trunk
from dah.report import domain_table, page, text_table


def codes_of(signs_source, signs_target, wrong=0):
    """Codes of 4 bits; probabilities right for all target images but the first `wrong`."""
    n = len(signs_target)
    right = np.eye(2, dtype=np.float32)[np.arange(n) % 2]
    from_codes = right.copy()
    from_codes[:wrong] = 1 - from_codes[:wrong]
    return Codes(
        bits=4,
        source=pack(signs_source),
        source_ids=[f"s{i}" for i in range(len(signs_source))],
        target=pack(signs_target),
        target_ids=[f"t{i}" for i in range(n)],
        probabilities=from_codes,
        probabilities_real=right,
        domain_error=0.25,
    )


def test_figures_of_perfect_codes():
    """Each category has its code: mAP 1, precision 1, accuracy by the probabilities."""
    plain = np.array([[1, 1, 1, 1], [-1, -1, -1, -1]])
    labels = np.arange(20) % 2
    codes = codes_of(plain[np.arange(6) % 2], plain[labels], wrong=5)
    figures, _ = code_figures(codes, np.arange(6) % 2, labels, np.arange(20) < 4)
    assert figures == {
        "accuracy": 75.0,
        "accuracy_real": 100.0,
        "map": 1.0,
        "map_lowest": 1.0,
        "map_highest": 1.0,
        "map_cross": 1.0,
        "precision_radius_2": 1.0,
        "imbalance": 0.0,
        "correlation": 1.0,
        "collisions": 1.0,
        "domain_error": 0.25,
    }


RETRIEVAL = {"map", "map_lowest", "map_highest", "precision_radius_2"} | {
    "imbalance", "correlation", "collisions",
}  # fmt: skip


def test_what_a_method_does_not_make_is_not_measured():
    """No bits, no retrieval; no probabilities, no accuracy; no source codes, nothing across."""
    plain = np.array([[1, 1, 1, 1], [-1, -1, -1, -1]])
    labels, queries = np.arange(20) % 2, np.arange(20) < 4
    codes = codes_of(plain[np.arange(6) % 2], plain[labels])
    none = np.empty((20, 0), np.float32)
    scores = replace(codes, bits=0, source=codes.source[:, :0], target=codes.target[:, :0])
    figures, within = code_figures(scores, np.arange(6) % 2, labels, queries)
    assert (set(figures), within) == ({"accuracy", "domain_error"}, None)
    hashed = replace(codes, probabilities=none, probabilities_real=none, domain_error=None)
    figures, _ = code_figures(hashed, np.arange(6) % 2, labels, queries)
    assert set(figures) == {"map_cross", *RETRIEVAL}
    oracle = replace(hashed, source=codes.source[:0], source_ids=[])
    figures, _ = code_figures(oracle, np.arange(0), labels, queries)
    assert set(figures) == RETRIEVAL


def test_queries_are_not_in_their_database():
    """A query alone in its category finds nothing within the target, but does in the source."""
    plain = np.array([[1, 1, 1, 1], [-1, -1, -1, -1]])
    labels = np.array([0, 0, 0, 1])
    codes = codes_of(plain[[0, 1]], plain[labels])
    figures, counts = code_figures(
        codes, np.array([0, 1]), labels, np.array([True, False, False, True])
    )
    assert counts.total.sum(axis=1).tolist() == [2, 2]
    assert counts.relevant.sum(axis=1).tolist() == [2, 0]
    assert_allclose([figures["map"], figures["map_cross"]], 1)


def test_accuracy_is_a_percentage():
    """Two of three."""
    assert_allclose(accuracy(np.array([1, 2, 3]), np.array([1, 2, 0])), 200 / 3)


def test_confusion_worked_out_by_hand():
    """Three images of 0, one taken for 1; two of 1; one of 3, taken for 0; none of 2."""
    labels = np.array([0, 0, 0, 1, 1, 3])
    predicted = np.array([0, 1, 0, 1, 1, 0])
    confusion = confusion_matrix(predicted, labels, 4)
    assert_array_equal(confusion, [[2, 1, 0, 0], [0, 2, 0, 0], [0, 0, 0, 0], [1, 0, 0, 0]])
    assert confusion.dtype == np.int64
    assert_allclose(category_accuracy(confusion), [200 / 3, 100, np.nan, 0])


def test_confusion_equals_a_loop_and_holds_the_accuracy():
    """Cell by cell; rows count the truth, columns the predictions, the diagonal the right ones."""
    rng = np.random.default_rng(0)
    labels, predicted = rng.integers(0, 7, (2, 200))
    confusion = confusion_matrix(predicted, labels, 7)
    expected = np.zeros((7, 7), int)
    for truth, guess in zip(labels, predicted, strict=True):
        expected[truth, guess] += 1
    assert_array_equal(confusion, expected)
    images = confusion.sum(axis=1)
    by_category = category_accuracy(confusion)
    for c in range(7):
        assert_allclose(by_category[c], accuracy(predicted[labels == c], labels[labels == c]))
    assert_allclose(np.average(by_category, weights=images), accuracy(predicted, labels))


def test_confusion_refuses_what_it_cannot_count():
    """Lengths that differ and categories that are not numbered 0 ... C - 1."""
    labels = np.array([0, 1, 2])
    with pytest.raises(ValueError, match="found 2 predictions of 3 labels"):
        confusion_matrix(labels[:2], labels, 3)
    with pytest.raises(ValueError, match=r"1 of 3 predictions are outside 0 \.\.\. 1.* is 2"):
        confusion_matrix(labels, labels, 2)
    with pytest.raises(ValueError, match=r"1 of 3 labels are outside .* first is -1"):
        confusion_matrix(labels, labels - 1, 3)


def test_deviation_has_the_divisor_of_a_sample():
    """Over three seeds as the standard library has it; what one run has, has none."""
    runs = [{"accuracy": {"dah": value}, "map": {"dah": 0.5}} for value in (40.0, 47.0, 51.0)]
    runs[1]["accuracy"]["jda"] = 33.0
    means, deviations = mean_and_deviation(runs)
    assert means == {"accuracy": {"dah": 46.0, "jda": 33.0}, "map": {"dah": 0.5}}
    assert set(deviations["accuracy"]) == {"dah"}
    expected = statistics.stdev([40, 47, 51])
    assert_allclose(deviations["accuracy"]["dah"], expected, atol=5e-7)
    assert_allclose(expected, np.sqrt((36 + 1 + 25) / 2))
    assert deviations["map"] == {"dah": 0}


def test_a_single_run_has_no_deviation():
    """Its figures are the means; and no run has neither."""
    run = {"accuracy": {"dah": 40.0}}
    assert mean_and_deviation([run]) == (run, {})
    assert mean_and_deviation([]) == ({}, {})


def test_figures_are_turned_and_averaged():
    """Rows read accuracy.dah; a mean is over the tasks that have the figure."""
    a = by_figure({"dah": {"accuracy": 50.0, "map": 0.5}, "jda": {"accuracy": 1 / 3}})
    b = by_figure({"dah": {"accuracy": 70.0, "map": 0.7}})
    assert a == {"accuracy": {"dah": 50.0, "jda": 0.333333}, "map": {"dah": 0.5}}
    assert mean_over_tasks({"p": a, "q": b}) == {
        "accuracy": {"dah": 60.0, "jda": 0.333333},
        "map": {"dah": 0.6},
    }


def test_blocks_of_probabilities_are_one_whole(monkeypatch):
    """Eq. 6 in blocks of two images equals eq. 6 at once; rows sum to one."""
    rng = np.random.default_rng(0)
    ut, us = (rng.standard_normal((n, 4)).astype(np.float32) for n in (5, 9))
    ys = np.arange(9) % 3
    whole = probabilities(ut, us, ys, 3)
    monkeypatch.setattr("dah.encoding.QUERIES_AT_ONCE", 2)
    assert_allclose(probabilities(ut, us, ys, 3), whole, rtol=1e-6)
    assert_allclose(whole.sum(axis=1), 1, rtol=1e-6)


def test_domain_error_between_its_ends():
    """Separated domains give 0, equal ones about a half; unequal sizes do not fake one."""
    rng = np.random.default_rng(0)
    a, b = rng.standard_normal((200, 5)), rng.standard_normal((60, 5))
    assert domain_error(a, b + 9, 0) == 0
    assert 0.4 < domain_error(a, b, 0) <= 0.5


DOMAINS = {"images": {"hand": 9}, "svm_accuracy": {"hand": 90.0}}
FIGURES = {"accuracy": {"none": 40.0, "dah": 61.25}, "map": {"dah": 0.5}}


def test_the_text_table_reads():
    """Methods in rows, tasks and mean in columns."""
    text = text_table("accuracy", {"p-h": FIGURES, "h-s": FIGURES}, FIGURES)
    assert re.search(r"p-h +h-s +mean\n", text)
    assert re.search(r"\n +dah +61\.[23] +61\.[23] +61\.[23]$", text)


def test_the_page_is_whole_in_itself():
    """Tables with the best value marked, the curve inside as PNG, nothing loaded from elsewhere."""
    curve = {"dah": {"recall": [0.1, 1.0], "precision": [1.0, 0.2]}}
    html = page({"p<h": FIGURES}, FIGURES, {"p<h": curve}, DOMAINS, "digits")
    assert "<td class=best>61.2" in html
    assert "p&lt;h" in html
    assert "p<h" not in html
    assert "data:image/png;base64,iVBOR" in html
    assert not re.search(r"https?://|<script|src='(?!data:)", html)


def test_a_task_without_labels_has_no_column_of_its_own_figures_and_no_curve():
    """Its cells are empty, the page says so, and means are those of the other task."""
    tasks = {"p-h": FIGURES, "p-s": {"domain_error": {"dah": 0.25}}}
    mean = mean_over_tasks(tasks)
    assert mean == FIGURES | {"domain_error": {"dah": 0.25}}
    curves = {"p-h": {"dah": {"recall": [1.0], "precision": [0.2]}}, "p-s": {}}
    html = page(tasks, mean, curves, DOMAINS, "digits")
    assert "no accuracy and no mAP: p-s" in html
    assert html.count("<img") == 1
    assert re.search(r"\n +dah +61\.[23] +- +61\.[23]$", text_table("accuracy", tasks, mean))


def test_published_figures_stand_below_ours():
    """Only on the paper's data sets, and only for its tasks; the oracle is named as such."""
    figures = {"accuracy": {"dah": 61.2}, "map": {"suh": 0.9, "dah": 0.5}}
    tasks = {"amazon-webcam": figures, "amazon-street": figures}
    html = page(tasks, figures, {}, DOMAINS, "office31")
    assert "<th>dah<td>68.3<td>-" in html
    assert "<th>suh (oracle)<td>0.900" in html
    assert "<td class=best>0.500" in html
    assert "As published" not in page(tasks, figures, {}, DOMAINS, "digits")


def test_domains_are_a_table():
    """Whole numbers and sizes as they are, percents with two decimals, nothing where unknown."""
    domains = DOMAINS | {"images": {"hand": 9, "web": 4}}
    assert domain_table(domains) == [
        ["", "images", "SVM, %"],
        ["hand", "9", "90.00"],
        ["web", "4", "-"],
    ]


def test_activations_come_in_the_order_of_their_images(monkeypatch):
    """In batches of two as in one, and without a trace of the batch."""
    torch.manual_seed(0)
    network = Network(build_trunk("lenet"), 8)
    images = torch.rand(5, 3, 28, 28)
    whole = activations(network, images, lambda batch: batch)
    monkeypatch.setattr("dah.encoding.BATCH", 2)
    parts = activations(network, images, lambda batch: batch)
    assert whole.fc7.shape == (5, 128)
    assert_allclose(parts.u, whole.u, rtol=1e-4, atol=1e-5)
    assert_allclose(parts.fc7, whole.fc7, rtol=1e-4, atol=1e-5)
