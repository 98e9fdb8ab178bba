"""Indexes of codes: kinds, shards, results, and databases that hold codes.

May import encoder, images, files, errors and ``dah.printable``.
"""

from dah.exports import lazily

__getattr__, __dir__, __all__ = lazily(
    __name__,
    {
        "folders": ["State", "state_of"],
        "index": [
            "CONTENTS",
            "IMAGES",
            "ImageIndex",
            "OUTPUTS",
            "SHARD",
            "build_index",
            "images_at",
            "open_index",
            "search",
            "shard_path",
        ],
        "kinds": ["EFFORT", "build", "faiss", "read", "write"],
        "pgvector": ["load"],
        "results": ["json_lines", "results", "table"],
        "sheet": ["contact_sheet"],
    },
)
