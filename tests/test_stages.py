"""Stages and commands as a user meets them: exit codes and single lines."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


def call(*arguments, cwd=ROOT):
    """A Python module's run: exit code, standard output and error."""
    result = subprocess.run(
        [sys.executable, "-m", *arguments],
        cwd=cwd,
        env={"PYTHONPATH": str(ROOT), "PATH": ""},
        capture_output=True,
        text=True,
        check=False,
    )
    return result.returncode, result.stdout, result.stderr


def test_the_check_accepts_the_default():
    """It says what the parameters amount to."""
    assert call("stages.check") == (0, "2 tasks, 3 methods, 64 bits\n", "")


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("bits: 64", "bits: 0", "params.yaml: dah.bits must be at least 1, found 0"),
        ("bits: 64", "bitts: 64", "params.yaml: section dah has the unknown key 'bitts'"),
        ("eta: 3.0", "eta: one", "params.yaml: dah.eta must be a number, found 'one'"),
        ("- hand-scene", "- hand-art", "params.yaml: tasks: 'hand-art' is not"),
    ],
)
def test_a_mistake_in_the_parameters_is_one_line(tmp_path, old, new, message):
    """No stack trace, exit code 1, before any work."""
    text = (ROOT / "params.yaml").read_text(encoding="utf-8")
    assert text.count(old) == 1
    (tmp_path / "params.yaml").write_text(text.replace(old, new), encoding="utf-8")
    code, output, error = call("stages.check", cwd=tmp_path)
    assert (code, output) == (1, "")
    assert error.startswith(f"check: {message}")
    assert error.count("\n") == 1


def test_a_missing_input_is_one_line(tmp_path):
    """An input that is not there is named with what was expected of it."""
    (tmp_path / "params.yaml").write_bytes((ROOT / "params.yaml").read_bytes())
    paths = "--task print-hand --labels labels --lists lists --truth truth.csv"
    code, _, error = call("stages.split", *paths.split(), cwd=tmp_path)
    assert code == 1
    assert error.startswith("split: labels/print.csv: expected a CSV table, found: ")
    assert error.count("\n") == 1


def test_results_before_a_run_are_one_line(tmp_path):
    """`python -m dah results` says what is missing."""
    code, _, error = call("dah", "results", cwd=tmp_path)
    assert code == 1
    assert error.startswith("dah: metrics/summary.json: expected metrics as JSON, found: ")


def test_torchvision_imports_without_its_operators():
    """Models work beside a CPU torch, and a second import is harmless."""
    program = (
        "from dah.vision import torchvision; import torchvision as again;"
        "assert again is torchvision; torchvision.models.resnet18"
    )
    result = subprocess.run(
        [sys.executable, "-W", "error", "-c", program], cwd=ROOT, capture_output=True, text=True,
        check=False,
    )  # fmt: skip
    assert (result.returncode, result.stderr) == (0, "")
