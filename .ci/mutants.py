"""Break the formulas one operator or number at a time, and say which breaks no test sees.

``python .ci/mutants.py [MODULE ...]``, modules as in TESTS, all where none is given; needs
``pip install cosmic-ray``, whose mutants these are. Works in a copy of the project and forks a
process for each mutant, so that torch is imported once. Exits with 1 where a mutant survives that
docs/mutants.md does not explain.
"""

import difflib
import os
import re
import shutil
import signal
import sys
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from tempfile import TemporaryDirectory

ROOT = Path(__file__).parents[1]
EXPLAINED = ROOT / "docs" / "mutants.md"
SECONDS = 120  # a mutant that takes longer, in an endless loop say, is seen
# The tests that hold a module: what a mutant has to get past.
TESTS = {
    "dah/deep/losses.py": "tests/deep/test_losses.py",
    "dah/deep/mmd.py": "tests/deep/test_mmd.py",
    "dah/shallow/adapt.py": "tests/shallow/test_adapt.py",
    "dah/retrieval/precision.py": "tests/retrieval/test_retrieval.py",
    "dah/retrieval/hamming.py": "tests/retrieval/test_retrieval.py",
    "dah/retrieval/codes.py": "tests/retrieval/test_codes.py",
    "dah/retrieval/reach.py": "tests/retrieval/test_reach.py",
    "dah/retrieval/statistics.py": "tests/retrieval/test_statistics.py",
    "dah/retrieval/ties.py": "tests/retrieval/test_ties.py",
    "dah/hashing/quantization.py": "tests/hashing/test_hashing.py",
    "dah/hashing/quadratic.py": "tests/hashing/test_hashing.py",
    "dah/hashing/principal.py": "tests/hashing/test_hashing.py",
}
COPIED = ("dah", "stages", "tests", "docs", "pyproject.toml", "params.yaml", "README.md")


def mutants(source: str) -> Iterator[str]:
    """Every text that cosmic-ray makes of a module by one change that Python sees as one."""
    from cosmic_ray.ast import ast_nodes, get_ast  # noqa: PLC0415 - the script alone needs it
    from cosmic_ray.mutating import mutate_code  # noqa: PLC0415
    from cosmic_ray.plugins import get_operator, operator_names  # noqa: PLC0415

    nodes = list(ast_nodes(get_ast(source)))
    for name in operator_names():
        if get_operator(name).arguments():
            continue
        operator = get_operator(name)()
        count = sum(1 for node in nodes for _ in operator.mutation_positions(node))
        for occurrence in range(count):
            text = mutate_code(source, operator, occurrence)
            if text is not None and not annotation(source, text):
                yield text


def annotation(source: str, mutant: str) -> bool:
    """Whether a mutant differs in what types are written alone: no run could tell."""
    return "".join(changed(source, mutant)).count(" | None") < "".join(
        changed(mutant, source)
    ).count(" | None")


def changed(source: str, mutant: str) -> list[str]:
    """The lines of `mutant` that `source` does not have."""
    lines = difflib.ndiff(source.splitlines(), mutant.splitlines())
    return [line[2:].strip() for line in lines if line.startswith("+ ")]


def seen(path: Path, text: str, tests: str) -> bool:
    """Whether the tests fail, in a process of its own, with `text` as the module at `path`."""
    source = path.read_text(encoding="utf-8")
    path.write_text(text, encoding="utf-8")
    child = os.fork()
    if child == 0:
        signal.alarm(SECONDS)
        silent = os.open(os.devnull, os.O_WRONLY)
        os.dup2(silent, 1)
        os.dup2(silent, 2)
        code = 1
        try:
            import pytest  # noqa: PLC0415

            code = int(pytest.main(["-qx", "-m", "not slow", "-p", "no:cacheprovider", tests]))
        finally:
            os._exit(code)
    _, status = os.waitpid(child, 0)
    path.write_text(source, encoding="utf-8")
    return status != 0


def explained(text: str) -> set[tuple[str, str]]:
    """Module and mutated line of each mutant that the documentation lists, in its code blocks."""
    found = set()
    for module, part in re.findall(r"^## `([\w/.]+)`\n(.*?)(?=^## |\Z)", text, re.M | re.S):
        found |= {(module, line.strip()) for line in re.findall(r"^\+(.+)$", part, re.M)}
    return found


def survivors(module: str, folder: Path) -> tuple[int, list[list[str]]]:
    """How many mutants a module has in the copy `folder`; the changed lines of those unseen."""
    path = folder / module
    source = path.read_text(encoding="utf-8")
    if seen(path, source, TESTS[module]):
        raise SystemExit(f"mutants: {TESTS[module]} fails without a mutant")
    every = sorted(set(mutants(source)))
    return len(every), [
        changed(source, text) for text in every if not seen(path, text, TESTS[module])
    ]


def main(modules: list[str]) -> int:
    known = explained(EXPLAINED.read_text(encoding="utf-8")) if EXPLAINED.exists() else set()
    left = 0
    with TemporaryDirectory() as name:
        folder = Path(name)
        for part in COPIED:
            source, copy = ROOT / part, folder / part
            (shutil.copytree if source.is_dir() else shutil.copy)(source, copy)
        os.chdir(folder)
        sys.path[0] = name
        sys.dont_write_bytecode = True
        for heavy in ("torch", "scipy.optimize", "sklearn.cluster", "pytest", "h5py"):
            import_module(heavy)
        for module in modules or TESTS:
            count, alive = survivors(module, folder)
            new = [lines for lines in alive if not {(module, line) for line in lines} <= known]
            left += len(new)
            print(f"{module}: {count} mutants, {len(alive)} survive, {len(new)} unexplained")
            print(*("    + " + line for lines in new for line in lines), sep="\n", flush=True)
    return 1 if left else 0


if __name__ == "__main__":
    unknown = [name for name in sys.argv[1:] if name not in TESTS]
    if unknown:
        sys.exit(f"mutants: {unknown[0]}: expected one of {', '.join(TESTS)}")
    sys.exit(main(sys.argv[1:]))
