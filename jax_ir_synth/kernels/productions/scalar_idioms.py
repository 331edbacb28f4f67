"""Idioms that mix 0-d values with arrays; here those that shift, blend, gate, clip and round."""

from typing import NamedTuple

from jax_ir_synth.kernels.builder.values import Rejected, Value
from jax_ir_synth.kernels.productions import scalars
from jax_ir_synth.kernels.productions.context import Context
from jax_ir_synth.kernels.productions.scalar_curves import (
    activation,
    bell,
    companding,
    distance,
    focal,
    horner,
    huber,
    power_law,
    powers,
    soft_cap,
    temperature,
)
from jax_ir_synth.kernels.productions.scalar_dynamics import (
    decay,
    descent,
    euler,
    leapfrog,
    moving_average,
    oscillation,
    saturation,
    schedule,
)


def _gain(m: Context) -> Value:
    return scalars.knob(m, -3, 3, "gain")


def _center(m: Context) -> Value:
    return scalars.knob(m, -2, 2, "center")


def _scale_then_add(m: Context, x: Value) -> Value:
    return m.flip("add", m.flip("mul", x, _gain(m)), _center(m))


def _center_then_divide(m: Context, x: Value) -> Value:
    return m.div(m.sub(x, _center(m)), scalars.knob(m, 0.4, 3, "spread"))


def _add_then_scale(m: Context, x: Value) -> Value:
    return m.flip("mul", m.add(x, _center(m)), _gain(m))


def _scale_then_subtract(m: Context, x: Value) -> Value:
    return m.sub(m.flip("mul", x, _gain(m)), _center(m))


_AFFINE = {
    _scale_then_add: 1,
    _center_then_divide: 1,
    _add_then_scale: 1,
    _scale_then_subtract: 1,
}


def affine(m: Context, x: Value) -> Value:
    """Scales and shifts x, or centres and scales it."""
    return m.stream.choose(_AFFINE)(m, x)


def axpy(m: Context, x: Value) -> Value:
    """A scaled array plus another: BLAS's axpy."""
    y = scalars.other(m, x)
    scaled = m.flip("mul", _gain(m), x)
    if m.stream.chance(30):
        y = m.flip("mul", scalars.knob(m, -3, 3, "coefficient"), y)
    return m.flip("add", scaled, y) if m.stream.chance(75) else m.sub(y, scaled)


def _weigh_both(m: Context, x: Value, y: Value, t: Value) -> Value:
    return m.add(m.flip("mul", m.sub(1.0, t), x), m.flip("mul", t, y))


def _go_towards(m: Context, x: Value, y: Value, t: Value) -> Value:
    return m.add(x, m.flip("mul", t, m.sub(y, x)))


def _weigh_reversed(m: Context, x: Value, y: Value, t: Value) -> Value:
    return m.add(m.flip("mul", t, x), m.flip("mul", m.sub(1.0, t), y))


_BLENDS = {_weigh_both: 1, _go_towards: 1, _weigh_reversed: 1}


def lerp(m: Context, x: Value) -> Value:
    """Linear interpolation between x and another array."""
    y, t = scalars.other(m, x), scalars.knob(m, 0, 1, "blend", numbers=15)
    return m.stream.choose(_BLENDS)(m, x, y, t)


class _Span(NamedTuple):
    """Where the elements of an array lie."""

    low: float
    middle: float
    high: float
    width: float


def _keep_above(m: Context, x: Value, span: _Span) -> Value:
    lowest = span.low + 0.15 * span.width
    return m.do("maximum", x, scalars.knob(m, lowest, span.middle, "bound_low"))


def _keep_below(m: Context, x: Value, span: _Span) -> Value:
    highest = span.high - 0.15 * span.width
    return m.do("minimum", x, scalars.knob(m, span.middle, highest, "bound_high"))


def _draw_bounds(m: Context, span: _Span) -> tuple[Value, Value]:
    low, middle, high, width = span
    floor = scalars.knob(m, low + 0.1 * width, middle - 0.05 * width, "bound_low")
    return floor, scalars.knob(m, middle + 0.05 * width, high - 0.1 * width, "bound_high")


def _clip_by_extremes(m: Context, x: Value, span: _Span) -> Value:
    floor, ceiling = _draw_bounds(m, span)
    return m.do("minimum", m.do("maximum", x, floor), ceiling)


def _clip(m: Context, x: Value, span: _Span) -> Value:
    return m.do("clip", x, *_draw_bounds(m, span))


_CLIPS = {_keep_above: 1, _keep_below: 1, _clip_by_extremes: 1, _clip: 1}


def clipped(m: Context, x: Value) -> Value:
    """Keeps x between numbers or 0-d arguments, or above or below one."""
    low, high = float(x.samples.min()), float(x.samples.max())
    span = _Span(low, (low + high) / 2, high, high - low)
    return m.stream.choose(_CLIPS)(m, x, span)


def _alone(m: Context, opening: Value, x: Value) -> Value:
    return opening


def _gate_itself(m: Context, opening: Value, x: Value) -> Value:
    return m.flip("mul", opening, x)


