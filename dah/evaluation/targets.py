"""Figures of one task from codes, predictions and the target's labels."""

import numpy as np

from dah.encoding.calibration import calibration_error, is_far, tempered
from dah.files.artifacts import Codes
from dah.retrieval import precision as retrieval
from dah.retrieval import statistics
from dah.retrieval.hamming import Histograms, histograms
from dah.retrieval.ties import map_spread
from dah.samples import COMPARED, asked, of_each
from dah.shallow.domains import a_distance
from dah.tasks.lists import Labels

NEAREST = 10


def accuracy(predicted: np.ndarray, labels: np.ndarray) -> float:
    """Correctly classified images in percent; both int64 ``(n,)`` of the same images."""
    return 100 * float(np.mean(predicted == labels))


def code_figures(codes: Codes) -> dict[str, float]:
    """What one method's export tells without a label.

    ``imbalance``, ``correlation`` and ``collisions`` of the target's codes; ``domain_error`` and
    the ``a_distance`` that follows from it; ``out_of_reach``: the share of the target's images that
    lie far from all source codes, of very many images of those that are ``asked``. What a method
    lacks is left out.
    """
    figures = {}
    if codes.bits:
        figures["imbalance"] = statistics.imbalance(codes.target, codes.bits)
        figures["collisions"] = statistics.collisions(codes.target)[1]
        correlation = statistics.mean_correlation(codes.target, codes.bits)
        if correlation is not None:
            figures["correlation"] = correlation
    if codes.reach is not None:
        figures["out_of_reach"] = float(is_far(codes, asked(len(codes.target))).mean())
    if codes.domain_error is not None:
        figures["domain_error"] = codes.domain_error
        figures["a_distance"] = a_distance(codes.domain_error)
    return figures


def queries_of(labels: Labels) -> np.ndarray:
    """The rows of the target's queries, of more than 20,000 as many, ``of_each`` category; int64.

    Each is compared with the whole database, so that the time is linear in that.
    """
    rows = np.flatnonzero(labels.is_query)
    return rows[of_each(labels.target[rows], COMPARED)]


def target_figures(codes: Codes, labels: Labels) -> tuple[dict[str, float], Histograms | None]:
    """Figures of one method against the target's labels, and the histograms of its retrieval.

    ``accuracy`` from codes and ``accuracy_real`` from real outputs (percent, eq. 6); ``map``:
    queries of the target against the rest of it (Table 4), ``map_lowest`` and ``map_highest`` what
    a sort could make of it, ``map_at_10`` among the ten nearest; ``map_cross``: the same queries
    against the whole source (authors' code); ``precision_radius_2``: within Hamming radius 2 of the
    rest of the target. A method that does not classify has no accuracy, one without codes no
    retrieval and None for histograms. ``calibration_error`` of the probabilities that go with the
    accuracy, and ``calibration_error_raw`` of what they were before they were calibrated.
    """
    figures, within = {}, None
    if codes.probabilities is not None:
        p = codes.probabilities
        figures["accuracy"] = accuracy(p.argmax(axis=1), labels.target)
        if codes.temperature is not None:
            calibrated = tempered(p, codes.temperature)
            figures["calibration_error"] = calibration_error(calibrated, labels.target)
            figures["calibration_error_raw"] = calibration_error(p, labels.target)
    if codes.bits and codes.probabilities_real is not None:
        figures["accuracy_real"] = accuracy(codes.probabilities_real.argmax(axis=1), labels.target)
    if codes.bits:
        rows, rest = queries_of(labels), ~labels.is_query
        queries = codes.target[rows], labels.target[rows]
        database = codes.target[rest], labels.target[rest]
        within = histograms(*queries, *database, bits=codes.bits)
        nearest = retrieval.average_precision(within, NEAREST)
        figures |= {
            "map": retrieval.mean_over_queries(retrieval.average_precision(within)),
            **dict(zip(("map_lowest", "map_highest"), map_spread(within), strict=True)),
            f"map_at_{NEAREST}": retrieval.mean_over_queries(nearest),
            "precision_radius_2": retrieval.precision_within_radius(within, 2),
        }
    if codes.bits and len(codes.source):
        figures["map_cross"] = retrieval.mean_average_precision(
            *queries, codes.source, labels.source
        )
    return figures, within
