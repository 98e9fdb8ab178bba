"""Say whether a tag may be released: ``python .ci/release.py v1.2.3``, before anything is built.

The tag is ``v`` and the version of pyproject.toml, the one place of it; CHANGELOG.md has a section
of that name with lines in it, and none that is left under Unreleased.
"""

import re
import sys
import tomllib
from pathlib import Path

ROOT = Path(__file__).parents[1]


def refusal(tag: str, project: str, changelog: str) -> str | None:
    """Why a tag may not be released, by the texts of both files; None where it may."""
    version = tomllib.loads(project)["project"]["version"]
    if tag != f"v{version}":
        return f"the tag is {tag}, expected v{version}, the version of pyproject.toml"
    parts = re.split(r"^## (\S+).*$", changelog, flags=re.MULTILINE)
    sections = dict(zip(parts[1::2], parts[2::2], strict=True))
    if not sections.get(version, "").strip():
        return f"CHANGELOG.md has no section '## {version}' with lines in it"
    if sections.get("Unreleased", "").strip():
        return f"CHANGELOG.md has lines under Unreleased; move them under '## {version}'"
    return None


if __name__ == "__main__":
    texts = (
        (ROOT / name).read_text(encoding="utf-8") for name in ("pyproject.toml", "CHANGELOG.md")
    )
    why = refusal(sys.argv[1] if len(sys.argv) == 2 else "", *texts)
    if why is not None:
        sys.exit(f"release: {why}")
