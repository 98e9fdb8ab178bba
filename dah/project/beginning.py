"""A project of one's own: the pipeline's files, with the installed library as a dependency."""

import json
import re
import tomllib
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, distribution
from io import StringIO
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedSeq

from dah.errors import UserError
from dah.project.library import INSTALLED, LIBRARY, write_library

TEMPLATE = INSTALLED / "template"
CLONE = INSTALLED.parent
REQUIREMENTS = Path("requirements.txt")
EXTRAS = "pipeline,search,serve"
PIPELINE = Path("dvc.yaml")
WORKFLOW = Path(".github/workflows/pull-request.yml")
CACHED = re.compile(r"(cache-dependency-path:) \|\n\s+pyproject\.toml\n\s+constraints\.txt\n")
WATCH = {
    "desc": "Note what the installed library holds, so that an update runs again what it changes",
    "cmd": f"python -m dah library --out {LIBRARY}",
    "always_changed": True,
    "outs": [{LIBRARY.as_posix(): {"cache": False}}],
}


def template_files() -> Iterator[tuple[Path, Path]]:
    """Each file of the template: its name in a project, and where it lies.

    A wheel has them all; a clone has its own files, listed in ``pyproject.toml``.
    """
    found = {path.relative_to(TEMPLATE): path for path in sorted(TEMPLATE.rglob("*"))}
    if PIPELINE not in found:
        listed = tomllib.loads((CLONE / "pyproject.toml").read_text(encoding="utf-8"))
        for pattern in listed["tool"]["dah"]["template"]:
            found |= {path.relative_to(CLONE): path for path in sorted(CLONE.glob(pattern))}
    for name, path in found.items():
        if path.is_file() and "__pycache__" not in name.parts:
            yield name, path


def begin(folder: Path) -> list[Path]:
    """Write a project into `folder`, which is made; the names of its files.

    Raises ``UserError`` where one of them is there: nothing is written over.
    """
    files = dict(template_files())
    for name in (*files, REQUIREMENTS, LIBRARY):
        if (folder / name).exists():
            raise UserError(
                f"{folder / name}: expected a new folder, or one without files of a project, found"
                " this one; choose another folder and compare them with `git diff --no-index`"
            )
    for name, path in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(_content(name, path))
    (folder / REQUIREMENTS).write_text(f"{requirement()}\n", encoding="utf-8")
    write_library(folder / LIBRARY)
    return sorted([*files, REQUIREMENTS, LIBRARY])


def _content(name: Path, path: Path) -> bytes:
    if name == PIPELINE:
        return on_library(path.read_text(encoding="utf-8")).encode()
    if name == WORKFLOW:
        text = path.read_text(encoding="utf-8")
        return CACHED.sub(rf"\1 {REQUIREMENTS}\n", text).encode()
    return path.read_bytes()


def on_library(text: str) -> str:
    """A ``dvc.yaml`` whose stages depend on digests in ``library.yaml``, not on folders of dah.

    A stage ``library``, which always runs, writes them.
    """
    yaml = YAML()
    yaml.width = 100
    yaml.indent(mapping=2, sequence=4, offset=2)
    content: Any = yaml.load(text)
    for stage in content["stages"].values():
        wings = [path for path in stage.get("deps", ()) if path.startswith("dah/")]
        for path in wings:
            stage["deps"].remove(path)
        if wings:
            keys = CommentedSeq(Path(path).stem for path in wings)
            keys.fa.set_flow_style()
            stage["params"].append({LIBRARY.as_posix(): keys})
            stage["deps"].fa.set_block_style()
            stage["params"].fa.set_block_style()
    content["stages"].insert(0, "library", WATCH)
    content["stages"].yaml_set_comment_before_after_key("check", before="\n")
    written = StringIO()
    yaml.dump(content, written)
    return written.getvalue()


def requirement() -> str:
    """The library in pip's words: from where it was installed, or by its version.

    An address of a file of this machine is left out: another one does not have it.
    """
    try:
        installed = distribution("dah")
    except PackageNotFoundError as error:
        raise UserError("dah is not installed here: pip install -e . in its clone") from error
    source = json.loads(installed.read_text("direct_url.json") or "{}")
    address = source.get("url", "file:")
    if address.startswith("file:"):
        return f"dah[{EXTRAS}]=={installed.version}"
    kind = source.get("vcs_info")
    at = f"{kind['vcs']}+{address}@{kind['commit_id']}" if kind else address
    return f"dah[{EXTRAS}] @ {at}"
