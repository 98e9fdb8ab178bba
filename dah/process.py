"""How a process of ours uses its machine: memory that it keeps, threads that wait without spinning.

To be called before torch is imported, by what starts the process: the stages and the commands.
"""

import ctypes
import os
import sys

M_TRIM_THRESHOLD, M_MMAP_THRESHOLD = -1, -3  # of glibc's malloc.h
KEPT = 2**30  # bytes


def settle() -> None:
    """Keep freed memory for the next batch, and let threads sleep while they wait for each other.

    A block beyond 32 MiB is else mapped anew, page by page, in every batch: half of the time of a
    convolutional network on a CPU. And threads of OpenMP spin while they wait, which on cores that
    others use too costs many times the work. What the environment says stays: ``OMP_WAIT_POLICY``,
    ``MALLOC_MMAP_THRESHOLD_``, ``MALLOC_TRIM_THRESHOLD_``.
    """
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    if sys.platform != "linux":
        return
    for option, name in (
        (M_MMAP_THRESHOLD, "MALLOC_MMAP_THRESHOLD_"),
        (M_TRIM_THRESHOLD, "MALLOC_TRIM_THRESHOLD_"),
    ):
        mallopt = getattr(ctypes.CDLL(None), "mallopt", None)  # another libc has none
        if mallopt is not None and name not in os.environ:
            mallopt(option, KEPT)
