"""Counts what a Python source is made of: constructs, library functions, names."""

import ast
import io
import tokenize
from collections import Counter
from typing import NamedTuple

from jax_ir_synth.schema.source_facts import parse_source, read_source
from jax_ir_synth.stats.habits import find_habits
from jax_ir_synth.stats.library import select_functions

_NO_CODE = frozenset(
    {
        tokenize.COMMENT,
        tokenize.DEDENT,
        tokenize.ENDMARKER,
        tokenize.INDENT,
        tokenize.NEWLINE,
        tokenize.NL,
    }
)


class SourceCounts(NamedTuple):
    """What a source is made of.

    Attributes:
      constructs: The number of nodes of each kind in its syntax tree, by the class in `ast`.
      functions: The library functions that it uses, 1 for each.
      arguments: The names of the arguments of all its functions and lambdas.
      names: The names of all its functions.
      lines: The number of lines that aren't blank.
      code_lines: The number of those that aren't comments or docstrings, either.
      habits: The habits that it shows, of `habits.HABITS`.
    """

    constructs: Counter[str]
    functions: Counter[str]
    arguments: list[str]
    names: list[str]
    lines: int
    code_lines: int
    habits: set[str]


def count_source(python: str) -> SourceCounts:
    """Count what a source is made of, whose first statement is the kernel.

    Raises SyntaxError or ValueError as `source_facts.read_source` does.
    """
    tree = parse_source(python)
    facts, nodes = read_source(python, tree), list(ast.walk(tree))
    return SourceCounts(
        Counter(type(node).__name__ for node in nodes),
        Counter(select_functions(facts.names)),
        [node.arg for node in nodes if isinstance(node, ast.arg)],
        [node.name for node in nodes if isinstance(node, ast.FunctionDef)],
        facts.lines,
        _count_code_lines(python, nodes),
        find_habits(python, tree),
    )


def _count_code_lines(python: str, nodes: list[ast.AST]) -> int:
    tokens = tokenize.generate_tokens(io.StringIO(python).readline)
    lines = {
        line
        for token in tokens
        if token.type not in _NO_CODE
        for line in range(token.start[0], token.end[0] + 1)
    }
    for node in nodes:
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
            lines -= {*range(node.lineno, (node.end_lineno or node.lineno) + 1)}
    return len(lines)
