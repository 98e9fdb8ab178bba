"""Commands find the project that the working folder lies in, or say that there is none."""

import os
import shutil
import subprocess
import sys
import sysconfig
import tomllib
from pathlib import Path

import pytest
from ruamel.yaml import YAML

from dah import __main__ as commands
from dah.errors import UserError
from dah.project.root import project_root

ROOT = Path(__file__).parents[2]


@pytest.fixture
def project(tmp_path):
    """The parameters, presets and metrics of this clone, with a folder in a folder."""
    for name in ("params.yaml", "presets", "metrics"):
        copy = shutil.copytree if (ROOT / name).is_dir() else shutil.copy
        copy(ROOT / name, tmp_path / name)
    (tmp_path / "notes/deep").mkdir(parents=True)
    return tmp_path


def called(monkeypatch, folder, *arguments):
    """A command in a folder, in this process; the working folder stays as it was."""
    monkeypatch.chdir(folder)
    monkeypatch.setattr(sys, "argv", ["dah", *arguments])
    commands.main()
    assert Path.cwd() == folder


def test_the_nearest_folder_with_parameters_is_the_project(project):
    """A clone may lie in another one."""
    assert project_root(project / "notes/deep") == project
    (project / "notes/params.yaml").touch()
    assert project_root(project / "notes/deep") == project / "notes"


def test_results_are_the_same_from_any_folder(project, monkeypatch, capsys):
    """Of the project, and the paths in them too."""
    called(monkeypatch, project, "results")
    at_the_top = capsys.readouterr().out
    called(monkeypatch, project / "notes/deep", "results")
    assert capsys.readouterr().out == at_the_top
    assert "accuracy" in at_the_top.lower()


def test_a_preset_is_set_in_the_projects_parameters(project, monkeypatch):
    """And not in the working folder."""
    called(monkeypatch, project / "notes/deep", "preset", "office31")
    content = YAML(typ="safe").load((project / "params.yaml").read_text(encoding="utf-8"))
    assert content["dataset"]["name"] == "office31"
    assert list((project / "notes/deep").iterdir()) == []


PROJECTS = (
    ["results"],
    ["predictions", "print-hand", "dah"],
    ["preset", "digits"],
    ["select"],
    ["experiments"],
)


@pytest.mark.parametrize("arguments", PROJECTS, ids=lambda arguments: arguments[0])
def test_outside_of_a_project_a_command_says_so(tmp_path, monkeypatch, arguments):
    """In one line, with what to do."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", ["dah", *arguments])
    with pytest.raises(SystemExit, match=r"dah: .*: expected a clone.* no params\.yaml.*change to"):
        commands.main()


def test_folders_of_runs_need_no_project(tmp_path, monkeypatch):
    """They are given from the working folder."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", ["dah", "select", "runs"])
    with pytest.raises(SystemExit, match="runs"):
        commands.main()


def test_no_project_is_a_users_error(tmp_path):
    """With the folder."""
    with pytest.raises(UserError, match=f"{tmp_path}: expected a clone of the project"):
        project_root(tmp_path)


def test_the_package_is_found_from_the_folder_that_holds_a_clone_of_its_name(tmp_path):
    """As an editable installation has the clone on the path, after the working folder."""
    options = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]
    assert options["distutils"]["editable_wheel"]["mode"] == "compat"
    (tmp_path / "dah").symlink_to(ROOT)
    (tmp_path / "site").mkdir()
    (tmp_path / "site/dah.pth").write_text(f"{tmp_path / 'dah'}\n", encoding="utf-8")
    program = (
        "import site, sys; sys.path.remove('') if '' in sys.path else None;"
        "sys.path.insert(0, ''); site.addsitedir('site');"
        "from dah import load_encoder; import dah.__main__ as m; print(m.__file__)"
    )
    done = subprocess.run(
        [sys.executable, "-S", "-c", program],
        cwd=tmp_path,
        env={"PATH": "", "PYTHONPATH": sysconfig.get_paths()["purelib"]},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stdout.strip() == os.path.join(tmp_path, "dah", "dah", "__main__.py"), done.stderr
