"""The deep methods: losses, terms, batches, the one training loop, which goes on after a kill."""

from dah.exports import lazily

__getattr__, __dir__, __all__ = lazily(
    __name__,
    {
        "losses": ["category_log_probabilities"],
        "mmd": ["MK_MMD"],
        "pretraining": ["pretrain"],
        "training": ["Training", "fit"],
    },
)
