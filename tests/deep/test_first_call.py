"""A process computes the same bits at its first call of a vector function as at any other."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PROGRAM = """
import torch
import dah.networks
x = torch.empty(256, 64).uniform_(0.1, 2, generator=torch.Generator().manual_seed(0))
torch.set_num_threads(2)
for function in (torch.tanh, torch.exp, torch.log):
    first = function(x)
    assert torch.equal(first, function(x)), function
"""


@pytest.mark.slow
def test_the_first_call_is_like_any_other():
    """In ten processes; without the call at import nearly half of them differ."""
    for _ in range(10):
        done = subprocess.run(
            [sys.executable, "-c", PROGRAM], cwd=ROOT, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr
