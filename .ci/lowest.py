"""Print a constraints file of the lowest versions that pyproject.toml allows."""

import re
import tomllib
from pathlib import Path

BOUND = re.compile(r"([\w.-]+)(?:\[[\w,-]+\])?[>=]=([\d.]+)(?:,<[\d.]+)?")


def lowest(text: str) -> list[str]:
    """``name==version`` of every requirement of a pyproject.toml, extras included."""
    project = tomllib.loads(text)["project"]
    groups = [project["dependencies"], *project["optional-dependencies"].values()]
    found = [BOUND.fullmatch(r) for group in groups for r in group if not r.startswith("dah[")]
    return ["==".join(match.groups()) for match in found]


if __name__ == "__main__":
    text = (Path(__file__).parents[1] / "pyproject.toml").read_text(encoding="utf-8")
    print("\n".join(lowest(text)))
