"""List the links that lead out of the project, and refuse those that are no addresses.

``python .ci/links.py [--reach]``: each address with the files that have it; with ``--reach`` each
is asked for, and what did not answer is said (a site may refuse a script, and a machine may reach
none, so that this alone is no failure). Links within the project are held by ``make docs``.
"""

import re
import sys
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from urllib.error import URLError
from urllib.parse import urlsplit
from urllib.request import Request, urlopen

ROOT = Path(__file__).parents[1]
PAGES = (
    "*.md",
    "docs/*.md",
    "notebooks/*.ipynb",
    "CITATION.cff",
    "dah/template/*.md",
    ".github/*/*.yml",
)
ADDRESS = re.compile(r"https?://[^\s<>\"'`\\\])]+")
HERE = ("localhost", "127.0.0.1", "example.org")
SECONDS = 10


def addresses() -> dict[str, list[str]]:
    """Each address with the files that have it."""
    found: dict[str, list[str]] = defaultdict(list)
    for pattern in PAGES:
        for path in sorted(ROOT.glob(pattern)):
            for match in ADDRESS.findall(path.read_text(encoding="utf-8")):
                address = match.rstrip(".,;:*")
                if urlsplit(address).hostname not in HERE:
                    found[address].append(path.relative_to(ROOT).as_posix())
    return {address: sorted(set(files)) for address, files in sorted(found.items())}


def faults(address: str) -> Iterator[str]:
    """What is wrong with an address's form."""
    try:
        parts = urlsplit(address)
    except ValueError as error:
        yield str(error)
        return
    if parts.scheme != "https":
        yield "expected https"
    if not re.fullmatch(r"([a-z0-9]([a-z0-9-]*[a-z0-9])?\.)+[a-z]{2,}", parts.hostname or ""):
        yield f"expected the name of a host, found {parts.hostname}"
    if not re.fullmatch(r"[\w\-.~%!$&(*+,;=:@/]*", parts.path):
        yield f"expected the path of an address, found {parts.path}"


def unreached(address: str) -> str | None:
    """Why an address does not answer; None where it does."""
    try:
        asked = Request(address, headers={"User-Agent": "Mozilla/5.0 (links of a documentation)"})
        with urlopen(asked, timeout=SECONDS):
            return None
    except (URLError, TimeoutError, OSError) as error:
        return str(error)


def main(reach: bool) -> int:
    wrong = 0
    for address, files in addresses().items():
        said = list(faults(address))
        wrong += len(said)
        if reach and not said and (why := unreached(address)):
            said.append(f"not reached from here: {why}")
        print(address, *files, *(f"[{word}]" for word in said))
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main("--reach" in sys.argv))
