"""Rules by which operations are replaced by others that compute the same."""

import re
from collections.abc import Callable, Iterable
from typing import NamedTuple

from jaxlib.mlir import ir
from splicing import FLOATS, DoesNotApply, element, operations, replace, shape, tensor
from variants import Kind, of_module

# A rewrite at each of hundreds of places would only take longer to compile.
_PLACES = 12
_HEADING = re.compile(r"^== (?P<kind>.*)\n(?P<lines>(?:(?!==).*\n)*)", re.MULTILINE)

# An operation's text, types and, where they aren't the operation's own, operands (see
# `splicing.replace`).
Spelling = Callable[[ir.Operation], tuple]


class Rule(NamedTuple):
    """What one operation becomes.

    Attributes:
      kind: the rewrite's name; several rules may be one rewrite.
      operation: whose place is taken, of StableHLO where no dialect is named.
      text: of what takes it (see `splicing.replace`), or a function that writes it. It raises
        DoesNotApply.
      elements: those of the result.
    """

    kind: str
    operation: str
    text: str | Spelling
    elements: tuple[str, ...] = FLOATS


def read_table(text: str) -> list[Rule]:
    """Rules from a heading `== kind` and lines `operation => statement; statement` for each."""
    found = []
    for match in _HEADING.finditer(text):
        for line in match["lines"].split("\n"):
            if line.strip():
                operation, _, becomes = line.strip().partition(" => ")
                found.append(Rule(match["kind"], operation, becomes.replace("; ", "\n")))
    return found


def kinds_of(rules: Iterable[Rule]) -> list[Kind]:
    """The rewrites that rules are parts of."""
    by_kind: dict[str, dict[str, Rule]] = {}
    for rule in rules:
        name = rule.operation if "." in rule.operation else f"stablehlo.{rule.operation}"
        by_kind.setdefault(rule.kind, {})[name] = rule
    return [
        of_module(kind, lambda module, mine=mine: _apply(mine, module))
        for kind, mine in by_kind.items()
    ]


def _apply(rules: dict[str, Rule], module: ir.Module) -> None:
    done = 0
    for op in operations(module):
        rule = rules.get(op.name)
        if rule is None or len(op.results) != 1 or element(op.results[0]) not in rule.elements:
            continue
        try:
            spelled = rule.text(op) if callable(rule.text) else (rule.text, {})
        except DoesNotApply:
            continue
        text, types, *operands = spelled
        flags = tensor(shape(op.results[0]), "i1")
        replace(op, text, *operands, **{"p": flags, **types})
        done += 1
        if done == _PLACES:
            return
