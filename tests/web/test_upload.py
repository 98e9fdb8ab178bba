"""What a browser may send: counted while it is read, and before it is decoded."""

import asyncio

import pytest
from encoders import picture

from dah.web.upload import Refused, check_pixels, received


def test_an_upload_is_read_no_further_than_its_limit():
    """The chunk that passes it is the last one asked for."""
    asked = []

    async def chunks():
        for i in range(10):
            asked.append(i)
            yield b"xxxx"

    assert asyncio.run(received(chunks(), 40)) == b"x" * 40
    asked.clear()
    with pytest.raises(Refused, match="the file has more than 0 MiB"):
        asyncio.run(received(chunks(), 9))
    assert asked == [0, 1, 2]
    asked.clear()
    with pytest.raises(Refused, match="the file has more than 0 MiB"):
        asyncio.run(received(chunks(), 39, announced="40"))
    assert asked == []


def test_pixels_are_counted_from_the_header():
    """The limit itself passes, one more does not, and what has no header is left to decode."""
    image = picture(0, shape=(30, 44))
    check_pixels(image, 30 * 44)
    check_pixels(b"no image", 1)
    with pytest.raises(Refused, match="million pixels"):
        check_pixels(image, 30 * 44 - 1)
