"""What MkDocs builds besides the files of docs/: pages made of the project itself, and equations.

A hook of mkdocs.yml. ``parameters.md`` is params.yaml in sections, ``reference.md`` the library's
docstrings, ``changelog.md`` and ``contributing.md`` the files beside docs/, ``notebooks/*.md`` the
notebooks' cells. Blocks of ``math`` become MathML, which browsers draw without a script.
"""

import html
import json
import re
from pathlib import Path
from typing import Any

from latex2mathml.converter import convert
from mkdocs.structure.files import File, Files

ROOT = Path(__file__).parents[1]
GRAPH = re.compile(r"^```mermaid\n(.*?)\n```$", re.MULTILINE | re.DOTALL)
MATH = re.compile(r"^```math\n(.*?)\n```$", re.MULTILINE | re.DOTALL)
# The wings of the reference, in the order of docs/architecture.md.
WINGS = ("encoder", "retrieval", "deep", "shallow", "hashing", "networks", "search", "evaluation")


def on_files(files: Files, config: Any) -> Files:
    """The pages that are made."""
    pages = {
        "parameters.md": parameters(json.loads(read("params.schema.json"))),
        "changelog.md": read("CHANGELOG.md"),
        "contributing.md": read("CONTRIBUTING.md").replace("](docs/", "]("),
        "reference.md": reference(),
    }
    for path in sorted(ROOT.glob("notebooks/*.ipynb")):
        pages[f"notebooks/{path.stem}.md"] = notebook(json.loads(path.read_text(encoding="utf-8")))
    for name, content in pages.items():
        files.append(File.generated(config, name, content=content))
    return files


def on_page_markdown(markdown: str, **_: Any) -> str:
    """Equations in LaTeX as MathML, a graph as the table of what leads to what."""
    markdown = GRAPH.sub(lambda found: edges(found[1]), markdown)
    return MATH.sub(lambda found: f"\n{convert(found[1], display='block')}\n", markdown)


def edges(graph: str) -> str:
    """A flowchart of Mermaid, which a script would have to draw, as a table."""
    names = dict(re.findall(r'(\w+)\["(.*?)"\]', graph))
    found = re.findall(r"(\w+)-->(\w+)", graph)
    lines = ["| stage | leads to |", "|---|---|"]
    for node, name in names.items():
        after = [names[b] for a, b in found if a == node]
        lines.append(f"| `{name}` | {', '.join(f'`{of}`' for of in after)} |")
    return "\n".join(lines)


def read(name: str) -> str:
    return (ROOT / name).read_text(encoding="utf-8")


def parameters(schema: dict[str, Any]) -> str:
    """Each key of params.yaml under its section: its default, what it may be, its comment."""
    sections: dict[str, list[str]] = {"data and methods": []}
    for name, given in schema["properties"].items():
        found = list(leaves(name, given, schema["$defs"]))
        alone = [key for key, *_ in found] == [name]
        lines = sections["data and methods"] if alone else sections.setdefault(name, [])
        for key, default, may, said in found:
            lines += [f"### `{key}`", "", f"{html.escape(said, quote=False)}", ""]
            lines += [f"Default {default}; {may}.", ""]
    head = [
        "# Parameters",
        "",
        "Made from `params.yaml` and what it may hold. One key changes for one",
    ]
    head += ["run with `dvc exp run -S dah.bits=16`; mistakes are refused by name before any work."]
    parts = ([f"## {name}", "", *lines] for name, lines in sections.items())
    return "\n".join([*head, "", *(line for part in parts for line in part)])


def leaves(name: str, given: dict[str, Any], defs: dict[str, Any]) -> Any:
    """Each key below `name` with its default, its values, and its comment."""
    target = defs.get(given.get("$ref", "").rpartition("/")[2])
    if target is None or "properties" not in target:
        given = {**(target or {}), **given}
        yield [name, value(given.get("default")), kinds(given), given.get("description", "")]
        return
    for key, inner in target["properties"].items():
        yield from leaves(f"{name}.{key}", inner, defs)


def value(given: Any) -> str:
    return f"`{json.dumps(given, ensure_ascii=False)}`" if given is not None else "`null`"


def kinds(given: dict[str, Any]) -> str:
    """What a key may be, in words."""
    if "enum" in given:
        return ", ".join(f"`{each}`" for each in given["enum"])
    if "const" in given:
        return f"`{given['const']}`"
    if "anyOf" in given:
        return " or ".join(kinds(each) for each in given["anyOf"])
    of = f", each {kinds(given['items'])}" if "items" in given else ""
    bounds = {
        "exclusiveMinimum": "above",
        "minimum": "from",
        "maximum": "to",
        "exclusiveMaximum": "below",
    }
    limits = [f"{word} {given[key]}" for key, word in bounds.items() if key in given]
    words = {
        "array": "a list",
        "integer": "a whole number",
        "string": "a text",
        "number": "a number",
    }
    words |= {"boolean": "`true` or `false`", "null": "`null`"}
    return " ".join([words[given["type"]] + of, *limits])


def reference() -> str:
    """The docstrings of each module of the wings that a library's user calls."""
    lines = [
        "# Reference",
        "",
        "Each name with its formula, shapes and errors, from the docstrings.",
    ]
    lines += ["", "`from dah import load_encoder` is the door for one's own images."]
    for wing in WINGS:
        for path in sorted((ROOT / "dah" / wing).glob("*.py")):
            if path.stem != "__init__":
                module = f"dah.{wing}.{path.stem}"
                lines += [
                    "",
                    f"## {module}",
                    "",
                    f"::: {module}",
                    "    options:",
                    "      heading_level: 3",
                ]
    return "\n".join([*lines, ""])


def notebook(content: dict[str, Any]) -> str:
    """The cells as text and code; outputs are not kept in git, CI runs them."""
    lines = []
    for cell in content["cells"]:
        source = "".join(cell["source"])
        lines += [source if cell["cell_type"] == "markdown" else f"```python\n{source}\n```", ""]
    return "\n".join(lines)
