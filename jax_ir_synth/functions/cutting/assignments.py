"""Finds the expression that a module assigns to one of its names."""

import ast
import importlib.util
import sys
from collections.abc import Iterable, Iterator

from jax_ir_synth.functions.cutting.errors import NotSelfContained
from jax_ir_synth.functions.cutting.locating import Located, parse_module


def find_assignment(module: str, name: str, hops: int = 8) -> tuple[Located, str, str] | None:
    """Find the only expression that is assigned to a global name, with the module and its name.

    Args:
      module: The module's name.
      name: The name, which the module may have imported from another one.
      hops: How many imports are followed.
    """
    found = sys.modules.get(module)
    if found is None or hops == 0:
        return None
    try:
        text, tree = parse_module(found)
    except NotSelfContained:
        return None
    values = []
    for node in _list_statements(tree.body):
        if isinstance(node, ast.ImportFrom):
            for alias in node.names:
                if (alias.asname or alias.name) == name:
                    source = importlib.util.resolve_name(
                        "." * node.level + (node.module or ""), getattr(found, "__package__", "")
                    )
                    return find_assignment(source, alias.name, hops - 1)
        values += [value for target, value in _list_targets(node) if target == name]
    changed = any(isinstance(node, ast.Global) and name in node.names for node in ast.walk(tree))
    if len(values) != 1 or values[0] is None or changed:
        return None
    return Located(values[0], text, tree), module, name


def _list_statements(body: Iterable[ast.stmt]) -> Iterator[ast.stmt]:
    """List the statements of a module, also those in its `if`, `try` and `with`."""
    for node in body:
        yield node
        if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            for field in ("body", "orelse", "finalbody"):
                yield from _list_statements(getattr(node, field, ()))
            for handler in getattr(node, "handlers", ()):
                yield from _list_statements(handler.body)


def _list_targets(node: ast.stmt) -> Iterator[tuple[str, ast.expr | None]]:
    """List the names that a statement assigns, with the expression where there is one."""
    if isinstance(node, ast.Assign):
        for target in node.targets:
            if isinstance(target, ast.Name):
                yield target.id, node.value
            else:
                for inside in ast.walk(target):
                    if isinstance(inside, ast.Name):
                        yield inside.id, None
    elif isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name) and node.value:
        yield node.target.id, node.value
    elif isinstance(node, ast.AugAssign | ast.For) and isinstance(node.target, ast.Name):
        yield node.target.id, None
    elif isinstance(node, ast.FunctionDef | ast.ClassDef):
        yield node.name, None
