"""Clones of the project for tests that run real commands in them."""

import os
import subprocess
import sys
from pathlib import Path

from ruamel.yaml import YAML

ROOT = Path(__file__).parents[1]
OUTPUTS = ("outs", "metrics", "plots")
DOMAINS = ("hand", "scene", "print")
WRITE = """
for path in "$@"; do
    mkdir -p "$(dirname "$path")"
    case "$path" in
        *.*) echo "$path" > "$path" ;;
        *) mkdir -p "$path" && echo "$path" > "$path/part" ;;
    esac
done
"""


def run(repository, *command, code=0):
    """A command's output; fails with all of it where the exit code is another."""
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    environment = {**os.environ, "PATH": path, "GIT_CONFIG_GLOBAL": os.devnull}
    identity = {
        f"GIT_{who}_{what}": "a@b" for who in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")
    }
    result = subprocess.run(
        command,
        cwd=repository,
        env=environment | identity,
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == code, result.stdout + result.stderr
    return result.stdout + result.stderr


def clone(folder, changes):
    """A repository of the project's own files in `folder`, with other parameters, committed."""
    files = run(ROOT, "git", "ls-files", "-z", "--cached", "--others", "--exclude-standard")
    for name in filter(None, files.split("\0")):
        if name.startswith(("tests/", "metrics/", "dvc.lock")) or not (ROOT / name).exists():
            continue
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes((ROOT / name).read_bytes())
    text = (folder / "params.yaml").read_text(encoding="utf-8")
    for old, new in changes.items():
        assert text.count(old) == 1, old
        text = text.replace(old, new)
    (folder / "params.yaml").write_text(text, encoding="utf-8")
    run(folder, "git", "init", "--quiet")
    commit(folder, "clone")
    return folder


def commit(folder, message):
    """Everything that git does not ignore."""
    run(folder, "git", "add", "--all")
    run(folder, "git", "commit", "--quiet", "--message", message)


def written_by_stand_ins(folder):
    """The pipeline of `folder` with commands that do nothing but write a stage's outputs."""
    pipeline = YAML().load((folder / "dvc.yaml").read_text(encoding="utf-8"))
    for name, stage in pipeline["stages"].items():
        outs = (entry for kind in OUTPUTS for entry in stage.get(kind, ()))
        names = [entry if isinstance(entry, str) else next(iter(entry)) for entry in outs]
        names += [f"data/raw/{domain}.tar" for domain in DOMAINS] if name == "fetch" else []
        names += ["data/encoder/encoder.pt"] if name == "export" else []
        stage["cmd"] = f"sh write.sh {' '.join(names)}"
    (folder / "write.sh").write_text(WRITE, encoding="utf-8")
    return pipeline


def write_pipeline(folder, pipeline):
    """Write a pipeline to the ``dvc.yaml`` of `folder`."""
    with (folder / "dvc.yaml").open("w", encoding="utf-8") as file:
        YAML().dump(pipeline, file)


def ran(folder):
    """The stages that ``dvc repro`` runs."""
    lines = run(folder, "dvc", "repro").splitlines()
    return {line.split("'")[1] for line in lines if line.startswith("Running stage")}
