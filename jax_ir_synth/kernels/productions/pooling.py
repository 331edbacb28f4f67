"""Reductions over axes: statistics, picks, sorted parts, masks, attention, windows."""

from jax_ir_synth.kernels.builder.program_builder import ProgramBuilder
from jax_ir_synth.kernels.builder.values import Rejected, Value
from jax_ir_synth.kernels.ops import OPS, drawn_by
from jax_ir_synth.kernels.productions import common
from jax_ir_synth.kernels.productions.recurrences import light, mix

_STATISTICS = drawn_by("statistic")
_DECIDED_BY_FEW = frozenset(op.name for op in OPS.values() if op.decided_by_few)


def operand(d: ProgramBuilder, low: int = 1, high: int = 3) -> Value:
    """An array argument large enough to reduce."""
    dims = common.shape(d, low, high, limit=512)
    if max(dims) < 4:
        raise Rejected("too small to reduce")
    return common.array(d, dims)


def also(d: ProgramBuilder, x: Value) -> Value:
    """A second argument that goes with x element by element, or along its last axis."""
    return common.array(d, x.shape if x.ndim == 1 or d.stream.chance(60) else x.shape[-1:])


def axes(d: ProgramBuilder, ndim: int):
    """None (all axes), one axis, or two of three."""
    if ndim == 1 or d.stream.chance(25):
        return None
    if ndim == 3 and d.stream.chance(30):
        return tuple(sorted(d.stream.shuffled(range(3))[:2]))
    return d.stream.choice((-1, -1, 0, ndim - 2))


def prepared(d: ProgramBuilder, x: Value, steps: int = 2) -> Value:
    """Puts up to `steps` elementwise operations to x."""
    for _ in range(d.stream.below(steps + 1)):
        x = common.one_unary(d, x) if d.stream.chance(65) else common.with_literal(d, x)
    return x


def reduce(
    d: ProgramBuilder, x: Value, axis, keepdims: bool = False, statistics=_STATISTICS
) -> Value:
    """A statistic of x over the axes."""

    def attempt():
        name = d.stream.choose(statistics)
        params = {"axis": axis, **({"keepdims": True} if keepdims else {})}
        if x.op in common.FLAT and name in _DECIDED_BY_FEW:
            return None  # the flat part is what it would find
        if name == "trapezoid":
            params.pop("keepdims", None)
            if keepdims:
                return None
        if name == "quantile":
            params["q"] = d.stream.choice((0.25, 0.75, 0.9, 0.1, 0.5))
        if name == "prod":
            y = (
                d.apply("exp", d.apply("mul", 0.1, common.bounded(d, x)))
                if not (x.low >= 0.4 and x.high <= 1.8)
                else x
            )
            return d.apply("prod", y, **params)
        return d.apply(name, x, **params)

    return d.attempt(attempt, 14)


def statistics(d: ProgramBuilder) -> tuple[Value, ...]:
    """One to three statistics of an expression of one or two arrays."""
    x = operand(d)
    inputs = [x, also(d, x)] if d.stream.chance(50) else [x]
    y = mix(d, inputs, d.stream.between(0, 3))
    axis = axes(d, y.ndim)
    kind = d.stream.choose({"one": 8, "joined": 6, "several": 4, "twice": 3})
    value = reduce(d, y, axis)
    if kind == "one":
        return (value,)
    other = reduce(d, prepared(d, d.stream.choice((y, *inputs[:1])), 2), axis)
    if kind == "twice" and value.ndim and max(value.shape) >= 4:
        return (reduce(d, prepared(d, value, 1), axes(d, value.ndim)),)
    if kind == "several" and other.shape == value.shape:
        return value, other
    if {value.op, other.op} <= _DECIDED_BY_FEW | {"norm_inf"}:  # often the same element
        raise Rejected("two extrema")
    return (common.one_binary(d, value, other),)


