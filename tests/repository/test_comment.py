"""The comment's text on a real repository of two branches, and its posting to a stand-in."""

import json
import os
import re
import runpy
import sys
from types import SimpleNamespace

import numpy as np
import pytest
from numpy.testing import assert_allclose

from tests.clones import ROOT, commit, run

TEXT, POST = ROOT / ".github" / "comment.py", ROOT / ".github" / "post_comment.py"
PIPELINE = """
stages:
  run:
    cmd: python -c "print()"
    params: [dah]
    outs:
      - metrics/print-hand.json: {cache: false}
      - metrics/means.json: {cache: false}
    metrics:
      - metrics/summary.json: {cache: false}
    plots:
      - metrics/curves/print-hand.csv: {cache: false}
"""


def script(path):
    """A script's functions, not run."""
    return SimpleNamespace(**runpy.run_path(str(path)))


def write(folder, name, content):
    """A file, and the folders that it lies in."""
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(content, encoding="utf-8")


def results(folder, accuracy, gamma, bits=64, others=0, deviation=None, place="AMD, torch 1"):
    """What a run leaves: parameters, metrics and a curve of two methods."""
    write(folder, "params.yaml", f"dah:\n  gamma: {gamma}\n  bits: {bits}\n")
    figures = {"accuracy": {"dah": accuracy}, "map": {"dah": 0.5}}
    figures["collisions"] = {f"method{i}": accuracy / 100 for i in range(others)}
    told = {"deviation": {"accuracy": {"dah": deviation}}} if deviation else {}
    for name in ("print-hand", "means"):
        write(folder, f"metrics/{name}.json", json.dumps(figures | told))
    headline = {name: figures[name] for name in ("accuracy", "map")}
    write(folder, "metrics/summary.json", json.dumps(headline))
    cost = {"seconds": {"train": accuracy * 2}, "machine": {"train@print-hand-dah-0": place}}
    write(folder, "metrics/cost.json", json.dumps(cost))
    points = [(0.1, accuracy / 100), (0.55, 0.4), (1.0, 0.1)]
    rows = [f"dah,{i},{recall},{p}" for i, (recall, p) in enumerate(points)]
    table = "\n".join(["method,radius,recall,precision", *rows, "noda,0,1.0,0.9"])
    write(folder, "metrics/curves/print-hand.csv", table)


@pytest.fixture(scope="module")
def repository(tmp_path_factory):
    """Branches main and change; change is checked out."""
    folder = tmp_path_factory.mktemp("repository")
    run(folder, "git", "init", "--quiet", "--initial-branch", "main")
    run(folder, "dvc", "init", "--quiet")
    write(folder, "dvc.yaml", PIPELINE)
    results(folder, 50.0, 300.0)
    commit(folder, "base")
    run(folder, "git", "checkout", "--quiet", "-b", "change")
    results(folder, 60.0, 100.0, others=3)
    commit(folder, "change")
    return folder


def comment(folder, *arguments, code=0):
    """What the script prints."""
    return run(folder, sys.executable, str(TEXT), *arguments, code=code)


def test_the_comment_has_what_changed(repository):
    """Accuracy in the open, other figures folded, parameters that differ, and curves."""
    text = comment(repository, "main", "--plots", "https://example.org/plots")
    parts = [part.split("\n", 1) for part in text.split("## ")]
    sections = {title.strip("# \n"): body for title, body in parts[1:]}
    assert list(sections) == ["Against `main`", "Parameters", "Plots", "Reproduction"]
    opened, closed, cost = sections["Against `main`"].split("<details>")
    rows = [[cell.strip() for cell in line.split("|")] for line in opened.strip().splitlines()]
    titles = ["Path", "Metric", "main", "workspace", "Change", "Deviation over seeds", "Larger"]
    assert rows[0][1:-1] == titles
    assert [row[1:-1] for row in rows[2:4]] == [
        [path, "accuracy.dah", "50.0", "60.0", "10.0", "-", "-"]
        for path in ("metrics/summary.json", "metrics/print-hand.json")
    ]
    assert "Each side has one seed, so that no deviation is known" in opened
    assert "different machines" not in opened
    assert "<summary>6 other figures</summary>" in closed
    assert closed.count("collisions.method2") == 2
    assert "<summary>What the stages took</summary>" in cost
    assert "seconds.train" in cost
    assert text.count("seconds.train") == 1
    assert "| dah.gamma | 300.0" in sections["Parameters"]
    assert "dah.bits" not in text
    assert "map.dah" not in text
    assert "(https://example.org/plots)" in sections["Plots"]
    assert "exactly the metrics that are committed" in sections["Reproduction"]


