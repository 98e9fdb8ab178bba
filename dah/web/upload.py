"""What a browser may send: one image file, neither too large nor with too many pixels."""

import warnings
from collections.abc import AsyncIterator
from io import BytesIO

from PIL import Image

from dah.images.decode import DAMAGE
from dah.images.formats import FORMATS

MAX_BYTES = 20 * 2**20
MAX_PIXELS = 50_000_000


class Refused(Exception):
    """An upload that is not taken: the HTTP status and one line that says why."""

    def __init__(self, status: int, reason: str) -> None:
        super().__init__(reason)
        self.status = status


async def received(
    stream: AsyncIterator[bytes], limit: int = MAX_BYTES, announced: str | None = None
) -> bytes:
    """The bytes of a request; raises ``Refused`` as soon as they are more than `limit`.

    `announced`: the header Content-Length, by which nothing need be read to refuse it. What was
    read of an upload that is broken off is let go at once.
    """
    if announced is not None and announced.isdecimal() and int(announced) > limit:
        raise Refused(413, f"the file has more than {limit >> 20} MiB; make it smaller")
    data = bytearray()
    try:
        async for chunk in stream:
            data += chunk
            if len(data) > limit:
                raise Refused(413, f"the file has more than {limit >> 20} MiB; make it smaller")
        return bytes(data)
    finally:
        data.clear()  # an exception keeps this frame


def check_pixels(data: bytes, limit: int = MAX_PIXELS) -> None:
    """Raise ``Refused`` where an image's header tells of too many pixels, before any is decoded.

    A file without a readable header passes: ``decode`` says what is wrong with it.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            with Image.open(BytesIO(data), formats=FORMATS) as image:
                width, height = image.size
    except Image.DecompressionBombError as error:
        raise Refused(
            413, f"the image has more than {limit // 10**6} million pixels; make it smaller"
        ) from error
    except DAMAGE:
        return
    if width * height > limit:
        raise Refused(
            413, f"the image has more than {limit // 10**6} million pixels; make it smaller"
        )
