"""Reductions over axes: statistics, picks, sorted parts, masks, attention, windows."""

from collections.abc import Callable
from typing import Any

from jax_ir_synth.kernels.builder.program_builder import ProgramBuilder
from jax_ir_synth.kernels.builder.values import Rejected, Value
from jax_ir_synth.kernels.ops import OPS, drawn_by
from jax_ir_synth.kernels.productions import common
from jax_ir_synth.kernels.productions.recurrences import light, mix

Axes = int | tuple[int, ...] | None

_STATISTICS = drawn_by("statistic")
_DECIDED_BY_FEW = frozenset(op.name for op in OPS.values() if op.decided_by_few)
_AVERAGES = {"sum": 1, "mean": 1}


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
    if x.low >= 0.4 and x.high <= 1.8:
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
    y = mix(d, inputs, d.stream.between(0, 3))
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
    logits = mix(d, [y, partner(d, x)], 0)
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


# ---------------------------------------------------------------- elements that are picked


def _pick(d: ProgramBuilder, x: Value, y: Value, scores: Value, name: str) -> Value:
    """The elements or the row of y where the scores are largest or smallest."""
    if x.ndim == 1:
        index = d.apply(name, scores, axis=None)
        return d.apply("take", x if scores is y else y, index, axis=0)
    if d.stream.chance(40):
        index = d.apply(name, d.apply("sum", scores, axis=1), axis=None)
        row = d.apply("take", y, index, axis=0)
        return reduce(d, row, None) if d.stream.chance(40) else row
    index = d.apply("expand_dims", d.apply(name, scores, axis=-1), axis=1)
    return d.apply("squeeze", d.apply("take_along_axis", y, index, axis=1), axis=1)


def picks(d: ProgramBuilder) -> tuple[Value, ...]:
    """Elements chosen by an argmax or argmin, and what is made of them."""
    x = operand(d, 1, 2)
    y = prepared(d, x, 1)
    if y.op in common.FLAT:
        raise Rejected("the flat part would be picked")
    scores = common.array(d, x.shape) if d.stream.chance(40) else y
    best = _pick(d, x, y, scores, d.stream.choice(("argmax", "argmax", "argmin")))
    values = [best]
    if scores is not y:
        axis = -1 if best.ndim else None
        averages = {"mean": 3, "max": 3, "logsumexp": 2, "sum": 2}
        values.append(reduce(d, prepared(d, scores, 1), axis, statistics=averages))
    elif d.stream.chance(50):
        axis = -1 if best.ndim and x.ndim == 2 and best.shape == x.shape[:1] else None
        values.append(reduce(d, y, axis))
    return (mix(d, values, d.stream.below(2)),)


# ---------------------------------------------------------------- parts of a sorted axis


def _largest(d: ProgramBuilder, y: Value, k: int) -> Value:
    return reduce(d, d.apply("top_k", y, k=k), -1, statistics={"sum": 4, "mean": 4, "logsumexp": 1})


