"""GFK, TCA, CORAL, JDA, the two classifiers, and the classifier of domains; rows are samples."""

from dah.exports import lazily

__getattr__, __dir__, __all__ = lazily(
    __name__,
    {
        "adapt": ["coral", "gfk", "jda", "tca"],
        "classifiers": ["linear_svm", "nearest_neighbour"],
        "domains": ["a_distance", "domain_error", "domain_odds", "held_out_log_odds"],
    },
)
