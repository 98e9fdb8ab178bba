"""Post a text as this workflow's one comment on a pull request: created once, updated after.

``python3 .github/post_comment.py comment.md`` with the pull request's head in HEAD_OWNER,
HEAD_BRANCH and HEAD_SHA, by the GitHub CLI. The text comes from a run of the pull request's own
code, so that it is taken as text alone, and said to be: which pull request it belongs to is asked
of GitHub.
"""

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

MARK = "<!-- pull-request.yml -->"
AUTHOR = "github-actions[bot]"
SOURCE = (
    "*This text was made by the pull request's own code: its author's words, not this project's.*"
)
CUT = "**The text is longer than a comment: its end is missing here; the run's artifact has it.**"
LARGEST = 65_000  # characters; GitHub takes 65,536
CALL = re.compile(r"@|&(?=#|commat)")  # GitHub reads &#64; and &commat; as @ too


def api(*arguments: str, body: str | None = None) -> Any:
    """The answer of GitHub's API; the pages of a list, which stand one after another, as one."""
    content = None if body is None else json.dumps({"body": body})
    command = ["gh", "api", *arguments, *([] if body is None else ["--input", "-"])]
    done = subprocess.run(command, input=content, capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(f"post_comment: gh api {' '.join(arguments)}: {done.stderr.strip()}")
    pages, text = [], done.stdout.strip()
    while text:
        page, end = json.JSONDecoder().raw_decode(text)
        pages += page if isinstance(page, list) else [page]
        text = text[end:].lstrip()
    return pages


def pull_request(repository: str, owner: str, branch: str, sha: str) -> int | None:
    """The number of the one open pull request whose head is this commit."""
    query = "-f", "state=open", "-f", f"head={owner}:{branch}"
    found = api("--method", "GET", f"repos/{repository}/pulls", *query)
    numbers = [pull["number"] for pull in found if pull["head"]["sha"] == sha]
    return numbers[0] if len(numbers) == 1 else None


def text_of(path: Path) -> str:
    """The comment's body: marked, cut to GitHub's limit, and without calling anyone by @."""
    if path.is_symlink() or not path.is_file():
        sys.exit(f"post_comment: {path} is not a file")
    with path.open(encoding="utf-8", errors="replace") as file:
        text = file.read(LARGEST + 1)
    text = CALL.sub(lambda found: {"@": "@\u200b", "&": "&amp;"}[found[0]], text)
    head = f"{MARK}\n{SOURCE}\n\n"
    if len(head) + len(text) > LARGEST:
        head += f"{CUT}\n\n"
        text = text[: LARGEST - len(head)]
        text = text[: text.rfind("\n") + 1] or text  # between two lines
    return head + text


def post(repository: str, number: int, body: str) -> str:
    """Update the workflow's own comment, or create it where there is none."""
    comments = api("--paginate", f"repos/{repository}/issues/{number}/comments?per_page=100")
    for comment in comments:
        author = comment["user"] or {}  # null where the account was deleted
        if author.get("login") == AUTHOR and (comment["body"] or "").startswith(MARK):
            path = f"repos/{repository}/issues/comments/{comment['id']}"
            api("--method", "PATCH", path, body=body)
            return f"updated comment {comment['id']} of pull request {number}"
    api("--method", "POST", f"repos/{repository}/issues/{number}/comments", body=body)
    return f"commented on pull request {number}"


if __name__ == "__main__":
    head = [os.environ[name] for name in ("HEAD_OWNER", "HEAD_BRANCH", "HEAD_SHA")]
    target = os.environ["GITHUB_REPOSITORY"]
    pull = pull_request(target, *head)
    if pull is None:
        print(f"not exactly one open pull request has the head {head[2]}: no comment")
    else:
        print(post(target, pull, text_of(Path(sys.argv[1]))))
