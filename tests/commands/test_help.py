"""What a person reads first: the help of every command, the version, the README's commands."""

import ast
import os
import re
import shlex
import subprocess
import sys
import tomllib
from argparse import SUPPRESS, _SubParsersAction
from pathlib import Path

import pytest

from dah import __main__ as commands
from dah.commands import NAMES

ROOT = Path(__file__).parents[2]
DOCS = sorted((ROOT / "docs").glob("*.md"))
PAGES = [ROOT / "README.md", *DOCS]
MADE = r"(parameters|reference|changelog|contributing|notebooks/\w+)\.md"


def parsers():
    """Each command's name and parser."""
    found = {}
    for name in NAMES:
        parser = commands.parser(name)
        (of,) = [a for a in parser._actions if isinstance(a, _SubParsersAction)]
        found[name] = of.choices[name]
    return found


@pytest.mark.parametrize("name", parsers())
def test_every_command_and_every_argument_of_it_is_described(name, capsys):
    """In its own help, and in a line of the list of all commands."""
    parser = parsers()[name]
    assert len(parser.description) > 20
    for action in parser._actions:
        assert action.help, f"{name}: {action.option_strings or action.dest}"
        assert action.help is not SUPPRESS
    with pytest.raises(SystemExit, match="0"):
        parser.parse_args(["--help"])
    said = " ".join(capsys.readouterr().out.split())
    assert parser.description in said
    assert f" {name} {parser.description.rstrip('.')} " in " ".join(
        commands.parser(None).format_help().split()
    )


def test_every_module_of_commands_is_a_command():
    """One that NAMES lacks would be there and not be found."""
    found = {path.stem for path in (ROOT / "dah" / "commands").glob("*.py")}
    assert found - {"__init__", "arguments"} == set(NAMES)


def test_every_stage_says_what_it_does():
    """Its help is the docstring of its module."""
    for path in sorted((ROOT / "stages").glob("*.py")):
        assert ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))), path


def test_the_version_is_that_of_pyproject():
    """``--version`` needs no command, and ends well."""
    done = subprocess.run(
        [sys.executable, "-m", "dah", "--version"],
        cwd=ROOT, capture_output=True, text=True, check=True,
    )  # fmt: skip
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert (done.stdout, done.stderr) == (f"dah {project['version']}\n", "")


def blocks(path):
    """The lines of a page's blocks of commands, their comments left out, continued ones joined."""
    text = path.read_text(encoding="utf-8")
    for language, block in re.findall(r"^```(\w*)\n(.*?)^```", text, re.DOTALL | re.MULTILINE):
        if language in {"", "sh"}:
            for line in block.replace("\\\n", " ").splitlines():
                yield re.sub(r"(^|\s{2,})#.*", "", line).strip().removeprefix("$ ")


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.name)
def test_the_commands_of_the_documents_exist(path):
    """Each ``python -m dah`` is one that its parser takes; each ``make`` is a target."""
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    told = 0
    for line in blocks(path):
        words = shlex.split(line) if re.match(r"(python -m dah|make)\b", line) else []
        if words[:3] == ["python", "-m", "dah"]:
            chosen = next((word for word in words[3:] if word in NAMES), None)
            given = vars(commands.parser(chosen).parse_args(words[3:]))
            assert callable(given["run"])
            told += 1
        elif words[:1] == ["make"] and len(words) == 2:
            assert re.search(rf"^{re.escape(words[1])}:", makefile, re.MULTILINE), line
            told += 1
    assert told or path.name != "README.md"


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.name)
def test_links_lead_to_files_and_headings_that_are_there(path):
    """Within the project; a heading by its name in lower case with hyphens.

    Pages that the site is built with, .ci/pages.py, are held by ``make docs``.
    """
    for target in re.findall(r"\]\((?!https?:)([^)\s]+)\)", path.read_text(encoding="utf-8")):
        name, _, heading = target.partition("#")
        if path.parent.name == "docs" and re.fullmatch(MADE, name):
            continue
        there = path.parent / name if name else path
        assert there.exists(), target
        if heading:
            titles = re.findall(r"^#+ (.*)$", there.read_text(encoding="utf-8"), re.MULTILINE)
            names = [re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles]
            assert heading in names, target


def test_the_readme_links_every_document_and_every_preset():
    """With a line of its own."""
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    for path in DOCS:
        assert re.search(rf"^[-|].*\]\(docs/{path.name}\)", readme, re.MULTILINE), path.name
    for path in (ROOT / "presets").glob("*.yaml"):
        assert f"`{path.stem}`" in readme, path.name


def test_the_readme_opens_with_what_it_is_a_picture_and_the_way_in():
    """Before any heading a small table; then how to clone, and the two commands."""
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    opening, start = readme.split("\n## ")[:2]
    assert opening.count("\n|") < 12
    lines = [line.split("  ")[0] for line in start.splitlines()]
    assert (
        lines.index("git clone <address> dah")
        < lines.index("make repro")
        < lines.index("make test")
    )


def test_the_graph_in_the_documents_is_the_pipelines():
    """Stages by name, as ``dvc dag`` draws them without their matrices."""
    command = ["dvc", "dag", "--collapse-foreach-matrix", "--md"]
    page = (ROOT / "docs/pipeline.md").read_text(encoding="utf-8")
    assert " ".join(command) in page
    drawn = subprocess.run(
        [sys.executable, "-m", *command],
        cwd=ROOT, capture_output=True, text=True, check=True,
        env=os.environ | {"DVC_NO_ANALYTICS": "1"},
    ).stdout.strip()  # fmt: skip
    assert drawn.replace("\t", "    ") in page, "put the output of that command into the page"
