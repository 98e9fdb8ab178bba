"""What one change makes of a module's text: the mutants, the lines that differ, statements.

Needs ``pip install cosmic-ray``, whose operators these are.
"""

import ast
import difflib

from cosmic_ray.ast import ast_nodes, get_ast
from cosmic_ray.mutating import mutate_code
from cosmic_ray.plugins import get_operator, operator_names


def mutants(source: str) -> set[str]:
    """Every text that cosmic-ray makes of a module by one change that a run could tell."""
    nodes, found = list(ast_nodes(get_ast(source))), set()
    for name in operator_names():
        if get_operator(name).arguments():
            continue
        operator = get_operator(name)()
        count = sum(1 for node in nodes for _ in operator.mutation_positions(node))
        found |= {mutate_code(source, operator, occurrence) for occurrence in range(count)}
    return {text for text in found if text is not None and not annotation(source, text)}


def annotation(source: str, mutant: str) -> bool:
    """Whether a mutant differs in what types are written alone: no run could tell."""
    before, after, _ = change(source, mutant)
    return "".join(after).count(" | None") < "".join(before).count(" | None")


def change(source: str, mutant: str) -> tuple[list[str], list[str], set[int]]:
    """The lines of `source` that differ, those of `mutant`, and the numbers of the former."""
    a, b = source.splitlines(), mutant.splitlines()
    before, after, numbers = [], [], set()
    for what, i, j, k, m in difflib.SequenceMatcher(None, a, b, autojunk=False).get_opcodes():
        if what != "equal":
            before += a[i:j]
            after += b[k:m]
            numbers |= set(range(i + 1, max(j, i + 1) + 1))
    return before, [line.strip() for line in after], numbers


def statements(source: str) -> dict[int, set[int]]:
    """To each line number all lines of the innermost simple statement that it belongs to."""
    lines: dict[int, set[int]] = {}
    for node in ast.walk(ast.parse(source)):  # outer nodes come first
        if isinstance(node, ast.stmt):
            last = node.body[0].lineno - 1 if hasattr(node, "body") else node.end_lineno
            own = set(range(node.lineno, (last or node.lineno) + 1))
            lines |= dict.fromkeys(own, own)
    return lines
