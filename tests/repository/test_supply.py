"""What is installed: a complete list of versions and hashes, and what is known against them."""

import json
import re
import runpy
import subprocess
import sys
import tomllib
from importlib.metadata import PackageNotFoundError, requires, version
from pathlib import Path
from types import SimpleNamespace
from zipfile import ZipFile

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

ROOT = Path(__file__).parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
LIST = (ROOT / "constraints.txt").read_text(encoding="utf-8")
PINS = dict(re.findall(r"^([\w-]+)==(\S+)", LIST, re.MULTILINE))
SECTIONS = dict(re.findall(r"^## ([\w-]+)\n(.*?)(?=^## |\Z)", LIST, re.MULTILINE | re.DOTALL))
LOCK = SimpleNamespace(**runpy.run_path(str(ROOT / ".ci" / "lock.py")))


def test_every_file_has_a_hash():
    """Nothing stands in the list but names, exact versions and SHA-256 sums."""
    assert list(SECTIONS) == ["build", "pipeline", "torch-cpu", "torch", "cuda", "tests"]
    for text in SECTIONS.values():
        for requirement in re.split(r"\n(?=\S)", text.strip()):
            name, *hashes = requirement.split(" \\\n")
            assert re.fullmatch(r"[a-z0-9-]+==[\w.+]+", name), name
            assert hashes, name
            assert len(set(hashes)) == len(hashes)
            for value in hashes:
                assert re.fullmatch(r"    --hash=sha256:[0-9a-f]{64}", value), value


def test_no_name_is_in_two_sections():
    """Each is installed once; torch's CPU build is the same version."""
    texts = [text for section, text in SECTIONS.items() if section != "torch-cpu"]
    names = re.findall(r"^([\w-]+)==", "\n".join(texts), re.MULTILINE)
    assert SECTIONS["torch-cpu"].startswith(f"torch=={PINS['torch']}+cpu ")
    assert sorted(names) == sorted(set(names))


def test_what_builds_is_pinned():
    """By the same version in both files, so that pip's own isolated build takes it too."""
    (requirement,) = PROJECT["build-system"]["requires"]
    assert SECTIONS["build"].startswith(requirement + " ")


def test_the_list_is_complete():
    """All that the packages ask for that are installed in these versions, extras included."""
    ours = PROJECT["project"]
    extras = ours["optional-dependencies"]
    texts = [
        *ours["dependencies"],
        *(r for name in extras if name not in LOCK.LEFT_OUT for r in extras[name]),
    ]
    waiting = [Requirement(text) for text in texts if not text.startswith("dah[")]
    missing, seen = set(), set()
    while waiting:
        wanted = waiting.pop()
        for extra in ("", *sorted(wanted.extras)):
            name = canonicalize_name(wanted.name)
            if (name, extra) in seen:
                continue
            seen.add((name, extra))
            if name not in PINS:
                missing.add(name)
            elif installed(name) == PINS[name]:
                needs = map(Requirement, requires(name) or [])
                waiting += [n for n in needs if not n.marker or n.marker.evaluate({"extra": extra})]
    assert missing == set()
    assert len(seen) > 50


def installed(name):
    """A package's version without what marks a build; None where it is not there."""
    try:
        return Version(version(name)).public
    except PackageNotFoundError:
        return None


def test_make_installs_nothing_without_a_hash():
    """But this project itself, whose needs are not looked for again; the lowest versions apart."""
    text = (ROOT / "Makefile").read_text(encoding="utf-8")
    lines = text.replace("\\\n", "").splitlines()
    installing = [line for line in lines if "pip install" in line]
    checked = [line for line in installing if "--require-hashes" in line]
    own = [line for line in installing if line.endswith("--editable .")]
    lowest = [line for line in installing if "$(LOWEST)" in line]
    assert len(installing) == len(checked) + len(own) + len(lowest)
    assert checked
    for line in [*checked, *own]:
        assert "--no-deps --no-build-isolation" in line
    used = re.findall(r"\$\(call hashed,([\w-]+)\)", text)
    assert sorted(used) == sorted(SECTIONS)


