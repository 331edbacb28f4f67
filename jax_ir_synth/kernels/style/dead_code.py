"""Drops what no result of a function needs: the statements whose names nothing reads afterwards.

It is the elimination of dead code by liveness, backwards through each function (Aho, Lam, Sethi and
Ullman, Compilers, 2006, section 9.2.5). Expressions are taken to have no effects but their values.
"""

import ast
from collections.abc import Iterable

from jax_ir_synth.kernels.style.trees import is_stored, walk

Function = ast.FunctionDef


def drop_dead_code(function: Function) -> None:
    """Drop from a function, and from those inside it, what their results don't need."""
    for node in walk(function):
        if isinstance(node, ast.FunctionDef):
            # What functions inside it read is read when they are called, whenever that is.
            inside = [
                each
                for each in walk(node)
                if isinstance(each, ast.FunctionDef | ast.Lambda) and each is not node
            ]
            kept = {name for each in inside for name in _list_free(each)}
            node.body, _ = _Block(kept).drop(node.body, set())


class _Block:
    """Drops dead statements of a function.

    Args:
      kept: names that are read at any time.
    """

    def __init__(self, kept: set[str]):
        self._kept = kept

    def drop(self, block: list[ast.stmt], live: set[str]) -> tuple[list[ast.stmt], set[str]]:
        """Drop statements of a block; return the others, and what is live before them.

        Args:
          block: the statements.
          live: the names that are read after them.
        """
        found: list[ast.stmt] = []
        for statement in reversed(block):
            left, live = self._visit(statement, live)
            if left is not None:
                found.append(left)
        return found[::-1], live

    def _visit(self, node: ast.stmt, live: set[str]) -> tuple[ast.stmt | None, set[str]]:
        match node:
            case ast.Return() | ast.Raise():
                return node, _list_read([node])
            case ast.Assign(targets=targets, value=value):
                stored = [each for target in targets for each in _list_stored(target)]
                bases = _list_bases(targets)
                if not (live | self._kept) & {*stored, *bases}:
                    return None, live
                others = [each for each in targets if not isinstance(each, ast.Name | ast.Tuple)]
                return node, live - {*stored} | _list_read([value, *others])
            case ast.AugAssign(target=target, value=value):
                names = {*_list_stored(target), *_list_bases([target])}
                if not (live | self._kept) & names:
                    return None, live
                return node, live | names | _list_read([value, target])
            case ast.FunctionDef(name=name):
                if name not in live | self._kept:
                    return None, live
                return node, live - {name} | {*_list_free(node)}
            case ast.If():
                return self._visit_if(node, live)
            case ast.For(target=target, iter=turns):
                body, inside = self.drop(node.body, live | _list_all(node.body))
                if not (live | self._kept) & _list_bound(node.body):
                    return None, live
                node.body = body or [ast.Pass()]
                return node, live | inside - {*_list_stored(target)} | _list_read([turns])
        return node, live | _list_read([node])

    def _visit_if(self, node: ast.If, live: set[str]) -> tuple[ast.stmt | None, set[str]]:
        node.body, first = self.drop(node.body, set(live))
        node.orelse, second = self.drop(node.orelse, set(live))
        if not node.body and not node.orelse:
            return None, live
        if not node.body:
            node.test, node.body, node.orelse = _negate(node.test), node.orelse, []
        return node, first | second | _list_read([node.test])


def _negate(test: ast.expr) -> ast.expr:
    opposite = {ast.Is: ast.IsNot, ast.IsNot: ast.Is, ast.Eq: ast.NotEq, ast.NotEq: ast.Eq}
    match test:
        case ast.UnaryOp(op=ast.Not(), operand=operand):
            return operand
        case ast.Compare(ops=[operation]) if type(operation) in opposite:
            return ast.Compare(test.left, [opposite[type(operation)]()], test.comparators)
    return ast.UnaryOp(ast.Not(), test)


def _list_read(nodes: Iterable[ast.AST]) -> set[str]:
    return {
        each.id
        for node in nodes
        for each in walk(node)
        if isinstance(each, ast.Name) and isinstance(each.ctx, ast.Load)
    }


def _list_all(nodes: Iterable[ast.AST]) -> set[str]:
    """List what a loop's later turns may read."""
    return {each.id for node in nodes for each in walk(node) if isinstance(each, ast.Name)}


def _list_bound(block: Iterable[ast.stmt]) -> set[str]:
    """List the names that a loop gives a value, or changes in place."""
    found: set[str] = set()
    for node in (each for statement in block for each in walk(statement)):
        if is_stored(node):
            found.add(node.id)
        elif isinstance(node, ast.Subscript | ast.Attribute) and isinstance(node.value, ast.Name):
            # A list's method, or an element.
            found.add(node.value.id)
    return found


def _list_stored(target: ast.expr) -> list[str]:
    return [each.id for each in walk(target) if is_stored(each)]


def _list_bases(targets: Iterable[ast.expr]) -> list[str]:
    """List what is changed in place, as `params` by `params["w"] = w`."""
    return [
        each.value.id
        for target in targets
        for each in walk(target)
        if isinstance(each, ast.Subscript | ast.Attribute) and isinstance(each.value, ast.Name)
    ]


def _list_free(function: Function | ast.Lambda) -> set[str]:
    """List the names that a function reads, but not its own."""
    arguments = function.args
    own = {each.arg for each in (*arguments.args, *arguments.kwonlyargs)}
    body = function.body if isinstance(function, ast.FunctionDef) else [function.body]
    stored = {each.id for node in body for each in walk(node) if is_stored(each)}
    return _list_read(body) - own - stored