def test_changes_are_weighed_against_the_deviation_over_seeds(repository, tmp_path):
    """The larger of both sides', as JSON has it; the machines are named where they differ."""
    run(tmp_path, "git", "clone", "--quiet", str(repository), "again")
    folder = tmp_path / "again"
    results(folder, 50.0, 100.0, deviation=4.0)
    commit(folder, "more seeds")
    results(folder, 55.0, 100.0, deviation=3.0, place="Intel, torch 1")
    text = comment(folder, "HEAD")
    row = "| metrics/{}.json | accuracy.dah | 50.0 | 55.0 | 5.0 | 4 | **yes** |"
    found = [re.sub(" +", " ", line) for line in text.splitlines()]
    assert [row.format(name) in found for name in ("summary", "print-hand")] == [True, True]
    assert "Deviation: the larger of both sides' standard deviations over seeds" in text
    assert "Trained on different machines (Intel, torch 1 here, AMD, torch 1 there)" in text
    assert "`dvc repro && git commit --all" in text
    assert "otherwise than committed, where the training was on another machine (AMD" in text
    results(folder, 53.0, 100.0, deviation=3.0)
    found = [re.sub(" +", " ", line) for line in comment(folder, "HEAD").splitlines()]
    assert "| metrics/print-hand.json | accuracy.dah | 50.0 | 53.0 | 3.0 | 4 | no |" in found


def test_a_metric_that_one_side_lacks_is_not_weighed(repository, tmp_path):
    """DVC shows a dash; so does the verdict."""
    run(tmp_path, "git", "clone", "--quiet", str(repository), "again")
    folder = tmp_path / "again"
    results(folder, 60.0, 100.0, deviation=4.0)
    (folder / "metrics/summary.json").write_text('{"accuracy": {"new": 1.0}}')
    found = [re.sub(" +", " ", line) for line in comment(folder, "HEAD").splitlines()]
    assert "| metrics/summary.json | accuracy.new | - | 1.0 | - | - | - |" in found


def test_the_charts_are_both_branches_curves(repository):
    """Precision 0.5 and 0.6 up to recall 0.1, then 0.4 to 0.5, then 0.1; grey, then blue."""
    lines = comment(repository, "main").splitlines()
    chart = lines[lines.index("```mermaid") :]
    assert chart[1].index("#8c959f") < chart[1].index("#0969da")
    assert chart[3] == '  title "print-hand: precision of dah over recall"'
    tail = "0.400, 0.400, 0.400, 0.400, 0.100, 0.100, 0.100, 0.100, 0.100]"
    assert [line for line in chart if "  line" in line] == [
        f"  line [0.500, 0.500, {tail}",
        f"  line [0.600, 0.600, {tail}",
    ]


def test_a_run_that_finds_other_figures_says_so(repository, tmp_path):
    """The workspace against the pull request's own commit."""
    run(tmp_path, "git", "clone", "--quiet", str(repository), "again")
    folder = tmp_path / "again"
    results(folder, 61.0, 100.0, others=3)
    text = comment(folder, "origin/main")
    assert text.startswith("## Against `main`\n")
    assert "The run found 8 figures otherwise than committed</summary>" in text
    reproduction = text.split("### Reproduction")[1]
    assert "61.0" in reproduction
    assert "seconds" not in reproduction


def test_nothing_changed_is_said(repository):
    """A branch against itself."""
    text = comment(repository, "change")
    assert "No metric differs." in text
    assert "No parameter differs." in text


def test_a_base_without_results_shows_what_is_new(tmp_path):
    """The first pull request: no metric, no curve before; one line in the chart."""
    run(tmp_path, "git", "init", "--quiet", "--initial-branch", "main")
    run(tmp_path, "dvc", "init", "--quiet")
    commit(tmp_path, "base")
    run(tmp_path, "git", "checkout", "--quiet", "-b", "change")
    write(tmp_path, "dvc.yaml", PIPELINE)
    results(tmp_path, 60.0, 100.0)
    commit(tmp_path, "change")
    text = comment(tmp_path, "main")
    assert "accuracy.dah" in text
    assert text.count("\n  line [") == 1
    assert "#8c959f" not in text


def test_an_unknown_base_is_one_line(repository):
    """Git's own words, and no comment."""
    text = comment(repository, "origin/nowhere", code=1)
    assert text.startswith("comment: ")
    assert text.strip().endswith("Not a valid object name origin/nowhere")
    assert text.count("\n") == 1


