"""The clone that a command or stage works on: its root, presets, outputs, what is in their way."""

from dah.exports import lazily

__getattr__, __dir__, __all__ = lazily(
    __name__,
    {
        "costs": ["keep_costs", "machines_of", "record_cost"],
        "leftovers": [
            "add_to_record",
            "by_folder",
            "former_figures",
            "refuse_loss",
            "remove",
        ],
        "outputs": ["stages_of"],
        "presets": ["apply_preset"],
        "root": ["DATA", "METRICS", "PARAMS", "PRESETS", "SCHEMA", "at_root", "project_root"],
        "storage": ["Storage"],
    },
)
