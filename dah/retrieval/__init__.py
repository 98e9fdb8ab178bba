"""Packed codes, Hamming counts and every figure that follows from them; NumPy, no sort.

May import nothing of ours.
"""

from dah.exports import lazily

__getattr__, __dir__, __all__ = lazily(
    __name__,
    {
        "codes": ["check_codes", "pack", "unpack"],
        "hamming": ["Histograms", "PAIRS_AT_ONCE", "hamming_distances", "histograms"],
        "precision": [
            "average_precision",
            "mean_over_queries",
            "precision_recall",
            "precision_within_radius",
        ],
        "reach": ["NONE", "named", "nearest_distances", "reach"],
        "ties": ["map_spread"],
    },
)
