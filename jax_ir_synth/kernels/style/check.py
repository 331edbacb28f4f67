"""Adds the checks of arguments that people write: assertions, and errors that never come."""

import ast
from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

from jax_ir_synth.kernels.builder.stream import Stream
from jax_ir_synth.kernels.style.trees import Transformer

# In percent: programs that check their arguments, and what of these raise an error by themselves.
_CHECKS, _RAISES = 17, 60
# Of the options that stay, those whose value is checked.
_CHECKS_OPTION = 25


class _Check(NamedTuple):
    """What must hold, what must not, and a message that says so."""

    good: str
    bad: str
    message: str


def add_checks(
    main: ast.FunctionDef,
    dims: Mapping[str, Sequence[str]],
    options: Mapping[str, Sequence[str]],
    stream: Stream,
) -> None:
    """Add checks to a program, before its first statement.

    Args:
      main: the program's function.
      dims: the axes of each array, by its parameter.
      options: the values that each option of a text may have, by its parameter.
      stream: decides whether and how.
    """
    written: list[str] = []
    for name, values in options.items():
        if len(values) > 1 and stream.chance(_CHECKS_OPTION):
            listed = ", ".join(f'"{value}"' for value in values)
            error = f'raise ValueError(f"unknown {name}: {{{name}}}")'
            written.append(f"if {name} not in ({listed}):\n    {error}")
    possible = [*_list_checks(dims)]
    if possible and stream.chance(_CHECKS):
        raises, explains = stream.chance(_RAISES), stream.chance(60)
        count = stream.choose({1: 70, 2: 30})
        for _ in range(min(count, len(possible))):
            check = possible.pop(stream.below(len(possible)))
            if raises:
                written.append(f'if {check.bad}:\n    raise ValueError(f"{check.message}")')
            elif explains:
                written.append(f'assert {check.good}, f"{check.message}"')
            else:
                written.append(f"assert {check.good}")
    place = int(ast.get_docstring(main) is not None)
    main.body[place:place] = [_parse(text) for text in written]


def _list_checks(dims: Mapping[str, Sequence[str]]) -> Iterator[_Check]:
    """List what a person may check: ranks, shapes that are alike, and axes that must fit."""
    known = {name: axes for name, axes in dims.items() if axes and "..." not in axes}
    for name, axes in known.items():
        rank = len(axes)
        yield _Check(
            f"{name}.ndim == {rank}",
            f"{name}.ndim != {rank}",
            f"{name} must have {rank} dimension{'s' * (rank > 1)}, got shape {{{name}.shape}}",
        )
    names = [*known]
    for k, one in enumerate(names):
        for other in names[k + 1 :]:
            if [*known[one]] == [*known[other]]:
                yield _Check(
                    f"{one}.shape == {other}.shape",
                    f"{one}.shape != {other}.shape",
                    f"{one} and {other} differ in shape: {{{one}.shape}}, {{{other}.shape}}",
                )
            elif known[one][-1] == known[other][0] or known[one][0] == known[other][0]:
                axis = -1 if known[one][-1] == known[other][0] else 0
                pair = f"{one}.shape[{axis}]", f"{other}.shape[0]"
                yield _Check(
                    " == ".join(pair),
                    " != ".join(pair),
                    f"{one} and {other} don't match: {{{one}.shape}}, {{{other}.shape}}",
                )


class _Formatted(Transformer):
    """Writes f-strings as names of their text, which `unparse` copies."""

    def visit_JoinedStr(self, node: ast.JoinedStr) -> ast.Name:
        text = ""
        for part in node.values:
            if isinstance(part, ast.Constant):
                text += str(part.value)
            elif isinstance(part, ast.FormattedValue):
                text += f"{{{ast.unparse(part.value)}}}"
        return ast.Name(f'f"{text}"', ast.Load())


def _parse(text: str) -> ast.stmt:
    (statement,) = ast.parse(text).body
    found: ast.stmt = _Formatted().visit(statement)
    return found
