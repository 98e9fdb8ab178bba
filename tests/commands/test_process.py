"""Memory that is kept and threads that sleep, in processes of their own."""

import ctypes
import os
import subprocess
import sys
from types import SimpleNamespace

import pytest

from dah import process

PROGRAM = """
import resource, sys
if "settle" in sys.argv:
    from dah.process import settle
    settle()
import os, torch
from resource import RUSAGE_SELF, getrusage
def block():
    torch.empty(2**24).fill_(1.0)
for _ in range(20):  # until the places of all blocks are the heap's
    block()
before = getrusage(RUSAGE_SELF).ru_minflt
for _ in range(20):
    block()
print(getrusage(RUSAGE_SELF).ru_minflt - before, os.environ.get("OMP_WAIT_POLICY"))
"""


def told(*arguments, **environment):
    """Page faults of twenty blocks of 64 MiB, and how threads wait."""
    inherited = {k: v for k, v in os.environ.items() if not k.startswith(("MALLOC_", "OMP_WAIT"))}
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, *arguments],
        env=inherited | environment,
        check=True,
        capture_output=True,
        text=True,
    )
    faults, policy = done.stdout.split()
    return int(faults), policy


@pytest.mark.skipif(sys.platform != "linux", reason="glibc's malloc is Linux's")
def test_a_large_block_is_mapped_once():
    """Not page by page in every batch, unless the environment says so."""
    assert told("settle")[0] < 1000
    assert told()[0] > 10 * max(1, told("settle")[0])
    threshold = str(2**20)
    kept = told("settle", MALLOC_MMAP_THRESHOLD_=threshold, MALLOC_TRIM_THRESHOLD_=threshold)
    assert kept[0] > 1000


MAPPED = """
import ctypes
M_MMAP_THRESHOLD = -3
mallopt = ctypes.CDLL(None).mallopt
if not mallopt(M_MMAP_THRESHOLD, 2**28):
    print("refused")
    raise SystemExit
mallopt(M_MMAP_THRESHOLD, 2**20)  # what settle has to change
from dah.process import settle
settle()
import torch
class Blocks(ctypes.Structure):  # glibc's struct mallinfo2
    _fields_ = [(name, ctypes.c_size_t) for name in "arena ordblks smblks hblks hblkhd".split()]
    _fields_ += [(f"rest{number}", ctypes.c_size_t) for number in range(5)]
mallinfo2 = ctypes.CDLL(None).mallinfo2
mallinfo2.restype = Blocks
before = mallinfo2().hblkhd
held = []
for size in (2**27, 2**28):
    held.append(torch.empty(size, dtype=torch.uint8))
    print((mallinfo2().hblkhd - before) // size)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="glibc's malloc is Linux's")
def test_the_largest_blocks_leave_no_holes():
    """Those of 256 MiB are mapped by themselves and go back, smaller ones are the heap's."""
    if not hasattr(ctypes.CDLL(None), "mallinfo2"):
        pytest.skip("glibc before 2.33 does not tell")
    inherited = {k: v for k, v in os.environ.items() if not k.startswith("MALLOC_")}
    command = [sys.executable, "-c", MAPPED]
    done = subprocess.run(command, env=inherited, check=True, capture_output=True, text=True)
    if done.stdout.split() == ["refused"]:
        pytest.skip("this glibc takes no threshold of 256 MiB")
    assert done.stdout.split() == ["0", "1"]


def test_threads_wait_as_the_environment_says():
    """Asleep where it says nothing."""
    assert told("settle")[1] == "PASSIVE"
    assert told("settle", OMP_WAIT_POLICY="ACTIVE")[1] == "ACTIVE"
    assert told()[1] == "None"


@pytest.fixture
def asked(monkeypatch):
    """What malloc is asked for, by option."""
    options = {}
    library = SimpleNamespace(mallopt=lambda *pair: not options.update([pair]))
    monkeypatch.setattr(process.ctypes, "CDLL", lambda _: library)
    monkeypatch.setattr(process.sys, "platform", "linux")
    monkeypatch.setattr(process.gc, "set_threshold", lambda _: None)
    for name in ("OMP_WAIT_POLICY", "OPENBLAS_THREAD_TIMEOUT"):
        monkeypatch.setenv(name, "")  # put back afterwards
        monkeypatch.delenv(name)
    for name in ("MALLOC_MMAP_THRESHOLD_", "MALLOC_TRIM_THRESHOLD_"):
        monkeypatch.delenv(name, raising=False)
    return options


def test_a_stage_gives_nothing_back_until_it_ends(asked):
    """A command, which may serve for days, gives back what it frees beyond a GiB."""
    process.settle()
    assert asked == {process.M_MMAP_THRESHOLD: 2**28, process.M_TRIM_THRESHOLD: 2**30}
    process.settle(give_back=False)
    assert asked == {process.M_MMAP_THRESHOLD: 2**28, process.M_TRIM_THRESHOLD: -1}


def test_the_most_is_asked_for_that_malloc_takes(asked, monkeypatch):
    """Where it refuses a threshold, its own largest one is set."""
    taken = {}

    def mallopt(option, value):
        refused = option == process.M_MMAP_THRESHOLD and value > 2**25
        return 0 if refused else not taken.update({option: value})

    monkeypatch.setattr(process.ctypes, "CDLL", lambda _: SimpleNamespace(mallopt=mallopt))
    process.settle()
    assert taken == {process.M_MMAP_THRESHOLD: 2**25, process.M_TRIM_THRESHOLD: 2**30}


def test_threads_of_products_sleep_soon(asked, monkeypatch):
    """OpenBLAS's as OpenMP's, unless the environment says otherwise."""
    process.settle()
    assert os.environ["OPENBLAS_THREAD_TIMEOUT"] == "4"
    monkeypatch.setenv("OPENBLAS_THREAD_TIMEOUT", "20")
    process.settle()
    assert os.environ["OPENBLAS_THREAD_TIMEOUT"] == "20"


@pytest.mark.parametrize("module", ["stages.features", "stages.train"])
def test_stages_settle_before_torch_is_there(module):
    program = f"""
import sys
from unittest import mock
with mock.patch("dah.process.settle", lambda **_: print("torch" in sys.modules)):
    import {module}
"""
    done = subprocess.run(
        [sys.executable, "-c", program], check=True, capture_output=True, text=True
    )
    assert done.stdout == "False\n"
