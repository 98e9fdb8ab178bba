"""Stages that several processes compute together, one for each GPU or machine."""

import os
import signal
import subprocess
import sys
import time
from argparse import Namespace
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from functools import wraps
from pathlib import Path
from socket import if_nameindex
from tempfile import TemporaryDirectory, TemporaryFile
from threading import Thread
from types import FrameType

from dah.compute.devices import choose_device
from dah.compute.distributed import STORE, LostProcessError, process_group
from dah.params import Params
from stages.command import run

PATIENCE = 10.0  # seconds that the others have to end by themselves after one has failed
GRACE = 5.0  # seconds that they have to end after SIGTERM, which a stopped one does not see
LOST = 75  # the exit code of a process that ends because another one has


def run_shared(main: Callable[[Params, Namespace], None], *arguments: str) -> None:
    """``run`` in ``train.processes`` processes of this machine, or in those of torchrun.

    With more than one, this process starts the others, the same command in torchrun's environment,
    and waits for them; where that environment is there already (``WORLD_SIZE``), it is one of them.
    """

    @wraps(main)
    def shared(params: Params, given: Namespace) -> None:
        if params.train.processes > 1 and "WORLD_SIZE" not in os.environ:
            sys.exit(start(params.train.processes))
        started = STORE in os.environ
        if started:
            Thread(target=_end_with_parent, daemon=True).start()
        try:
            with process_group(choose_device(params.train.device)):
                main(params, given)
        except LostProcessError:
            if started:  # by a process that says why
                sys.exit(LOST)
            raise

    run(shared, *arguments)


def _end_with_parent() -> None:
    """End this process at once when the one that started it is gone, however it went.

    Standard input is a pipe of which that one alone holds the other end.
    """
    while os.read(0, 1):
        pass
    os._exit(LOST)


def start(count: int) -> int:
    """Run this command in `count` processes; the exit code of the first to fail, else 0.

    They meet by a file that no other user may read, and talk by the loopback interface. The first
    process alone speaks on standard error; what another said is shown only where that one failed
    and the first did not. None outlives this process.
    """
    command = [sys.executable, "-m", sys.modules["__main__"].__spec__.name, *sys.argv[1:]]
    defaults = {"OMP_NUM_THREADS": str(max(1, (os.cpu_count() or 1) // count)), **_loopback()}
    running = []
    with ExitStack() as stack:
        folder = stack.enter_context(TemporaryDirectory(prefix="dah-"))
        spoken = [None, *(stack.enter_context(TemporaryFile()) for _ in range(1, count))]
        stack.enter_context(_ended_by_signals())
        stack.callback(_end, running)
        for place in range(count):
            environment = defaults | os.environ | {STORE: str(Path(folder) / "store")}
            environment |= {"WORLD_SIZE": str(count), "LOCAL_WORLD_SIZE": str(count)}
            environment |= {"RANK": str(place), "LOCAL_RANK": str(place)}
            running.append(
                subprocess.Popen(
                    command, env=environment, stdin=subprocess.PIPE, stderr=spoken[place]
                )
            )
        if not _failed(running):
            return 0
        deadline = time.monotonic() + PATIENCE
        while running[0].poll() is None and time.monotonic() < deadline:
            time.sleep(0.05)
        codes = [process.poll() for process in running]
        place = _cause(codes)
        if place and codes[0] in {None, 0, LOST}:
            spoken[place].seek(0)
            sys.stderr.write(spoken[place].read().decode(errors="replace"))
        if codes[place] < 0:
            name = f"{Path(sys.argv[0]).stem}: process {place + 1} of {count}"
            sys.stderr.write(f"{name} was ended by {_signal(-codes[place])}\n")
        return max(1, codes[place])


def _loopback() -> dict[str, str]:
    """What makes gloo listen there alone; NCCL asks for a secret that goes through the file."""
    names = [name for _, name in if_nameindex() if name in {"lo", "lo0"}]
    return {"GLOO_SOCKET_IFNAME": names[0]} if names else {}


@contextmanager
def _ended_by_signals() -> Iterator[None]:
    """SIGTERM and SIGHUP as exits, so that what was begun is ended."""

    def leave(number: int, frame: FrameType | None) -> None:
        sys.exit(128 + number)

    numbers = (signal.SIGTERM, signal.SIGHUP)
    before = {number: signal.getsignal(number) for number in numbers}
    for number in numbers:
        if before[number] != signal.SIG_IGN:  # as nohup has it
            signal.signal(number, leave)
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _end(running: Sequence[subprocess.Popen]) -> None:
    """Ask all to end; kill those that have not within GRACE seconds."""
    deadline = time.monotonic() + GRACE
    try:
        for process in running:
            process.terminate()
        while any(process.poll() is None for process in running) and time.monotonic() < deadline:
            time.sleep(0.05)
    finally:
        for process in running:
            process.kill()
            process.stdin.close()
            process.wait()


def _failed(running: Sequence[subprocess.Popen]) -> bool:
    """Wait until one has failed, or all have ended well."""
    while True:
        codes = [process.poll() for process in running]
        if any(codes):
            return True
        if None not in codes:
            return False
        time.sleep(0.05)


def _cause(codes: Sequence[int | None]) -> int:
    """The place of the process for which the others ended: killed, else failed, else lost."""
    failed = [place for place, code in enumerate(codes) if code]
    return min(failed, key=lambda place: (codes[place] == LOST, codes[place] > 0, place))


def _signal(number: int) -> str:
    if number == signal.SIGKILL:
        return "SIGKILL, as the system does where memory is full"
    try:
        return signal.Signals(number).name
    except ValueError:  # one of the real-time signals
        return f"signal {number}"
