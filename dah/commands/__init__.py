"""What ``dah`` and ``python -m dah`` do: a module for each command, imported when it is asked for.

Its docstring's first line describes it, ``arguments`` adds what it takes to a parser, ``run`` does
it. ``NAMES`` lists them in the order of ``--help``; ``dah.commands.arguments`` is none of them.
"""

import ast
from importlib.resources import files

NAMES = (
    "init",
    "results",
    "predictions",
    "preset",
    "select",
    "experiments",
    "schema",
    "mend",
    "library",
    "export",
    "encode",
    "index",
    "search",
    "serve",
    "database",
)


def described(name: str) -> str:
    """The first line of a command's docstring, read without importing what it works with."""
    text = files(__name__).joinpath(f"{name}.py").read_text(encoding="utf-8")
    return (ast.get_docstring(ast.parse(text)) or "").split("\n", 1)[0]
