"""Kill ``dvc repro`` again and again, and compare what it ends with to a run that nobody disturbed.

``python benchmarks/kills.py --kills 50`` clones the project's last commit twice, with fewer epochs,
runs the whole default pipeline once in peace, and once with ``kill -9`` of DVC and its stage after
random times, until so many kills are done and a run comes to its end. Prints the kills of each
stage and every file that differs. ``--stages check split`` kills these alone, which are too short
to be hit by chance: each is begun anew from a finished pipeline (``dvc repro --force
--single-item``) and killed at a random moment of its own time, DVC's start and its storing of
results included.

After each kill ``python -m dah mend`` does what it does for ``make repro``; what it mends is
counted.
"""

import argparse
import hashlib
import json
import os
import re
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from ruamel.yaml import YAML

ROOT = Path(__file__).parents[1]
RESULTS = "data/codes", "data/predictions", "data/evaluation", "data/models", "metrics"
EPOCHS = {"  epochs: 36\n": "  epochs: {train}\n", "  epochs: 8\n": "  epochs: 2\n"}
PATIENCE = 1800


def clone(folder: Path, epochs: int) -> Path:
    """The last commit, with fewer epochs and without results."""
    subprocess.run(["git", "clone", "--quiet", "--local", ROOT, folder], check=True)
    path = folder / "params.yaml"
    text = path.read_text(encoding="utf-8")
    for old, new in EPOCHS.items():
        assert text.count(old) == 1, old
        text = text.replace(old, new.format(train=epochs))
    path.write_text(text, encoding="utf-8")
    (folder / "dvc.lock").unlink()
    return folder


def start(folder: Path, log: Path, *arguments: str) -> subprocess.Popen:
    """``dvc repro`` in a process group of its own."""
    command = [sys.executable, "-m", "dvc", "repro", *arguments]
    environment = {**os.environ, "DVC_NO_ANALYTICS": "1"}
    environment["PATH"] = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    with log.open("w", encoding="utf-8") as output:
        return subprocess.Popen(
            command,
            cwd=folder,
            env=environment,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )


def stage_of(log: Path) -> str:
    """The stage that a run had begun last, without its matrix."""
    begun = re.findall(r"Running stage '([a-z]+)", log.read_text(encoding="utf-8"))
    return begun[-1] if begun else "between stages"


def resumed(log: Path) -> Counter:
    """How often a run has said that it goes on with a killed training."""
    return Counter({"resumed trainings": log.read_text(encoding="utf-8").count(": resumed")})


def killed_after(process: subprocess.Popen, log: Path, seconds: float) -> bool:
    """Kill a run and its stage after so many seconds; False where it had ended well before."""
    try:
        code = process.wait(seconds)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        return True
    if code:
        sys.exit(f"dvc repro ended with {code}: {log.read_text(encoding='utf-8')[-2000:]}")
    return False


def disturbed(folder: Path, kills: int, longest: float, rng: np.random.Generator) -> Counter:
    """Run and kill until `kills` are done; a run that ends before its kill starts from nothing."""
    killed, beside, log = Counter(), Counter(), folder.parent / "disturbed.log"
    while killed.total() < kills:
        if killed_after(start(folder, log), log, rng.uniform(1, longest)):
            killed[stage_of(log)] += 1
            beside += mended(folder)
        else:
            for name in ("data", ".dvc/cache", ".dvc/tmp", "dvc.lock"):
                subprocess.run(["rm", "-rf", folder / name], check=True)
            subprocess.run(["git", "checkout", "--quiet", "data"], cwd=folder, check=True)
        beside += resumed(log)
    undisturbed(folder, log)
    return killed + beside + resumed(log)


def disturbed_stages(
    folder: Path, kills: int, stages: Sequence[str], rng: np.random.Generator
) -> Counter:
    """Run each stage of a finished pipeline anew and kill it, until all have their share."""
    killed, beside, log = Counter(), Counter(), folder.parent / "disturbed.log"
    for stage in stages:
        undisturbed(folder, log)  # what the stage before was killed in is whole again
        beside += resumed(log)
        alone = "--force", "--single-item", stage
        longest = undisturbed(folder, log, *alone)
        while killed[stage] < kills // len(stages):
            seconds = rng.uniform(0, longest)
            killed[stage] += killed_after(start(folder, log, *alone), log, seconds)
            beside += mended(folder) + resumed(log)
    undisturbed(folder, log)
    return killed + beside + resumed(log)


def mended(folder: Path) -> Counter:
    """What ``python -m dah mend`` does after a kill, counted by its sentences."""
    command = [sys.executable, "-m", "dah", "mend"]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(done.stderr)
    return Counter(done.stdout.splitlines())


def undisturbed(folder: Path, log: Path, *arguments: str) -> float:
    """Run to the end; the seconds it took."""
    begin = time.perf_counter()
    if killed_after(start(folder, log, *arguments), log, PATIENCE):
        sys.exit(f"dvc repro did not end within {PATIENCE} s")
    return time.perf_counter() - begin


def digests(folder: Path) -> dict[str, str]:
    """A digest of every result; times, and the log of a program that counts them, are none.

    Of ``dvc.lock`` its content alone: stages stand in it in the order in which they came.
    """
    files = [p for name in RESULTS for p in (folder / name, *(folder / name).rglob("*"))]
    found = {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in files
        if path.is_file() and path.name not in ("cost.json", ".gitignore")
    }
    lock = YAML(typ="safe").load(folder / "dvc.lock")
    content = json.dumps(lock, sort_keys=True).encode()
    return {**found, "dvc.lock": hashlib.sha256(content).hexdigest()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=50)
    parser.add_argument("--epochs", type=int, default=6, help="of the trainings")
    parser.add_argument("--longest", type=float, default=25.0, help="seconds before a kill")
    parser.add_argument("--stages", nargs="*", default=[], help="kill these alone")
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    if given.stages and given.kills % len(given.stages):
        parser.error(f"{given.kills} kills are not a multiple of {len(given.stages)} stages")
    with tempfile.TemporaryDirectory() as scratch:
        peaceful, hunted = (clone(Path(scratch) / name, given.epochs) for name in ("a", "b"))
        seconds = undisturbed(peaceful, Path(scratch) / "undisturbed.log")
        print(f"undisturbed: {seconds:.0f} s", flush=True)
        begin = time.perf_counter()
        rng = np.random.default_rng(given.seed)
        if given.stages:
            killed = disturbed_stages(hunted, given.kills, given.stages, rng)
        else:
            killed = disturbed(hunted, given.kills, given.longest, rng)
        print(f"with {given.kills} kills: {time.perf_counter() - begin:.0f} s")
        for stage, count in killed.most_common():
            print(f"  {count:4}  {stage}")
        expected, found = digests(peaceful), digests(hunted)
    differing = sorted(p for p in expected.keys() | found.keys() if expected.get(p) != found.get(p))
    print(f"{len(expected)} files compared, {len(differing)} differ", *differing, sep="\n  ")
    sys.exit(bool(differing))


if __name__ == "__main__":
    main()
