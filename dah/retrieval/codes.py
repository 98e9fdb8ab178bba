"""Hash codes between their two forms: signs {-1, +1} for mathematics, packed bytes for storage."""

import numpy as np


def pack(u: np.ndarray) -> np.ndarray:
    """Binary codes of real outputs, eight bits to a byte.

        bit_i = 1 if u_i >= 0 else 0,   so sgn(0) = +1

    u is real ``(n, bits)``. Returns uint8 ``(n, ceil(bits / 8))``: bit i of an image is bit
    7 - i % 8 of byte i // 8 (the layout of ``np.packbits``) and the padding bits are zero. Raises
    ValueError for another shape or dtype and for values that are not finite.
    """
    u = np.asarray(u)
    if u.dtype.kind not in "fi":
        raise ValueError(
            f"outputs must be signed numbers, found {u.dtype}: pass real outputs or signs"
        )
    if u.ndim != 2 or u.shape[1] == 0:
        raise ValueError(f"outputs must have shape (n, bits) with bits >= 1, found {u.shape}")
    finite = np.isfinite(u)
    if not finite.all():
        row = int(np.flatnonzero(~finite.all(axis=1))[0])
        raise ValueError(
            f"{u.size - np.count_nonzero(finite)} of {u.size} outputs are not finite, the first in"
            f" row {row}: the network diverged, lower its learning rate"
        )
    return np.packbits(u >= 0, axis=1)


def unpack(codes: np.ndarray, bits: int) -> np.ndarray:
    """Signs float32 {-1, +1} ``(n, bits)`` of packed codes, ``h_i = 2 bit_i - 1``.

    Float, because inner products of more than 127 bits would overflow int8. Raises ValueError as
    ``check_codes``.
    """
    check_codes(codes, bits)
    h = np.unpackbits(codes, axis=1, count=bits).astype(np.float32)
    return 2 * h - 1


def check_codes(codes: np.ndarray, bits: int) -> None:
    """Raise ValueError unless the array is uint8 ``(n, ceil(bits / 8))`` with zero padding bits."""
    if bits < 1:
        raise ValueError(f"codes have at least 1 bit, found bits = {bits}: pass the length packed")
    if codes.dtype != np.uint8:
        raise ValueError(f"packed codes must be uint8, found {codes.dtype}: pass them through pack")
    width = -(-bits // 8)
    if codes.ndim != 2 or codes.shape[1] != width:
        raise ValueError(
            f"codes of {bits} bits need shape (n, {width}), found {codes.shape}: pass the number"
            " of bits they were packed with"
        )
    padding = 8 * width - bits
    dirty = int(np.count_nonzero(codes[:, -1] & ((1 << padding) - 1)))
    if dirty:
        raise ValueError(
            f"{dirty} of {len(codes)} codes have ones in the {padding} padding bits after bit"
            f" {bits}: pass the number of bits they were packed with"
        )
