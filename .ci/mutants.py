"""Break the formulas one operator or number at a time, and say which breaks no test sees.

``python .ci/mutants.py [MODULE ...]``, modules as in TESTS, all where none is given, needs
``pip install cosmic-ray``, whose mutants these are. With ``--seconds S`` a module ends there and
says how far it came, ``--first N`` goes on from there. pytest collects a module's tests once; each
mutant is a fork of that process, in which the module's functions get the mutant's code and those
tests run that pass the changed lines, the quick ones first, up to the first that fails. Exits with
1 where a mutant survives that docs/tests.md does not explain.
"""

import json
import os
import re
import resource
import signal
import sys
import time
from argparse import ArgumentParser
from collections.abc import Callable, Iterator, Sequence
from importlib import import_module
from pathlib import Path
from tempfile import TemporaryDirectory
from types import FunctionType, ModuleType
from typing import Any

import pytest
from coverage import Coverage
from mutations import change, mutants, statements

ROOT = Path(__file__).parents[1]
EXPLAINED = ROOT / "docs" / "tests.md"
SECONDS = 10  # of a processor, beyond thrice what the tests take: an endless loop, say, is seen
MEMORY = 4 << 30  # bytes beyond what is taken already
# The tests that hold a module: what a mutant has to get past.
TESTS = {
    "dah/deep/losses.py": "tests/deep/test_losses.py",
    "dah/deep/mmd.py": "tests/deep/test_mmd.py",
    "dah/shallow/adapt.py": "tests/shallow/test_adapt.py",
    "dah/shallow/propagation.py": "tests/shallow/test_propagation.py",
    "dah/shallow/pseudo_labels.py": "tests/shallow/test_pseudo_labels.py",
    "dah/retrieval/codes.py": "tests/retrieval",
    "dah/retrieval/hamming.py": "tests/retrieval",
    "dah/retrieval/precision.py": "tests/retrieval",
    "dah/retrieval/reach.py": "tests/retrieval/test_reach.py",
    "dah/retrieval/statistics.py": "tests/retrieval",
    "dah/retrieval/ties.py": "tests/retrieval",
    "dah/hashing/quantization.py": "tests/hashing/test_hashing.py",
    "dah/hashing/principal.py": "tests/hashing/test_hashing.py",
    "dah/hashing/quadratic.py": "tests/hashing/test_hashing.py",
    "dah/hashing/transfer.py": "tests/hashing/test_transfer.py",
    "dah/hashing/kernel.py": "tests/hashing/test_transfer.py",
    "dah/hashing/memberships.py": "tests/hashing/test_transfer.py",
    "dah/hashing/prototypes.py": "tests/hashing/test_transfer.py",
    "dah/hashing/prediction.py": "tests/hashing/test_transfer.py",
}


def put(module: ModuleType, text: str) -> None:
    """Give the functions, classes and numbers of an imported module what `text` says.

    Who took a function before, a test say, has the new one too; so has one who took a number.
    """
    fresh: dict[str, Any] = {"__name__": module.__name__, "__file__": module.__file__}
    exec(compile(text, str(module.__file__), "exec"), fresh)
    known = [m for n, m in sys.modules.items() if n.partition(".")[0] in ("dah", "tests")]
    for name, new in fresh.items():
        old = vars(module).get(name)
        if name.startswith("__") or getattr(new, "__module__", module.__name__) != module.__name__:
            continue
        if isinstance(old, FunctionType) and isinstance(new, FunctionType):
            old.__code__, old.__defaults__ = new.__code__, new.__defaults__
            old.__kwdefaults__ = new.__kwdefaults__
        elif isinstance(old, type) and isinstance(new, type):
            kept = {"__dict__", "__weakref__", "__doc__", "__module__"}
            for gone in set(vars(old)) - set(vars(new)) - kept:
                delattr(old, gone)
            for key in set(vars(new)) - kept:
                setattr(old, key, vars(new)[key])
        else:
            for other in known:
                if name in vars(other) and vars(other)[name] is old:
                    setattr(other, name, new)


def forked(work: Callable[[], int], seconds: float) -> int:
    """The exit status of `work` in a fork of this process, silent, within bounds."""
    child = os.fork()
    if child == 0:
        code = 1
        try:
            os.dup2(1, 2)
            signal.alarm(20 * int(seconds + 1))
            resource.setrlimit(resource.RLIMIT_CPU, (int(seconds) + 1, int(seconds) + 1))
            taken = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
            resource.setrlimit(resource.RLIMIT_AS, (taken + MEMORY, taken + MEMORY))
            code = work()
        finally:
            os._exit(code)
    return os.waitpid(child, 0)[1]


