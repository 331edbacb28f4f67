"""Reductions of a part of the elements: picks, sorted parts, masks."""

from collections.abc import Callable

from jax_ir_synth.kernels.builder.program_builder import ProgramBuilder
from jax_ir_synth.kernels.builder.values import Rejected, Value
from jax_ir_synth.kernels.productions import common
from jax_ir_synth.kernels.productions.pooling import AVERAGES, operand, partner, prepared, reduce

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
    return (common.mix(d, values, d.stream.below(2)),)


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
    return reduce(d, common.light(d, part), -1, statistics=averages)


def _quantile_spread(d: ProgramBuilder, y: Value, k: int) -> Value:
    high = d.apply("quantile", y, q=d.stream.choice((0.75, 0.9, 0.95)), axis=-1)
    low = d.apply("quantile", y, q=d.stream.choice((0.25, 0.1, 0.05)), axis=-1)
    return d.apply("sub", high, low)


def _weighted_order(d: ProgramBuilder, y: Value, k: int) -> Value:
    order = d.apply("sort", y, axis=-1)
    ramp = d.apply("arange", shape=y.shape[-1:], dtype=d.dtype)
    share = d.apply("div", d.apply("add", ramp, 1.0), float(y.shape[-1]))
    return reduce(d, d.apply("mul", order, share), -1, statistics=AVERAGES)


def _exceedance(d: ProgramBuilder, y: Value, k: int) -> Value:
    if d.stream.chance(50):
        q = d.stream.choice((0.5, 0.75, 0.25, 0.9))
        level = d.apply("quantile", y, q=q, axis=-1, keepdims=True)
    else:
        level = d.apply("median", y, axis=-1, keepdims=True)
    name = d.stream.choice(("relu", "softplus", "square", "abs"))
    return reduce(d, d.apply(name, d.apply("sub", y, level)), -1, statistics=AVERAGES)


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
    y = common.mix(d, inputs, d.stream.below(3))
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
    y = common.mix(d, inputs, d.stream.between(0, 2))
    if y.shape != x.shape:
        raise Rejected("another shape")
    axis = None if x.ndim == 1 else d.stream.choice((None, -1, 0))
    mask = d.stream.choose(_MASKS)(d, x)
    if mask.shape != x.shape and axis == 0:
        axis = -1
    return (d.stream.choose(_MASKED)(d, y, mask, axis),)
