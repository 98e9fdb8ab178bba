"""Post a text as this workflow's one comment on a pull request: created once, updated after.

``python3 .github/post_comment.py comment.md`` with the pull request's head in HEAD_OWNER,
HEAD_BRANCH and HEAD_SHA, by the GitHub CLI. The text comes from a run of the pull request's own
code, so that it is taken as text alone: which pull request it belongs to is asked of GitHub.
"""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

MARK = "<!-- pull-request.yml -->"
AUTHOR = "github-actions[bot]"
LARGEST = 65_000  # characters; GitHub takes 65,536


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
        text = file.read(LARGEST)
    return f"{MARK}\n{text}".replace("@", "@\u200b")[:LARGEST]


def post(repository: str, number: int, body: str) -> str:
    """Update the workflow's own comment, or create it where there is none."""
    comments = api("--paginate", f"repos/{repository}/issues/{number}/comments?per_page=100")
    for comment in comments:
        if comment["user"]["login"] == AUTHOR and comment["body"].startswith(MARK):
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
