"""Attacks on the files that scanners and phones write."""

import struct
from collections.abc import Sequence

from benchmarks.hostile.bombs import Attacks, tiff_of, zeros


def tiff(whole: Sequence[bytes]) -> Attacks:
    """Sides beyond all, bombs of pixels, and directories that lead nowhere or back."""
    sides = [(13000, 13000), (2**31 - 1, 1), (2**32 - 1, 2**32 - 1), (0, 8)]
    return {
        **{f"{w} x {h}": lambda w=w, h=h: tiff_of(w, h, 1, zeros(64)) for w, h in sides},
        "169 million pixels": lambda: tiff_of(13000, 13000, 3, zeros(3 * 13000**2)),
        "88 million pixels": lambda: tiff_of(9400, 9400, 3, zeros(3 * 9400**2)),
        "1 GiB behind its pixels": lambda: tiff_of(8, 8, 1, zeros(2**30)),
        "40000 samples": lambda: tiff_of(8, 8, 40000, zeros(64)),
        "a directory that follows itself": lambda: tiff_of(8, 8, 1, zeros(64), following=8),
        "a directory beyond the end": lambda: tiff_of(8, 8, 1, zeros(64), following=2**31),
        "a directory alone": lambda: b"II*\0\x08\0\0\0",
        "2^32 strips": lambda: whole[0].replace(
            struct.pack("<HHI", 273, 4, 1), struct.pack("<HHI", 273, 4, 2**32 - 1)
        ),
    }


def avif(whole: Sequence[bytes]) -> Attacks:
    """Sides beyond all."""
    sides = [(65535, 65535), (2**32 - 1, 2**32 - 1), (0, 0)]
    at = whole[0].index(b"ispe") + 8
    return {
        f"{w} x {h}": lambda w=w, h=h: whole[0][:at] + struct.pack(">II", w, h) + whole[0][at + 8 :]
        for w, h in sides
    }