def test_interpolated_precision_equals_a_loop():
    """At each recall the best precision of any later point of the method."""
    rng = np.random.default_rng(0)
    points = np.column_stack([np.sort(rng.random(20)), rng.random(20)])
    rows = [{"method": "dah", "recall": f"{r}", "precision": f"{p}"} for r, p in points]
    expected = []
    for step in range(11):
        best = 0.0
        for recall, precision in points:
            if recall >= step / 10 and precision > best:
                best = precision
        expected.append(best)
    noise = [{"method": "noda", "recall": "1", "precision": "1"}]
    assert_allclose(script(TEXT).interpolated(noise + rows), expected)
    assert script(TEXT).interpolated(noise) == []


def test_a_long_table_is_cut_between_rows():
    """It ends with how many rows are left out and the command that shows them."""
    functions = script(TEXT)
    table = [f"| {i:096d} |" for i in range(300)]
    text = functions.shortened(table, "dvc metrics diff main")
    kept, note = text.split("\n\n")
    assert len(kept) <= functions.LARGEST
    assert kept.splitlines() == table[:99]
    assert note == "201 more rows: `dvc metrics diff main`"
    assert functions.shortened(table[:5], "") == "\n".join(table[:5])


def test_a_comment_of_long_tables_has_all_its_parts(tmp_path, monkeypatch):
    """Five tables and forty charts are each cut and say so; together they fit into a comment."""
    head = ["| Path | Metric | main | workspace | Change |", "|---|---|---|---|---|"]
    names = ["accuracy.m", "collisions.m"]
    rows = [
        f"| metrics/A.json | {name}{i} | 0.1 | 0.2 | 0.1 |" for name in names for i in range(999)
    ]
    cost = [f"| metrics/cost.json | seconds.m{i} | 0.1 | 0.2 | 0.1 |" for i in range(999)]
    functions = script(TEXT)
    known = functions.comment.__globals__
    monkeypatch.setitem(known, "dvc", lambda *_: [*head, *rows, *cost])
    monkeypatch.setitem(known, "output", lambda *_: "")
    monkeypatch.setitem(known, "CURVES", tmp_path)
    for task in range(40):
        curve = "method,recall,precision\ndah,0.5,0.25\n"
        (tmp_path / f"task{task:02d}.csv").write_text(curve, encoding="utf-8")
    text = functions.comment("origin/main", "https://example.org/plots")
    assert len(text) < script(POST).LARGEST - 1000
    for part in ("Parameters", "Plots", "Reproduction"):
        assert f"\n### {part}\n" in text
    assert len(re.findall(r"\n\n\d+ more rows: `dvc (metrics|params) diff", text)) == 5
    shown = text.count("```mermaid")
    assert 0 < shown < 40
    assert f"\n{40 - shown} more charts are among all plots: `dvc plots diff origin/main`" in text
    assert "(https://example.org/plots)" in text


GH = f"""#!{sys.executable}
import json, os, sys

path = os.environ["GITHUB"]
state = json.load(open(path))
arguments = sys.argv[1:]
state["calls"].append(arguments)
method = arguments[arguments.index("--method") + 1] if "--method" in arguments else "GET"
address = next(a for a in arguments if a.startswith("repos/"))
if "nobody" in address:
    sys.exit("gh: Not Found (HTTP 404)")
if address.endswith("/pulls"):
    print(json.dumps(state["pulls"]))
elif method == "GET":
    print("".join(json.dumps(page) for page in state["pages"]))
else:
    body = json.load(sys.stdin)["body"]
    bot = {{"login": "github-actions[bot]"}}
    if method == "POST":
        state["pages"].append([{{"id": 7, "user": bot, "body": body}}])
    else:
        comments = [c for page in state["pages"] for c in page]
        (found,) = [c for c in comments if address.endswith(f"/comments/{{c['id']}}")]
        found["body"] = body
    print("{{}}")
json.dump(state, open(path, "w"))
"""


@pytest.fixture
def github(tmp_path, monkeypatch):
    """A stand-in for GitHub: a file of pull requests and pages of comments behind ``gh``."""
    (tmp_path / "gh").write_text(GH, encoding="utf-8")
    (tmp_path / "gh").chmod(0o755)
    # Somebody else's comment with the mark, and the bot's of another workflow.
    mark = script(POST).MARK
    first = {"id": 1, "user": {"login": "someone"}, "body": f"{mark}\nmine"}
    second = {"id": 2, "user": {"login": "github-actions[bot]"}, "body": "another workflow"}
    state = {
        "calls": [],
        "pulls": [{"number": 5, "head": {"sha": "abc"}}, {"number": 6, "head": {"sha": "older"}}],
        "pages": [[first], [second]],
    }
    (tmp_path / "state.json").write_text(json.dumps(state), encoding="utf-8")
    environment = {
        "GITHUB": str(tmp_path / "state.json"),
        "GITHUB_REPOSITORY": "owner/dah",
        "HEAD_OWNER": "fork",
        "HEAD_BRANCH": "$(touch x) && a",
        "HEAD_SHA": "abc",
    }
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)
    return tmp_path


