"""The notebooks' calls, held to the library without running them; CI runs them."""

import ast
import inspect
import json
from importlib import import_module
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))


def program(path):
    """The code of all cells as one tree."""
    cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
    code = ["".join(cell["source"]) for cell in cells if cell["cell_type"] == "code"]
    return ast.parse("\n".join(code))


def imported(tree):
    """What a notebook takes from dah, by the name that it has there."""
    return {
        alias.name: getattr(import_module(node.module), alias.name)
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom) and node.module.split(".")[0] == "dah"
        for alias in node.names
    }


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_each_call_of_the_library_fits_it(path):
    """All arguments that are needed, and none that is unknown, a section's keys among them."""
    tree = program(path)
    names, seen = imported(tree), set()
    for call in ast.walk(tree):
        if not (isinstance(call, ast.Call) and isinstance(call.func, ast.Name)):
            continue
        if call.func.id not in names:
            continue
        seen.add(call.func.id)
        spread = any(isinstance(each, ast.Starred) for each in call.args)
        signature = inspect.signature(names[call.func.id])
        given = {each.arg: each.value for each in call.keywords if each.arg}
        if spread or len(given) < len(call.keywords):
            signature.bind_partial(**given)
        else:
            signature.bind(*call.args, **given)
    assert {"Train", "Dah", "Softmax", "fit", "build_network"} <= seen


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_outputs_are_not_kept(path):
    """Git would have them anew with every run."""
    cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
    for cell in cells:
        assert not cell.get("outputs"), cell["source"]
        assert cell.get("execution_count") is None, cell["source"]
