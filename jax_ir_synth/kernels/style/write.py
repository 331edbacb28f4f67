"""Writes syntax trees as text that looks written by hand, where `ast.unparse` alone would not."""

import ast
import math
import re
from collections.abc import Iterable, Iterator, Sequence

from jax_ir_synth.kernels.printer.layout import lay_out
from jax_ir_synth.kernels.style.trees import BLOCKS, Transformer, walk

_WIDTH = 96
_HEAD = re.compile(r"(\s*)(def \w+)\((.*)\)((?: -> .*)?:)")
# A default after an annotation.
_ANNOTATED = re.compile(r"(: [\w.\[\] |]+)=(?=[^=])")
# A comma between parameters, not one in an annotation's brackets.
_COMMA = re.compile(r", (?![^\[\(]*[\]\)])")


def write_statement(node: ast.stmt) -> str:
    """Write a statement of a module."""
    for each in walk(node, BLOCKS):
        # `unparse` asks statements for their lines.
        vars(each).setdefault("lineno", 1)
    text = ast.unparse(_Literals().visit(node))
    lines = [_bare_tuple(_space_defaults(line)) for line in text.split("\n")]
    return "\n".join(lay_out([*_break_heads(_space_functions(lines))]))


def _bare_tuple(line: str) -> str:
    """Write `return a, b` and `a, b = c, d`, which `unparse` writes with brackets."""
    found = re.fullmatch(r"(\s*(?:return |[\w, ]+, [\w, ]+ = ))\((.*)\)", line)
    if found is None:
        return line
    depth, commas = 0, 0
    for character in found[2]:
        depth += (character in "([{") - (character in ")]}")
        if depth < 0:
            return line
        commas += depth == 0 and character == ","
    return found[1] + found[2] if commas and not found[2].endswith(",") else line


def _space_functions(lines: Sequence[str]) -> Iterator[str]:
    """Put a blank line before and after each function inside another."""
    before, ends = "", list[int]()
    for line in lines:
        indent = len(line) - len(line.lstrip())
        blank = False
        while ends and line and indent <= ends[-1]:
            ends.pop()
            blank = True
        starts = line.lstrip().startswith(("def ", "@")) and indent > 0
        decorated = before.lstrip().startswith("@")
        if blank or (starts and before and not before.endswith(":") and not decorated):
            yield ""
        if line.lstrip().startswith("def ") and indent > 0:
            ends.append(indent)
        yield line
        before = line


def _space_defaults(line: str) -> str:
    """Write `x: int = 2`, for which `unparse` writes `x: int=2`."""
    return _ANNOTATED.sub(r"\1 = ", line) if line.lstrip().startswith("def ") else line


def _break_heads(lines: Iterable[str]) -> Iterator[str]:
    """Write a function's long head as a line for each parameter."""
    for line in lines:
        found = _HEAD.fullmatch(line)
        if found is None or len(line) <= _WIDTH:
            yield line
            continue
        indent, head, parameters, end = found.groups()
        yield f"{indent}{head}("
        for each in _COMMA.split(parameters):
            yield f"{indent}    {each},"
        yield f"{indent}){end}"


class _Literals(Transformer):
    """Writes numbers and strings as people do: as names of that text, which `unparse` copies."""

    def visit_Expr(self, node: ast.Expr) -> ast.Expr:
        match node.value:
            case ast.Constant(value=str() as text):
                node.value = _name(f'"""{text}"""')
                return node
        self.generic_visit(node)
        return node

    def visit_Call(self, node: ast.Call) -> ast.Call:
        self.generic_visit(node)
        match node:
            case ast.Call(args=[ast.GeneratorExp() as only], keywords=[]):
                # `unparse` puts it into brackets of its own.
                node.args = [_name(ast.unparse(only)[1:-1])]
        return node

    def visit_JoinedStr(self, node: ast.JoinedStr) -> ast.JoinedStr:
        return node

    def visit_Constant(self, node: ast.Constant) -> ast.expr:
        if isinstance(node.value, float):
            return _name(write_float(node.value))
        if isinstance(node.value, str) and '"' not in node.value and "\n" not in node.value:
            return _name(f'"{node.value}"')
        return node

    def visit_UnaryOp(self, node: ast.UnaryOp) -> ast.expr:
        self.generic_visit(node)
        if isinstance(node.op, ast.USub) and isinstance(node.operand, ast.Name | ast.Constant):
            text = ast.unparse(node.operand)
            if text[0].isdecimal():
                return _name(f"-{text}")
        return node

    def visit_BinOp(self, node: ast.BinOp) -> ast.expr:
        base = node.left
        negative = isinstance(base, ast.UnaryOp) and isinstance(node.op, ast.Pow)
        self.generic_visit(node)
        if negative:
            node.left = base
        return node


def write_float(value: float) -> str:
    """Write a float as people do: `1e-6`, `0.001`, `-1e9`."""
    if not math.isfinite(value):
        raise ValueError(f"`value` (={value}) must be finite")
    if value == 0 or 1e-3 <= abs(value) < 1e5:
        if abs(value) < 1e4 or value % 1e4:
            return repr(value)
        value_text = f"{value:.15e}"
        mantissa, _, exponent = value_text.partition("e")
        return f"{mantissa.rstrip('0').rstrip('.')}e{int(exponent)}"
    mantissa, _, exponent = f"{value!r}".partition("e")
    if not exponent:
        mantissa, _, exponent = f"{value:.15e}".partition("e")
        mantissa = mantissa.rstrip("0").rstrip(".")
    return f"{mantissa.removesuffix('.0')}e{int(exponent)}"


def _name(text: str) -> ast.Name:
    return ast.Name(text, ast.Load())
