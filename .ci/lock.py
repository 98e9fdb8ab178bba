"""Write constraints.txt: what pyproject.toml needs, exactly, with the hash of every file.

``python .ci/lock.py [--upgrade]`` asks the package index by uv (``pip install uv``), for Linux and
macOS and PYTHONS; versions stay unless ``--upgrade`` is given. Sections are what is installed
together, one after another (Makefile).
"""

import json
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

ROOT = Path(__file__).parents[1]
LIST = ROOT / "constraints.txt"
PYTHONS = ("3.11", "3.12", "3.13", "3.14")
LEFT_OUT = ("bench", "lancedb", "milvus", "ray")  # peers in benchmarks; what heavy.sh installs
TORCH = ("torch", "torchvision")
# A file that the index does not have, for Python 3.11 on Linux, which is taken where pip finds it.
CPU = """\
## torch-cpu
torch==2.13.0+cpu \\
    --hash=sha256:6746dbcbeb526eb61330b76b41ff1b4eb848951103a892eeb080dfa2b264667b
"""
HEAD = """\
# Made by .ci/lock.py. The Makefile installs each section with pip's --require-hashes and --no-deps.
"""
Package = Mapping[str, Any]


def pins(text: str) -> dict[str, str]:
    """The version of every package in a list of requirements."""
    return dict(re.findall(r"^([\w.-]+)==([\w.!+]+)", text, re.MULTILINE))


def project(text: str, kept: Mapping[str, str]) -> str:
    """A pyproject.toml for uv: the requirements of ours, held to the versions that are kept."""
    given = tomllib.loads(text)
    ours = given["project"]
    extras = {n: v for n, v in ours["optional-dependencies"].items() if n not in LEFT_OUT}
    lines = [
        "[project]",
        'name = "dah"',
        'version = "0"',
        f'requires-python = ">={PYTHONS[0]},<3.{int(PYTHONS[-1][2:]) + 1}"',
        f"dependencies = {json.dumps(ours['dependencies'] + given['build-system']['requires'])}",
        "[project.optional-dependencies]",
        *(f"{name} = {json.dumps(needed)}" for name, needed in extras.items()),
        "[tool.uv]",
        "package = false",
        f"constraint-dependencies = {json.dumps([f'{n}=={v}' for n, v in kept.items()])}",
        """environments = ["sys_platform == 'linux'", "sys_platform == 'darwin'"]""",
    ]
    return "\n".join(lines)


def sections(lock: Mapping[str, Any], build: Iterable[str]) -> dict[str, list[str]]:
    """The names that are installed together, in order, of a uv.lock; `build` comes first.

    What torch needs on Linux alone is what its CUDA build needs.
    """
    packages = {package["name"]: package for package in lock["package"]}
    extras = packages["dah"].get("optional-dependencies", {})

    def needed(names: Iterable[str], cuda: bool) -> set[str]:
        found, waiting = set(), list(names)
        while waiting:
            name = waiting.pop()
            if name not in found and name != "dah":
                found.add(name)
                waiting += [
                    d["name"]
                    for d in _dependencies(packages[name])
                    if cuda or name not in TORCH or "linux" not in d.get("marker", "")
                ]
        return found

    direct = [d["name"] for d in packages["dah"]["dependencies"] + extras.get("pipeline", [])]
    tests = [d["name"] for of in extras.values() for d in of]
    first = set(build)
    pipeline = needed(direct, cuda=False) - first - {*TORCH}
    cuda = needed(TORCH, cuda=True) - first - pipeline - {*TORCH}
    rest = needed(tests, cuda=False) - first - pipeline - cuda - {*TORCH}
    named = {"build": first, "pipeline": pipeline, "torch": {*TORCH}, "cuda": cuda, "tests": rest}
    return {section: sorted(names) for section, names in named.items()}


def _dependencies(package: Package) -> Iterator[Mapping[str, Any]]:
    yield from package.get("dependencies", [])
    for of in package.get("optional-dependencies", {}).values():
        yield from of


def hashes(package: Package) -> list[str]:
    """Those of the wheels for our systems; of the sources too where one of them has no wheel."""
    wheels = {w["url"].rsplit("/", 1)[1]: w["hash"] for w in package.get("wheels", [])}
    kept = {name: value for name, value in wheels.items() if any(fitting(name))}
    missing = {(python, system) for python in PYTHONS for system in SYSTEMS}
    for name in kept:
        missing -= set(fitting(name))
    sources = [package["sdist"]["hash"]] if missing and "sdist" in package else []
    return sorted({*kept.values(), *sources})


SYSTEMS = {
    "linux x86_64": r"any|.*manylinux\w*_x86_64|linux_x86_64",
    "linux aarch64": r"any|.*manylinux\w*_aarch64|linux_aarch64",
    "macos arm64": r"any|.*macosx\w*_(arm64|universal2)",
    "macos x86_64": r"any|.*macosx\w*_(x86_64|universal2)",
}


def fitting(wheel: str) -> Iterator[tuple[str, str]]:
    """The Pythons and systems that a wheel's file name says it is for."""
    tags, abi, system = wheel.removesuffix(".whl").split("-")[-3:]
    for python in PYTHONS:
        own = "cp" + python.replace(".", "")
        older = any(
            int(minor) <= int(python[2:]) for minor in re.findall(r"cp3(\d+)", tags)
        )  # of the stable interface
        plain = {f"py3{minor}" for minor in ("", *range(int(python[2:]) + 1))}
        runs = plain & {*tags.split(".")} or (abi == "abi3" and older) or (tags, abi) == (own, own)
        for name, pattern in SYSTEMS.items():
            if runs and re.fullmatch(pattern, system):
                yield python, name


def written(lock: Mapping[str, Any], build: Iterable[str]) -> str:
    """The whole list as text."""
    packages = {package["name"]: package for package in lock["package"]}
    lines = [HEAD]
    for section, names in sections(lock, build).items():
        lines += [CPU.rstrip("\n")] if section == "torch" else []
        lines.append(f"## {section}")
        for name in names:
            requirement = f"{name}=={packages[name]['version']}"
            each = (f"    --hash={value}" for value in hashes(packages[name]))
            lines.append(" \\\n".join([requirement, *each]))
    return "\n".join(lines) + "\n"


def main() -> None:
    text = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    kept = {} if "--upgrade" in sys.argv else pins(LIST.read_text(encoding="utf-8"))
    with TemporaryDirectory() as folder:
        (Path(folder) / "pyproject.toml").write_text(project(text, kept), encoding="utf-8")
        subprocess.run(["uv", "lock", "--quiet"], cwd=folder, check=True)
        lock = tomllib.loads((Path(folder) / "uv.lock").read_text(encoding="utf-8"))
    build = [
        requirement.split("==")[0]
        for requirement in tomllib.loads(text)["build-system"]["requires"]
    ]
    LIST.write_text(written(lock, build), encoding="utf-8")


if __name__ == "__main__":
    main()
