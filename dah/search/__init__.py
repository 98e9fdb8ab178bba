"""Indexes of codes: kinds, shards, results, and databases that hold codes."""

from dah.exports import lazily

__getattr__, __dir__, __all__ = lazily(
    __name__,
    {
        "databases": ["load"],
        "folders": ["State", "state_of"],
        "index": [
            "ImageIndex",
            "SHARD",
            "build_index",
            "images_at",
            "open_index",
            "search",
        ],
        "kinds": ["faiss"],
        "results": ["json_lines", "results", "table"],
        "sheet": ["contact_sheet"],
    },
)
