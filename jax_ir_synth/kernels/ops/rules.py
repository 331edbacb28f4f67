"""Shape, range and sample rules that several tables of operations share."""

import math
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

RAMP = np.linspace(0.0, 1.0, SAMPLES)
# As many numbers of mean 0 and of about the spread of a standard normal distribution.
NORMAL = np.array(
    [-1.6, 0.4, 1.1, -0.3, 0.8, -1.0, 0.1, 1.7, -0.6, 0.3, -1.3, 1.3, -0.1, 0.6, -0.8, -0.6]
)
assert NORMAL.shape == (SAMPLES,)


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


def normalise_axes(axis: int | tuple[int, ...] | None, ndim: int) -> tuple[int, ...]:
    """Axes as a sorted tuple of non-negative numbers; None is all of them."""
    if axis is None:
        return tuple(range(ndim))
    axes = axis if isinstance(axis, tuple) else (axis,)
    return tuple(sorted(a % ndim for a in axes))


def reduced_count(x: Value, params: Params) -> int:
    """How many elements become one."""
    return math.prod(x.shape[a] for a in params["axis"])


def reduced_shape(operands: Operands, params: Params) -> Shape:
    """Shape rule of a reduction over the axes in `params`."""
    x = operands[0]
    axes = params["axis"]
    if not axes or any(a >= x.ndim for a in axes):
        raise Rejected("no axis to reduce")
    if params.get("keepdims"):
        return tuple(1 if i in axes else n for i, n in enumerate(x.shape))
    return tuple(n for i, n in enumerate(x.shape) if i not in axes)


def running_sum(x: Value, n: int) -> Interval:
    """Range of sums of one to n elements of x."""
    return min(x.low, n * x.low), max(x.high, n * x.high)


def running_product(x: Value, n: int) -> Interval:
    """Range of products of one to n elements of x, which are positive."""
    return min(x.low, x.low**n), max(x.high, x.high**n)


def is_near_one(x: Value) -> bool:
    """Whether x is so near to one that products of about ten of its elements stay in range."""
    return x.low >= 0.4 and x.high <= 1.8


def products(x: Value, y: Value) -> Interval:
    """Range of products of an element of x and one of y."""
    corners = (x.low * y.low, x.low * y.high, x.high * y.low, x.high * y.high)
    return min(corners), max(corners)


def magnitudes(x: Value) -> Interval:
    """Range of the sizes of x's elements."""
    return 0.0 if x.low < 0 < x.high else min(abs(x.low), abs(x.high)), x.bound


def spread(value: Value) -> tuple[float, float]:
    """Mean and standard deviation of the samples."""
    return float(value.samples.mean()), float(value.samples.std())


def summed(mean: float, std: float, n: int) -> Samples:
    """Samples of a sum of n elements.

    As if the elements were independent: means add, and so do variances, so that the standard
    deviation grows as sqrt(n).
    """
    return n * mean + math.sqrt(n) * std * NORMAL


def around(mean: float, std: float) -> Samples:
    """Samples with this mean and standard deviation."""
    return mean + std * NORMAL


def interleaved(operands: Operands, params: Params) -> Samples:
    """Samples of an operation that puts its operands' elements together."""
    picks = np.arange(SAMPLES) % len(operands)
    return np.stack([x.samples for x in operands])[picks, np.arange(SAMPLES)]
