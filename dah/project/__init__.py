"""The project that a command or stage works on, a clone or one that ``init`` wrote.

Its root, presets and outputs, what is in their way, and how another one begins.
"""

from dah.exports import lazily

__getattr__, __dir__, __all__ = lazily(
    __name__,
    {
        "beginning": ["begin"],
        "costs": ["keep_costs", "machines_of", "record_cost"],
        "leftovers": [
            "add_to_record",
            "by_folder",
            "former_figures",
            "refuse_loss",
            "remove",
        ],
        "library": ["LIBRARY", "write_library"],
        "outputs": ["stages_of"],
        "presets": ["apply_preset"],
        "root": ["DATA", "METRICS", "PARAMS", "PRESETS", "SCHEMA", "at_root", "project_root"],
        "storage": ["Storage"],
    },
)
