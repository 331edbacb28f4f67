"""Walks through, copies and transforms syntax trees, several times faster than `ast` and `copy`.

Operators and contexts (`ast.Add`, `ast.Load`) are values here, not nodes: they have no parts and
nothing changes them, so nothing visits them and copies share them.
"""

import ast
from collections.abc import Callable, Mapping
from typing import Any, ClassVar, TypeGuard, TypeVar

_Node = TypeVar("_Node", bound=ast.AST)
_Fields = Mapping[type[ast.AST], tuple[str, ...]]

# Fields that hold a text, a number, an operator or a context, or lists of them.
_VALUES = frozenset(
    (
        "arg attr conversion ctx id is_async kind kwd_attrs level module name names op ops rest "
        "simple type_comment type_ignores"
    ).split()
)
_KINDS = [
    each for each in vars(ast).values() if isinstance(each, type) and issubclass(each, ast.AST)
]
# The fields of each kind of node that hold nodes, in their order.
PARTS: _Fields = {
    kind: ()
    if kind is ast.Constant
    else tuple(field for field in kind._fields if field not in _VALUES)
    for kind in _KINDS
}
# Of statements those that hold statements, and those that don't.
BLOCKS: _Fields = {
    kind: ()
    if issubclass(kind, ast.expr)
    else tuple(field for field in parts if field in ("body", "handlers", "orelse", "finalbody"))
    for kind, parts in PARTS.items()
}
HEADS: _Fields = {
    kind: tuple(field for field in parts if field not in BLOCKS[kind])
    for kind, parts in PARTS.items()
}


def walk(tree: ast.AST, parts: _Fields = PARTS) -> list[ast.AST]:
    """List a tree's nodes in the order of `ast.walk`, breadth first.

    Args:
      tree: the tree.
      parts: PARTS, or BLOCKS for statements alone.
    """
    found = [tree]
    for node in found:
        for field in parts[node.__class__]:
            part = getattr(node, field)
            if part.__class__ is list:
                # Keywords without a default are None.
                found += filter(None, part)
            elif part is not None:
                found.append(part)
    return found


def list_names(tree: ast.AST) -> list[ast.Name]:
    """List the names in a tree, in the order of `walk`."""
    return [node for node in walk(tree) if isinstance(node, ast.Name)]


def is_stored(node: ast.AST) -> TypeGuard[ast.Name]:
    """Whether a node is a name that is given a value."""
    return isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)


def copy_tree(node: _Node) -> _Node:
    """Copy a tree."""
    kind = node.__class__
    copied = kind.__new__(kind)
    values = copied.__dict__
    values.update(node.__dict__)
    for field in PARTS[kind]:
        part = values.get(field)
        if part.__class__ is list:
            values[field] = [each and copy_tree(each) for each in part]
        elif part is not None:
            values[field] = copy_tree(part)
    return copied


class Transformer:
    """Changes a tree as `ast.NodeTransformer` does, by its own methods `visit_Name` and so on.

    Each returns what its node becomes, or None to drop it from a list.

    Attributes:
      parts: what it visits: PARTS, BLOCKS or HEADS.
    """

    parts: ClassVar[_Fields] = PARTS
    _visitors: ClassVar[dict[type[ast.AST], Callable[[Any, Any], Any]]]

    def __init_subclass__(cls) -> None:
        cls._visitors = {
            getattr(ast, name.removeprefix("visit_")): visitor
            for name, visitor in vars(cls).items()
            if name.startswith("visit_")
        }

    def visit(self, node: Any) -> Any:
        """Transform a tree."""
        visitor = self._visitors.get(node.__class__)
        return self.generic_visit(node) if visitor is None else visitor(self, node)

    def generic_visit(self, node: Any) -> Any:
        """Transform the parts of a node."""
        for field in self.parts[node.__class__]:
            part = getattr(node, field)
            if part.__class__ is list:
                kept = []
                for each in part:
                    changed = each and self.visit(each)
                    if changed is not None or each is None:
                        kept.append(changed)
                part[:] = kept
            elif part is not None:
                setattr(node, field, self.visit(part))
        return node