def _trimmed(d: ProgramBuilder, y: Value, k: int) -> Value:
    n = y.shape[-1]
    order = d.apply("sort", y, axis=-1)
    start = d.stream.between(0, max(0, n // 2 - 1))
    stop = d.stream.between(start + 2, n - 1 if start == 0 else n)
    part = d.apply("slice", order, axis=y.ndim - 1, start=start, stop=stop, step=1)
    averages = {"mean": 6, "sum": 4, "logsumexp": 1, "norm": 1}
    return reduce(d, light(d, part), -1, statistics=averages)


def _quantile_spread(d: ProgramBuilder, y: Value, k: int) -> Value:
    high = d.apply("quantile", y, q=d.stream.choice((0.75, 0.9, 0.95)), axis=-1)
    low = d.apply("quantile", y, q=d.stream.choice((0.25, 0.1, 0.05)), axis=-1)
    return d.apply("sub", high, low)


def _weighted_order(d: ProgramBuilder, y: Value, k: int) -> Value:
    order = d.apply("sort", y, axis=-1)
    ramp = d.apply("arange", shape=y.shape[-1:], dtype=d.dtype)
    share = d.apply("div", d.apply("add", ramp, 1.0), float(y.shape[-1]))
    return reduce(d, d.apply("mul", order, share), -1, statistics=_AVERAGES)


def _exceedance(d: ProgramBuilder, y: Value, k: int) -> Value:
    if d.stream.chance(50):
        q = d.stream.choice((0.5, 0.75, 0.25, 0.9))
        level = d.apply("quantile", y, q=q, axis=-1, keepdims=True)
    else:
        level = d.apply("median", y, axis=-1, keepdims=True)
    name = d.stream.choice(("relu", "softplus", "square", "abs"))
    return reduce(d, d.apply(name, d.apply("sub", y, level)), -1, statistics=_AVERAGES)


_SORTED_PARTS = {
    _largest: 5,
    _trimmed: 4,
    _quantile_spread: 3,
    _weighted_order: 3,
    _exceedance: 3,
}


def sorted_parts(d: ProgramBuilder) -> tuple[Value, ...]:
    """Sums of the largest, trimmed means, spreads of quantiles."""
    x = operand(d, 1, 2)
    inputs = [x, partner(d, x)] if d.stream.chance(40) else [x]
    y = mix(d, inputs, d.stream.below(3))
    n = y.shape[-1]
    if n < 5 or y.shape != x.shape:
        raise Rejected("too few to sort")
    reduce_part = d.stream.choose(_SORTED_PARTS)
    return (reduce_part(d, y, d.stream.between(2, min(8, n - 2))),)


# ---------------------------------------------------------------- masks


def _mask_argument(d: ProgramBuilder, x: Value) -> Value:
    shape = x.shape if d.stream.chance(70) else x.shape[-1:]
    return d.argument(shape, 0, 1, dtype="bool", role="mask")


_MASKS: dict[Callable[[ProgramBuilder, Value], Value], int] = {
    _mask_argument: 6,
    common.comparison: 4,
}


def _average_product(d: ProgramBuilder, y: Value, mask: Value, axis: int | None) -> Value:
    kept = d.apply("convert", mask, dtype=d.dtype)
    return _divide_by_count(d, y, d.apply("sum", d.apply("mul", y, kept), axis=axis), kept, axis)


def _average_choice(d: ProgramBuilder, y: Value, mask: Value, axis: int | None) -> Value:
    kept = d.apply("convert", mask, dtype=d.dtype)
    total = d.apply("sum", d.apply("where", mask, y, 0.0), axis=axis)
    return _divide_by_count(d, y, total, kept, axis)


def _divide_by_count(
    d: ProgramBuilder, y: Value, total: Value, kept: Value, axis: int | None
) -> Value:
    count = d.apply("sum", kept, axis=axis if kept.shape == y.shape or axis == -1 else None)
    count = d.claim("maximum", 1.0, float(max(y.size, 2)), count, 1.0)
    low, high = min(y.low, -1e-3), max(y.high, 1e-3)
    return d.claim("div", low, high, total, count, typical=0.3 * y.samples)


def _sum_where(d: ProgramBuilder, y: Value, mask: Value, axis: int | None) -> Value:
    return d.apply("sum_where", y, mask, axis=axis)


def _reduce_zeroed(d: ProgramBuilder, y: Value, mask: Value, axis: int | None) -> Value:
    zeroed = d.apply("where", mask, y, 0.0)
    return reduce(d, zeroed, axis, statistics={"sum": 4, "mean": 3, "norm": 1})


def _max_where(d: ProgramBuilder, y: Value, mask: Value, axis: int | None) -> Value:
    return d.apply("max_where", y, mask, axis=axis, initial=float(int(y.low) - 1))


def _scale_by_share(d: ProgramBuilder, y: Value, mask: Value, axis: int | None) -> Value:
    if mask.op == "argument":
        return _average_product(d, y, mask, axis)
    count = d.apply("convert", d.apply("count_nonzero", mask, axis=axis), dtype=d.dtype)
    return d.apply("mul", d.apply("mean", y, axis=axis), d.apply("div", count, float(y.size)))


_MASKED = {
    _average_product: 6,
    _average_choice: 4,
    _sum_where: 4,
    _reduce_zeroed: 3,
    _max_where: 2,
    _scale_by_share: 2,
}


def masked_statistics(d: ProgramBuilder) -> tuple[Value, ...]:
    """Sums and means of what a mask keeps."""
    x = operand(d, 1, 2)
    inputs = [x, partner(d, x)] if d.stream.chance(35) else [x]
    y = mix(d, inputs, d.stream.between(0, 2))
    if y.shape != x.shape:
        raise Rejected("another shape")
    axis = None if x.ndim == 1 else d.stream.choice((None, -1, 0))
    mask = d.stream.choose(_MASKS)(d, x)
    if mask.shape != x.shape and axis == 0:
        axis = -1
    return (d.stream.choose(_MASKED)(d, y, mask, axis),)


# ---------------------------------------------------------------- weighted sums


def _query_values(d: ProgramBuilder, x: Value) -> Value:
    n, k = x.shape
    query = common.array(d, (k,), ranges=((-1.0, 1.0), (-0.5, 0.5), (0.0, 1.0)))
    scores = d.apply("matmul", x, query)
    scores = d.apply("mul", scores, round(k**-0.5, 4)) if d.stream.chance(50) else scores
    weights = d.apply("softmax", scores, axis=-1)
    values = (
        common.array(d, (n, common.size(d, small=True))) if d.stream.chance(45) else light(d, x)
    )
    return d.apply("matmul", weights, values)


def _gated_sum(d: ProgramBuilder, x: Value) -> Value:
    gates = d.apply("sigmoid", mix(d, [x, common.array(d, x.shape[1:])], 0))
    return reduce(d, d.apply("mul", gates, light(d, x)), 0, statistics=_AVERAGES)


def _soft_index(d: ProgramBuilder, x: Value) -> Value:
    weights = d.apply("softmax", d.apply("mul", common.literal(d), x), axis=-1)
    places = (
        d.apply("linspace", shape=x.shape[1:], dtype="float32", start=0.0, stop=1.0)
        if d.stream.chance(40)
        else d.apply("arange", shape=x.shape[1:], dtype=d.dtype)
    )
    return d.apply("sum", d.apply("mul", weights, places), axis=-1)


def _score_rows(d: ProgramBuilder, x: Value) -> Value:
    scores = common.array(d, x.shape[:1])
    weights = d.apply("softmax", prepared(d, scores, 1), axis=-1)
    column = d.apply("expand_dims", weights, axis=1)
    return d.apply("sum", d.apply("mul", column, prepared(d, x, 2)), axis=0)


def _weighted_average(d: ProgramBuilder, x: Value) -> Value:
    weights = common.array(d, x.shape, ranges=((0.1, 1.0), (0.2, 3.0), (0.5, 2.0)))
    axis = d.stream.choice((0, -1, None))
    y = light(d, x)
    if d.stream.chance(60):
        return d.apply("average", y, weights, axis=axis)
    total = d.apply("sum", d.apply("mul", weights, y), axis=axis)
    return d.apply("div", total, d.apply("sum", weights, axis=axis))


_WEIGHTED_SUMS = {
    _query_values: 6,
    _gated_sum: 4,
    _soft_index: 3,
    _score_rows: 4,
    _weighted_average: 4,
}


def weighted_sums(d: ProgramBuilder) -> tuple[Value, ...]:
    """Softmax-weighted sums: attention pooling, soft argmax, gated averages."""
    n, k = common.size(d, small=True), common.size(d, small=True)
    if n < 4:
        raise Rejected("too few to pool")
    pool = d.stream.choose(_WEIGHTED_SUMS)
    return (pool(d, common.array(d, (n, k))),)


# ---------------------------------------------------------------- windows


def _reshape_windows(d: ProgramBuilder, k: int) -> Value:
    groups, rest = d.stream.choice((4, 5, 6, 8, 10)), d.stream.choice(((), (4,), (6,), (8,), (5,)))
    x = common.array(d, (groups * k, *rest))
    shaped = d.apply("reshape", prepared(d, x, 1), shape=(groups, k, *rest))
    statistics = {"max": 6, "mean": 6, "sum": 3, "min": 1, "logsumexp": 1, "norm": 1}
    value = reduce(d, shaped, 1, statistics=statistics)
    if d.stream.chance(30):
        value = d.apply("mul", value, common.array(d, value.shape[-1:]))
    return light(d, value)


def _reduce_windows(d: ProgramBuilder, k: int) -> Value:
    n, m = d.stream.choice((8, 10, 12, 16, 20, 32)), d.stream.choice((4, 6, 8, 10, 12))
    x = common.array(d, (n,) if d.stream.chance(50) else (n, m))
    y = prepared(d, x, 1)
    window = min(k, *x.shape)
    name = d.stream.choice(("window_sum", "window_max"))
    pooled = d.apply(name, y, window=window, stride=d.stream.choice((window, 2)))
    if d.stream.chance(50):
        return d.apply("div", pooled, float(window**x.ndim))
    return light(d, pooled)


def _convolve(d: ProgramBuilder, k: int) -> Value:
    n = d.stream.choice((16, 20, 24, 32, 40, 50, 64))
    signal, kernel = common.array(d, (n,)), common.array(d, (d.stream.choice((2, 4, 5, 7, 8)),))
    y = d.apply("convolve", prepared(d, signal, 1), light(d, kernel), mode="valid")
    return common.one_unary(d, y) if d.stream.chance(40) else reduce(d, prepared(d, y, 1), None)


_WINDOWS = {_reshape_windows: 5, _reduce_windows: 4, _convolve: 3}


def windows(d: ProgramBuilder) -> tuple[Value, ...]:
    """Pooling: windows by reshape or `lax.reduce_window`, and correlation with a kernel."""
    k = d.stream.choice((2, 2, 4, 5))
    return (d.stream.choose(_WINDOWS)(d, k),)


# ---------------------------------------------------------------- sums at indices


def _bin_values(d: ProgramBuilder, x: Value, bins: int) -> Value:
    scaled = d.apply("mul", d.apply("sigmoid", x), float(bins) - 0.5)
    index = d.claim("convert", 0, bins - 1, scaled, dtype="int32")
    return d.apply("clip", index, 0, bins - 1) if d.stream.chance(40) else index


def _divide_by_counts(d: ProgramBuilder, total: Value, counts: Value, n: int) -> Value:
    return d.apply("div", total, d.claim("maximum", 1.0, float(n), counts, 1.0))


def _scatter_add(d: ProgramBuilder, y: Value, index: Value, bins: int) -> Value:
    n, *rest = y.shape
    base = d.apply("zeros", shape=(bins, *rest), dtype=d.dtype)
    if d.stream.chance(25):
        base = common.array(d, (bins, *rest))
    total = d.apply("at_add", base, y, index)
    if not d.stream.chance(25) or rest:
        return light(d, total)
    ones = d.apply("ones", shape=(bins,), dtype=d.dtype)
    counts = d.claim("at_add", 0.0, float(n), ones, 1.0, index)
    return _divide_by_counts(d, total, counts, n)


def _scatter_max(d: ProgramBuilder, y: Value, index: Value, bins: int) -> Value:
    if not (y.samples > 0).mean() >= 0.3:
        raise Rejected("nothing is larger than what is there")
    base = d.apply("zeros", shape=(bins, *y.shape[1:]), dtype=d.dtype)
    return light(d, d.apply("at_max", base, y, index))


def _bincount(d: ProgramBuilder, y: Value, index: Value, bins: int) -> Value:
    if y.ndim > 1:
        return _scatter_add(d, y, index, bins)
    return light(d, d.apply("bincount", index, y, n=bins))


def _sum_by_one_hot(d: ProgramBuilder, y: Value, index: Value, bins: int) -> Value:
    rows = d.apply("one_hot", index, n=bins)
    return prepared(d, d.apply("matmul", d.apply("transpose", rows, perm=(1, 0)), y), 2)


_SCATTERS = {_scatter_add: 8, _bincount: 3, _sum_by_one_hot: 4, _scatter_max: 2}


def scatters(d: ProgramBuilder) -> tuple[Value, ...]:
    """Accumulation at indices: `.at[idx].add`, histograms, `bincount`, sums by one-hot rows."""
    n = d.stream.choice((16, 20, 24, 32, 40, 50, 64, 100, 128))
    bins = d.stream.choice((4, 5, 6, 8, 10, 12))
    rest = () if d.stream.chance(65) else (d.stream.choice((2, 4, 5)),)
    x = common.array(d, (n, *rest))
    inputs = [x, common.array(d, (n, *rest))] if d.stream.chance(40) else [x]
    y = mix(d, inputs, d.stream.between(0, 2))
    index = (
        d.argument((n,), 0, bins - 1, dtype="int32", role="index")
        if d.stream.chance(70) or rest
        else _bin_values(d, x, bins)
    )
    return (d.stream.choose(_SCATTERS)(d, y, index, bins),)


def _segment_means(d: ProgramBuilder, x: Value, ids: Value, total: Value) -> Value:
    n, groups = x.shape[0], total.shape[0]
    if x.ndim > 1:
        return light(d, total)
    counts = d.claim("segment_sum", 0.0, float(n), d.apply("ones_like", x), ids, n=groups)
    return _divide_by_counts(d, total, counts, n)


def _reduce_segments(d: ProgramBuilder, x: Value, ids: Value, total: Value) -> Value:
    return reduce(d, prepared(d, total, 1), None)


def _keep_segments(d: ProgramBuilder, x: Value, ids: Value, total: Value) -> Value:
    return light(d, total)


_SEGMENTS = {_segment_means: 1, _reduce_segments: 1, _keep_segments: 2}


def segment_sums(d: ProgramBuilder) -> tuple[Value, ...]:
    """Sums by segment, their means, and a reduction of them."""
    n = d.stream.choice((12, 16, 20, 24, 32, 48, 64, 100))
    groups = d.stream.choice((4, 5, 6, 8, 10))
    rest = () if d.stream.chance(55) else (common.size(d, small=True),)
    x = common.array(d, (n, *rest))
    w = common.array(d, (n,)) if d.stream.chance(35) else None
    y = prepared(d, x, 2)
    if w is not None:
        y = d.apply("mul", y, d.apply("expand_dims", w, axis=1) if rest else w)
    ids = d.argument((n,), 0, groups - 1, dtype="int32", role="index")
    total = d.apply("segment_sum", y, ids, n=groups)
    return (d.stream.choose(_SEGMENTS)(d, x, ids, total),)
