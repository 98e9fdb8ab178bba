"""The workflows as files: what they may do, whose code they run, and what a fork can reach."""

import re
import runpy
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from packaging.utils import canonicalize_name
from packaging.version import Version
from ruamel.yaml import YAML

ROOT = Path(__file__).parents[2]
PATHS = {path.stem: path for path in (ROOT / ".github" / "workflows").glob("*.yml")}
TEXTS = {name: path.read_text(encoding="utf-8") for name, path in PATHS.items()}
WORKFLOWS = {name: YAML(typ="safe").load(text) for name, text in TEXTS.items()}
READ_ONLY = {"contents": "read"}


def steps(workflow):
    """All steps of all jobs."""
    return [step for job in WORKFLOWS[workflow]["jobs"].values() for step in job["steps"]]


def used(workflow, action):
    """The inputs of each use of an action."""
    return [s.get("with", {}) for s in steps(workflow) if s.get("uses", "").startswith(action)]


def test_there_are_six_workflows():
    """Tests, quality, the pipeline of a pull request, the comment on it, a release, an audit."""
    names = {"tests", "quality", "pull-request", "comment", "release", "audit"}
    assert WORKFLOWS.keys() == names


@pytest.mark.parametrize("name", PATHS)
def test_actions_are_pinned_by_commit(name):
    """A tag can be moved; a commit cannot. The comment beside it says which version it is."""
    lines = [line for line in TEXTS[name].splitlines() if "uses:" in line]
    assert lines
    for line in lines:
        assert re.fullmatch(r"[\s-]*uses: actions/[a-z-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+", line), (
            line
        )


def test_an_action_has_one_pin():
    """The same commit of an action in all workflows."""
    pins = {s["uses"] for name in WORKFLOWS for s in steps(name) if "uses" in s}
    actions = [pin.split("@")[0] for pin in pins]
    assert sorted(actions) == sorted(set(actions))


def test_permissions_are_the_least():
    """Only the workflow that runs none of the pull request's code may write, and only comments.

    A release, which only a pushed tag starts, may sign what it built.
    """
    assert WORKFLOWS["tests"]["permissions"] == READ_ONLY
    assert WORKFLOWS["pull-request"]["permissions"] == READ_ONLY
    assert WORKFLOWS["comment"]["permissions"] == {}
    for name in ("tests", "quality", "audit", "pull-request"):
        assert WORKFLOWS[name]["permissions"] == READ_ONLY
        assert all("permissions" not in job for job in WORKFLOWS[name]["jobs"].values())
    assert WORKFLOWS["release"]["permissions"] == READ_ONLY
    assert WORKFLOWS["release"]["jobs"]["build"]["permissions"] == {
        "attestations": "write", "contents": "read", "id-token": "write",
    }  # fmt: skip
    assert WORKFLOWS["comment"]["jobs"]["post"]["permissions"] == {
        "actions": "read", "contents": "read", "pull-requests": "write",
    }  # fmt: skip


def test_what_starts_each_workflow():
    """No ``pull_request_target``: no code of a fork ever runs beside a token that writes."""
    assert WORKFLOWS["tests"]["on"].keys() == {"push", "pull_request"}
    assert WORKFLOWS["pull-request"]["on"].keys() == {"pull_request"}
    assert WORKFLOWS["comment"]["on"].keys() == {"workflow_run"}
    assert WORKFLOWS["quality"]["on"] == WORKFLOWS["tests"]["on"]
    assert WORKFLOWS["release"]["on"] == {"push": {"tags": ["v*"]}}
    assert WORKFLOWS["audit"]["on"].keys() == {"schedule", "workflow_dispatch"}
    assert WORKFLOWS["comment"]["on"]["workflow_run"]["workflows"] == [
        WORKFLOWS["pull-request"]["name"]
    ]
    assert not any("pull_request_target" in text for text in TEXTS.values())


@pytest.mark.parametrize("name", PATHS)
def test_no_expression_stands_in_a_command(name):
    """A branch named ``$(...)`` must stay text: values reach a command by its environment alone."""
    for step in steps(name):
        assert "${{" not in step.get("run", "")
        assert "secrets" not in str(step)


def test_the_comment_takes_text_of_the_pull_request_and_no_code():
    """The checkout is the default branch's; nothing is installed; the artifact is one text."""
    checkouts = used("comment", "actions/checkout")
    assert checkouts == [{"persist-credentials": False}]
    commands = [step["run"] for step in steps("comment") if "run" in step]
    assert [command.split()[:2] for command in commands] == [
        ["gh", "run"],
        ["python3", ".github/post_comment.py"],
    ]


def test_comments_of_one_branch_are_posted_one_after_another():
    """Two at once would both find no comment and create one; none that has begun is cut off."""
    concurrency = WORKFLOWS["comment"]["jobs"]["post"]["concurrency"]
    assert concurrency.keys() == {"group"}
    head = "github.event.workflow_run.head_"
    for part in ("repository.full_name", "branch"):
        assert f"${{{{ {head}{part} }}}}" in concurrency["group"]


