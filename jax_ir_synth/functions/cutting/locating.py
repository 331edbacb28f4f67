"""Finds the syntax of a live function or class in the file that defines it."""

import ast
import dis
import functools
import inspect
import types
from typing import Any, NamedTuple

from jax_ir_synth.functions.cutting.errors import NotSelfContained


class Located(NamedTuple):
    """The syntax of an object.

    Attributes:
      node: A function, a lambda, a class or an expression.
      text: The text of the complete file.
      tree: The tree of the complete file.
    """

    node: Any
    text: str
    tree: ast.Module


def locate_function(function: types.FunctionType) -> Located:
    """Find the `def` or the lambda of a function.

    Raises:
      NotSelfContained: Its text can't be found.
    """
    code, name = function.__code__, function.__qualname__
    text, tree = _read_file(code, name)
    if code.co_name == "<lambda>":
        return Located(_find_lambda(code, tree), text, tree)
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef) and node.name == code.co_name:
            lines = [node.lineno, *(each.lineno for each in node.decorator_list)]
            if min(lines) == code.co_firstlineno:
                return Located(node, text, tree)
    raise NotSelfContained(f"the text of {name} can't be found")


def locate_class(cls: type) -> Located:
    """Find the `class` statement of a class.

    Raises:
      NotSelfContained: Its text can't be found.
    """
    name = cls.__qualname__
    text, tree = _read_file(cls, name)
    found = _find_by_path(tree.body, name.replace(".<locals>", "").split("."))
    if found is None:
        raise NotSelfContained(f"the text of the class {name} can't be found")
    return Located(found, text, tree)


def parse_module(module: types.ModuleType) -> tuple[str, ast.Module]:
    """Read and parse a module's file.

    Raises:
      NotSelfContained: It has none.
    """
    return _read_file(module, module.__name__)


def _read_file(found: Any, name: str) -> tuple[str, ast.Module]:
    try:
        text = "".join(inspect.findsource(found)[0])
    except (OSError, TypeError, IndexError):
        raise NotSelfContained(f"the text of {name} can't be found") from None
    try:
        return text, _parse(text)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        raise NotSelfContained(f"the file of {name} doesn't parse") from None


@functools.lru_cache(maxsize=64)
def _parse(text: str) -> ast.Module:
    return ast.parse(text)


def _find_by_path(body: list[ast.stmt], path: list[str]) -> ast.ClassDef | None:
    """Find a class by the names of what it is defined in; the last definition counts."""
    found = None
    for node in body:
        for inner in (node, *ast.walk(node)) if isinstance(node, ast.If | ast.Try) else (node,):
            if not isinstance(inner, ast.ClassDef | ast.FunctionDef) or inner.name != path[0]:
                continue
            if len(path) > 1:
                found = _find_by_path(inner.body, path[1:]) or found
            elif isinstance(inner, ast.ClassDef):
                found = inner
    return found


def _find_lambda(code: types.CodeType, tree: ast.Module) -> ast.Lambda:
    """Find the smallest lambda that holds the places of all instructions."""
    places = [
        (each.positions.lineno, each.positions.col_offset)
        for each in dis.get_instructions(code)
        # Some have no place, or none but a line.
        if each.positions is not None
        and each.positions.lineno is not None
        and each.positions.col_offset is not None
        and each.positions.end_col_offset
    ]
    fitting = [
        node
        for node in ast.walk(tree)
        if isinstance(node, ast.Lambda)
        and places
        and (node.lineno, node.col_offset) <= min(places)
        and max(places) <= (node.end_lineno, node.end_col_offset)
        and node.lineno == code.co_firstlineno
    ]
    if not fitting:
        raise NotSelfContained("the text of a lambda can't be found")
    return max(fitting, key=lambda node: (node.lineno, node.col_offset))
