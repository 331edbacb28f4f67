"""Finds the names of a syntax tree that come from outside, and those that it binds."""

import ast
from collections.abc import Iterable, Iterator
from typing import Any

_FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)
_COMPREHENSIONS = (ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp)
_IMPORTS = (ast.Import, ast.ImportFrom)


def find_free_names(node: ast.AST) -> list[ast.Name]:
    """Find the uses of names that the tree doesn't bind itself, in their order.

    Names in annotations don't count. Names that an `import` in the tree binds do, since they are
    values of other modules.

    Args:
      node: A function, a lambda, a class or an expression.
    """
    found = [*_find_free(node, ())]
    return sorted(found, key=lambda name: (name.lineno, name.col_offset))


def find_bound_names(node: ast.AST) -> frozenset[str]:
    """Find all names that are bound in any scope of the tree, and its own name."""
    names = set()
    for each in ast.walk(node):
        if isinstance(each, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            names.add(each.name)
        elif isinstance(each, ast.Name) and not isinstance(each.ctx, ast.Load):
            names.add(each.id)
        elif isinstance(each, ast.arg):
            names.add(each.arg)
        elif isinstance(each, (ast.ExceptHandler, ast.MatchAs, ast.MatchStar)) and each.name:
            names.add(each.name)
    return frozenset(names)


def find_global_stores(node: ast.AST) -> list[str]:
    """List the names that a `global` statement in the tree declares."""
    return [name for each in ast.walk(node) if isinstance(each, ast.Global) for name in each.names]


def _find_free(node: Any, scopes: tuple[frozenset[str], ...]) -> Iterator[ast.Name]:
    """Find the free names below a node, within scopes that bind the given names."""
    if isinstance(node, ast.Name):
        if isinstance(node.ctx, ast.Load) and not any(node.id in scope for scope in scopes):
            yield node
    elif isinstance(node, _FUNCTIONS):
        yield from _find_in_function(node, scopes)
    elif isinstance(node, ast.ClassDef):
        yield from _find_in_all([*node.decorator_list, *node.bases, *node.keywords], scopes)
        # What a class binds is seen in its body, but not in its methods.
        own = frozenset(_list_bound(node.body))
        for statement in node.body:
            if isinstance(statement, _FUNCTIONS):
                yield from _find_in_all(_list_outer_parts(statement), (*scopes, own))
                yield from _find_in_body(statement, scopes)
            else:
                yield from _find_free(statement, (*scopes, own))
    elif isinstance(node, _COMPREHENSIONS):
        first, *others = node.generators
        yield from _find_free(first.iter, scopes)
        own = frozenset(_list_bound(each.target for each in node.generators))
        inner = (*scopes, own)
        yield from _find_in_all(first.ifs, inner)
        yield from _find_in_all(others, inner)
        fields = ("key", "value") if isinstance(node, ast.DictComp) else ("elt",)
        yield from _find_in_all([getattr(node, field) for field in fields], inner)
    elif isinstance(node, ast.AnnAssign):
        yield from _find_in_all([node.target, *([node.value] if node.value else [])], scopes)
    else:
        yield from _find_in_all(ast.iter_child_nodes(node), scopes)


def _find_in_all(nodes: Iterable[Any], scopes: tuple[frozenset[str], ...]) -> Iterator[ast.Name]:
    for node in nodes:
        yield from _find_free(node, scopes)


def _find_in_function(node: Any, scopes: tuple[frozenset[str], ...]) -> Iterator[ast.Name]:
    yield from _find_in_all(_list_outer_parts(node), scopes)
    yield from _find_in_body(node, scopes)


def _list_outer_parts(node: Any) -> list[ast.AST]:
    """List the parts of a function that are evaluated outside of it."""
    arguments = node.args
    defaults = [*arguments.defaults, *(each for each in arguments.kw_defaults if each)]
    return [*getattr(node, "decorator_list", ()), *defaults]


def _find_in_body(node: Any, scopes: tuple[frozenset[str], ...]) -> Iterator[ast.Name]:
    body = [node.body] if isinstance(node, ast.Lambda) else node.body
    bound = {argument.arg for argument in list_arguments(node)} | {*_list_bound(body)}
    # What is `nonlocal` in the outermost function becomes its own, see `rewriting`.
    outer = {
        name
        for name in _list_declared(body, ast.Nonlocal)
        if any(name in scope for scope in scopes)
    }
    own = frozenset(bound - outer - {*_list_declared(body, ast.Global)})
    yield from _find_in_all(body, (*scopes, own))


def list_arguments(node: Any) -> list[ast.arg]:
    """List all arguments of a function or lambda, in their order."""
    arguments = node.args
    stars = [each for each in (arguments.vararg, arguments.kwarg) if each]
    return [*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs, *stars]


def _list_bound(nodes: Iterable[ast.AST]) -> Iterator[str]:
    """List the names that statements bind in their own scope."""
    for node in nodes:
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            yield node.name
        elif isinstance(node, ast.Lambda):
            continue
        elif isinstance(node, _COMPREHENSIONS):
            # Only `:=` binds a name of the scope around.
            for each in ast.walk(node):
                if isinstance(each, ast.NamedExpr):
                    yield each.target.id
        elif isinstance(node, ast.Name):
            if not isinstance(node.ctx, ast.Load):
                yield node.id
        elif not isinstance(node, _IMPORTS):
            if isinstance(node, (ast.ExceptHandler, ast.MatchAs, ast.MatchStar)) and node.name:
                yield node.name
            yield from _list_bound(ast.iter_child_nodes(node))


def _list_declared(nodes: Iterable[ast.AST], kind: type) -> Iterator[str]:
    for node in nodes:
        if isinstance(node, ast.Global | ast.Nonlocal):
            yield from node.names if isinstance(node, kind) else ()
        elif not isinstance(node, (*_FUNCTIONS, ast.ClassDef)):
            yield from _list_declared(ast.iter_child_nodes(node), kind)