def normalised(d: ProgramBuilder) -> tuple[Value, ...]:
    """A statistic kept as an axis of one feeds a later step, whose result is reduced again."""
    x = operand(d)
    w = also(d, x) if d.stream.chance(45) else None
    axis = d.stream.choice((-1, 0)) if x.ndim > 1 else None
    y = prepared(d, x, 1)

    def attempt():
        first = reduce(
            d,
            y,
            axis,
            keepdims=True,
            statistics={
                "mean": 8,
                "max": 4,
                "sum": 3,
                "norm": 3,
                "std": 2,
                "min": 2,
                "logsumexp": 2,
            },
        )
        if d.stream.chance(35):
            first = d.apply("stop_gradient", first)
        kind = d.stream.below(4)
        if kind == 0 and first.low >= 0.2 or kind == 1:
            z = d.apply(
                "div",
                y,
                first
                if first.low >= 0.2
                else d.apply("add", d.stream.choice((1.0, 0.5)), common.positive(d, first, 0.0)),
            )
        else:
            z = d.apply("sub", y, first) if kind != 2 else common.one_binary(d, y, first)
        z = common.one_unary(
            d,
            z,
            {"square": 8, "exp": 5, "abs": 4, "tanh": 3, "sigmoid": 3, "cube": 1, "softplus": 2},
        )
        if w is not None:
            z = d.apply("mul", z, w)
        if first.op in ("max", "min"):  # at the extremum the difference is zero
            return reduce(
                d,
                z,
                axes(d, z.ndim),
                statistics={"sum": 5, "mean": 4, "norm": 1, "logsumexp": 1},
            )
        return reduce(d, z, axes(d, z.ndim))

    return (d.attempt(attempt),)


def moments(d: ProgramBuilder) -> tuple[Value, ...]:
    """Named statistics: mean with variance, entropy, energy, moments, correlation."""
    x = operand(d, 1, 2)
    axis = -1 if x.ndim > 1 else None
    y = prepared(d, x, 1)
    kind = d.stream.choose(
        {
            "both": 6,
            "variation": 3,
            "entropy": 4,
            "rms": 3,
            "moment": 4,
            "gini": 2,
            "peak": 2,
            "autocorrelation": 3,
            "zscore": 2,
        }
    )
    if kind == "both":
        mean = d.apply("mean", y, axis=axis)
        if d.stream.chance(50):
            return mean, d.apply(d.stream.choice(("var", "std")), y, axis=axis)
        return mean, d.apply(
            "sub", d.apply("mean", d.apply("square", y), axis=axis), d.apply("square", mean)
        )
    if kind == "variation":
        p = common.positive(d, y, 0.3)
        return (d.apply("div", d.apply("std", p, axis=axis), d.apply("mean", p, axis=axis)),)
    if kind == "entropy":
        w = also(d, x)
        logits = mix(d, [y, w], 0)
        if d.stream.chance(50):
            p = d.apply("softmax", logits, axis=-1)
            return (
                d.apply(
                    "neg",
                    d.apply(
                        "sum", d.apply("mul", p, d.apply("log_softmax", logits, axis=-1)), axis=-1
                    ),
                ),
            )
        p = common.positive(d, logits, 0.2)
        p = d.apply("div", p, d.apply("sum", p, axis=-1, keepdims=True))
        return (
            d.apply(
                "neg",
                d.apply("sum", d.apply("mul", p, d.apply("log", d.apply("add", p, 0.05))), axis=-1),
            ),
        )
    if kind == "rms":
        return (
            d.apply(
                "sqrt",
                d.apply(
                    "add",
                    d.apply("mean", d.apply("square", y), axis=axis),
                    d.stream.choice((0.1, 0.05, 1.0)),
                ),
            ),
        )
    if kind == "moment":
        error = d.apply(
            "sub",
            y,
            d.apply("mean", y, axis=axis, **({"keepdims": True} if axis is not None else {})),
        )
        error = error.changed(centred=False)  # an odd power of it is not
        z = d.apply(
            "div",
            error,
            d.apply(
                "add",
                d.apply("std", y, axis=axis, **({"keepdims": True} if axis is not None else {})),
                d.stream.choice((0.5, 1.0)),
            ),
        )
        power = (
            d.apply("cube", z) if d.stream.chance(50) else d.apply("square", d.apply("square", z))
        )
        return (d.apply("mean", power, axis=axis),)
    if kind == "gini":
        return (
            d.apply(
                "mean",
                d.apply(
                    "abs",
                    d.apply(
                        "sub",
                        d.apply("expand_dims", x, axis=x.ndim),
                        d.apply("expand_dims", y, axis=x.ndim - 1),
                    ),
                ),
                axis=(x.ndim - 1, x.ndim),
            ),
        )
    if kind == "peak":
        power = d.apply("square", y)
        return (
            d.apply(
                "div",
                d.apply("max", power, axis=axis),
                d.apply("add", d.apply("mean", power, axis=axis), 0.5),
            ),
        )
    if kind == "autocorrelation":
        n, shift = x.shape[-1], d.stream.choice((1, 2, 1))
        late = d.apply("slice", y, axis=x.ndim - 1, start=shift, stop=n, step=1)
        early = d.apply("slice", y, axis=x.ndim - 1, start=0, stop=n - shift, step=1)
        pair = (
            d.apply("mul", late, early)
            if d.stream.chance(50)
            else d.apply("square", d.apply("sub", late, early))
        )
        return (reduce(d, pair, axis, statistics={"mean": 1, "sum": 1}),)
    return (
        d.apply(
            "max",
            d.apply(
                "div",
                d.apply("sub", y, d.apply("mean", y, axis=axis, keepdims=True)),
                d.apply("add", d.apply("std", y, axis=axis, keepdims=True), 0.5),
            ),
            axis=axis,
        ),
    )


