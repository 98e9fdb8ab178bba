"""Thousands of hostile files, each read by the project itself in a process with limits.

    python -m benchmarks.hostile --cases 60 --seed 0

Per kind of file: `--cases` damaged ones and every attack that is written down. Each must be read
correctly or refused in one line that names the file; what else happens is a failure: another
exception, a crash, more than 10 s, more than 2 GiB, a file where none belongs. Prints a table and
every failure; exits with 1 where there is one.
"""

import argparse
import json
import os
import queue
import resource
import subprocess
import sys
import tempfile
import threading
import time
import warnings
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch

from benchmarks.hostile.attacks import attacks
from benchmarks.hostile.damage import damaged
from benchmarks.hostile.readers import READERS, file_name
from benchmarks.hostile.samples import samples
from dah.errors import UserError
from dah.networks.build import build_trunk

SECONDS = 10
BYTES = 2 * 2**30
LONGEST = 1000  # characters of a refusal that still is one clear line


class Outcome(NamedTuple):
    """What became of a case: ``read``, ``refused`` or ``failed``, and why."""

    name: str
    result: str
    reason: str


def cases(kind: str, count: int, seed: int, scratch: Path) -> Iterator[tuple[str, bytes]]:
    """Names and bytes of a kind's whole files, damaged files and attacks."""
    whole = samples(scratch)[kind]
    yield from ((f"whole {i}", data) for i, data in enumerate(whole))
    for number in range(count):
        rng = np.random.default_rng([seed, number, *kind.encode()])
        yield f"damage {number}", damaged(kind, whole, rng)
    for name, make in attacks(kind, whole).items():
        yield f"attack {name}", make()


def attempt(kind: str, folder: Path) -> tuple[str, str]:
    """Read the file that lies in an otherwise empty folder, which is the working folder."""
    path, out = folder / file_name(kind), folder / "out"
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            READERS[kind](path, out)
        result, reason = "read", ""
    except UserError as error:
        result, reason = "refused", str(error)
        if "\n" in reason or path.name not in reason or len(reason) > LONGEST:
            result, reason = "failed", f"not one clear line that names the file: {reason[:500]!r}"
    except Exception as error:
        result, reason = "failed", f"{type(error).__name__}: {str(error)[:500]!r}"
    strangers = {entry.name for entry in folder.iterdir()} - {path.name, "out", "scratch"}
    if strangers:
        result, reason = "failed", f"left {sorted(strangers)} beside the file ({reason[:200]})"
    return result, reason


def work(kind: str, count: int, seed: int, first: int) -> None:
    """The child: read a kind's cases from the given one on, a line before and after each."""
    with tempfile.TemporaryDirectory() as place:
        folder, scratch = Path(place) / "work", Path(place) / "scratch"
        for made in (folder, scratch):
            made.mkdir()
        os.chdir(folder)
        with torch.device("meta"):  # imports much of torch, in seconds that are no case's
            build_trunk("lenet")
        for number, (name, data) in enumerate(cases(kind, count, seed, scratch)):
            if number < first:
                continue
            (folder / file_name(kind)).write_bytes(data)
            del data
            print(json.dumps(["begin", number, name]), flush=True)
            begin = time.perf_counter()
            result, reason = limited(kind, folder)
            seconds = time.perf_counter() - begin
            print(json.dumps(["end", number, name, result, reason, seconds]), flush=True)
            for entry in folder.iterdir():
                subprocess.run(["rm", "-rf", str(entry)], check=True)


def limited(kind: str, folder: Path) -> tuple[str, str]:
    """One attempt with no more address space than 2 GiB beyond what there is."""
    pages = int(Path("/proc/self/statm").read_text(encoding="utf-8").split()[0])
    soft, hard = resource.getrlimit(resource.RLIMIT_AS)
    resource.setrlimit(resource.RLIMIT_AS, (pages * resource.getpagesize() + BYTES, hard))
    try:
        return attempt(kind, folder)
    finally:
        resource.setrlimit(resource.RLIMIT_AS, (soft, hard))


def _forward(stream: Iterable[str], lines: "queue.Queue[str]") -> None:
    for line in stream:
        lines.put(line)
    lines.put("")


def outcomes(kind: str, count: int, seed: int) -> Iterator[Outcome]:
    """All cases of a kind; a child that crashes or hangs fails its case, and another goes on."""
    first = 0
    while True:
        arguments = ["--worker", kind, "--first", str(first)]
        command = [sys.executable, "-m", "benchmarks.hostile", *arguments]
        child = subprocess.Popen(
            [*command, "--cases", str(count), "--seed", str(seed)],
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        )  # fmt: skip
        lines: queue.Queue[str] = queue.Queue()
        reading = threading.Thread(target=_forward, args=(child.stdout, lines))
        reading.start()
        begun = None
        while True:
            try:
                line = lines.get(timeout=None if begun is None else SECONDS)
            except queue.Empty:
                child.kill()
                line = ""
            if not line:
                break
            what, number, name, *rest = json.loads(line)
            begun = (number, name) if what == "begin" else None
            if what == "end":
                yield Outcome(name, *rest[:2])
                first = number + 1
        reading.join()
        error = child.communicate()[1]
        if begun is None and child.returncode == 0:
            return
        if begun is None:
            raise RuntimeError(f"the cases of {kind} cannot be made: {error}")
        how = f"over {SECONDS} s" if child.returncode == -9 else f"exit status {child.returncode}"
        yield Outcome(begun[1], "failed", f"{how} {error[-300:]!r}")
        first = begun[0] + 1


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--cases", type=int, default=60, help="damaged files of each kind")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--kinds", nargs="*", choices=READERS, default=list(READERS))
    parser.add_argument("--verbose", action="store_true", help="print every refusal")
    parser.add_argument("--worker", choices=READERS, help=argparse.SUPPRESS)
    parser.add_argument("--first", type=int, default=0, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.worker:
        work(given.worker, given.cases, given.seed, given.first)
        return
    total: Counter[str] = Counter()
    print(f"{'kind':16}{'cases':>7}{'read':>7}{'refused':>9}{'failed':>8}")
    for kind in given.kinds:
        counts: Counter[str] = Counter()
        failures = []
        for outcome in outcomes(kind, given.cases, given.seed):
            counts[outcome.result] += 1
            if outcome.result == "failed" or given.verbose:
                failures.append(f"    {outcome.name}: {outcome.result} {outcome.reason}")
        shown = (sum(counts.values()), *(counts[r] for r in ("read", "refused", "failed")))
        print(f"{kind:16}" + "{:>7}{:>7}{:>9}{:>8}".format(*shown), *failures, sep="\n")
        total += counts
    shown = (sum(total.values()), *(total[r] for r in ("read", "refused", "failed")))
    print(f"{'all':16}" + "{:>7}{:>7}{:>9}{:>8}".format(*shown))
    sys.exit(1 if total["failed"] else 0)


if __name__ == "__main__":
    main()
