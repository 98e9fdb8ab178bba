"""Packed codes, Hamming counts and every figure that follows from them; NumPy, no sort."""

from dah.exports import lazily

__getattr__, __dir__, __all__ = lazily(
    __name__,
    {
        "codes": ["check_codes", "pack", "unpack"],
        "hamming": ["Histograms", "hamming_distances", "histograms"],
        "precision": [
            "average_precision",
            "mean_average_precision",
            "mean_over_queries",
            "precision_recall",
            "precision_within_radius",
        ],
        "reach": ["NONE", "is_beyond", "named", "reach"],
        "statistics": ["collisions", "imbalance", "mean_correlation"],
        "ties": ["map_spread"],
    },
)
