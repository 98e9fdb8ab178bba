"""How far from the source's codes an image may lie and still be of one of its categories."""

import numpy as np

from dah.retrieval.hamming import hamming_distances

SHARE = 0.99
QUERIES_AT_ONCE = 1024
PAIRS_AT_ONCE = 2**23  # whose distances are held, at most
MOST = 10_000  # source images that are looked at, evenly chosen
NONE = "none of them"  # the category of an image out of reach


def nearest_distances(codes: np.ndarray, source: np.ndarray) -> np.ndarray:
    """Hamming distance of each code to the nearest of the source, int32 ``(n,)``.

    Packed uint8 ``(n, bytes)`` and ``(n_s, bytes)``.
    """
    step, nearest = _queries_at_once(source), np.empty(len(codes), np.int32)
    for i in range(0, len(codes), step):
        nearest[i : i + step] = hamming_distances(codes[i : i + step], source).min(axis=1)
    return nearest


def is_beyond(codes: np.ndarray, source: np.ndarray, reach: int | None) -> np.ndarray:
    """Which codes lie farther than `reach` from all of the source, bool ``(n,)``; None: none does.

    Packed uint8 ``(n, bytes)`` and ``(n_s, bytes)``.
    """
    if reach is None:
        return np.zeros(len(codes), bool)
    return nearest_distances(codes, source) > reach


def reach(source: np.ndarray, bits: int) -> int:
    """The distance within which 99 % of the source's images have another source image.

    Packed uint8 ``(n_s, bytes)`` of `bits` bits. A single image has no other: then nothing is out
    of reach, and the answer is `bits`. Of more than 10,000 images as many are looked at, each
    compared with all.
    """
    if len(source) < 2:
        return bits
    nearest = []
    rows = np.unique(np.linspace(0, len(source) - 1, min(MOST, len(source))).astype(int))
    step = _queries_at_once(source)
    for start in range(0, len(rows), step):
        block = rows[start : start + step]
        distances = hamming_distances(source[block], source)
        distances[np.arange(len(block)), block] = bits + 1
        nearest.append(distances.min(axis=1))
    return int(np.quantile(np.concatenate(nearest), SHARE, method="inverted_cdf"))


def _queries_at_once(source: np.ndarray) -> int:
    return max(1, min(QUERIES_AT_ONCE, PAIRS_AT_ONCE // max(1, len(source))))


def named(category: str, far: bool) -> str:
    """A predicted category as it is shown: of an image out of reach, it is the nearest at most."""
    return f"{NONE} ({category})" if far else category