@pytest.mark.parametrize("name", ["tests", "quality", "pull-request", "release"])
def test_the_whole_history_is_there(name):
    """DVC compares with the base branch, which a shallow clone lacks; no token stays in git."""
    (checkout,) = used(name, "actions/checkout")
    assert checkout == {"fetch-depth": 0, "persist-credentials": False}


def test_the_files_that_workflows_name_exist():
    """Scripts, targets of make, and the artifact that one leaves and the other takes."""
    commands = "\n".join(step.get("run", "") for name in WORKFLOWS for step in steps(name))
    scripts = set(re.findall(r"\.(?:github|ci)/\S+\.(?:py|sh)", commands))
    ours = {".github/comment.py", ".github/post_comment.py"}
    assert scripts == ours | {".ci/release.py", ".ci/wheel.sh"}
    assert all((ROOT / script).is_file() for script in scripts)
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    targets = set(" ".join(re.findall(r"make ([a-z -]+)", commands)).split())
    assert targets == {
        "audit", "coverage", "dist", "docs", "install", "lint", "notebooks", "repro", "test",
        "test-lowest", "types",
    }  # fmt: skip
    assert all(re.search(rf"^{target}:", makefile, re.MULTILINE) for target in targets)
    artifacts = [given["name"] for given in used("pull-request", "actions/upload-artifact")]
    assert artifacts == ["plots", "comment"]
    assert "--name comment" in commands


@pytest.mark.parametrize("name", PATHS)
def test_every_job_ends(name):
    """A job that hangs is stopped within an hour, on a named system."""
    for job in WORKFLOWS[name]["jobs"].values():
        assert job["timeout-minutes"] <= 60
        assert not job["runs-on"].endswith("latest")


def test_tests_run_with_every_python_and_with_the_lowest_versions():
    """Each by a target of the Makefile, which the versions of the matrix choose."""
    matrix = WORKFLOWS["tests"]["jobs"]["tests"]["strategy"]["matrix"]
    assert matrix["python"] == ["3.11", "3.12", "3.13"]
    versions = [*matrix["versions"], *(extra["versions"] for extra in matrix["include"])]
    chosen = {step["if"]: step["run"] for step in steps("tests") if "if" in step}
    assert chosen == {
        f"matrix.versions == '{version}'": f"make {targets}"
        for version, targets in zip(versions, ("lint test", "test-lowest"), strict=True)
    }


def test_constraints_are_not_below_the_lowest_versions():
    """Every requirement has a lowest version, and but for those of heavy extras a constraint."""
    program = [sys.executable, ROOT / ".ci" / "lowest.py"]
    printed = subprocess.run(program, capture_output=True, text=True, check=True).stdout
    lowest = dict(line.split("==") for line in printed.splitlines())
    text = (ROOT / "constraints.txt").read_text(encoding="utf-8")
    chosen = dict(re.findall(r"^([\w-]+)==(\S+)", text, re.MULTILINE))
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    groups = [project["dependencies"], *project["optional-dependencies"].values()]
    assert len(lowest) == len({r for group in groups for r in group if not r.startswith("dah[")})
    missing = [name for name in lowest if canonicalize_name(name) not in chosen]
    assert set(missing) == {"lancedb", "pymilvus", "ray", "skada"}
    for name in lowest.keys() - missing:
        assert Version(chosen[canonicalize_name(name)]) >= Version(lowest[name]), name


PROJECT = '[project]\nname = "dah"\nversion = "1.2.3"\n'


@pytest.mark.parametrize(
    ("tag", "changelog", "why"),
    [
        ("v1.2.3", "# C\n\n## Unreleased\n\n## 1.2.3 (May)\n\n- A line.\n\n## 1.2.2\n- x\n", None),
        ("v1.2.3", "# C\n\n## 1.2.3\n\n- A line.\n", None),
        ("v1.2.4", "# C\n\n## 1.2.4\n\n- A line.\n", "the tag is v1.2.4, expected v1.2.3"),
        ("1.2.3", "# C\n\n## 1.2.3\n\n- A line.\n", "the tag is 1.2.3, expected v1.2.3"),
        ("v1.2.3", "# C\n\n## Unreleased\n\n- A line.\n", "no section '## 1.2.3'"),
        ("v1.2.3", "# C\n\n## 1.2.3\n\n## 1.2.2\n- x\n", "no section '## 1.2.3'"),
        ("v1.2.3", "# C\n\n## Unreleased\n- y\n## 1.2.3\n- x\n", "lines under Unreleased"),
    ],
)  # fmt: skip
def test_a_release_needs_a_version_and_a_section_of_the_changelog(tag, changelog, why):
    """The tag, pyproject.toml and CHANGELOG.md agree, or nothing is built."""
    refusal = runpy.run_path(str(ROOT / ".ci" / "release.py"))["refusal"]
    said = refusal(tag, PROJECT, changelog)
    assert said is None if why is None else why in said


def test_the_version_stands_in_one_place():
    """What tells it elsewhere asks the installed package."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    for name in ("setup.py", "CITATION.cff", "mkdocs.yml", "docs/index.md", "dah/__init__.py"):
        text = (ROOT / name).read_text(encoding="utf-8")
        assert project["version"] not in text, name
