"""Disks with next to no room, for the tests of writers."""

import os
import resource
import subprocess
import sys
from contextlib import contextmanager

import pytest

ROOM = 8192  # bytes: less than any of the writers needs


@contextmanager
def limited_files():
    """No file may grow beyond ROOM in this process.

    Python 3.11 would store modules that are imported meanwhile cut off (CPython issue 126606).
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    written, sys.dont_write_bytecode = sys.dont_write_bytecode, True
    resource.setrlimit(resource.RLIMIT_FSIZE, (ROOM, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        sys.dont_write_bytecode = written


@pytest.fixture
def disk(tmp_path):
    """A file system of its own with next to no room, remounted with other options on demand."""
    if os.geteuid() != 0:
        pytest.skip("only root may mount a small file system")
    place = tmp_path / "disk"
    place.mkdir()

    def mount(options):
        command = ["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(place)]
        if subprocess.run(command, check=False, capture_output=True).returncode != 0:
            pytest.skip("this machine lets nobody mount a file system")

    mount(f"size={2 * ROOM}")
    yield place, lambda: mount("remount,ro")
    subprocess.run(["umount", str(place)], check=True)
