"""Stages that start several processes: the same files, one line for a mistake, one exit code."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import psutil
import pytest
import torch
from numpy.testing import assert_allclose

from dah.files.artifacts import read_features, write_images
from dah.networks.build import build_trunk
from dah.networks.checkpoints import write_model

ROOT = Path(__file__).parents[2]
FAILING = """
import os, sys, time
from stages import processes

processes.PATIENCE = 0.1
if "RANK" not in os.environ:
    sys.exit(processes.start(2))
if os.environ["RANK"] == "{failing}":
    sys.exit("a mistake")
time.sleep({wait})
"""

COUNTING = """
import os, sys
from pathlib import Path
from dah.compute.distributed import processes_here
from stages import processes

if "RANK" not in os.environ:
    sys.exit(processes.start(3))
Path(os.environ["RANK"]).write_text(str(processes_here()))
"""

# Each says who it is and where it listens, then waits for the others again and again.
WAITING = """
import json, os, signal, time
from pathlib import Path
import psutil, torch
from torch import distributed
from stages import processes

processes.GRACE = 0.5
signal.signal(signal.SIGINT, signal.default_int_handler)  # tests in the background ignore it
signal.signal(signal.SIGHUP, signal.SIG_DFL)

def main(params, given):
    distributed.all_reduce(torch.ones(1))
    listening = [c.laddr.ip for c in psutil.Process().net_connections() if c.status == "LISTEN"]
    told = Path(os.environ["RANK"] + ".part")
    told.write_text(json.dumps({"pid": os.getpid(), "listening": listening}))
    told.rename(os.environ["RANK"])
    while True:
        distributed.all_reduce(torch.ones(1))
        time.sleep(0.02)

if __name__ == "__main__":
    processes.run_shared(main)
"""


def environment(cwd):
    """Of a stage that finds the modules here and in its own folder, where its cache is too."""
    paths = {"PYTHONPATH": f"{ROOT}:{cwd}", "PATH": "", "XDG_CACHE_HOME": f"{cwd}/cache"}
    return {**paths, "OMP_NUM_THREADS": "1"}


def call(*arguments, cwd):
    """A Python module's run: exit code and standard error."""
    result = subprocess.run(
        [sys.executable, "-m", *arguments],
        cwd=cwd,
        env=environment(cwd),
        capture_output=True,
        text=True,
        check=False,
    )
    return result.returncode, result.stderr


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Nine images and a trunk; parameters of one process and of two."""
    path = tmp_path_factory.mktemp("stage")
    text = (ROOT / "params.yaml").read_text(encoding="utf-8")
    for count in (1, 2):
        (path / str(count)).mkdir()
        changed = text.replace("processes: 1", f"processes: {count}")
        (path / str(count) / "params.yaml").write_text(changed, encoding="utf-8")
    rng = np.random.default_rng(0)
    pixels = rng.integers(0, 256, (9, 32, 32, 3), dtype=np.uint8)
    write_images(path / "hand.h5", enumerate(pixels), [f"id{i}" for i in range(9)], 32)
    torch.manual_seed(0)
    write_model(path / "backbone.pt", build_trunk("lenet").state_dict(), {"trunk": "lenet"})
    return path


def features(folder, count, images="hand"):
    paths = "--images", f"../{images}.h5", "--backbone", "../backbone.pt", "--out", "fc7.h5"
    paths += "--views", "views.h5"
    return call("stages.features", *paths, cwd=folder / str(count))


def test_features_of_two_processes_are_those_of_one(folder):
    """One file, all images in their order."""
    assert [features(folder, count)[0] for count in (1, 2)] == [0, 0]
    (one, ids), (two, same) = (read_features(folder / str(n) / "fc7.h5") for n in (1, 2))
    assert ids == same
    assert_allclose(two, one, rtol=1e-5, atol=1e-5)
    assert sorted(path.name for path in (folder / "2").iterdir()) == [
        "fc7.h5", "params.yaml", "views.h5",
    ]  # fmt: skip


def test_features_by_onnx_runtime_are_those_of_torch(folder):
    """As the stage computes them: with its precision, and its gradients."""
    pytest.importorskip("onnxscript", reason="onnxscript is not installed: pip install onnxscript")
    pytest.importorskip("onnxruntime", reason="it is not installed: pip install onnxruntime")
    here, engine = folder / "onnx", "engine: torch"
    here.mkdir()
    params = (folder / "1" / "params.yaml").read_text()
    assert params.count(engine) == 1
    (here / "params.yaml").write_text(params.replace(engine, "engine: onnx"))
    assert [features(folder, name)[0] for name in (1, "onnx")] == [0, 0]
    (by_torch, ids), (found, same) = (read_features(folder / n / "fc7.h5") for n in ("1", "onnx"))
    assert ids == same
    assert len(list((here / "cache/dah/graphs").iterdir())) == 1
    assert_allclose(found, by_torch, rtol=1e-4, atol=1e-5)


def test_a_mistake_in_two_processes_is_one_line(folder):
    """Said by the first of them, with the exit code of a mistake."""
    code, error = features(folder, 2, "foot")
    assert code == 1
    assert error.startswith("features: ../foot.h5: expected ")
    assert error.count("\n") == 1


@pytest.mark.parametrize(("failing", "wait"), [(1, 0), (1, 600), (0, 600)])
def test_a_failure_of_any_process_ends_all(tmp_path, failing, wait):
    """Its line is shown, and nobody waits for the other."""
    (tmp_path / "failing.py").write_text(FAILING.format(failing=failing, wait=wait))
    assert call("failing", cwd=tmp_path) == (1, "a mistake\n")


def test_each_process_knows_how_many_share_the_machine(tmp_path):
    """By which it divides the threads."""
    (tmp_path / "counting.py").write_text(COUNTING)
    assert call("counting", cwd=tmp_path) == (0, "")
    assert {path.name: path.read_text() for path in tmp_path.glob("[0-9]")} == {
        "0": "3", "1": "3", "2": "3",
    }  # fmt: skip


@pytest.fixture
def waiting(tmp_path, folder):
    """A stage whose two processes wait, and what they said of themselves; all end with the test."""
    (tmp_path / "waiting.py").write_text(WAITING)
    (tmp_path / "params.yaml").write_bytes((folder / "2" / "params.yaml").read_bytes())
    stage = subprocess.Popen(
        [sys.executable, "-m", "waiting"], cwd=tmp_path, env=environment(tmp_path),
        stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    paths, deadline = [tmp_path / "0", tmp_path / "1"], time.monotonic() + 300
    while not all(path.exists() for path in paths):
        assert stage.poll() is None, stage.stderr.read()
        assert time.monotonic() < deadline
        time.sleep(0.02)
    ranks = [json.loads(path.read_text()) for path in paths]
    started = [psutil.Process(rank["pid"]) for rank in ranks]
    yield stage, ranks
    stage.kill()
    for process in started:
        if process.is_running():
            process.kill()
    stage.communicate()


def ended(stage, ranks):
    """The stage's exit code and standard error, once none of its processes is left."""
    code = stage.wait(120)
    deadline = time.monotonic() + 10
    while any(running(rank["pid"]) for rank in ranks):
        assert time.monotonic() < deadline
        time.sleep(0.02)
    return code, stage.stderr.read()


