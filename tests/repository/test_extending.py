"""The worked examples of docs/extending.md, put into a copy of the library and run."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "docs" / "extending.md").read_text(encoding="utf-8")
CODE = r":\n\n```python\n(.*?)\n```"
PLACES = {
    "new": re.compile(r"^A new file `([\w/.]+)`" + CODE, re.M | re.S),
    "end": re.compile(r"^At the end of `([\w/.]+)`" + CODE, re.M | re.S),
    "after": re.compile(r"^In `([\w/.]+)`, after `([^`]+)`" + CODE, re.M | re.S),
}


@pytest.fixture(scope="module")
def extended(tmp_path_factory):
    """A copy of the library with all examples in it."""
    root = tmp_path_factory.mktemp("extended")
    shutil.copytree(ROOT / "dah", root / "dah", ignore=shutil.ignore_patterns("__pycache__"))
    done = 0
    for name, code in PLACES["new"].findall(TEXT):
        assert not (root / name).exists()
        (root / name).write_text(f"{code}\n", encoding="utf-8")
        done += 1
    for name, code in PLACES["end"].findall(TEXT):
        with (root / name).open("a", encoding="utf-8") as file:
            file.write(f"\n\n{code}\n")
        done += 1
    for name, anchor, code in PLACES["after"].findall(TEXT):
        text = (root / name).read_text(encoding="utf-8")
        parts = re.split(rf"^( *{re.escape(anchor)})", text, flags=re.M)
        assert len(parts) == 3, f"{name}: {anchor}"
        (root / name).write_text(f"{parts[0]}{parts[1]}\n{code}\n{parts[2]}", encoding="utf-8")
        done += 1
    assert done == TEXT.count("```python")
    return root


def answer(root, program):
    """What a program prints that uses the extended library."""
    done = subprocess.run(
        [sys.executable, "-c", program],
        cwd=root,
        env={**os.environ, "PYTHONPATH": str(root)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.split()


METHOD = """
import numpy as np, torch
from dah.deep.methods import Batch, deep_coral
from dah.names import DEEP
from dah.networks.build import build_trunk
from dah.networks.heads import build_network
assert DEEP["deep-coral"].softmax and not DEEP["deep-coral"].blind
torch.manual_seed(0)
network = build_network(build_trunk("small"), 3, 16, "all", True)
images = torch.rand(20, 3, 28, 28)
outputs = network(images)
source, target = outputs.rows(slice(0, 8)), outputs.rows(slice(8, 20))
terms = deep_coral(Batch(source, target, torch.arange(8) % 3, 3), None, None)
sum(terms.values()).backward()
assert all(p.grad is not None for p in network.parameters())
xs, xt = (o.layers[-2].detach().double().numpy() for o in (source, target))
twin = np.linalg.norm(np.cov(xs, rowvar=False) - np.cov(xt, rowvar=False)) ** 2 / 4 / 16**2
np.testing.assert_allclose(terms["coral"].item(), twin, rtol=1e-4)
print(*terms)
"""


def test_a_method_and_a_trunk_learn(extended):
    """Terms of the batch, gradients for every layer, the covariances' distance by numpy."""
    assert answer(extended, METHOD) == ["softmax", "coral"]


FIGURE = """
import numpy as np
from dah.evaluation.targets import target_figures
from dah.files.artifacts import Codes
from dah.report.tables import TITLES
from dah.tasks.lists import Labels
rng = np.random.default_rng(0)
bits = rng.integers(0, 2, (30, 8), np.uint8)
y, asked = rng.integers(0, 3, 30), np.arange(30) < 10
names = [str(row) for row in range(30)]
codes = Codes(8, np.zeros((0, 1), np.uint8), [], np.packbits(bits, axis=1), names)
figures, _ = target_figures(codes, Labels(np.zeros(0, np.int64), y, asked))
near = (bits[asked][:, None] != bits[~asked]).sum(axis=2) <= 3
right = y[asked][:, None] == y[~asked]
answerable = right.any(axis=1)
shares = [r[n].mean() if n.any() else 0 for r, n in zip(right[answerable], near[answerable])]
np.testing.assert_allclose(figures["precision_radius_3"], np.mean(shares))
print(TITLES["precision_radius_3"][0])
"""


def test_a_figure_has_its_value_and_a_title(extended):
    """By brute force over bits."""
    assert " ".join(answer(extended, FIGURE)) == "Precision within Hamming radius 3"
