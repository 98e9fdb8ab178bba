"""What a process loads before it works: seconds of every stage and command, paid each time."""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]
LIGHT = ["fetch", "resize", "split", "describe", "adapt", "transfer", "hash", "evaluate", "report"]
HEAVY = ["check", "backbone", "features", "train", "encode", "oracle"]
LOADED = """
import sys
from importlib import import_module
for name in sys.argv[1:]:
    import_module(name)
    print(*({module.split(".")[0] for module in sys.modules} & set("torch sklearn".split())))
"""
WORK = """
import sys
import dah.process
dah.process.settle()
from pathlib import Path
import torch
from dah import params
from dah.compute.devices import make_repeatable
from dah.deep.training import Training, fit
from dah.networks.build import build_trunk
from dah.networks.checkpoints import load_trunk, write_model
from dah.networks.heads import Head
make_repeatable(torch.device("cpu"), 0)
write_model(Path(sys.argv[1]), build_trunk("lenet").state_dict(), {"trunk": "lenet"})
load_trunk(Path(sys.argv[1]))
p = params.load(Path("params.yaml"))
x, y = torch.randn(40, 6), torch.arange(40) % 2
given = "dah", p.dah, p.softmax, p.train, 0
next(fit(Training(Head(6, 4, bottleneck=5), x, y, x + 1, lambda rows, *_: rows, *given)))
print(*({"torch._dynamo", "torch._inductor", "sympy", "sklearn"} & sys.modules.keys()))
"""


def said(*arguments):
    """What Python prints."""
    command = [sys.executable, "-c", *arguments]
    result = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    return result.stdout.splitlines()


def test_light_stages_load_neither_torch_nor_scikit_learn():
    """One process for all, the light ones first: what one loads, those after it would have."""
    found = said(LOADED, *(f"stages.{name}" for name in LIGHT + HEAVY))
    assert found == [""] * len(LIGHT) + ["torch"] * len(HEAVY)


def test_a_training_loads_no_compiler(tmp_path):
    """torch's takes longer to load than torch; repeatability, shapes and SGD do without it."""
    assert said(WORK, str(tmp_path / "trunk.pt")) == [""]
