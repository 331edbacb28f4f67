"""Masking: programs without their names and numbers. Near-duplicates are equal after it.

Masking removes sizes, positions, constants and the widths of dtypes. It leaves the kinds of dtypes
(boolean, signed, unsigned, floating-point), the ranks and the order of operations.
"""

import ast
import hashlib
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

# Applied to a masked module: its ranks, and how long lists are.
_RANK_MASKS = tuple(
    (re.compile(pattern), mask)
    for pattern, mask in ((r"(?<=tensor<)(?:_x)+", ""), (r"\[_(?:, _)*\]", "[_]"))
)

# The width in a dtype's name: `bfloat16` and `float32` are of one kind.
_WIDTH = re.compile(r"\bb(?=float)|\d+")
# Functions whose numbers decide a program's structure.
_COUNTING = frozenset(("range", "integer_pow", "power"))
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


def mask_structure(module: str) -> str:
    """Mask the names, numbers and ranks of a module: what is left is its structure.

    Programs that do the same with arrays of other ranks have one structure, as `a * b` of matrices
    and of vectors.

    Args:
      module: The text of a StableHLO module.
    """
    text = mask_module(module)
    for pattern, mask in _RANK_MASKS:
        text = pattern.sub(mask, text)
    return text


def hash_structure(forward: str) -> str:
    """Hash the structure of a program, which decides its split; the same in all its columns.

    Args:
      forward: The text of the forward module. Use the CPU's, as for `identity.hash_program`.

    Returns:
      32 hex digits.
    """
    return hashlib.sha256(mask_structure(forward).encode()).hexdigest()[:32]


def mask_python(python: str, in_avals: Iterable[Mapping[str, Any]]) -> str:
    """Mask the names and numbers of a source, and remove its docstrings and annotations.

    Numbers that decide a program's structure stay: exponents, and the counts of loops in Python.
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

    def visit_BinOp(self, node: ast.BinOp) -> ast.AST:
        exponent = node.right
        self.generic_visit(node)
        if isinstance(node.op, ast.Pow) and isinstance(exponent, ast.Constant):
            node.right = exponent
        return node

    def visit_Call(self, node: ast.Call) -> ast.AST:
        counts = list(node.args)
        self.generic_visit(node)
        if ast.unparse(node.func).rpartition(".")[2] in _COUNTING:
            node.args = [
                old if isinstance(old, ast.Constant) else new
                for old, new in zip(counts, node.args, strict=True)
            ]
        return node

    def visit_UnaryOp(self, node: ast.UnaryOp) -> ast.AST:
        self.generic_visit(node)
        operand = node.operand
        masked = isinstance(operand, ast.Name) and operand.id == "_"
        return operand if masked and isinstance(node.op, ast.USub) else node

    def visit_Constant(self, node: ast.Constant) -> ast.AST:
        return node if isinstance(node.value, bool | str | None) else ast.Name("_")