def picked(d: ProgramBuilder) -> tuple[Value, ...]:
    """Elements chosen by an argmax or argmin, and what is made of them."""
    x = operand(d, 1, 2)
    y = prepared(d, x, 1)
    if y.op in common.FLAT:
        raise Rejected("the flat part would be picked")
    scores = common.array(d, x.shape) if d.stream.chance(40) else y
    name = d.stream.choice(("argmax", "argmax", "argmin"))
    if x.ndim == 1:
        index = d.apply(name, scores, axis=None)
        best = d.apply("take", x if scores is y else y, index, axis=0)
    elif d.stream.chance(40):
        index = d.apply(name, d.apply("sum", scores, axis=1), axis=None)
        row = d.apply("take", y, index, axis=0)
        best = reduce(d, row, None) if d.stream.chance(40) else row
    else:
        index = d.apply("expand_dims", d.apply(name, scores, axis=-1), axis=1)
        best = d.apply("squeeze", d.apply("take_along_axis", y, index, axis=1), axis=1)
    extra = []
    if scores is not y:
        extra.append(
            reduce(
                d,
                prepared(d, scores, 1),
                -1 if best.ndim else None,
                statistics={"mean": 3, "max": 3, "logsumexp": 2, "sum": 2},
            )
        )
    if not extra and d.stream.chance(50):
        extra.append(
            reduce(d, y, -1 if best.ndim and x.ndim == 2 and best.shape == x.shape[:1] else None)
        )
    return (mix(d, [best, *extra], d.stream.below(2)),)


