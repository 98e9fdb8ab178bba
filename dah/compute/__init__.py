"""Where and how networks see images: devices, processes that share a batch, views, inference."""

from dah.exports import lazily

__getattr__, __dir__, __all__ = lazily(
    __name__,
    {
        "activations": ["Activations", "activations"],
        "augment": ["View", "centre_crop", "drawn_views", "plain_view", "random_view"],
        "devices": [
            "choose_device",
            "compiled",
            "exact_products",
            "make_repeatable",
            "use_precision",
            "use_threads",
        ],
        "distributed": [
            "LostProcessError",
            "STORE",
            "from_first",
            "gather",
            "is_first",
            "own_share",
            "process_group",
            "processes",
            "shared_over_processes",
        ],
        "inference": ["batch_size", "settled"],
        "speed": ["looking_speed", "speeds"],
        "views": ["stored_views"],
    },
)