def posted(github, text=None, code=0):
    """What the script prints, and all comments after it; `text` is what it is given."""
    if text is not None:
        (github / "comment.md").write_text(text, encoding="utf-8")
    printed = run(github, sys.executable, str(POST), "comment.md", code=code)
    state = json.loads((github / "state.json").read_text(encoding="utf-8"))
    return printed, [c for page in state["pages"] for c in page], state["calls"]


def test_the_comment_is_created_once_and_updated_after(github):
    """A comment of its own, found among pages of others; a branch's name is an argument."""
    printed, comments, calls = posted(github, "first")
    assert printed == "commented on pull request 5\n"
    assert [c["id"] for c in comments] == [1, 2, 7]
    mark, source, empty, *rest = comments[2]["body"].split("\n")
    assert (mark, empty, rest) == ("<!-- pull-request.yml -->", "", ["first"])
    assert source.startswith(SOURCE)
    assert "head=fork:$(touch x) && a" in calls[0]
    assert not (github / "x").exists()
    printed, comments, _ = posted(github, "second")
    assert printed == "updated comment 7 of pull request 5\n"
    assert [c["body"].split("\n")[-1] for c in comments] == ["mine", "another workflow", "second"]


SOURCE = "*This text was made by the pull request's own code"


@pytest.mark.parametrize(
    ("written", "shown"),
    [
        ("@everyone", "@\u200beveryone"),
        ("&#64;a &#064;b &#x40;c &#64d", "&amp;#64;a &amp;#064;b &amp;#x40;c &amp;#64d"),
        ("&commat;a", "&amp;commat;a"),
        ("a && b &lt; c", "a && b &lt; c"),
    ],
)
def test_a_comment_calls_nobody(github, written, shown):
    """Neither by @ nor by what GitHub shows as one; other text stays."""
    _, comments, _ = posted(github, written)
    assert comments[-1]["body"].split("\n")[3:] == [shown]


@pytest.mark.parametrize("text", ["word " * 20_000, "a line of text\n" * 8000, "@" * 40_000])
def test_a_comment_that_is_cut_says_so(github, text):
    """Above the text, which ends between two lines where it has some; and it fits."""
    _, comments, _ = posted(github, text)
    mark, source, empty, cut, _, *rest = comments[-1]["body"].split("\n")
    assert (mark, empty) == (script(POST).MARK, "")
    assert source.startswith(SOURCE)
    assert "its end is missing here" in cut
    assert 64_000 < len(comments[-1]["body"]) <= 65_000
    if "\n" in text:
        assert set(rest) == {"a line of text", ""}


def test_a_comment_of_a_deleted_account_is_passed_over(github):
    """GitHub gives no user for it."""
    state = json.loads((github / "state.json").read_text(encoding="utf-8"))
    state["pages"].insert(0, [{"id": 3, "user": None, "body": f"{script(POST).MARK}\nold"}])
    (github / "state.json").write_text(json.dumps(state), encoding="utf-8")
    printed, comments, _ = posted(github, "first")
    assert printed == "commented on pull request 5\n"
    assert comments[0]["body"].endswith("old")


def test_a_head_that_has_moved_on_is_left_alone(github, monkeypatch):
    """The run belongs to a commit that is no longer the head of an open pull request."""
    monkeypatch.setenv("HEAD_SHA", "gone")
    printed, comments, _ = posted(github, "late")
    assert printed == "not exactly one open pull request has the head gone: no comment\n"
    assert len(comments) == 2


def test_a_link_is_not_read(github):
    """An artifact that points at a file of the machine that posts."""
    (github / "comment.md").symlink_to(github / "state.json")
    printed, comments, _ = posted(github, code=1)
    assert printed == "post_comment: comment.md is not a file\n"
    assert len(comments) == 2


def test_a_refusal_of_github_is_one_line(github, monkeypatch):
    """The call and GitHub's answer."""
    monkeypatch.setenv("GITHUB_REPOSITORY", "owner/nobody")
    printed, _, _ = posted(github, "text", code=1)
    assert printed.startswith("post_comment: gh api --method GET repos/owner/nobody/pulls")
    assert printed.endswith("gh: Not Found (HTTP 404)\n")
