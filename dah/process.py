"""How a process of ours uses its machine: memory that it keeps, threads that wait without spinning.

To be called before torch is imported, by what starts the process: the stages and the commands.
"""

import ctypes
import gc
import os
import sys

M_TRIM_THRESHOLD, M_MMAP_THRESHOLD = -1, -3  # of glibc's malloc.h
MAPPED = 2**28  # bytes of a block, from which on it is mapped anew each time it is needed
ALLOWED = 2**25  # the most that some versions of glibc take for that
KEPT = 2**30  # bytes
ALL = -1  # of what is freed at the end of the heap
OBJECTS = 50_000  # new ones, until garbage is looked for among them


def settle(give_back: bool = True) -> None:
    """Keep freed memory for the next batch, and let threads sleep while they wait for each other.

    A block beyond 32 MiB is else mapped anew, page by page, in every batch: half of the time of a
    convolutional network on a CPU. The few of 256 MiB and more still are: kept, they leave holes
    that nothing else fits in. And threads of OpenMP and OpenBLAS spin while they wait, which on
    cores that others use too costs many times the work; OpenBLAS's sleep after 2^4 cycles in place
    of 2^26. What is freed beyond a GiB at the end of the heap goes back to the system, unless
    `give_back` is false: a step of training frees several and needs them in the next one.
    Garbage is looked for seldom: while modules load, a tenth of the time goes into looking for it
    among what stays. What the environment says stays: ``OMP_WAIT_POLICY``,
    ``OPENBLAS_THREAD_TIMEOUT``, ``MALLOC_MMAP_THRESHOLD_``, ``MALLOC_TRIM_THRESHOLD_``.
    """
    gc.set_threshold(OBJECTS)
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    os.environ.setdefault("OPENBLAS_THREAD_TIMEOUT", "4")
    if sys.platform != "linux":
        return
    for option, name, kept in (
        (M_MMAP_THRESHOLD, "MALLOC_MMAP_THRESHOLD_", MAPPED),
        (M_TRIM_THRESHOLD, "MALLOC_TRIM_THRESHOLD_", KEPT if give_back else ALL),
    ):
        mallopt = getattr(ctypes.CDLL(None), "mallopt", None)  # another libc has none
        if mallopt is not None and name not in os.environ and not mallopt(option, kept):
            mallopt(option, ALLOWED)
