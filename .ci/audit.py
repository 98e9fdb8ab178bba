"""Say which versions are known to be vulnerable, by advisories that lie on this machine.

``python .ci/audit.py ADVISORIES``: a folder, or a zip, of records in the OSV format as JSON or
YAML, such as a clone of the Python Packaging Advisory Database or OSV's export for PyPI. Looks at
what constraints.txt installs and at the lowest versions that pyproject.toml allows; exits with 1
where one is affected. Nothing is sent anywhere.
"""

import json
import re
import sys
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any
from zipfile import ZipFile

from lock import LIST, ROOT, pins
from lowest import lowest
from packaging.utils import canonicalize_name
from packaging.version import InvalidVersion, Version
from ruamel.yaml import YAML

NAME = re.compile(r"""\bname["']?:\s*["']?([\w.-]+)""")
ENDINGS = (".json", ".yaml", ".yml")
Record = Mapping[str, Any]


def texts(path: Path) -> Iterator[tuple[str, str]]:
    """The name and content of every record in a folder or zip."""
    if path.is_dir():
        for file in sorted(path.rglob("*")):
            if file.suffix in ENDINGS and file.is_file():
                yield str(file), file.read_text(encoding="utf-8")
        return
    with ZipFile(path) as archive:
        for name in archive.namelist():
            if name.endswith(ENDINGS):
                yield name, archive.read(name).decode()


def records(path: Path, names: set[str]) -> tuple[list[Record], int]:
    """The records on packages of these names that were not withdrawn; how many there are of all."""
    found, count = [], 0
    for name, text in texts(path):
        count += 1
        if names.isdisjoint(map(canonicalize_name, NAME.findall(text))):
            continue
        record = json.loads(text) if name.endswith(".json") else YAML(typ="safe").load(text)
        if not record.get("withdrawn"):
            found.append(record)
    return found, count


def affected(record: Record, name: str, version: str) -> bool:
    """Whether a record is about a version: it is listed, or lies in a range."""
    for each in record.get("affected", ()):
        package = each.get("package", {})
        if package.get("ecosystem") != "PyPI" or canonicalize_name(package["name"]) != name:
            continue
        if any(_same(listed, version) for listed in each.get("versions", ())):
            return True
        ranges = (r["events"] for r in each.get("ranges", ()) if r["type"] == "ECOSYSTEM")
        if any(_within(events, Version(version)) for events in ranges):
            return True
    return False


def _same(listed: str, version: str) -> bool:
    try:
        return Version(str(listed)) == Version(version)
    except InvalidVersion:
        return False


def _within(events: Iterable[Mapping[str, str]], version: Version) -> bool:
    """Whether the last event up to a version makes it vulnerable."""
    inside = False
    order = ["introduced", "last_affected", "fixed"]
    every = [(Version(str(at)), order.index(kind)) for e in events for kind, at in e.items()]
    for at, kind in sorted(every):
        if kind == 0 and at <= version:
            inside = True
        elif (kind == 1 and at < version) or (kind == 2 and at <= version):
            inside = False
    return inside


def main(path: Path) -> int:
    project = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    lists = {
        "installed": pins(LIST.read_text(encoding="utf-8")),
        "lowest": pins("\n".join(lowest(project))),
    }
    names = {canonicalize_name(name) for versions in lists.values() for name in versions}
    found, count = records(path, names)
    if not count:
        sys.exit(f"audit: {path} has no advisories; expected OSV records as {', '.join(ENDINGS)}")
    hits = [
        f"{title}: {name} {version}: {record['id']}"
        for title, versions in lists.items()
        for name, version in versions.items()
        for record in found
        if affected(record, canonicalize_name(name), version)
    ]
    print("\n".join([*hits, f"{count} advisories, {len(hits)} affect a version"]))
    return 1 if hits else 0


if __name__ == "__main__":
    if len(sys.argv) != 2 or not Path(sys.argv[1]).exists():
        sys.exit("audit: expected a folder or a zip of advisories; make audit ADVISORIES=folder")
    sys.exit(main(Path(sys.argv[1])))
