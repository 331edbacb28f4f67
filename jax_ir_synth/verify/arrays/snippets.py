"""Gives the text of one operation its meaning, and keeps it for all modules that have it.

Rows have the same few thousand operations, apart from the names of their values, so that nearly
every one is found here. A new one is parsed by MLIR, in a function of its own.
"""

import itertools
import json
import re
from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
from jaxlib.mlir import ir

from jax_ir_synth.lowering.parsing import parse_trusted
from jax_ir_synth.verify import fallback_kernels
from jax_ir_synth.verify.arrays import elementwise, regions
from jax_ir_synth.verify.arrays.operations import make_function
from jax_ir_synth.verify.arrays.printed import Unreadable
from jax_ir_synth.verify.arrays.tensors import (
    Array,
    GaveUp,
    Unknown,
    read_constant,
    read_kind,
    read_type,
)


class Snippet(NamedTuple):
    """What an operation computes.

    Attributes:
      kinds: the types of its results.
      value: its one result, if it has no operands.
      function: its one result as a function of its operands.
      joint: its results as a function of a list of its operands, if they are made together.
    """

    kinds: tuple[str, ...]
    value: Array | None = None
    function: Callable[..., Array] | None = None
    joint: Callable[[list[Array]], Sequence[Array]] | None = None


# The snippets by text, or why there is none. All are dropped when there are so many, of about a
# kilobyte each.
_MOST_KEPT = 20_000
_kept: dict[str, Snippet | str] = {}
_SHAPE = re.compile(r"tensor<(?:\d+x)+")
_KIND = re.compile(r"tensor<[^<>]*>")
_OPERAND = re.compile(r"%(?!\w)")
_CONSTANT = re.compile(r"stablehlo\.constant dense<([^<>\"]*)> : (tensor<[^<>]*>)")
# JSON has these numbers, and the two words; others, such as hexadecimal ones, are left to MLIR.
_PLAIN = re.compile(r"[\d\[\]\-+.,eE ]+|true|false")


def find_snippet(text: str, taken: Sequence[str], results: int) -> Snippet:
    """Find what an operation computes.

    Args:
      text: the operation's text, with a bare `%` for each operand; see `printed.Statement`.
      taken: the types of the operands.
      results: the number of results.

    Raises Unknown.
    """
    found = _kept.get(text)
    if found is None:
        if len(_kept) >= _MOST_KEPT:
            _kept.clear()
        try:
            found = (
                _read_plain_constant(text)
                or _find_elementwise(text, taken)
                or _compile(text, taken, results)
            )
        except Unknown as unknown:
            found = str(unknown)
        _kept[text] = found
    if isinstance(found, str):
        raise Unknown(found)
    if len(found.kinds) != results:
        raise Unreadable(f"{results} results of {text:.60}")
    return found


def _read_plain_constant(text: str) -> Snippet | None:
    """Read a constant of decimal numbers, which are the most frequent ones."""
    match = _CONSTANT.fullmatch(text)
    if match is None or not _PLAIN.fullmatch(match[1]):
        return None
    shape, dtype = read_kind(match[2])
    if (dtype.kind == "f") != ("." in match[1]) or (dtype.kind == "b") != match[1].isalpha():
        return None
    try:
        value = np.array(json.loads(match[1]), dtype)
    except (ValueError, OverflowError):
        return None
    if value.ndim and value.shape != shape:
        return None
    return Snippet((match[2],), _freeze(np.broadcast_to(value, shape)))


def _find_elementwise(text: str, taken: Sequence[str]) -> Snippet | None:
    """Find what an elementwise operation computes, which no shape changes, by that of scalars."""
    name = text.partition(" ")[0]
    of_scalars = _SHAPE.sub("tensor<", text)
    if name not in elementwise.MAKERS or of_scalars == text:
        return None
    # The type of the result is the last one.
    *_, kind = _KIND.findall(text)
    read_kind(kind)
    found = find_snippet(of_scalars, [_SHAPE.sub("tensor<", each) for each in taken], 1)
    return found._replace(kinds=(kind,))


def _compile(text: str, taken: Sequence[str], results: int) -> Snippet:
    numbers = itertools.count()
    body = _OPERAND.sub(lambda _: f"%{next(numbers)}", text)
    arguments = ", ".join(f"%{k}: {kind}" for k, kind in enumerate(taken))
    try:
        module = parse_trusted(
            f"func.func @main({arguments}) {{\n  %r:{results} = {body}\n  return\n}}"
        )
    except ValueError as error:
        raise Unreadable(f"{text:.60}: {error}") from None
    op = module.body.operations[0].regions[0].blocks[0].operations[0].operation
    for value in (*op.operands, *op.results):
        read_type(value)
    kinds = tuple(str(kind) for kind in op.results.types)
    if op.name == "stablehlo.constant":
        return Snippet(kinds, _freeze(read_constant(op)))
    if op.name == "stablehlo.optimization_barrier":
        return Snippet(kinds, joint=lambda operands: operands)
    # A reduction's text has the operands in another order.
    order = [ir.BlockArgument(value).arg_number for value in op.operands]
    if len(order) != len(taken):
        raise Unknown(f"{op.name} of a value from outside")
    if op.name in fallback_kernels.OPERATIONS:
        return Snippet(kinds, joint=_make_routine(op, order))
    if op.name in regions.OPERATIONS:
        made = regions.make_function(op)
        return Snippet(kinds, joint=lambda operands: made([operands[k] for k in order]))
    function = make_function(op)
    if not taken:
        return Snippet(kinds, _freeze(function()))
    if order != sorted(order):
        raise Unknown(f"{op.name} whose operands are out of order")
    return Snippet(kinds, function=function)


def _make_routine(op: ir.Operation, order: list[int]) -> Callable[[list[Array]], list[Array]]:
    try:
        kernel = fallback_kernels.make_kernel(op)
    except fallback_kernels.Undefined as error:
        raise Unknown(str(error)) from None
    name = op.name

    def call(operands: list[Array]) -> list[Array]:
        try:
            return [*kernel(*[operands[k] for k in order])]
        # SciPy's and NumPy's routines raise many kinds of errors for unsuitable operands.
        except Exception as error:
            raise GaveUp(f"{name} refuses its operands: {error}") from None

    return call


def _freeze(x: Array) -> Array:
    x.flags.writeable = False
    return x