def sorted_part(d: ProgramBuilder) -> tuple[Value, ...]:
    """Sums of the largest, trimmed means, spreads of quantiles."""
    x = operand(d, 1, 2)
    w = also(d, x) if d.stream.chance(40) else None
    y = mix(d, [x] if w is None else [x, w], d.stream.below(3))
    n = y.shape[-1]
    if n < 5 or y.shape != x.shape:
        raise Rejected("too few to sort")
    kind = d.stream.choose({"top": 5, "trimmed": 4, "spread": 3, "weighted": 3, "exceed": 3})
    k = d.stream.between(2, min(8, n - 2))
    if kind == "top":
        return (
            reduce(
                d,
                d.apply("top_k", y, k=k),
                -1,
                statistics={"sum": 4, "mean": 4, "logsumexp": 1},
            ),
        )
    if kind == "exceed":
        level = (
            d.apply(
                "quantile", y, q=d.stream.choice((0.5, 0.75, 0.25, 0.9)), axis=-1, keepdims=True
            )
            if d.stream.chance(50)
            else d.apply("median", y, axis=-1, keepdims=True)
        )
        return (
            reduce(
                d,
                d.apply(
                    d.stream.choice(("relu", "softplus", "square", "abs")), d.apply("sub", y, level)
                ),
                -1,
                statistics={"sum": 1, "mean": 1},
            ),
        )
    if kind == "spread":
        high = d.apply("quantile", y, q=d.stream.choice((0.75, 0.9, 0.95)), axis=-1)
        return (
            d.apply(
                "sub", high, d.apply("quantile", y, q=d.stream.choice((0.25, 0.1, 0.05)), axis=-1)
            ),
        )
    order = d.apply("sort", y, axis=-1)
    if kind == "weighted":
        ramp = d.apply("arange", shape=(n,), dtype=d.dtype)
        share = d.apply("div", d.apply("add", ramp, 1.0), float(n))
        return (reduce(d, d.apply("mul", order, share), -1, statistics={"sum": 1, "mean": 1}),)
    start = d.stream.between(0, max(0, n // 2 - 1))
    stop = d.stream.between(start + 2, n - 1 if start == 0 else n)
    part = d.apply("slice", order, axis=y.ndim - 1, start=start, stop=stop, step=1)
    return (
        reduce(d, light(d, part), -1, statistics={"mean": 6, "sum": 4, "logsumexp": 1, "norm": 1}),
    )


def masked(d: ProgramBuilder) -> tuple[Value, ...]:
    """Sums and means of what a mask keeps."""
    x = operand(d, 1, 2)
    w = also(d, x) if d.stream.chance(35) else None
    y = mix(d, [x] if w is None else [x, w], d.stream.between(0, 2))
    if y.shape != x.shape:
        raise Rejected("another shape")
    axis = None if x.ndim == 1 else d.stream.choice((None, -1, 0))
    source = d.stream.choose({"argument": 6, "compare": 4})
    if source == "argument":
        mask = d.argument(
            x.shape if d.stream.chance(70) else x.shape[-1:], 0, 1, dtype="bool", role="mask"
        )
        if mask.shape != x.shape and axis == 0:
            axis = -1
    else:
        mask = common.comparison(d, x)
    kind = d.stream.choose({"mean": 6, "where": 4, "sum": 4, "zeroed": 3, "initial": 2, "count": 2})
    if kind == "count" and source == "compare":
        count = d.apply("convert", d.apply("count_nonzero", mask, axis=axis), dtype=d.dtype)
        return (
            d.apply("mul", d.apply("mean", y, axis=axis), d.apply("div", count, float(x.size))),
        )
    if kind == "sum":
        return (d.apply("sum_where", y, mask, axis=axis),)
    if kind == "initial":
        return (d.apply("max_where", y, mask, axis=axis, initial=float(int(y.low) - 1)),)
    if kind == "zeroed":
        return (
            reduce(
                d,
                d.apply("where", mask, y, 0.0),
                axis,
                statistics={"sum": 4, "mean": 3, "norm": 1},
            ),
        )
    kept = d.apply("convert", mask, dtype=d.dtype)
    if kind == "where":
        total = d.apply("sum", d.apply("where", mask, y, 0.0), axis=axis)
    else:
        total = d.apply("sum", d.apply("mul", y, kept), axis=axis)
    count = d.apply("sum", kept, axis=axis if mask.shape == x.shape or axis == -1 else None)
    count = d.claim("maximum", 1.0, float(max(x.size, 2)), count, 1.0)
    return (
        d.claim(
            "div", min(y.low, -1e-3) * 1.0, max(y.high, 1e-3), total, count, typical=0.3 * y.samples
        ),
    )


def attended(d: ProgramBuilder) -> tuple[Value, ...]:
    """Softmax-weighted sums: attention pooling, soft argmax, gated averages."""
    n, k = common.size(d, small=True), common.size(d, small=True)
    if n < 4:
        raise Rejected("too few to pool")
    kind = d.stream.choose({"query": 6, "gate": 4, "soft_index": 3, "scores": 4, "average": 4})
    x = common.array(d, (n, k))
    if kind == "query":
        query = common.array(d, (k,), ranges=((-1.0, 1.0), (-0.5, 0.5), (0.0, 1.0)))
        scores = d.apply("matmul", x, query)
        scores = d.apply("mul", scores, round(k**-0.5, 4)) if d.stream.chance(50) else scores
        weights = d.apply("softmax", scores, axis=-1)
        values = (
            common.array(d, (n, common.size(d, small=True))) if d.stream.chance(45) else light(d, x)
        )
        return (d.apply("matmul", weights, values),)
    if kind == "gate":
        gates = d.apply("sigmoid", mix(d, [x, common.array(d, (k,))], 0))
        return (reduce(d, d.apply("mul", gates, light(d, x)), 0, statistics={"sum": 1, "mean": 1}),)
    if kind == "soft_index":
        weights = d.apply("softmax", d.apply("mul", common.literal(d), x), axis=-1)
        places = (
            d.apply("linspace", shape=(k,), dtype="float32", start=0.0, stop=1.0)
            if d.stream.chance(40)
            else d.apply("arange", shape=(k,), dtype=d.dtype)
        )
        return (d.apply("sum", d.apply("mul", weights, places), axis=-1),)
    if kind == "average":
        weights = common.array(d, (n, k), ranges=((0.1, 1.0), (0.2, 3.0), (0.5, 2.0)))
        axis = d.stream.choice((0, -1, None))
        y = light(d, x)
        if d.stream.chance(60):
            return (d.apply("average", y, weights, axis=axis),)
        total = d.apply("sum", d.apply("mul", weights, y), axis=axis)
        return (d.apply("div", total, d.apply("sum", weights, axis=axis)),)
    scores = common.array(d, (n,))
    weights = d.apply("softmax", prepared(d, scores, 1), axis=-1)
    column = d.apply("expand_dims", weights, axis=1)
    return (d.apply("sum", d.apply("mul", column, prepared(d, x, 2)), axis=0),)


def windows(d: ProgramBuilder) -> tuple[Value, ...]:
    """Pooling: windows by reshape or `lax.reduce_window`, and correlation with a kernel."""
    k = d.stream.choice((2, 2, 4, 5))
    kind = d.stream.choose({"reshape": 5, "reduce_window": 4, "convolve": 3})
    if kind == "convolve":
        n = d.stream.choice((16, 20, 24, 32, 40, 50, 64))
        signal, kernel = common.array(d, (n,)), common.array(d, (d.stream.choice((2, 4, 5, 7, 8)),))
        y = d.apply("convolve", prepared(d, signal, 1), light(d, kernel), mode="valid")
        return (
            (common.one_unary(d, y),)
            if d.stream.chance(40)
            else (reduce(d, prepared(d, y, 1), None),)
        )
    if kind == "reduce_window":
        n, m = d.stream.choice((8, 10, 12, 16, 20, 32)), d.stream.choice((4, 6, 8, 10, 12))
        x = common.array(d, (n,) if d.stream.chance(50) else (n, m))
        y = prepared(d, x, 1)
        window = min(k, min(x.shape))
        pooled = d.apply(
            d.stream.choice(("window_sum", "window_max")),
            y,
            window=window,
            stride=d.stream.choice((window, 2)),
        )
        scale = (
            d.apply("div", pooled, float(window**x.ndim))
            if d.stream.chance(50)
            else light(d, pooled)
        )
        return (scale,)
    groups, rest = d.stream.choice((4, 5, 6, 8, 10)), d.stream.choice(((), (4,), (6,), (8,), (5,)))
    x = common.array(d, (groups * k, *rest))
    shaped = d.apply("reshape", prepared(d, x, 1), shape=(groups, k, *rest))
    value = reduce(
        d,
        shaped,
        1,
        statistics={"max": 6, "mean": 6, "sum": 3, "min": 1, "logsumexp": 1, "norm": 1},
    )
    if d.stream.chance(30):
        value = d.apply("mul", value, common.array(d, value.shape[-1:]))
    return (light(d, value),)


def scattered(d: ProgramBuilder) -> tuple[Value, ...]:
    """Accumulation at indices: `.at[idx].add`, histograms, `bincount`, sums by one-hot rows."""
    n, bins = (
        d.stream.choice((16, 20, 24, 32, 40, 50, 64, 100, 128)),
        d.stream.choice((4, 5, 6, 8, 10, 12)),
    )
    rest = () if d.stream.chance(65) else (d.stream.choice((2, 4, 5)),)
    x = common.array(d, (n, *rest))
    w = common.array(d, (n, *rest)) if d.stream.chance(40) else None
    y = mix(d, [x] if w is None else [x, w], d.stream.between(0, 2))
    if d.stream.chance(70) or rest:
        index = d.argument((n,), 0, bins - 1, dtype="int32", role="index")
    else:  # bins of the values themselves
        top = d.apply("sigmoid", x)
        index = d.claim(
            "convert", 0, bins - 1, d.apply("mul", top, float(bins) - 0.5), dtype="int32"
        )
        index = d.apply("clip", index, 0, bins - 1) if d.stream.chance(40) else index
    kind = d.stream.choose({"add": 8, "bincount": 3, "one_hot": 4, "max": 2})
    base = d.apply("zeros", shape=(bins, *rest), dtype=d.dtype)
    if kind == "bincount" and not rest:
        return (light(d, d.apply("bincount", index, y, n=bins)),)
    if kind == "one_hot":
        rows = d.apply("one_hot", index, n=bins)
        return (prepared(d, d.apply("matmul", d.apply("transpose", rows, perm=(1, 0)), y), 2),)
    if kind == "max" and not (y.samples > 0).mean() >= 0.3:
        raise Rejected("nothing is larger than what is there")
    if kind != "max" and d.stream.chance(25):
        base = common.array(d, (bins, *rest))
    value = d.apply("at_max" if kind == "max" else "at_add", base, y, index)
    if kind != "max" and d.stream.chance(25) and not rest:
        counts = d.claim(
            "at_add", 0.0, float(n), d.apply("ones", shape=(bins,), dtype=d.dtype), 1.0, index
        )
        return (d.apply("div", value, d.claim("maximum", 1.0, float(n), counts, 1.0)),)
    return (light(d, value),)


def segmented(d: ProgramBuilder) -> tuple[Value, ...]:
    """Sums by segment, their means, and a reduction of them."""
    n, groups = (
        d.stream.choice((12, 16, 20, 24, 32, 48, 64, 100)),
        d.stream.choice((4, 5, 6, 8, 10)),
    )
    rest = () if d.stream.chance(55) else (common.size(d, small=True),)
    x = common.array(d, (n, *rest))
    w = common.array(d, (n,) if rest else (n,)) if d.stream.chance(35) else None
    y = prepared(d, x, 2)
    if w is not None:
        y = d.apply("mul", y, d.apply("expand_dims", w, axis=1) if rest else w)
    ids = d.argument((n,), 0, groups - 1, dtype="int32", role="index")
    total = d.apply("segment_sum", y, ids, n=groups)
    kind = d.stream.below(4)
    if kind == 0 and not rest:
        ones = d.apply("ones_like", x)
        counts = d.claim("segment_sum", 0.0, float(n), ones, ids, n=groups)
        return (d.apply("div", total, d.claim("maximum", 1.0, float(n), counts, 1.0)),)
    if kind == 1:
        return (reduce(d, prepared(d, total, 1), None),)
    return (light(d, total),)
