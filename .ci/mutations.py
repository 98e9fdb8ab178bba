"""What one change makes of a module's text: the mutants, the lines that differ, statements.

Needs ``pip install cosmic-ray``, whose operators these are.
"""

import ast
from itertools import zip_longest

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
    return mutant.count(" | None") < source.count(" | None")


def change(source: str, mutant: str) -> tuple[list[str], list[str], set[int]]:
    """The lines of `source` that differ, those of `mutant`, and the numbers of the former."""
    a, b = source.splitlines(), mutant.splitlines()
    head = _alike(a, b)
    tail = _alike(a[head:][::-1], b[head:][::-1])
    before, after = a[head : len(a) - tail], b[head : len(b) - tail]
    numbers = set(range(head + 1, head + 1 + max(len(before), 1)))
    return before, [line.strip() for line in after], numbers


def _alike(a: list[str], b: list[str]) -> int:
    """How many lines two texts that differ begin with alike."""
    return next(i for i, (x, y) in enumerate(zip_longest(a, b)) if x != y)


def statements(source: str) -> dict[int, set[int]]:
    """To each line number all lines of the innermost simple statement that it belongs to."""
    lines: dict[int, set[int]] = {}
    for node in ast.walk(ast.parse(source)):  # outer nodes come first
        if isinstance(node, ast.stmt):
            last = node.body[0].lineno - 1 if hasattr(node, "body") else node.end_lineno
            own = set(range(node.lineno, (last or node.lineno) + 1))
            lines |= dict.fromkeys(own, own)
    return lines
