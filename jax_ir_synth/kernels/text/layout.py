"""Lines of Python laid out as people lay them out: no long lines, single blank lines."""

_WIDTH = 96
_INDENT = "    "
_OPEN, _CLOSE = "([{", ")]}"


def lay_out(lines: list[str]) -> list[str]:
    """The lines with long ones broken at the commas of their last bracket, and blank lines single.

    The line after a `def` is never blank, since an inner function may start a body.
    """
    result: list[str] = []
    for line in lines:
        if not line:
            if result and result[-1] and not result[-1].endswith(":"):
                result.append("")
            continue
        result.extend(_broken(line))
    return result


def _broken(line: str) -> list[str]:
    if len(line) <= _WIDTH or '"""' in line:
        return [line]
    indent = line[: len(line) - len(line.lstrip())]
    body, comma = (line[:-1], ",") if line.endswith(",") else (line, "")
    start = _last_bracket(body)
    if start is None:
        return _bracketed(line, indent)
    items = _items(body[start + 1:-1])
    lines = [body[: start + 1]]
    # One expression in plain brackets: a comma would make it a tuple.
    plain = body[start] == "(" and not (start and (body[start - 1].isalnum() or body[start - 1] in "_)]"))
    if plain and len(items) == 1 and body[-2] != ",":
        return [*lines, f"{indent}{_INDENT}{items[0]}", f"{indent}{body[-1]}{comma}"]
    for item in items:
        lines.extend(_broken(f"{indent}{_INDENT}{item},"))
    lines.append(f"{indent}{body[-1]}{comma}")
    return lines


def _bracketed(line: str, indent: str) -> list[str]:
    """`return a, b` or `x = a + b` with its right side in brackets over several lines."""
    for head in ("return ", " = "):
        at = line.find(head)
        if at >= 0:
            left, right = line[: at + len(head)], line[at + len(head):]
            items = _items(right)
            if len(items) > 1:
                return [f"{left}(", *(text for item in items for text in _broken(f"{indent}{_INDENT}{item},")), f"{indent})"]
            return [f"{left}(", f"{indent}{_INDENT}{right}", f"{indent})"]
    return [line]


def _last_bracket(line: str) -> int | None:
    """Where the bracket opens that the line's last character closes; None where it doesn't end so."""
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
    """The text cut at its commas outside of brackets (a lambda's parameters stay together)."""
    items, depth, start, lambdas = [], 0, 0, False
    for i, character in _outside_strings(text):
        if character in _OPEN:
            depth += 1
        elif character in _CLOSE:
            depth -= 1
        elif depth == 0 and character == "l" and text[i:i + 6] == "lambda" and text[i - 1:i] in ("", " "):
            lambdas = True
        elif depth == 0 and character == ":" and lambdas:
            lambdas = False
        elif depth == 0 and character == "," and not lambdas:
            items.append(text[start:i].strip())
            start = i + 1
    last = text[start:].strip()
    return items + [last] if last else items


def _outside_strings(text: str):
    quote = ""
    for i, character in enumerate(text):
        if quote:
            if character == quote:
                quote = ""
        elif character in "\"'":
            quote = character
        else:
            yield i, character