def running(pid):
    """Whether a process is there, and not only its exit code that nobody has asked for."""
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGHUP, signal.SIGKILL])
def test_no_process_outlives_its_stage(waiting, how):
    """Which would write its outputs after the user has ended it."""
    stage, ranks = waiting
    stage.send_signal(how)
    expected = -how if how == signal.SIGKILL else 128 + how
    assert ended(stage, ranks) == (expected, "")


def test_a_stopped_process_does_not_hold_up_the_end(waiting):
    """It does not see SIGTERM, so that it is killed."""
    stage, ranks = waiting
    os.kill(ranks[1]["pid"], signal.SIGSTOP)
    stage.send_signal(signal.SIGINT)
    code, error = ended(stage, ranks)
    assert code == -signal.SIGINT
    assert error.endswith("KeyboardInterrupt\n")


@pytest.mark.parametrize(
    ("place", "how", "why"),
    [
        (0, signal.SIGKILL, "SIGKILL, as the system does where memory is full"),
        (1, signal.SIGKILL, "SIGKILL, as the system does where memory is full"),
        (1, signal.SIGBUS, "SIGBUS"),
    ],
)
def test_a_killed_process_is_named(waiting, place, how, why):
    """In one line, whichever it was; the others that lose it say nothing."""
    stage, ranks = waiting
    os.kill(ranks[place]["pid"], how)
    told = f"waiting: process {place + 1} of 2 was ended by {why}\n"
    assert ended(stage, ranks) == (1, told)


def test_nobody_else_can_join(waiting):
    """The processes of one machine listen on its own address alone, and meet in a private file."""
    _, ranks = waiting
    assert all(rank["listening"] for rank in ranks)
    assert {address for rank in ranks for address in rank["listening"]} <= {"127.0.0.1", "::1"}
    store = Path(psutil.Process(ranks[0]["pid"]).environ()["DAH_STORE"])
    assert store.exists()
    assert store.parent.stat().st_mode & 0o077 == 0
