"""A sweep on SLURM, by an sbatch that runs the jobs of an array one after the other."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[2] / "experiments" / "slurm.sh"
STAGES = """\
stages:
  double:
    cmd: python double.py
    params: [dah.gamma]
    deps: [double.py]
    outs: [doubled.txt]
    metrics: [metrics.json: {cache: false}]
"""
DOUBLE = """\
import re
from pathlib import Path
gamma = float(re.search(r"gamma: (.+)", Path("params.yaml").read_text())[1])
Path("doubled.txt").write_text(str(2 * gamma))
Path("metrics.json").write_text(f'{{"doubled": {2 * gamma}}}')
"""
SBATCH = """\
#!/bin/sh
set -eu
echo "$*" > {folder}/asked
for option; do
    case $option in --array=*) last=${{option#--array=0-}};; esac
    script=$option
done
cp "$script" {folder}/spooled
export SLURM_SUBMIT_DIR="$PWD"
for n in $(seq 0 "$last"); do
    (cd / && SLURM_ARRAY_TASK_ID=$n sh {folder}/spooled)
done
"""


@pytest.mark.slow
def test_each_experiment_of_a_sweep_is_a_job(tmp_path):
    """Every value comes back as an experiment with its own figure; nothing else is left."""
    root, programs, jobs = (tmp_path / name for name in ("root", "programs", "jobs"))
    for folder in (root, programs, jobs):
        folder.mkdir()
    (programs / "sbatch").write_text(SBATCH.format(folder=programs))
    (programs / "sbatch").chmod(0o755)
    environment = os.environ | {
        "PATH": f"{programs}:{Path(sys.executable).parent}:{os.environ['PATH']}",
        "TMPDIR": str(jobs), "DVC_NO_ANALYTICS": "1",
        **{f"GIT_{who}_NAME": "a" for who in ("AUTHOR", "COMMITTER")},
        **{f"GIT_{who}_EMAIL": "a@b" for who in ("AUTHOR", "COMMITTER")},
    }  # fmt: skip
    environment.pop("SLURM_ARRAY_TASK_ID", None)

    def ask(*command):
        given = {"cwd": root, "env": environment, "capture_output": True, "text": True}
        done = subprocess.run(command, check=False, **given)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    (root / "params.yaml").write_text("dah:\n  gamma: 1\n")
    (root / "dvc.yaml").write_text(STAGES)
    (root / "double.py").write_text(DOUBLE)
    (root / "sweep.sh").write_text("dvc exp run --queue -S dah.gamma=3,5\n")
    ask("git", "init", "--quiet")
    ask("dvc", "init", "--quiet")
    ask("git", "add", ".")
    ask("git", "commit", "--quiet", "-m", "begin")
    ask("sh", str(SCRIPT), "sweep.sh", "--time=9")
    assert (programs / "asked").read_text().split()[:3] == [
        "--export=ALL",
        "--array=0-1",
        "--time=9",
    ]
    names = ask("git", "for-each-ref", "--format=%(refname)", "refs/exps").split()
    results = [ask("git", "show", f"{name}:metrics.json") for name in names if "slurm" in name]
    assert sorted(results) == ['{"doubled": 10.0}', '{"doubled": 6.0}']
    assert len(names) == 2
    assert ask("git", "status", "--porcelain") == ""
    assert not list(jobs.glob("tmp.*"))
