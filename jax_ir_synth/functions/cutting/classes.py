"""Cuts a class out with the methods that can be cut: a NamedTuple, a dataclass, an enum."""

import abc
import ast
import sys
from typing import TYPE_CHECKING, Any

from jax_ir_synth.functions.cutting import wrappers
from jax_ir_synth.functions.cutting.edits import Edit, Text
from jax_ir_synth.functions.cutting.errors import NotSelfContained
from jax_ir_synth.functions.cutting.locating import Located, locate_class
from jax_ir_synth.functions.cutting.pieces import Parts, Piece, Ref
from jax_ir_synth.functions.cutting.public import find_root
from jax_ir_synth.functions.cutting.rewriting import is_plain_annotation
from jax_ir_synth.functions.cutting.scope import Scope
from jax_ir_synth.functions.cutting.scopes import find_bound_names

if TYPE_CHECKING:
    from jax_ir_synth.functions.cutting.cutter import Cutter

# Decorators of other packages that make a dataclass which is a pytree.
_DATACLASSES = frozenset((("chex", "dataclass"), ("flax", "dataclass")))


def cut_class(cls: type, cutter: "Cutter") -> Ref:
    """Cut the text of a class.

    A method that can't be cut is left out. The IR shows whether it was needed.

    Args:
      cls: The class.
      cutter: Collects the pieces.

    Raises:
      NotSelfContained: It can't be cut.
    """
    located = locate_class(cls)
    node, text = located.node, cutter.read(located)
    package = find_root(cls)
    module = sys.modules.get(cls.__module__)
    scope = Scope({} if module is None else vars(module))
    piece = Piece(cls.__name__)
    ref = cutter.remember(cls, piece)
    piece.bound = find_bound_names(node) - {node.name}
    edits = [*_edit_decorators(located, text, scope, package, cutter)]
    for base in [*node.bases, *node.keywords]:
        part = base.value if isinstance(base, ast.keyword) else base
        if (plain := _find_plain(part, scope)) is not None:
            edits.append(Edit(text.start(part), text.end(part), [plain]))
            continue
        edits += cutter.rewrite(located._replace(node=part), scope, package).edit()
    kept = 0
    for statement in node.body:
        found = _edit_statement(statement, located, text, scope, package, cutter)
        kept += found is not None
        if found is None:
            edits.append(text.drop_lines(statement))
        else:
            edits += found
    if not kept:
        raise NotSelfContained(f"nothing of the class {cls.__qualname__} can be cut")
    first = min([node.lineno, *(each.lineno for each in node.decorator_list)])
    edits += text.dedent(node, first)
    start = text.text.index(node.name, text.start(node) + len("class"))
    edits.append(Edit(start, start + len(node.name), [ref]))
    piece.parts = text.apply(text.line_start(first), text.end(node), edits)
    cutter.packages.add(package)
    cutter.add(piece)
    return ref


def _find_plain(node: ast.expr, scope: Scope) -> str | None:
    """Find what stands for a base or a metaclass of `abc`, which only forbids to make objects."""
    try:
        value = scope.evaluate(node)
    except NotSelfContained:
        return None
    if value is abc.ABCMeta:
        return "type"
    return "object" if value is abc.ABC else None


def _edit_decorators(
    located: Located, text: Text, scope: Scope, package: str, cutter: "Cutter"
) -> list[Edit]:
    edits: list[Edit] = []
    for decorator in located.node.decorator_list:
        value = wrappers.find_decorator(decorator, scope)
        place = text.start(decorator), text.end(decorator)
        if (find_root(value), getattr(value, "__name__", "")) in _DATACLASSES:
            tree = cutter.add_import("jax", "", "jax")
            fields = cutter.add_import("dataclasses", "", "dataclasses")
            parts: Parts = [
                tree,
                ".tree_util.register_dataclass\n@",
                fields,
                ".dataclass(frozen=True)",
            ]
            edits.append(Edit(*place, parts))
        elif wrappers.is_dropped(decorator, scope, package):
            edits.append(text.drop_lines(decorator))
        else:
            edits += cutter.rewrite(located._replace(node=decorator), scope, package).edit()
    return edits


def _edit_statement(
    node: ast.stmt, located: Located, text: Text, scope: Scope, package: str, cutter: "Cutter"
) -> list[Edit] | None:
    """Make the edits of a statement of a class; None if it is left out."""
    edits: list[Edit] = []
    if isinstance(node, ast.AnnAssign):
        if not is_plain_annotation(node.annotation):
            place = text.start(node.annotation), text.end(node.annotation)
            edits.append(Edit(*place, ["object"]))
        if node.value is None:
            return edits
        value: Any = node.value
        rewriter = cutter.rewrite(located._replace(node=value), scope, package)
        return [*edits, *rewriter.edit()]
    try:
        with cutter.trying():
            rewriter = cutter.rewrite(located._replace(node=node), scope, package)
            return rewriter.edit()
    except NotSelfContained:
        if isinstance(node, ast.FunctionDef):
            return None
        raise
