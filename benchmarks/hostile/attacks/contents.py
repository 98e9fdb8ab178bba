"""Attacks on images and on texts: tables, metrics and parameters."""

import re
import struct
from collections.abc import Sequence

from benchmarks.hostile.bombs import Attacks, gif_of_one_colour, jpeg_of_scans, png_of_zeros


def images(kind: str, whole: Sequence[bytes]) -> Attacks:
    """Bombs of pixels, text and scans, and broken extras."""
    if kind == "PNG":
        return {
            "169 million pixels": lambda: png_of_zeros(13000, 6, 8),
            "169 million pixels of 16 bits": lambda: png_of_zeros(13000, 0, 16),
            "169 million colours of 16 bits": lambda: png_of_zeros(13000, 2, 16),
            "88 million pixels": lambda: png_of_zeros(9400, 6, 8),
            "88 million pixels of 16 bits": lambda: png_of_zeros(9400, 0, 16),
            "400 million pixels": lambda: png_of_zeros(20000, 0, 1),
            "a text of 1 GiB": lambda: png_of_zeros(8, 2, 8, text=2**30),
            "a profile of 1 GiB": lambda: png_of_zeros(8, 2, 8, profile=2**30),
            "a page": lambda: b"<html><title>Sign in</title></html>",
            "nothing": lambda: b"",
        }
    if kind == "JPEG":
        return {
            "4000 scans": lambda: jpeg_of_scans(4000, 8000),
            "90 scans": lambda: jpeg_of_scans(90, 13000),
            "PostScript": lambda: b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n(x) run\n",
            "a .tiff": lambda: b"II*\x00\x08\x00\x00\x00",
        }
    if kind == "BMP":
        sizes = [(13000, 13000), (2**31 - 1, 1), (1, 2**31 - 1), (-1, 8), (0, 0), (8, -(2**31))]
        return {
            f"{w} x {h}": lambda w=w, h=h: whole[0][:18] + struct.pack("<ii", w, h) + whole[0][26:]
            for w, h in sizes
        }
    if kind == "GIF":
        return {"65535 x 2700": lambda: gif_of_one_colour(65535, 2700)}
    return {}


def texts(kind: str, whole: Sequence[bytes]) -> Attacks:
    """Tables, metrics and parameters that only look like them."""
    text = whole[0]
    made: Attacks = {"nothing": lambda: b"", "a line of 100 MB": lambda: text + b"a" * 10**8}
    if kind.endswith(".csv"):
        last = text.rstrip(b"\n").rsplit(b"\n", 1)[-1]
        made |= {
            "a row twice": lambda: text + last + b"\n",
            "a label that no category has": lambda: text.replace(b",1", b",9"),
            "a label below": lambda: text.replace(b",1", b",-7"),
            "a million columns": lambda: b"," * 10**6 + text,
            "a quote without end": lambda: text + b'"' + b"x\n" * 10,
            "another role": lambda: text.replace(b"query", b"queri"),
            "UTF-16": lambda: text.decode().encode("utf-16"),
            "the header alone": lambda: text.split(b"\n")[0] + b"\n",
        }
    if kind == "metrics":
        made |= {
            "a list": lambda: b"[1, 2]",
            "NaN": lambda: b'{"map": {"dah": NaN}}',
            "1e999": lambda: b'{"map": {"dah": 1e999}}',
            "text": lambda: b'{"map": {"dah": "0.5"}}',
            "a number": lambda: b'{"map": 0.5}',
            "a deep nest": lambda: b"[" * 10**6,
            "a number of 5000 digits": lambda: b'{"map": {"dah": %s}}' % (b"9" * 5000),
            "a key twice": lambda: b'{"map": {"dah": 1, "dah": 2}}',
        }
    if kind == "params.yaml":
        laughs = b"a0: &a0 [x, x]\n" + b"".join(
            b"a%d: &a%d [*a%d, *a%d]\n" % (i, i, i - 1, i - 1) for i in range(1, 40)
        )
        more = [b"&a%d [*a%d, *a%d]" % (i, i - 1, i - 1) for i in range(1, 40)]
        made |= {
            "a billion laughs": lambda: laughs,
            "laughs as a value": lambda: re.sub(
                rb"\ndah:\n.*?\n(?=softmax:)",
                b"\ndah: [&a0 x, %s]\n" % b", ".join(more),
                text,
                flags=re.DOTALL,
            ),
            "a deep nest": lambda: b"[" * 100_000,
            "a list that holds itself": lambda: b"&a [*a]",
            "code": lambda: b"!!python/object/apply:os.system ['touch executed']",
            "a number of 5000 digits": lambda: text.replace(b"bits: 64", b"bits: " + b"9" * 5000),
            "1e400 as a whole number": lambda: text.replace(b"eta: 3.0", b"eta: 1" + b"0" * 400),
            "a key twice": lambda: text.replace(b"  bits: 64", b"  bits: 64\n  bits: 64"),
            "two documents": lambda: text + b"---\n" + text,
        }
    return made