class Runner:
    """A plugin of pytest that runs the collected tests once for every mutant of a module."""

    def __init__(self, name: str, first: int, seconds: float) -> None:
        self.name, self.first, self.end = name, first, time.monotonic() + seconds
        self.counted, self.of, self.alive = 0, 0, list[list[str]]()

    def run(self, session: pytest.Session, items: Sequence[pytest.Item]) -> int:
        """Run tests up to the first that fails; 1 where one does."""
        for item, after in zip(items, [*items[1:], None], strict=True):
            item.config.hook.pytest_runtest_protocol(item=item, nextitem=after)
            if session.testsfailed:
                return 1
        return 0

    def pytest_runtestloop(self, session: pytest.Session) -> bool:
        path = ROOT / self.name
        module = import_module(self.name.removesuffix(".py").replace("/", "."))
        note = Path(session.config.getoption("basetemp")).with_name("passed.json")
        if forked(lambda: self.measured(session, path, note), 3600):
            raise SystemExit(f"mutants: {TESTS[self.name]} fails without a mutant")
        passed = json.loads(note.read_text(encoding="utf-8"))
        source = path.read_text(encoding="utf-8")
        whole = statements(source)
        every = sorted(mutants(source))
        self.of = len(every)
        for text in every[self.first :]:
            if time.monotonic() > self.end:
                break
            _, lines, numbers = change(source, text)
            near = set().union(*(whole.get(number, {number}) for number in numbers))
            on_import = any(str(n) in passed["imported"] for n in near)
            chosen = [
                item
                for item in sorted(session.items, key=lambda i: passed["seconds"][i.nodeid])
                if on_import or near & set(passed["lines"][item.nodeid])
            ]
            seconds = SECONDS + 3 * sum(passed["seconds"][item.nodeid] for item in chosen)

            def broken(text: str = text, chosen: list[pytest.Item] = chosen) -> int:
                put(module, text)
                return self.run(session, chosen)

            self.counted += 1
            if not forked(broken, seconds):
                self.alive.append(lines)
        return True

    def measured(self, session: pytest.Session, path: Path, note: Path) -> int:
        """Run all tests; write to `note` the lines of the module that each passes, its seconds."""
        cover = Coverage(data_file=None, include=[str(path)], config_file=False)
        seconds, failed = {}, 0
        cover.start()
        for item, after in zip(session.items, [*session.items[1:], None], strict=True):
            cover.switch_context(item.nodeid)
            start = time.process_time()
            item.config.hook.pytest_runtest_protocol(item=item, nextitem=after)
            seconds[item.nodeid] = time.process_time() - start
            failed |= session.testsfailed
        cover.stop()
        of_line = cover.get_data().contexts_by_lineno(str(path))
        lines = {name: [n for n, names in of_line.items() if name in names] for name in seconds}
        within = {n for names in lines.values() for n in names}
        every = statements(path.read_text(encoding="utf-8"))
        imported = [str(n) for n in every if not within & every[n]]
        note.write_text(
            json.dumps({"seconds": seconds, "lines": lines, "imported": imported}), encoding="utf-8"
        )
        return int(failed > 0)


def explained(text: str) -> set[tuple[str, str]]:
    """Module and mutated line of each mutant that the documentation lists, in its code blocks."""
    found = set()
    for module, part in re.findall(r"^### `([\w/.]+)`\n(.*?)(?=^##|\Z)", text, re.M | re.S):
        found |= {(module, line.strip()) for line in re.findall(r"^\+(.+)$", part, re.M)}
    return found


def report(name: str, known: set[tuple[str, str]], first: int, seconds: float) -> int:
    """Run a module's mutants and print the figures; how many survive unexplained."""
    start, runner, said = time.perf_counter(), Runner(name, first, seconds), os.dup(1)
    options = ["-m", "not slow", "-p", "no:cacheprovider", "-qq"]
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    with TemporaryDirectory() as folder:
        ended = pytest.main([*options, f"--basetemp={folder}/tests", TESTS[name]], plugins=[runner])
    os.dup2(said, 1)
    if ended or not runner.counted:
        raise SystemExit(f"mutants: {TESTS[name]} cannot be run: {ended!r}")
    new = [lines for lines in runner.alive if not {(name, line) for line in lines} <= known]
    print(
        f"{name}: {runner.counted} of {runner.of} mutants, {len(runner.alive)} survive,"
        f" {len(new)} unexplained, {time.perf_counter() - start:.0f} s"
    )
    print(*("    + " + line for lines in new for line in lines), sep="\n", flush=True)
    return len(new)


def each(names: Sequence[str], first: int, seconds: float) -> Iterator[int]:
    """The unexplained survivors of each module, counted in a process of its own."""
    known = explained(EXPLAINED.read_text(encoding="utf-8"))
    for name in names:
        child = os.fork()
        if child == 0:
            os._exit(min(report(name, known, first, seconds), 255))
        yield os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


if __name__ == "__main__":
    parser = ArgumentParser(description=__doc__)
    parser.add_argument("modules", nargs="*", metavar="MODULE", help=", ".join(TESTS))
    parser.add_argument("--first", type=int, default=0, metavar="N", help="mutants to pass over")
    parser.add_argument("--seconds", type=float, default=float("inf"), metavar="S")
    given = parser.parse_args()
    unknown = [name for name in given.modules if name not in TESTS]
    if unknown:
        parser.error(f"{unknown[0]}: expected one of {', '.join(TESTS)}")
    os.chdir(ROOT)
    sys.path[0] = str(ROOT)
    for heavy in ("torch", "scipy.optimize", "sklearn.cluster", "h5py"):
        import_module(heavy)
    sys.exit(any([*each(given.modules or list(TESTS), given.first, given.seconds)]))
