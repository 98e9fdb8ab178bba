"""GFK, TCA, CORAL, JDA, the two classifiers, and the classifier of domains; rows are samples.

May import ``dah.linalg`` alone.
"""

from dah.exports import lazily

__getattr__, __dir__, __all__ = lazily(
    __name__,
    {
        "adapt": ["coral", "gfk", "jda", "tca"],
        "classifiers": ["linear_svm", "nearest_neighbour"],
        "domains": ["FOLDS", "a_distance", "domain_classifier", "domain_error"],
    },
)