@pytest.mark.parametrize(
    ("wheel", "runs_on"),
    [
        ("a-1-py3-none-any.whl", 16),
        ("a-1-py2.py3-none-any.whl", 16),
        ("a-1-cp312-cp312-manylinux_2_17_x86_64.manylinux2014_x86_64.whl", 1),
        ("a-1-cp312-abi3-macosx_11_0_arm64.whl", 3),
        ("a-1-cp39-abi3-manylinux_2_28_aarch64.whl", 4),
        ("a-1-cp313-cp313-macosx_10_13_universal2.whl", 2),
        ("a-1-cp314-cp314t-manylinux_2_28_x86_64.whl", 0),
        ("a-1-cp310-cp310-manylinux_2_28_x86_64.whl", 0),
        ("a-1-cp312-cp312-musllinux_1_2_x86_64.whl", 0),
        ("a-1-cp312-cp312-win_amd64.whl", 0),
        ("a-1-pp311-pypy311_pp73-manylinux_2_28_x86_64.whl", 0),
    ],
)
def test_wheels_of_our_systems_are_kept(wheel, runs_on):
    """Four Pythons on four systems: every one for any, one each for a compiled one."""
    assert len(set(LOCK.fitting(wheel))) == runs_on


def package(name, version="1", needs=(), extras=(), wheels=("py3-none-any",)):
    """A package as uv.lock has it; a need is a name, or a name and a marker."""
    return {
        "name": name, "version": version,
        "dependencies": [
            {"name": n} if isinstance(n, str) else {"name": n[0], "marker": n[1]} for n in needs
        ],
        "optional-dependencies": {"x": [{"name": n} for n in extras]},
        "wheels": [
            {"url": f"https://host/{name}-{version}-{tag}.whl", "hash": f"sha256:{name}-{tag}"}
            for tag in wheels
        ],
        "sdist": {"url": f"https://host/{name}.tar.gz", "hash": f"sha256:{name}-source"},
    }  # fmt: skip


def test_sections_are_what_is_installed_together():
    """What torch needs on Linux alone is CUDA's, but not what others need too."""
    linux = "sys_platform == 'linux'"
    packages = [
        package("dah", needs=["a", "torch", "torchvision"], extras=["t", "a"]),
        package("a", needs=["b", "build"]), package("b"), package("c"), package("build"),
        package("torch", needs=["c", ("nvidia-x", linux), ("b", linux)]),
        package("torchvision", needs=["torch"]), package("nvidia-x", needs=["nvidia-y"]),
        package("nvidia-y"), package("t", needs=["b", "u"]), package("u"),
    ]  # fmt: skip
    assert LOCK.sections({"package": packages}, ["build"]) == {
        "build": ["build"], "pipeline": ["a", "b", "c"], "torch": ["torch", "torchvision"],
        "cuda": ["nvidia-x", "nvidia-y"], "tests": ["t", "u"],
    }  # fmt: skip


def test_sources_stand_in_where_a_system_has_no_wheel():
    """And never beside wheels for all."""
    assert LOCK.hashes(package("a")) == ["sha256:a-py3-none-any"]
    one = "cp312-cp312-manylinux_2_28_x86_64"
    compiled = package("a", wheels=[one, "cp312-cp312-win_amd64"])
    assert LOCK.hashes(compiled) == [f"sha256:a-{one}", "sha256:a-source"]
    assert LOCK.hashes(package("a", wheels=())) == ["sha256:a-source"]


