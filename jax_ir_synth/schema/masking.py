"""Programs without their names and numbers: what is left is equal for near-duplicates.

Sizes, positions, constants and the widths of dtypes are numbers; kinds of dtypes (boolean, signed,
unsigned, floating-point), ranks and the order of operations are not.
"""

import ast
import re
from collections.abc import Iterable, Mapping

from jax_ir_synth.schema.identity import canonicalize_module

# Applied in order, each to the text that those before it have left.
_IR_MASKS = tuple(
    (re.compile(pattern), mask)
    for pattern, mask in (
        (r"dense<[^>]*>", "dense<_>"),
        # A number that stands by itself; not in a name, and not a value's (`%0`, `%1#0`).
        (r"(?<![\w.%@#])-?(?:0x[0-9A-Fa-f]+|\d+(?:\.\d+)?(?:[eE][+-]?\d+)?)", "_"),
        # The second and later sizes of `tensor<4x8xf32>`.
        (r"(?<=x)\d+(?=x)", "_"),
        # Widths of dtypes; i1 is boolean, a kind of its own.
        (r"(?<=[<x])(?:bf16|f\d\w*)(?=>)", "f"),
        (r"(?<=[<x])(u?i)(?!1>)\d+(?=>)", r"\1"),
    )
)

# In a dtype's name: `bfloat16` and `float32` are of one kind.
_WIDTH = re.compile(r"\bb(?=float)|\d+")
_FLOAT = re.compile(r"b?float\d+")


def mask_module(module: str) -> str:
    """A module's text with functions named in order of appearance and every number masked.

    `tensor<4x8xbf16>` becomes `tensor<_x_xf>`, `dense<[1.0, 2.0]>` `dense<_>`, `dims = [0, 1]`
    `dims = [_, _]`. Values (`%0`, `%arg1`, `%cst_2`) keep their numbers, which MLIR gives in order:
    they say what is connected with what.
    """
    text = canonicalize_module(module)
    for pattern, mask in _IR_MASKS:
        text = pattern.sub(mask, text)
    return text


def mask_python(python: str, in_avals: Iterable[Mapping]) -> str:
    """A source with its own names in order of appearance, numbers masked, no docstrings or hints.

    The library's names, keywords, strings and `True`, `False`, `None` stay. Ranks and kinds of
    dtypes of the arguments come first, since a source alone doesn't say what program it is.

    Raises SyntaxError when `python` is no Python.
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
    def __init__(self, bound: set[str]):
        self._numbers: dict[str, str] = {}
        self._bound = bound

    def _masked(self, name: str) -> str:
        if name not in self._bound:
            return name
        return self._numbers.setdefault(name, f"v{len(self._numbers)}")

    def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.AST:
        node.name = self._masked(node.name)
        node.returns = None
        first = node.body[0]
        if isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant):
            del node.body[0]
        return self.generic_visit(node)

    def visit_arg(self, node: ast.arg) -> ast.AST:
        return ast.arg(self._masked(node.arg))

    def visit_Name(self, node: ast.Name) -> ast.AST:
        return ast.Name(self._masked(node.id))

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
