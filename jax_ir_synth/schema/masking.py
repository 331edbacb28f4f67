"""Masking: programs without their names and numbers. Near-duplicates are equal after it.

Masking removes sizes, positions, constants and the widths of dtypes. It leaves the kinds of dtypes
(boolean, signed, unsigned, floating-point), the ranks and the order of operations.
"""

import ast
import re
from collections.abc import Iterable, Mapping
from typing import Any

from jax_ir_synth.schema.identity import canonicalize_module

# Applied in order, each to the result of the one before.
_IR_MASKS = tuple(
    (re.compile(pattern), mask)
    for pattern, mask in (
        (r"dense<[^>]*>", "dense<_>"),
        # A number by itself, not in a name or a value (`%0`, `%1#0`).
        (r"(?<![\w.%@#])-?(?:0x[0-9A-Fa-f]+|\d+(?:\.\d+)?(?:[eE][+-]?\d+)?)", "_"),
        # The second and later sizes of `tensor<4x8xf32>`.
        (r"(?<=x)\d+(?=x)", "_"),
        # Widths of dtypes. `i1` is boolean, which is a kind.
        (r"(?<=[<x])(?:bf16|f\d\w*)(?=>)", "f"),
        (r"(?<=[<x])(u?i)(?!1>)\d+(?=>)", r"\1"),
    )
)

# The width in a dtype's name: `bfloat16` and `float32` are of one kind.
_WIDTH = re.compile(r"\bb(?=float)|\d+")
_FLOAT = re.compile(r"b?float\d+")


def mask_module(module: str) -> str:
    """Mask the names and numbers of a module.

    Functions are named by their order of appearance. `tensor<4x8xbf16>` becomes `tensor<_x_xf>`,
    `dense<[1.0, 2.0]>` becomes `dense<_>`, and `dims = [0, 1]` becomes `dims = [_, _]`. Values
    (`%0`, `%arg1`, `%cst_2`) keep their numbers: MLIR gives them in order, and they are the edges
    of the program's graph.

    Args:
      module: The text of a StableHLO module.
    """
    text = canonicalize_module(module)
    for pattern, mask in _IR_MASKS:
        text = pattern.sub(mask, text)
    return text


def mask_python(python: str, in_avals: Iterable[Mapping[str, Any]]) -> str:
    """Mask the names and numbers of a source, and remove its docstrings and annotations.

    The source's own names are numbered by their order of appearance. Keywords, strings, `True`,
    `False`, `None` and the names of the library stay. The result begins with the kinds of dtypes
    and the ranks of the arguments, because the source alone doesn't determine the program.

    Args:
      python: A kernel's source.
      in_avals: The column `in_avals`.

    Raises:
      SyntaxError: `python` is no valid Python.
    """
    tree = ast.parse(python)
    bound = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef):
            bound.add(node.name)
        elif isinstance(node, ast.arg):
            bound.add(node.arg)
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            bound.add(node.id)
    kinds = (_WIDTH.sub("", aval["dtype"]) + str(len(aval["shape"])) for aval in in_avals)
    return " ".join(kinds) + "\n" + ast.dump(_Masker(bound).visit(tree))


class _Masker(ast.NodeTransformer):
    def __init__(self, bound: set[str]) -> None:
        self._names: dict[str, str] = {}
        self._bound = bound

    def _mask_name(self, name: str) -> str:
        if name not in self._bound:
            return name
        return self._names.setdefault(name, f"v{len(self._names)}")

    def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.AST:
        node.name = self._mask_name(node.name)
        node.returns = None
        first = node.body[0]
        if isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant):
            del node.body[0]
        return self.generic_visit(node)

    def visit_arg(self, node: ast.arg) -> ast.AST:
        return ast.arg(self._mask_name(node.arg))

    def visit_Name(self, node: ast.Name) -> ast.AST:
        return ast.Name(self._mask_name(node.id))

    def visit_Attribute(self, node: ast.Attribute) -> ast.AST:
        attribute = "float" if _FLOAT.fullmatch(node.attr) else node.attr
        return ast.Attribute(self.visit(node.value), attribute)

    def visit_UnaryOp(self, node: ast.UnaryOp) -> ast.AST:
        self.generic_visit(node)
        operand = node.operand
        masked = isinstance(operand, ast.Name) and operand.id == "_"
        return operand if masked and isinstance(node.op, ast.USub) else node

    def visit_Constant(self, node: ast.Constant) -> ast.AST:
        return node if isinstance(node.value, bool | str | None) else ast.Name("_")
