"""The bytes of a file, or of a member of an archive, or why they are not read."""

from typing import IO

from dah.images.formats import HEAD, begins_like_image, named_image

MAX_BYTES = 512 * 2**20
NO_IMAGE = "is no image by its name and its first bytes"


class Unread(bytes):
    """What stands for the bytes of a file that was not read: none, and the reason in words."""

    def __new__(cls, reason: str) -> "Unread":
        made = super().__new__(cls)
        made.reason = reason
        return made


def contents(file: IO[bytes], name: str, size: int, strict: bool) -> bytes:
    """All `size` bytes of an open file; ``Unread`` where they are more than ``MAX_BYTES``.

    Where not `strict`, also where it is no image by its name and first bytes, which alone are read.
    """
    head = b""
    if not strict and not named_image(name):
        head = file.read(HEAD)
        if not begins_like_image(head):
            return Unread(NO_IMAGE)
    if size > MAX_BYTES:
        return Unread(f"has {size >> 20} MiB, where images have at most {MAX_BYTES >> 20} MiB")
    return head + file.read()
