"""The names that packages offer: each is there, and asking for none of them costs nothing."""

import subprocess
import sys
from importlib import import_module
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGES = sorted(f"dah.{path.parent.name}" for path in ROOT.glob("dah/*/__init__.py"))
OFFERING = [name for name in PACKAGES if name != "dah.commands"]  # whose modules are commands
HEAVY = ("torch", "h5py")


@pytest.mark.parametrize("package", ["dah", *OFFERING])
def test_every_name_that_is_offered_is_there(package):
    """A name that moved, or went, is missed here and not by a person."""
    module = import_module(package)
    assert module.__all__
    assert len(set(module.__all__)) == len(module.__all__)
    lacking = [name for name in module.__all__ if not hasattr(module, name)]
    assert lacking == []


@pytest.mark.parametrize("package", ["dah.retrieval", "dah.files"])
def test_an_unknown_name_is_refused_by_name(package):
    """As by any module, so that ``from package import module`` goes on to look for a module."""
    with pytest.raises(AttributeError, match=f"module '{package}' has no attribute 'no_such'"):
        import_module(package).no_such  # noqa: B018 - looking it up is the test
    assert set(dir(import_module(package))) == set(import_module(package).__all__)


def test_importing_a_package_imports_nothing_heavy():
    """Who asks for a light name waits for neither torch nor h5py."""
    lines = [f"import sys, {', '.join(PACKAGES)}", f"print(sys.modules.keys() & {set(HEAVY)})"]
    command = [sys.executable, "-c", "\n".join(lines)]
    shown = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    assert shown.stdout == "set()\n"