@pytest.mark.parametrize(
    ("needs", "code"),
    [
        (["filelock"], 1),
        ([], 1),
        ([f'nvidia-x==1; sys_platform == "{sys.platform}"'], 0),
        (['nvidia-x==1; sys_platform == "other"'], 1),
    ],
)
def test_cuda_is_installed_where_torch_asks_for_it(tmp_path, needs, code):
    """Read from the metadata of the torch that is there; its CPU build has no such needs."""
    (tmp_path / "torch-1.dist-info").mkdir()
    lines = ["Metadata-Version: 2.1", "Name: torch", "Version: 1"]
    text = "\n".join([*lines, *(f"Requires-Dist: {need}" for need in needs)]) + "\n"
    (tmp_path / "torch-1.dist-info" / "METADATA").write_text(text)
    command = [sys.executable, ROOT / ".ci" / "cuda.py"]
    done = subprocess.run(command, env={"PYTHONPATH": str(tmp_path)}, check=False)
    assert done.returncode == code


def advisory(name, events=(), versions=(), **more):
    """A record in the OSV format."""
    ranges = [{"type": "ECOSYSTEM", "events": [{kind: at} for kind, at in events]}]
    affected = {"package": {"name": name, "ecosystem": "PyPI"}, "versions": list(versions)}
    return {"id": "X-1", "affected": [affected | {"ranges": ranges if events else []}], **more}


def audit(*arguments):
    """What the audit says, and its exit code."""
    command = [sys.executable, ROOT / ".ci" / "audit.py", *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return done.returncode, done.stdout + done.stderr


PILLOW = PINS["pillow"]


@pytest.mark.parametrize(
    ("record", "lists"),
    [
        (advisory("Pillow", [("introduced", "0")]), ["installed", "lowest"]),
        (advisory("pillow", [("introduced", "0"), ("fixed", PILLOW)]), ["lowest"]),
        (
            advisory("pillow", [("introduced", "0"), ("last_affected", PILLOW)]),
            ["installed", "lowest"],
        ),
        (advisory("pillow", [("introduced", PILLOW)]), ["installed"]),
        (advisory("pillow", [("introduced", "0"), ("fixed", "1"), ("introduced", "999")]), []),
        (advisory("pillow", versions=["1.0", "not-a-version", f"{PILLOW}.0"]), ["installed"]),
        (advisory("pillow", [("introduced", "0")], withdrawn="2026-01-01"), []),
        (advisory("another", [("introduced", "0")]), []),
    ],
)
def test_the_audit_finds_what_advisories_name(tmp_path, record, lists):
    """By ranges and lists of versions, among what is installed and what is allowed."""
    with ZipFile(tmp_path / "all.zip", "w") as archive:
        archive.writestr("x.json", json.dumps(record))
    code, said = audit(tmp_path / "all.zip")
    *hits, total = said.splitlines()
    assert [hit.split(":")[0] for hit in hits] == lists
    assert total == f"1 advisories, {len(lists)} affect a version"
    assert code == (1 if lists else 0)


def test_the_audit_reads_yaml(tmp_path):
    """As the advisory database of Python packaging is written, in folders by name."""
    (tmp_path / "vulns" / "torch").mkdir(parents=True)
    (tmp_path / "vulns" / "torch" / "PYSEC-1.yaml").write_text(
        "id: PYSEC-1\naffected:\n- package:\n    name: torch\n    ecosystem: PyPI\n"
        "  ranges:\n  - type: ECOSYSTEM\n    events:\n    - introduced: '0'\n"
        f"  - type: GIT\n    events:\n    - introduced: '0'\n  versions:\n  - {PINS['torch']}\n"
    )
    code, said = audit(tmp_path)
    assert code == 1
    assert f"installed: torch {PINS['torch']}: PYSEC-1\n" in said


def test_an_audit_without_advisories_is_a_mistake(tmp_path):
    """And not a good result."""
    assert audit(tmp_path) == (
        1, f"audit: {tmp_path} has no advisories; expected OSV records as .json, .yaml, .yml\n",
    )  # fmt: skip
    for arguments in ((), (tmp_path / "none",)):
        code, said = audit(*arguments)
        assert code == 1
        assert said.startswith("audit: expected a folder or a zip of advisories")
