"""Makes the edits that let a function's or a class's own text stand alone."""

import ast
from collections.abc import Callable, Iterator
from typing import Any

from jax_ir_synth.functions.cutting import wrappers
from jax_ir_synth.functions.cutting.edits import Edit, Text
from jax_ir_synth.functions.cutting.errors import NotSelfContained
from jax_ir_synth.functions.cutting.pieces import Part, Parts, Ref
from jax_ir_synth.functions.cutting.scope import Scope
from jax_ir_synth.functions.cutting.scopes import (
    find_bound_names,
    find_free_names,
    find_global_stores,
    list_arguments,
)

# Annotations that mean something in any text.
_PLAIN = frozenset(("int", "float", "bool", "str", "complex", "None"))
# Finds what stands for a chain of attributes: the node that it replaces, and the parts.
Resolve = Callable[[list[ast.Name | ast.Attribute], Scope], tuple[ast.expr, Parts]]


class Rewriter:
    """Collects the edits of one tree.

    Args:
      text: The text of its file.
      node: The tree.
      scope: What its free names mean.
      package: The top-level package that it is from.
      resolve: Finds what stands for a name.
    """

    def __init__(self, text: Text, node: Any, scope: Scope, package: str, resolve: Resolve) -> None:
        self._text, self._node, self._scope = text, node, scope
        self._package, self._resolve = package, resolve
        self.bound = find_bound_names(node)
        self._parents = {
            child: parent for parent in ast.walk(node) for child in ast.iter_child_nodes(parent)
        }

    def edit(self, keep_decorators: bool = True) -> list[Edit]:
        """Make the edits.

        Args:
          keep_decorators: Whether the decorators of the node itself stay, those that matter.

        Raises:
          NotSelfContained: The tree needs something that no text can have.
        """
        if stores := find_global_stores(self._node):
            raise NotSelfContained(f"it assigns the global {stores[0]}")
        for node in ast.walk(self._node):
            if isinstance(node, ast.Import | ast.ImportFrom):
                self._scope.add_import(node)
        edits = [*self._drop_decorators(keep_decorators), *self._drop_statements()]
        edits += self._strip_annotations()
        edits += self._replace_nonlocals()
        edits += self._replace_names(edits)
        return edits

    def _drop_decorators(self, keep: bool) -> Iterator[Edit]:
        for node in ast.walk(self._node):
            for decorator in getattr(node, "decorator_list", ()):
                if isinstance(node, ast.ClassDef) and node is self._node:
                    continue
                is_own = node is self._node
                if not is_own and _find_root(decorator) in self.bound:
                    continue
                replacement = wrappers.find_replacement(decorator, self._scope)
                if replacement and (keep or not is_own):
                    start, end = self._text.start(decorator), self._text.end(decorator)
                    parts = self._resolve_jax(replacement)
                    yield Edit(start, end, parts)
                elif (is_own and not keep) or wrappers.is_dropped(
                    decorator, self._scope, self._package
                ):
                    yield self._text.drop_lines(decorator)

    def _resolve_jax(self, name: str) -> Parts:
        import jax

        scope = Scope({"jax": jax})
        root = ast.Name("jax", ast.Load())
        chain: list[ast.Name | ast.Attribute] = [root, ast.Attribute(root, name, ast.Load())]
        _, parts = self._resolve(chain, scope)
        return [*parts, f".{name}"]

    def _drop_statements(self) -> Iterator[Edit]:
        """Leave out imports, and calls that only check or report."""
        for node in ast.walk(self._node):
            for field in ("body", "orelse", "finalbody"):
                body = getattr(node, field, None)
                if not isinstance(body, list):
                    continue
                dropped = [each for each in body if self._is_dropped(each)]
                for number, each in enumerate(dropped):
                    lines = self._text.find_lines(each)
                    # A block can't be empty.
                    last = len(dropped) == len(body) and number == 0
                    if lines is None or last:
                        yield Edit(self._text.start(each), self._text.end(each), ["pass"])
                    else:
                        yield Edit(*lines)

    def _is_dropped(self, node: ast.stmt) -> bool:
        if isinstance(node, ast.Import | ast.ImportFrom):
            return True
        return wrappers.is_silent(node, self._scope, self.bound)

    def _replace_nonlocals(self) -> Iterator[Edit]:
        """Let the function begin with the value of what the functions around it have bound."""
        for node in ast.walk(self._node):
            if isinstance(node, ast.Nonlocal):
                outer = [name for name in node.names if name in self._scope.closure]
                if not outer:
                    continue
                parts: list[Part] = []
                for name in outer:
                    _, found = self._resolve([ast.Name(name, ast.Load())], self._scope)
                    # The function binds the name itself, so the value must have another one.
                    given = [Ref(p.piece, "") if isinstance(p, Ref) else p for p in found]
                    parts += ["; " if parts else "", f"{name} = ", *given]
                yield Edit(self._text.start(node), self._text.end(node), parts)

    def _strip_annotations(self) -> Iterator[Edit]:
        for node in ast.walk(self._node):
            if isinstance(node, ast.FunctionDef):
                yield from self._strip_function(node)
            elif isinstance(node, ast.AnnAssign) and not self._is_field(node):
                yield self._strip_assignment(node)

    def _is_field(self, node: ast.AST) -> bool:
        return isinstance(self._parents.get(node), ast.ClassDef)

    def _strip_function(self, node: ast.FunctionDef) -> Iterator[Edit]:
        arguments = [each for each in list_arguments(node) if each.annotation is not None]
        annotations = [each.annotation for each in arguments]
        if node.returns is not None:
            annotations.append(node.returns)
        if all(is_plain_annotation(each) for each in annotations):
            return
        defaults = _find_defaults(node)
        for each in arguments:
            start = self._text.start(each) + len(each.arg)
            end = self._text.end(each)
            default = defaults.get(each)
            if default is None:
                yield Edit(start, end)
                continue
            # Without an annotation, there is no space around the sign.
            between = self._text.text[end : self._text.start(default)]
            before, _, after = between.partition("=")
            if before.strip() or after.strip():
                yield Edit(start, end)
            else:
                yield Edit(start, self._text.start(default), ["="])
        if node.returns is not None:
            end = self._text.end(node.returns)
            arrow = self._text.text.rfind("->", 0, self._text.start(node.returns))
            closing = self._text.text[end : self._text.start(node.body[0])].find(":")
            start = len(self._text.text[:arrow].rstrip())
            yield Edit(start, end + max(closing, 0))

    def _strip_assignment(self, node: ast.AnnAssign) -> Edit:
        if node.value is None:
            return Edit(self._text.start(node), self._text.end(node), ["pass"])
        start = self._text.end(node.target)
        end = self._text.end(node.annotation)
        return Edit(start, end)

    def _replace_names(self, dropped: list[Edit]) -> Iterator[Edit]:
        for name in find_free_names(self._node):
            place = self._text.start(name)
            if any(edit.start <= place < edit.end for edit in dropped):
                continue
            chain: list[ast.Name | ast.Attribute] = [name]
            while isinstance(parent := self._parents.get(chain[-1]), ast.Attribute):
                chain.append(parent)
            node, parts = self._resolve(chain, self._scope)
            yield Edit(self._text.start(node), self._text.end(node), parts)


def is_plain_annotation(node: ast.expr | None) -> bool:
    """Whether an annotation has only builtin names of scalars."""
    if isinstance(node, ast.Constant):
        return node.value is None
    return isinstance(node, ast.Name) and node.id in _PLAIN


def _find_root(node: ast.AST) -> str:
    """Find the first name of a decorator."""
    while isinstance(node, ast.Attribute | ast.Call):
        node = node.func if isinstance(node, ast.Call) else node.value
    return node.id if isinstance(node, ast.Name) else ""


def _find_defaults(node: ast.FunctionDef) -> dict[ast.arg, ast.expr]:
    """Find the defaults of a function's arguments."""
    arguments = node.args
    positional = [*arguments.posonlyargs, *arguments.args]
    defaults = arguments.defaults
    found = dict(zip(positional[len(positional) - len(defaults) :], defaults, strict=True))
    keywords = zip(arguments.kwonlyargs, arguments.kw_defaults, strict=True)
    return found | {each: default for each, default in keywords if default is not None}
