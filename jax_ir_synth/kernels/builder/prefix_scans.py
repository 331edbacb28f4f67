"""Scans by `lax.associative_scan`: of an operation, and of a linear recurrence."""

import numpy as np

from jax_ir_synth.kernels.builder.inner_functions import make_block
from jax_ir_synth.kernels.builder.program_builder import ProgramBuilder
from jax_ir_synth.kernels.builder.values import Block, Rejected, Value
from jax_ir_synth.kernels.ops import OPS
from jax_ir_synth.kernels.ops.rules import RAMP


def associative_scan(builder: ProgramBuilder, xs: Value, name: str, reverse: bool = False) -> Value:
    """`lax.associative_scan(fn, xs)` along the first axis with an associative operation."""
    n = xs.shape[0] if xs.ndim else 0
    if n < 2 or n > 64:
        raise Rejected("associative_scan: length")
    running = OPS[name].cumulated
    if running is None:
        raise ValueError(f"`name` (={name!r}) must be an operation with a `cumulated` rule")
    low, high = running(xs, n)
    with builder.inner() as level:
        left = builder.parameter(xs.shape, low, high, xs.dtype, xs.samples)
        right = builder.parameter(xs.shape, low, high, xs.dtype, np.roll(xs.samples, 3))
        result = _combine(name, left, right)
    block = Block((left, right), (result,), level, "combine")
    return builder.control(
        "associative_scan",
        (xs,),
        (block,),
        [result],
        [(left, xs), (right, xs)],
        {"reverse": reverse},
        ranges=[(low, high)],
        samples=[xs.samples * (0.6 + RAMP)],
    )[0]


def _combine(name: str, left: Value, right: Value) -> Value:
    """The combining operation on running values, whose range is the scan's."""
    return Value(
        name,
        (left, right),
        {},
        left.shape,
        left.dtype,
        left.low,
        left.high,
        left.samples,
        diff=left.diff | right.diff,
        deps=left.deps | right.deps,
        level=left.level,
    )


def linear_recurrence(builder: ProgramBuilder, a: Value, b: Value, reverse: bool) -> list[Value]:
    """`h[t] = a[t] * h[t-1] + b[t]` by `lax.associative_scan` over the pairs; a in [0, 1].

    Returns the running products of a, and h.
    """
    if (
        a.shape != b.shape
        or a.dtype != b.dtype
        or a.ndim < 1
        or not 2 <= a.shape[0] <= 32
        or a.low < 0
        or a.high > 1
    ):
        raise Rejected("linear_recurrence: shapes, length or decay")
    # h[t] is a sum of at most n terms, each an element of b times powers of a: its range is that of
    # b, widened to zero, times 1 + a + a² + ... < 1 / (1 - a).
    steps = a.shape[0]
    gain = steps if a.high > 0.99 else min(steps, 1 / (1 - a.high))
    low, high = min(0.0, b.low) * gain, max(0.0, b.high) * gain

    def pair() -> tuple[Value, Value]:
        return (
            builder.parameter(a.shape, 0.0, a.high, a.dtype, a.samples),
            builder.parameter(b.shape, low, high, b.dtype, b.samples),
        )

    with builder.inner() as level:
        left, right = pair(), pair()
        decay = builder.apply("mul", left[0], right[0])
        value = builder.apply("add", builder.apply("mul", right[0], left[1]), right[1])
    block = make_block((left, right), (decay, value), level, "combine")
    bound = [(p, v) for group in (left, right) for p, v in zip(group, (a, b), strict=True)]
    return builder.control(
        "linear_recurrence",
        (a, b),
        (block,),
        (decay, value),
        bound,
        {"reverse": reverse},
        ranges=[(0.0, a.high), (low, high)],
        samples=[a.samples * (1.0 - 0.6 * RAMP), b.samples * (1.0 + RAMP * (gain - 1) * 0.4)],
    )
