"""The page of ``serve``: codes, categories and nearest images in a browser."""

from dah.exports import lazily

__getattr__, __dir__, __all__ = lazily(
    __name__,
    {
        "app": ["create_app"],
        "guard": ["hosts_of"],
        "server": ["listening", "serve"],
    },
)
