"""A project of one's own: the files that ``init`` writes, and what an update runs again."""

import re
import shutil
import sys
import zipfile
from pathlib import Path

import pytest
from clones import commit, ran, run, write_pipeline, written_by_stand_ins
from ruamel.yaml import YAML

from dah import params
from dah.__main__ import main
from dah.errors import UserError
from dah.project.beginning import begin, on_library, requirement, template_files
from dah.project.library import digests, write_library

ROOT = Path(__file__).parents[2]
PIPELINE = (ROOT / "dvc.yaml").read_text(encoding="utf-8")


def read(text):
    """A YAML text as plain values."""
    return YAML(typ="safe").load(text)


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    """What ``init`` writes."""
    folder = tmp_path_factory.mktemp("projects") / "mine"
    begin(folder)
    return folder


def test_the_pipelines_files_are_this_repositorys(project):
    """Byte for byte, but for the two that name the library: no second copy is kept anywhere."""
    names = ["params.yaml", "params.schema.json", ".dvc/config", ".dvcignore", ".gitignore"]
    names += [
        str(p.relative_to(ROOT)) for f in ("stages", "presets") for p in (ROOT / f).glob("*.*")
    ]
    for name in names:
        assert (project / name).read_bytes() == (ROOT / name).read_bytes(), name
    tracked = run(ROOT, "git", "ls-files", "dah/template").split()
    assert {Path(name).name for name in tracked} == {"Makefile", "README.md"}
    assert params.load(project / "params.yaml") == params.load(ROOT / "params.yaml")
    workflow = (project / ".github/workflows/pull-request.yml").read_text(encoding="utf-8")
    assert "cache-dependency-path: requirements.txt\n" in workflow
    assert "constraints.txt" not in workflow


def test_stages_depend_on_the_library_where_they_did_on_its_folders(project):
    """The same commands, files and parameters; a key of library.yaml for each folder of dah."""
    ours, theirs = (
        read(PIPELINE)["stages"],
        read((project / "dvc.yaml").read_text("utf-8"))["stages"],
    )
    known = read((project / "library.yaml").read_text(encoding="utf-8"))
    assert list(theirs) == ["library", *ours]
    for name, stage in ours.items():
        mine = theirs[name]
        deps = [path for path in stage["deps"] if not path.startswith("dah/")]
        wings = [Path(path).stem for path in stage["deps"] if path.startswith("dah/")]
        assert mine["deps"] == deps
        *kept, last = mine["params"] if wings else (*mine["params"], None)
        assert (last or {"library.yaml": []})["library.yaml"] == wings
        assert kept == stage["params"]
        assert set(wings) <= known.keys()
        rest = stage.keys() - {"deps", "params"}
        assert {key: mine[key] for key in rest} == {key: stage[key] for key in rest}


def test_comments_of_the_pipeline_stay():
    """They say why it is as it is."""
    comments = re.findall(r"^# .*", PIPELINE, re.MULTILINE)
    assert comments
    assert re.findall(r"^# .*", on_library(PIPELINE), re.MULTILINE) == comments


