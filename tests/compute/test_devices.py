"""The number of threads decides the last bits, the number of cores does not."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
POOLS = """
import sys
import numpy, sklearn.cluster, torch
from threadpoolctl import threadpool_info
from dah.compute.devices import use_threads
use_threads(None if sys.argv[1] == "null" else int(sys.argv[1]))
print(*sorted({torch.get_num_threads(), *(pool["num_threads"] for pool in threadpool_info())}))
"""
TRAINING = """
import os, sys
from hashlib import sha256
os.sched_setaffinity(0, {int(core) for core in sys.argv[2].split(",")})
import torch
from dah.compute.devices import use_threads
from dah.networks.build import build_trunk
from dah.deep.pretraining import pretrain
use_threads(int(sys.argv[1]))
torch.manual_seed(0)
images = torch.rand(640, 3, 28, 28)
trunk = build_trunk("lenet")
list(pretrain(trunk, images, torch.arange(640) % 10, 2, 0))
print(sha256(b"".join(w.detach().numpy().tobytes() for w in trunk.parameters())).hexdigest())
"""


def output(program, *arguments, **environment):
    """What a Python program prints in a process of its own."""
    done = subprocess.run(
        [sys.executable, "-c", program, *arguments],
        cwd=ROOT,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


@pytest.mark.parametrize(
    ("count", "processes", "found"), [("3", "1", "3"), ("3", "2", "1"), ("1", "4", "1")]
)
def test_every_pool_gets_the_threads(count, processes, found):
    """torch, BLAS and OpenMP alike, whatever the environment says; at least one a process."""
    assert output(POOLS, count, LOCAL_WORLD_SIZE=processes, OMP_NUM_THREADS="2") == found


def test_null_leaves_the_threads_to_the_environment():
    """As torch, BLAS and OpenMP read it when they start."""
    assert output(POOLS, "null", OMP_NUM_THREADS="1") == "1"


@pytest.mark.skipif(
    not hasattr(os, "sched_getaffinity") or len(os.sched_getaffinity(0)) < 2,
    reason="needs two cores that a process can be kept from",
)
def test_a_training_is_the_same_on_one_core_as_on_two():
    """Bit by bit with two threads; with one thread it is another training."""
    cores = sorted(os.sched_getaffinity(0))[:2]
    both, one = ",".join(map(str, cores)), str(cores[0])
    shared = output(TRAINING, "2", both)
    assert shared == output(TRAINING, "2", one)
    assert shared != output(TRAINING, "1", both)
