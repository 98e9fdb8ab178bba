"""Small squares of images for pages that are looked at."""

from collections.abc import Sequence
from io import BytesIO
from pathlib import Path

from PIL import Image

from dah.errors import UserError
from dah.images.decode import decode
from dah.images.lookup import read_image
from dah.images.named import is_allowed

SIDE = 128  # pixels


def thumbnail(data: bytes, side: int = SIDE) -> bytes:
    """An image file's centre square as JPEG; raises ValueError where it cannot be read."""
    stored = BytesIO()
    Image.fromarray(decode(data, side)).save(stored, "JPEG", quality=85)
    return stored.getvalue()


def thumbnail_of(origin: str, name: str, folders: Sequence[Path]) -> bytes | None:
    """The thumbnail of an image in a folder or archive.

    None where that does not lie in one of `folders`, and where it cannot be read any more.
    """
    if not is_allowed(origin, folders):
        return None
    try:
        return thumbnail(read_image(Path(origin), name))
    except (UserError, OSError, ValueError):
        return None
