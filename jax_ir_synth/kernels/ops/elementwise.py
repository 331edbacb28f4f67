"""Makes records of elementwise functions of one operand, and of operations on two."""

from collections.abc import Callable
from typing import Any

import numpy as np

from jax_ir_synth.kernels.builder.values import Interval, Operands, Params, Samples
from jax_ir_synth.kernels.ops.base import ANY, Op, RangeRule, Spelling, first_dtype, first_shape

_GRID = np.linspace(0.0, 1.0, 41)
# Samples and grids are arrays, the ends of a range are scalars.
Elements = Samples | np.float64
Function = Callable[[Elements], Elements]
BinaryFunction = Callable[[Samples, Samples], Samples]


def monotone(fn: Function) -> RangeRule:
    """Range of a monotone function: its values at the ends."""

    def bounds(operands: Operands, params: Params) -> Interval:
        x = operands[0]
        ends = float(fn(np.float64(x.low))), float(fn(np.float64(x.high)))
        return min(ends), max(ends)

    return bounds


def gridded(fn: Function) -> RangeRule:
    """Range of a smooth function, by a grid.

    The ranges drawn here are a few units wide, where 41 points miss an extremum by less than 3 % of
    the range that they see, by which it is widened.
    """

    def bounds(operands: Operands, params: Params) -> Interval:
        x = operands[0]
        y = fn(x.low + (x.high - x.low) * _GRID)
        low, high = float(y.min()), float(y.max())
        pad = 0.03 * (high - low)
        return low - pad, high + pad

    return bounds


def even(fn: Function) -> RangeRule:
    """Range of a function that falls to fn(0) and rises again."""

    def bounds(operands: Operands, params: Params) -> Interval:
        x = operands[0]
        ends = float(fn(np.float64(x.low))), float(fn(np.float64(x.high)))
        low = float(fn(np.float64(0.0))) if x.low < 0 < x.high else min(ends)
        return low, max(ends)

    return bounds


def near(fn: Function) -> RangeRule:
    """Range of a function that rounds to eight significant bits."""

    def bounds(operands: Operands, params: Params) -> Interval:
        # Neighbouring numbers of eight bits differ by at most 2^-7 of their size.
        x = operands[0]
        return x.low - abs(x.low) / 128, x.high + abs(x.high) / 128

    return bounds


def _fixed(interval: Interval) -> RangeRule:
    def bounds(operands: Operands, params: Params) -> Interval:
        return interval

    return bounds


def unary(
    name: str,
    spellings: str | tuple[Spelling, ...],
    fn: Function,
    bounds: Callable[[Function], RangeRule] | Interval = monotone,
    domain: Interval = ANY,
    weight: int = 3,
    weights: dict[str, int] | None = None,
    **options: Any,
) -> Op:
    """The record of an elementwise function.

    Args:
      name: the record's name.
      spellings: as in `Op`, or the one template.
      fn: the function.
      bounds: its range, or what makes the range rule of `fn`.
      domain: the range that the operand must lie in.
      weight: how often it is drawn among the functions of one operand, if it is smooth. The weights
        lean on the counts in a survey of real code, flattened so that rare functions are met too.
      weights: how often other lists draw it, as in `Op`.
      **options: further attributes of `Op`.
    """
    if isinstance(spellings, str):
        spellings = ((1, spellings),)
    return Op(
        name,
        spellings,
        bounds=_fixed(bounds) if isinstance(bounds, tuple) else bounds(fn),
        sample=lambda operands, params: np.asarray(fn(operands[0].samples)),
        domain=(domain,),
        shape=first_shape,
        dtype=first_dtype,
        weights=({"unary": weight} if options.get("smooth", True) else {}) | (weights or {}),
        **options,
    )


def _corners(fn: BinaryFunction) -> RangeRule:
    """Range of an operation that is monotone in each operand: its values at the corners."""

    def bounds(operands: Operands, params: Params) -> Interval:
        x, y = operands
        corners = fn(
            np.array([x.low, x.low, x.high, x.high]), np.array([y.low, y.high, y.low, y.high])
        )
        return float(corners.min()), float(corners.max())

    return bounds


def binary(
    name: str,
    spellings: tuple[Spelling, ...],
    fn: BinaryFunction,
    bounds: RangeRule | None = None,
    domain: tuple[Interval, ...] = (ANY, ANY),
    **options: Any,
) -> Op:
    """The record of an elementwise operation on two operands.

    Args:
      name: the record's name.
      spellings: as in `Op`.
      fn: the operation.
      bounds: its range rule; without one, it is monotone in each operand.
      domain: for each operand the range that it must lie in.
      **options: further attributes of `Op`.
    """
    return Op(
        name,
        spellings,
        bounds=bounds or _corners(fn),
        sample=lambda operands, params: fn(operands[0].samples, operands[1].samples),
        domain=domain,
        **options,
    )
