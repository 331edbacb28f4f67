"""Documents a program: of a family's docstrings and comments what fits the program that is left."""

import ast
import re
from collections.abc import Iterator, Mapping, Sequence

from jax_ir_synth.kernels.builder.stream import Stream
from jax_ir_synth.kernels.style.family import Array

# How much of a docstring a program has.
NO_DOC, FIRST_LINE, WHOLE_DOC = range(3)
# In how many of a hundred programs a documentation of one line is followed by shapes, and how.
_SHAPES = 60
_SHAPE_WAYS = {"{kind} of shape ({axes})": 60, "{kind}, shape ({axes})": 25, "({axes}) {kind}": 15}


def document(function: ast.FunctionDef, style: int) -> None:
    """Leave of a documentation what the style has, and nothing of parameters that are gone."""
    text = ast.get_docstring(function)
    if text is None:
        return
    function.body = function.body[1:]
    if style == NO_DOC or not function.body:
        return
    first, _, rest = text.partition("\n\n")
    if style == WHOLE_DOC and rest:
        here = {each.arg for each in (*function.args.args, *function.args.kwonlyargs)}
        kept = [line for line in rest.split("\n") if _is_about(line, here)]
        kept = [
            line
            for line, after in zip(kept, [*kept[1:], ""], strict=True)
            if not re.fullmatch(r"\s*(Args|Arguments):", line) or after.startswith("  ")
        ]
        if any(line.strip() for line in kept):
            text = re.sub(r"\n{3,}", "\n\n", "\n".join([first, "", *kept])).rstrip()
            lines = [f"    {line}".rstrip() for line in text.split("\n")]
            text = "\n".join(lines).strip() + "\n    "
        else:
            text = " ".join(first.split())
    else:
        text = " ".join(first.split())
    function.body.insert(0, ast.Expr(ast.Name(f'"""{text}"""', ast.Load())))


def _is_about(line: str, parameters: set[str]) -> bool:
    found = re.fullmatch(r"\s+(\w+): .*", line)
    return found is None or found[1] in parameters


def comment_on(body: Sequence[ast.stmt], comments: Mapping[int, str]) -> Iterator[ast.stmt]:
    """Put the comments before their statements, as names of that text, which `unparse` copies."""
    for statement in body:
        for name in ("body", "orelse"):
            if isinstance(getattr(statement, name, None), list):
                setattr(statement, name, [*comment_on(getattr(statement, name), comments)])
        if (comment := comments.get(getattr(statement, "lineno", 0))) is not None:
            yield from (ast.Expr(ast.Name(line, ast.Load())) for line in comment.split("\n"))
        yield statement


def describe_shapes(function: ast.FunctionDef, arrays: Mapping[str, Array], stream: Stream) -> None:
    """Add to a documentation of one line, for some programs, what shapes the arguments have."""
    text = ast.get_docstring(function)
    parameters = {each.arg for each in (*function.args.args, *function.args.kwonlyargs)}
    if not text or "\n\n" in text or parameters != {*arrays} or not stream.chance(_SHAPES):
        return
    way = stream.choose(_SHAPE_WAYS)
    lines = ["Args:" if stream.chance(85) else "Arguments:"]
    for name, array in arrays.items():
        kind = {"int": "integer array", "bool": "boolean mask"}.get(array.kind, "array")
        axes = ", ".join(array.dims) + "," * (len(array.dims) == 1)
        lines.append(f"    {name}: {way.format(kind=kind, axes=axes) if axes else 'scalar'}.")
    first = function.body[0]
    assert isinstance(first, ast.Expr)
    first.value = ast.Constant("\n".join([" ".join(text.split()), "", *lines]))
