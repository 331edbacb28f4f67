"""Shape, range and sample rules that several tables of array operations share."""

from collections.abc import Callable
from typing import Any

import numpy as np

from jax_ir_synth.kernels.builder.values import (
    SAMPLES,
    Interval,
    Operands,
    Params,
    Rejected,
    Samples,
    Shape,
    Value,
)
from jax_ir_synth.kernels.ops.base import ShapeRule

NUMBERS = ("float32", "float16", "bfloat16", "int32", "bool")
RAMP = np.linspace(0.0, 1.0, SAMPLES)


def of_param(name: str) -> Callable[[Operands, Params], Any]:
    """A rule that returns a parameter."""
    return lambda operands, params: params[name]


def changing_axis(change: Callable[[int, Params], int]) -> ShapeRule:
    """Shape rule of an operation that changes the length of one axis."""

    def shape(operands: Operands, params: Params) -> Shape:
        x, axis = operands[0], params["axis"]
        if axis >= x.ndim:
            raise Rejected("no such axis")
        n = change(x.shape[axis], params)
        if n < 1:
            raise Rejected("empty")
        return x.shape[:axis] + (n,) + x.shape[axis + 1 :]

    return shape


def axis_kept(operands: Operands, params: Params) -> Shape:
    """Shape rule of an operation along an axis that keeps its length."""
    if params.get("axis", 0) >= operands[0].ndim:
        raise Rejected("no such axis")
    return operands[0].shape


def with_zero(operands: Operands, params: Params) -> Interval:
    """Range of an operation that puts zeros beside its operand's elements."""
    return min(operands[0].low, 0.0), max(operands[0].high, 0.0)


def with_ndim(x: Value, ndim: int) -> Value:
    """Returns x; rejects another number of axes."""
    if x.ndim != ndim:
        raise Rejected(f"{ndim} dimensions are wanted")
    return x


def hull(operands: Operands, params: Params) -> Interval:
    """Range of an operation that puts its operands' elements together."""
    return min(x.low for x in operands), max(x.high for x in operands)


def interleaved(operands: Operands, params: Params) -> Samples:
    """Samples of an operation that puts its operands' elements together."""
    picks = np.arange(SAMPLES) % len(operands)
    return np.stack([x.samples for x in operands])[picks, np.arange(SAMPLES)]
