"""The scans of a JPEG, counted without decoding it and up to its end alone.

Phones put videos, depth and brighter pictures behind an image, and smaller ones into its header.
"""

import re

_MARKER = re.compile(
    rb"\xff([\xc0-\xcf\xd9-\xfe])"
)  # not a stuffed zero, a restart, an unknown one
_SCAN, _END = 0xDA, 0xD9


def scans(data: bytes, most: int) -> list[int]:
    """How many components each of the first `most` scans has, in the order of the file.

    Segments (a marker, its length, its content) are passed over as libjpeg does; between them and
    in a scan's coded data everything up to the next marker is. Ends at the end of the image.
    """
    found, place = [], 2  # behind the start of the image
    while len(found) < most and (marker := _MARKER.search(data, place)):
        kind, place = marker[1][0], marker.end()
        if kind == _END:
            break
        if kind == _SCAN and place + 2 < len(data):
            found.append(data[place + 2])
        place += max(2, int.from_bytes(data[place : place + 2]))
    return found
