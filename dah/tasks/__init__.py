"""An adaptation task: its lists, its split, its pictures and activations in memory."""

from dah.exports import lazily

__getattr__, __dir__, __all__ = lazily(
    __name__,
    {
        "inputs": ["read_fc7", "read_inputs"],
        "lists": [
            "Labelled",
            "Labels",
            "Lists",
            "Task",
            "Truth",
            "oracle_lists",
            "read_lists",
            "read_truth",
            "write_task",
        ],
        "split": ["Domain", "make_task"],
    },
)
