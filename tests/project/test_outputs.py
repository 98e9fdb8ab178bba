"""The names of outputs are those of dvc.yaml, as dvc.lock has them of the last run."""

from pathlib import Path

from dvc.repo import Repo
from ruamel.yaml import YAML

from dah.files.omissions import OMITTED
from dah.params import load
from dah.project.outputs import FOLDERS, cleared, outputs

ROOT = Path(__file__).parents[2]
DEFAULT = load(ROOT / "params.yaml")
CHECKED = "data/checked.txt"


def declared():
    """The outputs of the stages that DVC makes of the default, below data/."""
    with Repo(str(ROOT)) as repo:
        paths = {Path(out.fs_path).relative_to(ROOT).as_posix() for out in repo.index.outs}
    return {path for path in paths if path.startswith("data/")} - {CHECKED}


def test_outputs_and_cleared_folders_are_those_of_the_pipeline():
    """Each file is an output or lies in one, and each output is a file or a folder here."""
    files = {f"data/{name}" for name in outputs(DEFAULT)}
    folders = {f"data/{name}" for name in cleared(DEFAULT)}
    inside = {name for name in files if any(name.startswith(f"{folder}/") for folder in folders)}
    assert (files - inside) | folders == declared()
    assert {path.split("/")[1] for path in declared()} == {*FOLDERS, "backbone.pt"}


def test_folders_hold_as_many_files_as_the_last_run_put_there():
    """DVC counts them; nothing was left out of it."""
    lock = YAML(typ="safe").load((ROOT / "dvc.lock").read_text(encoding="utf-8"))
    outs = [out for stage in lock["stages"].values() for out in stage.get("outs", [])]
    counted = {out["path"][5:]: out["nfiles"] for out in outs if "nfiles" in out}
    made = {name for name in outputs(DEFAULT) if Path(name).name != OMITTED}
    for folder in cleared(DEFAULT):
        if folder in counted:
            assert sum(name.startswith(f"{folder}/") for name in made) == counted[folder]
