"""Figures of a task against its truth, their means over seeds, and what is drawn of them."""

from dah.exports import lazily

__getattr__, __dir__, __all__ = lazily(
    __name__,
    {
        "confusion": ["Confusion", "among", "category_accuracy", "confusion_in", "most_confused"],
        "datasets": ["sizes", "svm_accuracy"],
        "figures": [
            "DomainFigures",
            "Figures",
            "LEFT_OUT",
            "by_figure",
            "deviations",
            "left_out",
            "means",
        ],
        "illustrations": ["illustrations", "unlabelled_illustrations"],
        "targets": ["NEAREST", "accuracy", "code_figures", "target_figures"],
    },
)
