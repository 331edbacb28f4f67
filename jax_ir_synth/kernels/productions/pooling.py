"""Reductions over axes: statistics alone and combined, normalisation, moments."""

from typing import Any

from jax_ir_synth.kernels.builder.program_builder import ProgramBuilder
from jax_ir_synth.kernels.builder.values import Rejected, Value
from jax_ir_synth.kernels.ops import OPS, drawn_by
from jax_ir_synth.kernels.ops.rules import is_near_one
from jax_ir_synth.kernels.productions import common

Axes = int | tuple[int, ...] | None

_STATISTICS = drawn_by("statistic")
_DECIDED_BY_FEW = frozenset(op.name for op in OPS.values() if op.decided_by_few)
AVERAGES = {"sum": 1, "mean": 1}


def operand(d: ProgramBuilder, low: int = 1, high: int = 3) -> Value:
    """An array argument large enough to reduce."""
    dims = common.shape(d, low, high, limit=512)
    if max(dims) < 4:
        raise Rejected("too small to reduce")
    return common.array(d, dims)


def partner(d: ProgramBuilder, x: Value) -> Value:
    """A second argument that goes with x element by element, or along its last axis."""
    return common.array(d, x.shape if x.ndim == 1 or d.stream.chance(60) else x.shape[-1:])


def axes(d: ProgramBuilder, ndim: int) -> Axes:
    """None (all axes), one axis, or two of three."""
    if ndim == 1 or d.stream.chance(25):
        return None
    if ndim == 3 and d.stream.chance(30):
        return tuple(sorted(d.stream.shuffled(range(3))[:2]))
    return d.stream.choice((-1, -1, 0, ndim - 2))


def prepared(d: ProgramBuilder, x: Value, steps: int = 2) -> Value:
    """Applies up to `steps` elementwise operations to x."""
    for _ in range(d.stream.below(steps + 1)):
        x = common.one_unary(d, x) if d.stream.chance(65) else common.with_literal(d, x)
    return x


def reduce(
    d: ProgramBuilder,
    x: Value,
    axis: Axes,
    keepdims: bool = False,
    statistics: dict[str, int] = _STATISTICS,
) -> Value:
    """A statistic of x over the axes."""

    def attempt() -> Value | None:
        name = d.stream.choose(statistics)
        params: dict[str, Any] = {"axis": axis, **({"keepdims": True} if keepdims else {})}
        if x.op in common.FLAT and name in _DECIDED_BY_FEW:
            return None  # the flat part is what it would find
        if name == "trapezoid" and keepdims:
            return None
        if name == "quantile":
            params["q"] = d.stream.choice((0.25, 0.75, 0.9, 0.1, 0.5))
        return d.apply(name, _near_one(d, x) if name == "prod" else x, **params)

    return d.attempt(attempt, 14)


def _near_one(d: ProgramBuilder, x: Value) -> Value:
    """A value made of x whose product stays in range."""
    if is_near_one(x):
        return x
    return d.apply("exp", d.apply("mul", 0.1, common.bounded(d, x)))


# ---------------------------------------------------------------- one statistic or two


def _join(d: ProgramBuilder, value: Value, other: Value) -> tuple[Value, ...]:
    if {value.op, other.op} <= _DECIDED_BY_FEW | {"norm_inf"}:  # often the same element
        raise Rejected("two extrema")
    return (common.one_binary(d, value, other),)


def _return_both(d: ProgramBuilder, value: Value, other: Value) -> tuple[Value, ...]:
    return (value, other) if other.shape == value.shape else _join(d, value, other)


def _reduce_again(d: ProgramBuilder, value: Value, other: Value) -> tuple[Value, ...]:
    if value.ndim and max(value.shape) >= 4:
        return (reduce(d, prepared(d, value, 1), axes(d, value.ndim)),)
    return _join(d, value, other)


_COMBINATIONS = {None: 8, _join: 6, _return_both: 4, _reduce_again: 3}  # None: one statistic alone


def statistics(d: ProgramBuilder) -> tuple[Value, ...]:
    """One or two statistics of an expression of one or two arrays."""
    x = operand(d)
    inputs = [x, partner(d, x)] if d.stream.chance(50) else [x]
    y = common.mix(d, inputs, d.stream.between(0, 3))
    axis = axes(d, y.ndim)
    combine = d.stream.choose(_COMBINATIONS)
    value = reduce(d, y, axis)
    if combine is None:
        return (value,)
    return combine(d, value, reduce(d, prepared(d, d.stream.choice((y, x)), 2), axis))


# ---------------------------------------------------------------- normalisation

_NORMS = {"mean": 8, "max": 4, "sum": 3, "norm": 3, "std": 2, "min": 2, "logsumexp": 2}
_AFTER_NORM = {
    "square": 8,
    "exp": 5,
    "abs": 4,
    "tanh": 3,
    "sigmoid": 3,
    "cube": 1,
    "softplus": 2,
}


def _divide(d: ProgramBuilder, y: Value, norm: Value) -> Value:
    if norm.low < 0.2:
        least = d.stream.choice((1.0, 0.5))
        norm = d.apply("add", least, common.positive(d, norm, 0.0))
    return d.apply("div", y, norm)


def _subtract(d: ProgramBuilder, y: Value, norm: Value) -> Value:
    return d.apply("sub", y, norm)


def _divide_or_subtract(d: ProgramBuilder, y: Value, norm: Value) -> Value:
    return _divide(d, y, norm) if norm.low >= 0.2 else _subtract(d, y, norm)


