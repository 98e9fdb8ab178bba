"""Break the formulas one operator at a time, and say which breaks no test sees.

``python .ci/mutants.py [MODULE ...]``, modules as in TESTS, all where none is given; needs
``pip install cosmic-ray``. Works in a copy of the project; minutes to an hour a module. Exits with
1 where a mutant survives that docs/mutants.md does not explain.
"""

import json
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

ROOT = Path(__file__).parents[1]
EXPLAINED = ROOT / "docs" / "mutants.md"
# The tests that hold a module: what a mutant has to get past.
TESTS = {
    "dah/deep/losses.py": "tests/deep/test_losses.py",
    "dah/deep/mmd.py": "tests/deep/test_mmd.py",
    "dah/shallow/adapt.py": "tests/shallow/test_adapt.py",
    "dah/retrieval/precision.py": "tests/retrieval",
    "dah/retrieval/hamming.py": "tests/retrieval",
    "dah/retrieval/codes.py": "tests/retrieval",
    "dah/retrieval/reach.py": "tests/retrieval/test_reach.py",
    "dah/retrieval/statistics.py": "tests/retrieval/test_statistics.py",
    "dah/retrieval/ties.py": "tests/retrieval/test_ties.py",
    "dah/hashing/quantization.py": "tests/hashing",
    "dah/hashing/quadratic.py": "tests/hashing",
    "dah/hashing/principal.py": "tests/hashing",
    "dah/hashing/kmeans.py": "tests/hashing",
}
CONFIGURATION = """\
[cosmic-ray]
module-path = "{module}"
timeout = {seconds}
test-command = "{python} -m pytest -q -x -p no:cacheprovider -m 'not slow' {tests}"
excluded-modules = []
distributor.name = "local"
"""
COPIED = ("dah", "stages", "tests", "docs", "pyproject.toml", "params.yaml")


def survivors(report: str) -> Iterator[Mapping[str, Any]]:
    """Operator, line and difference of each mutant that no test saw, of ``cosmic-ray dump``."""
    for line in report.splitlines():
        work, result = json.loads(line)
        if result is not None and result["test_outcome"] == "survived":
            (mutation,) = work["mutations"]
            yield {
                "operator": mutation["operator_name"].removeprefix("core/"),
                "line": mutation["start_pos"][0],
                "diff": [
                    part
                    for part in (result["diff"] or "").splitlines()
                    if re.match(r"[-+](?![-+])", part)
                ],
            }


def mutate(module: str, folder: Path, seconds: int = 120) -> tuple[int, list[Mapping[str, Any]]]:
    """How many mutants a module has, and those that survive its tests in a copy in `folder`."""
    configuration, session = folder / "mutants.toml", folder / "mutants.sqlite"
    configuration.write_text(
        CONFIGURATION.format(
            module=module, seconds=seconds, tests=TESTS[module], python=sys.executable
        ),
        encoding="utf-8",
    )
    for command in (
        ["baseline", configuration.name],
        ["init", configuration.name, session.name, "--force"],
        ["exec", configuration.name, session.name],
    ):
        subprocess.run(["cosmic-ray", *command], cwd=folder, check=True)
    report = subprocess.run(
        ["cosmic-ray", "dump", session.name], cwd=folder, capture_output=True, text=True, check=True
    ).stdout
    return len(report.splitlines()), list(survivors(report))


def explained(text: str) -> set[tuple[str, str]]:
    """Module and mutated line of each mutant that the documentation lists, in its code blocks."""
    found = set()
    for module, part in re.findall(r"^## `([\w/.]+)`\n(.*?)(?=^## |\Z)", text, re.M | re.S):
        found |= {(module, line.strip()) for line in re.findall(r"^\+(.+)$", part, re.M)}
    return found


def main(modules: list[str]) -> int:
    known = explained(EXPLAINED.read_text(encoding="utf-8")) if EXPLAINED.exists() else set()
    left = 0
    for module in modules or TESTS:
        with TemporaryDirectory() as folder:
            for name in COPIED:
                source, copy = ROOT / name, Path(folder, name)
                (shutil.copytree if source.is_dir() else shutil.copy)(source, copy)
            count, alive = mutate(module, Path(folder))
        new = [
            mutant
            for mutant in alive
            if not {(module, part[1:].strip()) for part in mutant["diff"] if part[0] == "+"}
            & known
        ]
        left += len(new)
        print(f"{module}: {count} mutants, {len(alive)} survive, {len(new)} unexplained")
        for mutant in new:
            print(f"  {module}:{mutant['line']} {mutant['operator']}", *mutant["diff"], sep="\n    ")
        sys.stdout.flush()
    return 1 if left else 0


if __name__ == "__main__":
    unknown = [name for name in sys.argv[1:] if name not in TESTS]
    if unknown:
        sys.exit(f"mutants: {unknown[0]}: expected one of {', '.join(TESTS)}")
    sys.exit(main(sys.argv[1:]))
