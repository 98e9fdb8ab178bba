"""JSON files of git's commits, read without a checkout."""

import json
import subprocess
from collections.abc import Iterable, Iterator
from typing import Any

from dah.errors import UserError


def read_committed(wanted: Iterable[tuple[str, str]]) -> dict[tuple[str, str], dict[str, Any]]:
    """The JSON objects among `wanted`, pairs of a commit and a path from the working folder.

    What is not there, or is no JSON object, is left out. Raises ``UserError`` where git fails.
    """
    pairs = [(commit, path) for commit, path in wanted if "\n" not in path]
    asked = "".join(f"{commit}:./{path}\n" for commit, path in pairs)
    command = ["git", "cat-file", "--batch"]
    try:
        answer = subprocess.run(command, input=asked.encode(), capture_output=True, check=True)
    except OSError as error:
        raise UserError(f"git cannot be run: {error}") from error
    except subprocess.CalledProcessError as error:
        reason = " ".join(error.stderr.decode(errors="replace").split())
        raise UserError(f"git cat-file: {reason[:300]}") from error
    contents = zip(pairs, _contents(answer.stdout), strict=True)
    return {pair: content for pair, content in contents if isinstance(content, dict)}


def _contents(answer: bytes) -> Iterator[Any]:
    """What ``git cat-file --batch`` printed: ``<id> blob <size>``, that many bytes; or one line."""
    place = 0
    while place < len(answer):
        end = answer.index(b"\n", place)
        *_, kind, size = answer[place:end].rsplit(b" ", 2)
        place = end + 1
        if kind != b"blob":  # `<name> missing`, or a folder
            place += int(size) + 1 if kind in (b"tree", b"commit", b"tag") else 0
            yield None
            continue
        yield _parsed(answer[place : place + int(size)])
        place += int(size) + 1


def _parsed(content: bytes) -> Any:
    try:
        return json.loads(content)
    except (ValueError, RecursionError):
        return None
