"""Lays out lines of Python as people do: no long lines, single blank lines."""

import ast
from collections.abc import Iterator

from jax_ir_synth.errors import JaxIrSynthError

_WIDTH = 96
_INDENT = "    "
_OPEN, _CLOSE = "([{", ")]}"


class LayoutError(JaxIrSynthError, RuntimeError):
    """The layout made another program of the lines, which is a defect of this module."""


def lay_out(lines: list[str]) -> list[str]:
    """Breaks long lines at the commas of their last bracket, and keeps one of several blank lines.

    The line after a `def` is never blank, since an inner function may start a body.

    Args:
      lines: a complete program, each statement on one line.

    Raises:
      LayoutError: the result doesn't parse to the same syntax tree.
    """
    result: list[str] = []
    for line in lines:
        if not line:
            if result and result[-1] and not result[-1].endswith(":"):
                result.append("")
            continue
        result.extend(_broken(line))
    # Where no line was broken it is the same program: only blank lines went.
    if len(result) > len(lines) or not set(result) <= set(lines):
        _require_same(lines, result)
    return result


def _require_same(lines: list[str], laid_out: list[str]) -> None:
    trees = []
    for text in ("\n".join(lines), "\n".join(laid_out)):
        try:
            trees.append(ast.dump(ast.parse(text)))
        except SyntaxError as error:
            raise LayoutError(f"{error} in\n{text}") from error
    if trees[0] != trees[1]:
        raise LayoutError(
            "the layout makes another program of\n{}\nnamely\n{}".format(
                "\n".join(lines), "\n".join(laid_out)
            )
        )


def _broken(line: str) -> list[str]:
    if len(line) <= _WIDTH or '"""' in line:
        return [line]
    indent = line[: len(line) - len(line.lstrip())]
    body, comma = (line[:-1], ",") if line.endswith(",") else (line, "")
    start = _last_bracket(body)
    if start is None:
        return _bracketed(line, indent)
    inside = body[start + 1 : -1].strip()
    items = _items(inside)
    lines = [body[: start + 1]]
    if _comma_matters(body, start, items):
        return [*lines, f"{indent}{_INDENT}{inside}", f"{indent}{body[-1]}{comma}"]
    for item in items:
        lines.extend(_broken(f"{indent}{_INDENT}{item},"))
    lines.append(f"{indent}{body[-1]}{comma}")
    return lines


def _comma_matters(body: str, start: int, items: list[str]) -> bool:
    """Whether a comma after the last item in the bracket at `start` would change its meaning."""
    # A comprehension takes none, and the commas in it are none between items.
    if any(" for " in item for item in items):
        return True
    if len(items) != 1 or body[-2] == ",":
        return False
    # A bracket after an expression calls it or takes an item of it. A single expression in plain
    # brackets would become a tuple, and so would an index.
    follows = bool(start) and (body[start - 1].isalnum() or body[start - 1] in "_)]}\"'")
    return follows if body[start] == "[" else body[start] == "(" and not follows


def _bracketed(line: str, indent: str) -> list[str]:
    """`return a, b` or `x = a + b` with its right side in brackets over several lines."""
    for head in ("return ", " = "):
        at = line.find(head)
        if at >= 0:
            left, right = line[: at + len(head)], line[at + len(head) :]
            items = _items(right)
            if len(items) > 1:
                return [
                    f"{left}(",
                    *(text for item in items for text in _broken(f"{indent}{_INDENT}{item},")),
                    f"{indent})",
                ]
            return [f"{left}(", f"{indent}{_INDENT}{right}", f"{indent})"]
    return [line]


def _last_bracket(line: str) -> int | None:
    """The position of the bracket that the line's last character closes, if it closes one."""
    if line[-1] not in _CLOSE:
        return None
    opened: list[int] = []
    for i, character in _outside_strings(line):
        if character in _OPEN:
            opened.append(i)
        elif character in _CLOSE:
            start = opened.pop()
            if i == len(line) - 1:
                return start if i - start > 1 else None
    return None


def _items(text: str) -> list[str]:
    """Splits the text at its commas outside of brackets; a lambda's parameters stay together."""
    items, depth, start, lambdas = [], 0, 0, False
    for i, character in _outside_strings(text):
        if character in _OPEN:
            depth += 1
        elif character in _CLOSE:
            depth -= 1
        elif (
            depth == 0
            and character == "l"
            and text[i : i + 6] == "lambda"
            and text[i - 1 : i] in ("", " ")
        ):
            lambdas = True
        elif depth == 0 and character == ":" and lambdas:
            lambdas = False
        elif depth == 0 and character == "," and not lambdas:
            items.append(text[start:i].strip())
            start = i + 1
    last = text[start:].strip()
    return items + [last] if last else items


def _outside_strings(text: str) -> Iterator[tuple[int, str]]:
    quote = ""
    for i, character in enumerate(text):
        if quote:
            if character == quote:
                quote = ""
        elif character in "\"'":
            quote = character
        else:
            yield i, character
