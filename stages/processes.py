"""Stages that several processes compute together, one for each GPU or machine."""

import os
import socket
import subprocess
import sys
import time
from argparse import Namespace
from collections.abc import Callable
from contextlib import ExitStack
from functools import wraps
from tempfile import TemporaryFile

from dah.devices import choose_device
from dah.distributed import process_group
from dah.params import Params
from stages.command import run

PATIENCE = 10.0  # seconds that the others have to end by themselves after one has failed


def run_shared(main: Callable[[Params, Namespace], None], *arguments: str) -> None:
    """``run`` in ``train.processes`` processes of this machine, or in those of torchrun.

    With more than one, this process starts the others, the same command in torchrun's environment,
    and waits for them; where that environment is there already (``WORLD_SIZE``), it is one of them.
    """

    @wraps(main)
    def shared(params: Params, given: Namespace) -> None:
        if params.train.processes > 1 and "WORLD_SIZE" not in os.environ:
            sys.exit(start(params.train.processes))
        with process_group(choose_device(params.train.device)):
            main(params, given)

    run(shared, *arguments)


def start(count: int) -> int:
    """Run this command in `count` processes; the exit code of the first to fail, else 0.

    The first process alone speaks on standard error; what another said is shown only where that
    one failed and the first did not.
    """
    command = [sys.executable, "-m", sys.modules["__main__"].__spec__.name, *sys.argv[1:]]
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(free.getsockname()[1])}
    threads = str(max(1, (os.cpu_count() or 1) // count))
    running = []
    with ExitStack() as stack:
        spoken = [None, *(stack.enter_context(TemporaryFile()) for _ in range(1, count))]
        for place in range(count):
            environment = {"OMP_NUM_THREADS": threads, **os.environ, **address}
            environment |= {"WORLD_SIZE": str(count), "LOCAL_WORLD_SIZE": str(count)}
            environment |= {"RANK": str(place), "LOCAL_RANK": str(place)}
            running.append(subprocess.Popen(command, env=environment, stderr=spoken[place]))
            stack.callback(_end, running[-1])
        failed = _first_failure(running)
        if failed is None:
            return 0
        code, deadline = running[failed].returncode, time.monotonic() + PATIENCE
        while running[0].poll() is None and time.monotonic() < deadline:
            time.sleep(0.05)
        if failed and not running[0].returncode:
            spoken[failed].seek(0)
            sys.stderr.write(spoken[failed].read().decode(errors="replace"))
        return max(1, code)


def _end(process: subprocess.Popen) -> None:
    process.terminate()
    process.wait()


def _first_failure(running: list[subprocess.Popen]) -> int | None:
    """The place of the first process that fails, or None once all have ended well."""
    while True:
        codes = [process.poll() for process in running]
        for place, code in enumerate(codes):
            if code:
                return place
        if None not in codes:
            return None
        time.sleep(0.05)
