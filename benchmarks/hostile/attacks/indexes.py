"""Attacks on the files of an index: shards of faiss, and what is said of them."""

import json
import struct
from collections.abc import Sequence

from benchmarks.hostile.bombs import Attacks

HEAD = struct.calcsize("<4siiqbi")  # name, bits, bytes of a code, number, trained, metric


def shards(whole: Sequence[bytes]) -> Attacks:
    """Numbers beyond all, links that lead out, lists and indexes that lie elsewhere."""
    data = whole[0]
    numbers = (-1, 2**31 - 1)

    def put(at: int, form: str, value: float) -> bytes:
        return data[:at] + struct.pack(form, value) + data[at + struct.calcsize(form) :]

    return {
        **{f"bits {n}": lambda n=n: put(4, "<i", n) for n in numbers},
        **{f"codes of {n} bytes": lambda n=n: put(8, "<i", n) for n in numbers},
        **{f"{n} codes": lambda n=n: put(12, "<q", n) for n in (*numbers, 2**62)},
        **{
            f"2^62 at {at}": lambda at=at: put(at, "<q", 2**62)
            for at in range(HEAD, min(len(data) - 8, HEAD + 600), 8)
        },
        "lists on the disk": lambda: data.replace(b"ilar", b"ilod"),
        "an index within an index": lambda: b"IBMp" + data[4:HEAD] + data,
        "something behind": lambda: data + bytes(8),
        "nothing": lambda: b"",
    }


def contents(whole: Sequence[bytes]) -> Attacks:
    """Kinds and numbers of images that the shards do not have."""
    kinds = ["flat", "ivf", "hnsw", "multihash", "nosuch", "../flat", 7, None, ["flat"], {}]
    counts = [[], [0], [-1], [5, 5], [4, 1], [2**62], [2**63], [True] * 5, [5.0], "5", None, [[5]]]
    return {
        **{
            f"kind {kind!r}": lambda kind=kind: json.dumps({"kind": kind, "shards": [5]}).encode()
            for kind in kinds
        },
        **{
            f"shards {n!r}": lambda n=n: json.dumps({"kind": "flat", "shards": n}).encode()
            for n in counts
        },
        "a million shards": lambda: json.dumps({"kind": "flat", "shards": [1] * 10**6}).encode(),
        "300000 shards": lambda: json.dumps({"kind": "flat", "shards": [1] * 300_000}).encode(),
        "a list": lambda: b"[1, 2]",
        "a deep nest": lambda: b"[" * 10**6,
        "a number of 5000 digits": lambda: b'{"kind": "flat", "shards": [%s]}' % (b"9" * 5000),
        "nothing": lambda: b"",
    }