def normalisation(d: ProgramBuilder) -> tuple[Value, ...]:
    """A statistic kept as an axis of one feeds a later step, whose result is reduced again."""
    x = operand(d)
    w = partner(d, x) if d.stream.chance(45) else None
    axis = d.stream.choice((-1, 0)) if x.ndim > 1 else None
    y = prepared(d, x, 1)

    def attempt() -> Value:
        norm = reduce(d, y, axis, keepdims=True, statistics=_NORMS)
        if d.stream.chance(35):
            norm = d.apply("stop_gradient", norm)
        normalise = d.stream.choice((_divide_or_subtract, _divide, common.one_binary, _subtract))
        z = common.one_unary(d, normalise(d, y, norm), _AFTER_NORM)
        if w is not None:
            z = d.apply("mul", z, w)
        axis_again = axes(d, z.ndim)
        if norm.op in ("max", "min"):  # at the extremum the difference is zero
            sums = {"sum": 5, "mean": 4, "norm": 1, "logsumexp": 1}
            return reduce(d, z, axis_again, statistics=sums)
        return reduce(d, z, axis_again)

    return (d.attempt(attempt),)


# ---------------------------------------------------------------- named statistics


def _mean_and_spread(d: ProgramBuilder, x: Value, y: Value, axis: int | None) -> tuple[Value, ...]:
    mean = d.apply("mean", y, axis=axis)
    if d.stream.chance(50):
        return mean, d.apply(d.stream.choice(("var", "std")), y, axis=axis)
    second = d.apply("mean", d.apply("square", y), axis=axis)
    return mean, d.apply("sub", second, d.apply("square", mean))


def _variation(d: ProgramBuilder, x: Value, y: Value, axis: int | None) -> tuple[Value, ...]:
    p = common.positive(d, y, 0.3)
    return (d.apply("div", d.apply("std", p, axis=axis), d.apply("mean", p, axis=axis)),)


def _entropy(d: ProgramBuilder, x: Value, y: Value, axis: int | None) -> tuple[Value, ...]:
    logits = common.mix(d, [y, partner(d, x)], 0)
    if d.stream.chance(50):
        p = d.apply("softmax", logits, axis=-1)
        log_p = d.apply("log_softmax", logits, axis=-1)
    else:
        p = common.positive(d, logits, 0.2)
        p = d.apply("div", p, d.apply("sum", p, axis=-1, keepdims=True))
        log_p = d.apply("log", d.apply("add", p, 0.05))
    return (d.apply("neg", d.apply("sum", d.apply("mul", p, log_p), axis=-1)),)


def _root_mean_square(d: ProgramBuilder, x: Value, y: Value, axis: int | None) -> tuple[Value, ...]:
    mean = d.apply("mean", d.apply("square", y), axis=axis)
    return (d.apply("sqrt", d.apply("add", mean, d.stream.choice((0.1, 0.05, 1.0)))),)


def _higher_moment(d: ProgramBuilder, x: Value, y: Value, axis: int | None) -> tuple[Value, ...]:
    kept = {"keepdims": True} if axis is not None else {}
    error = d.apply("sub", y, d.apply("mean", y, axis=axis, **kept))
    error = error.changed(centred=False)  # an odd power of it is not
    spread = d.apply("std", y, axis=axis, **kept)
    z = d.apply("div", error, d.apply("add", spread, d.stream.choice((0.5, 1.0))))
    power = d.apply("cube", z) if d.stream.chance(50) else d.apply("square", d.apply("square", z))
    return (d.apply("mean", power, axis=axis),)


def _mean_difference(d: ProgramBuilder, x: Value, y: Value, axis: int | None) -> tuple[Value, ...]:
    """The mean absolute difference of all pairs, as in a Gini coefficient."""
    column, row = d.apply("expand_dims", x, axis=x.ndim), d.apply("expand_dims", y, axis=x.ndim - 1)
    distance = d.apply("abs", d.apply("sub", column, row))
    return (d.apply("mean", distance, axis=(x.ndim - 1, x.ndim)),)


def _peak_to_average(d: ProgramBuilder, x: Value, y: Value, axis: int | None) -> tuple[Value, ...]:
    power = d.apply("square", y)
    average = d.apply("add", d.apply("mean", power, axis=axis), 0.5)
    return (d.apply("div", d.apply("max", power, axis=axis), average),)


def _autocorrelation(d: ProgramBuilder, x: Value, y: Value, axis: int | None) -> tuple[Value, ...]:
    n, shift = x.shape[-1], d.stream.choice((1, 2, 1))
    late = d.apply("slice", y, axis=x.ndim - 1, start=shift, stop=n, step=1)
    early = d.apply("slice", y, axis=x.ndim - 1, start=0, stop=n - shift, step=1)
    pair = (
        d.apply("mul", late, early)
        if d.stream.chance(50)
        else d.apply("square", d.apply("sub", late, early))
    )
    return (reduce(d, pair, axis, statistics={"mean": 1, "sum": 1}),)


def _largest_score(d: ProgramBuilder, x: Value, y: Value, axis: int | None) -> tuple[Value, ...]:
    error = d.apply("sub", y, d.apply("mean", y, axis=axis, keepdims=True))
    spread = d.apply("add", d.apply("std", y, axis=axis, keepdims=True), 0.5)
    return (d.apply("max", d.apply("div", error, spread), axis=axis),)


_MOMENTS = {
    _mean_and_spread: 6,
    _variation: 3,
    _entropy: 4,
    _root_mean_square: 3,
    _higher_moment: 4,
    _mean_difference: 2,
    _peak_to_average: 2,
    _autocorrelation: 3,
    _largest_score: 2,
}


def moments(d: ProgramBuilder) -> tuple[Value, ...]:
    """Named statistics: mean with variance, entropy, energy, moments, correlation."""
    x = operand(d, 1, 2)
    axis = -1 if x.ndim > 1 else None
    y = prepared(d, x, 1)
    return d.stream.choose(_MOMENTS)(d, x, y, axis)
