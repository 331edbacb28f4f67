"""Sums by weights, windows and indices: attention, pooling, scatters, segments."""

from jax_ir_synth.kernels.builder.program_builder import ProgramBuilder
from jax_ir_synth.kernels.builder.values import Rejected, Value
from jax_ir_synth.kernels.productions import common
from jax_ir_synth.kernels.productions.pooling import AVERAGES, prepared, reduce

# ---------------------------------------------------------------- weighted sums


def _query_values(d: ProgramBuilder, x: Value) -> Value:
    n, k = x.shape
    query = common.array(d, (k,), ranges=((-1.0, 1.0), (-0.5, 0.5), (0.0, 1.0)))
    scores = d.apply("matmul", x, query)
    scores = d.apply("mul", scores, round(k**-0.5, 4)) if d.stream.chance(50) else scores
    weights = d.apply("softmax", scores, axis=-1)
    values = (
        common.array(d, (n, common.size(d, small=True)))
        if d.stream.chance(45)
        else common.light(d, x)
    )
    return d.apply("matmul", weights, values)


def _gated_sum(d: ProgramBuilder, x: Value) -> Value:
    gates = d.apply("sigmoid", common.mix(d, [x, common.array(d, x.shape[1:])], 0))
    return reduce(d, d.apply("mul", gates, common.light(d, x)), 0, statistics=AVERAGES)


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
    y = common.light(d, x)
    if d.stream.chance(60):
        return d.apply("average", y, weights, axis=axis)
    total = d.apply("sum", d.apply("mul", weights, y), axis=axis)
    return d.apply("div", total, d.apply("sum", weights, axis=axis))


_WEIGHTED_ROWS = {
    _query_values: 6,
    _gated_sum: 4,
    _soft_index: 3,
    _score_rows: 4,
    _weighted_average: 4,
}


def weighted_rows(d: ProgramBuilder) -> tuple[Value, ...]:
    """Softmax-weighted sums: attention pooling, soft argmax, gated averages."""
    n, k = common.size(d, small=True), common.size(d, small=True)
    if n < 4:
        raise Rejected("too few to pool")
    pool = d.stream.choose(_WEIGHTED_ROWS)
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
    return common.light(d, value)


def _reduce_windows(d: ProgramBuilder, k: int) -> Value:
    n, m = d.stream.choice((8, 10, 12, 16, 20, 32)), d.stream.choice((4, 6, 8, 10, 12))
    x = common.array(d, (n,) if d.stream.chance(50) else (n, m))
    y = prepared(d, x, 1)
    window = min(k, *x.shape)
    name = d.stream.choice(("window_sum", "window_max"))
    pooled = d.apply(name, y, window=window, stride=d.stream.choice((window, 2)))
    if d.stream.chance(50):
        return d.apply("div", pooled, float(window**x.ndim))
    return common.light(d, pooled)


def _convolve(d: ProgramBuilder, k: int) -> Value:
    n = d.stream.choice((16, 20, 24, 32, 40, 50, 64))
    signal, kernel = common.array(d, (n,)), common.array(d, (d.stream.choice((2, 4, 5, 7, 8)),))
    y = d.apply("convolve", prepared(d, signal, 1), common.light(d, kernel), mode="valid")
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
        return common.light(d, total)
    ones = d.apply("ones", shape=(bins,), dtype=d.dtype)
    counts = d.claim("at_add", 0.0, float(n), ones, 1.0, index)
    return _divide_by_counts(d, total, counts, n)


def _scatter_max(d: ProgramBuilder, y: Value, index: Value, bins: int) -> Value:
    if not (y.samples > 0).mean() >= 0.3:
        raise Rejected("nothing is larger than what is there")
    base = d.apply("zeros", shape=(bins, *y.shape[1:]), dtype=d.dtype)
    return common.light(d, d.apply("at_max", base, y, index))


def _bincount(d: ProgramBuilder, y: Value, index: Value, bins: int) -> Value:
    if y.ndim > 1:
        return _scatter_add(d, y, index, bins)
    return common.light(d, d.apply("bincount", index, y, n=bins))


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
    y = common.mix(d, inputs, d.stream.between(0, 2))
    index = (
        d.argument((n,), 0, bins - 1, dtype="int32", role="index")
        if d.stream.chance(70) or rest
        else _bin_values(d, x, bins)
    )
    return (d.stream.choose(_SCATTERS)(d, y, index, bins),)


def _segment_means(d: ProgramBuilder, x: Value, ids: Value, total: Value) -> Value:
    n, groups = x.shape[0], total.shape[0]
    if x.ndim > 1:
        return common.light(d, total)
    counts = d.claim("segment_sum", 0.0, float(n), d.apply("ones_like", x), ids, n=groups)
    return _divide_by_counts(d, total, counts, n)


def _reduce_segments(d: ProgramBuilder, x: Value, ids: Value, total: Value) -> Value:
    return reduce(d, prepared(d, total, 1), None)


def _keep_segments(d: ProgramBuilder, x: Value, ids: Value, total: Value) -> Value:
    return common.light(d, total)


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
