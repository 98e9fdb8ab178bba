"""Domain adaptive hashing: short binary codes for labelled source and unlabelled target images.

``from dah import load_encoder`` is the door for one's own images; see docs/codes.md.
"""

from typing import Any

__all__ = ["load_encoder"]


def __getattr__(name: str) -> Any:
    if name == "load_encoder":
        from dah.encoder.encoder import load_encoder  # noqa: PLC0415 - `import dah` stays light

        return load_encoder
    raise AttributeError(f"module 'dah' has no attribute {name!r}")
