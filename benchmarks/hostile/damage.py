"""Seeded damage to the bytes of a file."""

import gzip
import io
import zipfile
from collections.abc import Sequence

import numpy as np

TEXT = (".csv", "index.json", "metrics", "params.yaml", "SHA256")
PACKED = {"encoder", "model", "trunk", "weights", "zip"}
NUMBERS = [0, 1, 0x7F, 0x80, 0xFF, 0x7FFF, 0xFFFF]
NUMBERS += [2**31 - 1, 2**32 - 1, 2**40, 2**63 - 1, 2**64 - 1]
WORDS = [
    *(b"nan NaN inf 1e999 -1 2.5 null true 0x10 2001-99-99 1:99 ../../x /etc/passwd".split()),
    *(b"[ ] { } , : # % & * \" ' &a *a << !!python/name:os.system".split()),
    *(b"", b"\x00", b"\n", b"\r", b"\t", b"- ", b"? ", b"!!binary x", b"\xff\xfe"),
    *("\ufeff".encode(), "\u2028".encode(), b"9" * 5000, b"1" * 30, b"[" * 3000, b"a" * 200_000),
]


def damaged(kind: str, whole: Sequence[bytes], rng: np.random.Generator) -> bytes:
    """One of the whole files of a kind, changed in one to three places.

    Half of the packed files are unpacked, changed within and packed again with sums that fit, so
    that the damage gets past the container.
    """
    data = whole[rng.integers(len(whole))]
    if kind in PACKED and zipfile.is_zipfile(io.BytesIO(data)) and rng.random() < 0.5:
        return _within(data, rng)
    for _ in range(rng.integers(1, 4)):
        data = _word(data, rng) if kind.endswith(TEXT) and rng.random() < 0.7 else _bytes(data, rng)
    return gzip.compress(data, 1) if kind == "tar" and rng.random() < 0.3 else data


def _within(data: bytes, rng: np.random.Generator) -> bytes:
    """A zip with one member damaged; torch's pickle more often than its many tensors."""
    file = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(data)) as old, zipfile.ZipFile(file, "w") as new:
        names = old.namelist()
        chosen = names[0] if rng.random() < 0.7 else names[rng.integers(len(names))]
        for name in names:
            content = old.read(name)
            new.writestr(name, _bytes(content, rng) if name == chosen else content)
    return file.getvalue()


def _bytes(data: bytes, rng: np.random.Generator) -> bytes:
    """Bits turned, a number overwritten, a part cut out, doubled, zeroed, scrambled or cut off."""
    start = int(rng.integers(len(data) + 1))
    if rng.random() < 0.5:
        start %= 2048  # headers come first
    length = int(rng.integers(1, 1 + rng.choice([4, 64, 4096])))
    part, after = data[start : start + length], data[start + length :]
    other = {"cut": b"", "doubled": part * 2, "zeroed": bytes(len(part))}
    match str(rng.choice(["bits", "bits", "number", "scrambled", "cut off", *other])):
        case "bits":
            changed = bytearray(data)
            for place in rng.integers(0, len(data), rng.integers(1, 9)) if data else ():
                changed[place] ^= 1 << int(rng.integers(8))
            return bytes(changed)
        case "number":
            part = data[start : start + int(rng.choice([1, 2, 4, 8]))]
            number = NUMBERS[rng.integers(len(NUMBERS))] % 256 ** len(part)
            order = "little" if rng.random() < 0.7 else "big"
            return data[:start] + number.to_bytes(len(part), order) + data[start + len(part) :]
        case "scrambled":
            return data[:start] + rng.bytes(len(part)) + after
        case "cut off":
            return data[:start]
        case how:
            return data[:start] + other[how] + after


def _word(data: bytes, rng: np.random.Generator) -> bytes:
    """A word of a text replaced by another one, or one put in."""
    start = int(rng.integers(len(data) + 1))
    length = int(rng.integers(0, 8))
    word = WORDS[rng.integers(len(WORDS))]
    return data[:start] + word + data[start + length :]
