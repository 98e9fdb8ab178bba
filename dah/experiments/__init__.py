"""DVC's experiments side by side, and a choice among them without target labels."""

from dah.exports import lazily

__getattr__, __dir__, __all__ = lazily(
    __name__,
    {
        "comparison": ["experiments_table"],
        "runs": ["foreign_note", "read_folder", "show"],
        "selection": ["candidates", "candidates_table", "choose", "comparable", "tasks_of"],
    },
)
