"""The wings of the library: what may import what, no circle, no module that is too long."""

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
MODULES = sorted(path for path in (ROOT / "dah").rglob("*.py"))
LONGEST = 250  # lines

# What each package may import of this project; docs/architecture.md draws the packages among them.
MAY = {
    "datasets": "",
    "errors": "",
    "exports": "",
    "linalg": "",
    "machine": "",
    "names": "",
    "printable": "",
    "process": "",
    "samples": "",
    "templates": "printable",
    "vision": "",
    "params": "datasets names errors",
    "files": "errors",
    "retrieval": "",
    "shallow": "linalg samples",
    "hashing": "retrieval linalg samples",
    "networks": "files vision errors",
    "tasks": "files errors",
    "images": "datasets files vision printable errors",
    "compute": "networks params errors",
    "deep": "compute networks shallow files params names linalg errors",
    "encoding": "deep compute networks tasks shallow retrieval files linalg samples",
    "evaluation": "encoding tasks shallow retrieval files linalg samples",
    "encoder": "encoding compute networks images tasks retrieval files samples printable errors",
    "report": "evaluation retrieval project files params templates printable machine names",
    "project": "files params names machine errors",
    "experiments": "report project files params machine errors",
    "search": "encoder images retrieval files templates printable errors",
    "web": "search encoder images retrieval printable errors",
}


def imports(path):
    """The dotted names that a file imports of this project, those of modules and of their names."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names if alias.name.startswith("dah."))
        elif isinstance(node, ast.ImportFrom) and node.module == "dah":
            yield from (f"dah.{alias.name}" for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and (node.module or "").startswith("dah."):
            yield node.module


def wing(path):
    """The package, or the single module, that a file is."""
    return path.relative_to(ROOT / "dah").parts[0].removesuffix(".py")


@pytest.mark.parametrize("name", MAY)
def test_a_wing_imports_only_what_it_may(name):
    """Commands and the two doors may import everything; nothing imports them."""
    allowed = {name, "exports", *MAY[name].split()}
    for path in MODULES:
        if wing(path) == name:
            found = {module.split(".")[1] for module in imports(path)}
            assert found <= allowed, path


def test_every_wing_is_drawn():
    assert {wing(path) for path in MODULES} == {*MAY, "__init__", "__main__", "commands"}


def test_the_wings_have_floors():
    """A wing stands on those below it: no circle."""
    floor = {}
    while len(floor) < len(MAY):
        ready = {n for n in MAY if n not in floor and set(MAY[n].split()) <= floor.keys()}
        assert ready, f"a circle among {sorted(MAY.keys() - floor.keys())}"
        floor |= dict.fromkeys(ready, max(floor.values(), default=0) + 1)
    assert max(floor.values()) <= 9


def test_the_table_of_the_documentation_is_this_one():
    """Its packages stand above all that they may import; what is a single module is left out."""
    text = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| `dah\.(\w+)` \| .+ \|(.*)\|$", text, re.MULTILINE)
    drawn = {name: set(re.findall(r"\w+", allowed)) for name, allowed in rows}
    packages = {path.parent.name for path in ROOT.glob("dah/*/__init__.py")}
    assert drawn.pop("commands") == {"all", "below"}
    assert drawn == {n: set(MAY[n].split()) & packages for n in packages - {"commands"}}
    order = [name for name, _ in rows]
    assert all(order.index(n) < order.index(m) for n, of in drawn.items() for m in of)


def test_no_arrow_is_left_that_nothing_needs():
    """What a wing may import, one of its modules does."""
    for name, allowed in MAY.items():
        used = {m.split(".")[1] for p in MODULES if wing(p) == name for m in imports(p)}
        assert set(allowed.split()) <= used, name


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(ROOT)))
def test_no_module_is_longer_than_a_person_reads_at_once(path):
    assert len(path.read_text(encoding="utf-8").splitlines()) <= LONGEST