def test_a_digest_is_that_of_a_wings_files(tmp_path):
    """A file that is changed, renamed or added is seen, in its wing alone; caches are not."""
    for name in ("one/a.py", "one/page.css", "two/inner/b.py", "three.py", "template/dvc.yaml"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(name, encoding="utf-8")
    before = digests(tmp_path)
    assert before.keys() == {"one", "two", "three"}

    def differs():
        return {wing for wing, digest in digests(tmp_path).items() if digest != before.get(wing)}

    (tmp_path / "two/__pycache__").mkdir()
    (tmp_path / "two/__pycache__/b.pyc").write_bytes(b"x")
    (tmp_path / "template/dvc.yaml").write_text("y", encoding="utf-8")
    assert differs() == set()
    (tmp_path / "one/page.css").write_text("red", encoding="utf-8")
    assert differs() == {"one"}
    (tmp_path / "two/inner/b.py").rename(tmp_path / "two/inner/c.py")
    assert differs() == {"one", "two"}


def test_nothing_is_written_over(project):
    """Not in a project, nor where one of its files is; nothing is begun there."""
    with pytest.raises(UserError, match="expected a new folder"):
        begin(project)


def test_other_files_may_be_there(tmp_path):
    """A folder of photographs becomes a project; one with a file of a project is left as it is."""
    (tmp_path / "holiday.jpg").touch()
    begin(tmp_path)
    assert (tmp_path / "dvc.yaml").is_file()
    other = tmp_path / "other"
    other.mkdir()
    (other / "params.yaml").write_text("mine", encoding="utf-8")
    with pytest.raises(UserError, match=r"other/params\.yaml: expected a new folder"):
        begin(other)
    assert [path.name for path in other.iterdir()] == ["params.yaml"]


def test_the_requirement_is_the_version_that_is_installed():
    """An address of this machine would be no use to another."""
    assert re.fullmatch(r"dah\[pipeline,search,serve\]==\d+\.\d+\.\d+", requirement())


def test_the_commands_say_what_to_do_next(tmp_path, monkeypatch, capsys):
    """A commit is needed first, for figures are compared with it; then the stage looks again."""
    folder = tmp_path / "mine"
    monkeypatch.setattr(sys, "argv", ["dah", "init", str(folder)])
    main()
    assert "git init && git add --all && git commit -m begin" in capsys.readouterr().out
    run(folder, "git", "init", "--quiet")
    monkeypatch.chdir(folder)
    monkeypatch.setattr(sys, "argv", ["dah", "library"])
    with pytest.raises(SystemExit, match="expected a commit"):
        main()
    commit(folder, "begin")
    written = (folder / "library.yaml").read_bytes()
    (folder / "library.yaml").unlink()
    main()
    assert (folder / "library.yaml").read_bytes() == written


@pytest.mark.slow
def test_an_update_runs_again_what_it_changes(tmp_path):
    """Real DVC, each command replaced by one that writes its outputs; hashing alone is updated."""
    folder = tmp_path / "mine"
    begin(folder)
    library = tmp_path / "dah"
    shutil.copytree(ROOT / "dah", library, ignore=shutil.ignore_patterns("__pycache__"))
    pipeline = written_by_stand_ins(folder)
    pipeline["stages"]["library"]["cmd"] = "true"
    pipeline["stages"]["library"]["outs"][0]["library.yaml"]["persist"] = True
    write_pipeline(folder, pipeline)
    run(folder, "git", "init", "--quiet")
    commit(folder, "begin")

    def kinds():
        return {name.split("@")[0] for name in ran(folder)}

    assert kinds() == set(pipeline["stages"]) - {"oracle"}
    assert kinds() == {"library"}
    updated = digests(library) | {"hashing": "another"}
    text = (folder / "library.yaml").read_text(encoding="utf-8")
    assert updated["hashing"] not in text
    (folder / "library.yaml").write_text(
        text.replace(digests(library)["hashing"], "another"), encoding="utf-8"
    )
    assert kinds() == {"library", "transfer", "hash"}


@pytest.mark.slow
def test_a_wheel_has_the_whole_template(tmp_path):
    """What a clone's ``init`` writes, a wheel's writes too; no package but dah is in it."""
    source = tmp_path / "source"
    files = run(ROOT, "git", "ls-files", "-z", "--cached", "--others", "--exclude-standard")
    for name in filter(None, files.split("\0")):
        if not name.startswith(("tests/", "metrics/training/")) and (ROOT / name).is_file():
            (source / name).parent.mkdir(parents=True, exist_ok=True)
            (source / name).write_bytes((ROOT / name).read_bytes())
    build = ["pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation", "--no-index"]
    run(source, sys.executable, "-m", *build, "--wheel-dir", tmp_path, source)
    (wheel,) = tmp_path.glob("dah-*.whl")
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())
    tops = {name.split("/")[0] for name in names}
    assert {top for top in tops if not top.endswith(".dist-info")} == {"dah"}
    for name, _ in template_files():
        assert f"dah/template/{name.as_posix()}" in names
    assert "dah/py.typed" in names


def test_the_library_is_written_in_place_of_what_was_there(tmp_path):
    """Twice the same."""
    path = tmp_path / "library.yaml"
    path.write_text("old", encoding="utf-8")
    write_library(path)
    first = path.read_bytes()
    write_library(path)
    assert path.read_bytes() == first
    content = read(first.decode())
    assert content.pop("version")
    assert content == digests()