def _gate_other(m: Context, opening: Value, x: Value) -> Value:
    return m.flip("mul", opening, scalars.other(m, x))


def _blend_with_other(m: Context, opening: Value, x: Value) -> Value:
    other = scalars.other(m, x)
    return m.add(m.flip("mul", opening, x), m.mul(m.sub(1.0, opening), other))


_GATED = {_alone: 1, _gate_itself: 1, _gate_other: 1, _blend_with_other: 1}


def gate(m: Context, x: Value) -> Value:
    """A smooth switch with steepness and place, applied to x or to another array."""
    y = m.sub(x, scalars.knob(m, -1.5, 1.5, "center")) if m.stream.chance(70) else x
    y = (
        m.flip("mul", scalars.knob(m, 0.5, 5, "gain"), y)
        if m.stream.chance(70)
        else m.div(y, scalars.knob(m, 0.2, 3, "spread"))
    )
    opening = m.do(m.stream.choose({"sigmoid": 8, "hard_sigmoid": 1, "tanh": 2, "erf": 1}), y)
    return m.stream.choose(_GATED)(m, opening, x)


def scalar_gate(m: Context, x: Value) -> Value:
    """A learned scalar squashed, and used as a weight."""
    squash = m.stream.choice(("sigmoid", "tanh", "exp", "softplus"))
    g = m.do(squash, scalars.knob(m, -2, 2, "gain", numbers=0))
    if m.stream.chance(50):
        return m.flip("mul", g, x)
    if m.stream.chance(60):
        return m.add(x, m.flip("mul", g, scalars.other(m, x)))
    return m.add(m.flip("mul", g, x), m.mul(m.sub(1.0, g), scalars.other(m, x)))


def rescale(m: Context, x: Value) -> Value:
    """From one range to another."""
    low, high = scalars.knob(m, -2, 0, "bound_low"), scalars.knob(m, 0.5, 3, "bound_high")
    if m.stream.chance(50):
        unit = (
            m.do("sigmoid", x) if m.stream.chance(60) else m.mul(0.5, m.add(m.do("tanh", x), 1.0))
        )
        return m.add(low, m.flip("mul", m.sub(high, low), unit))
    y = m.div(m.sub(x, low), m.sub(high, low))
    return y if m.stream.chance(50) else m.sub(m.mul(2.0, y), 1.0)


def cyclic(m: Context, x: Value) -> Value:
    """Integers shifted by an integer argument and wrapped, then used as weights of x."""
    k = m.d.argument((), 1, 8, dtype="int32", role="count")
    n = m.stream.choice((4, 5, 7, 8, 10, 16))
    codes = m.d.argument(m.shape, 0, m.stream.choice((7, 15, 31)), dtype="int32", role="integer")
    moved = m.do(m.stream.choice(("add", "mul", "sub")), codes, k)
    weight = m.do("convert", m.do("int_mod", moved, n), dtype=m.d.dtype)
    if m.stream.chance(60):
        weight = m.div(weight, float(n))
    return m.flip(m.stream.choice(("mul", "add")), scalars.tame(m, weight), x)


def quantised(m: Context, x: Value) -> Value:
    """Rounded to a grid of a 0-d spacing, with the gradient passed straight through."""
    s = scalars.knob(m, 1, 5, "gain", numbers=20)
    grid = m.div(m.do(m.stream.choice(("round", "floor")), m.flip("mul", x, s)), s)
    return m.add(x, m.do("stop_gradient", m.sub(grid, x)))


def rotated(m: Context, x: Value) -> Value:
    """One coordinate of a rotation by a 0-d angle."""
    y, t = scalars.other(m, x), scalars.knob(m, -3, 3, "time", numbers=0)
    a, b = m.mul(m.do("cos", t), x), m.mul(m.do("sin", t), y)
    return m.sub(a, b) if m.stream.chance(60) else m.add(a, b)


def row_of(m: Context, x: Value) -> Value:
    """A stretch of an array that begins at an integer argument."""
    if not x.ndim or x.shape[0] < 5 or x.shape != m.shape:
        raise Rejected("no axis to cut")
    length = m.stream.between(2, x.shape[0] - 2)
    length += length == 3
    start = m.d.argument((), 0, x.shape[0] - length, dtype="int32", role="scalar_index")
    m.shape = (length, *x.shape[1:])
    return m.do("dynamic_slice", x, start, length=length, axis=0)


IDIOMS = {
    affine: 9,
    axpy: 9,
    lerp: 7,
    moving_average: 6,
    descent: 8,
    clipped: 7,
    horner: 5,
    powers: 5,
    bell: 6,
    gate: 6,
    scalar_gate: 5,
    temperature: 5,
    soft_cap: 5,
    activation: 7,
    rescale: 5,
    saturation: 4,
    oscillation: 5,
    decay: 4,
    power_law: 4,
    huber: 4,
    euler: 5,
    leapfrog: 4,
    schedule: 5,
    cyclic: 3,
    quantised: 3,
    companding: 2,
    distance: 4,
    focal: 3,
    rotated: 3,
    row_of: 2,
}
