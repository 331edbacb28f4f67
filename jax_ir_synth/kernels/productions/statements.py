"""The productions of `multi_statement`: what layers, losses and array code do to a value."""

import math

from jax_ir_synth.kernels.builder.values import Rejected, Value
from jax_ir_synth.kernels.productions import common, several
from jax_ir_synth.kernels.productions import idioms as f
from jax_ir_synth.kernels.productions.layers import (
    activated,
    column_mixed,
    combined,
    function_of,
    gated,
    gram,
    linear,
    mixed,
    normalised,
    residual,
    scaled,
    with_number,
)
from jax_ir_synth.kernels.productions.rearranging import (
    buffered,
    grouped,
    pieces,
    positions_added,
    reordered,
    row_statistic,
    row_updated,
    shifted,
    updated,
    window_updated,
)

# ---------------------------------------------------------------- masks, choices, numbers


def _condition(s, x: Value) -> Value:
    """A mask of x's shape: by a threshold, positions, or two of them."""
    d, n = s.d, s.width
    kind = d.stream.choose({"value": 5, "position": 3, "both": 4, "argument": 2})
    if kind == "argument":
        return s.argument(x.shape if d.stream.chance(50) else (n,), 0, 1, "mask", "bool")
    value = common.comparison(d, x)
    if kind == "value":
        return d.apply("logical_not", value) if d.stream.chance(15) else value
    place = d.apply(
        d.stream.choice(("less", "greater_equal")),
        d.apply("arange", shape=(n,), dtype="int32"),
        max(1, n // 2),
    )
    if kind == "position":
        return place
    return d.apply(
        d.stream.choose({"logical_and": 5, "logical_or": 5, "logical_xor": 1}), value, place
    )


def masked(s):
    """Keeps x where a mask holds, or multiplies it by the mask."""
    d, x = s.d, s.main()
    mask = _condition(s, x)
    kind = d.stream.below(4)
    if kind == 0:
        return d.apply("mul", x, d.apply("convert", mask, dtype=d.dtype))
    if kind == 1:
        return d.apply("where", mask, x, d.stream.choice((0.0, 0.0, -1.0, 0.5, 0.1)))
    if kind == 2:
        other = common.one_unary(d, x) if d.stream.chance(50) else s.main(30)
        exact = mask.shape == x.shape and d.stream.chance(50)
        return d.apply("select" if exact else "where", mask, x, other)
    share = d.apply("mul", x, d.apply("convert", mask, dtype=d.dtype))
    count = (
        d.apply("sum", d.apply("convert", mask, dtype=d.dtype), axis=-1, keepdims=True)
        if d.stream.chance(50)
        else d.apply(
            "convert", d.apply("count_nonzero", mask, axis=-1, keepdims=True), dtype=d.dtype
        )
    )
    mean = d.claim(
        "div",
        min(x.low, 0),
        max(x.high, 0),
        d.apply("sum", share, axis=-1, keepdims=True),
        d.apply("maximum", count, 1.0),
        typical=x.samples * 0.5,
    )
    f.describe(d, "Subtracts a masked mean.")
    return d.apply("sub", x, mean)


def rows_kept(s):
    """Rows that have some (or all) of their elements beyond a threshold, kept or damped."""
    d, x = s.d, s.main()
    if x.ndim < 2:
        raise Rejected("rows are wanted")
    middle = float(x.samples.mean() + (1.4 if d.stream.chance(50) else -1.4) * x.samples.std())
    high = d.apply("greater", x, round(middle, 1))
    some = d.apply(d.stream.choice(("any", "all")), high, axis=-1, keepdims=True)
    return d.apply("where", some, x, d.apply("mul", d.stream.choice((0.5, 0.1, 2.0)), x))


def masked_scores(s):
    """A softmax, maximum or mean under a mask that keeps a part of each row."""
    d, x, n = s.d, s.main(), s.width
    if n < 4:
        raise Rejected("too short")
    if x.ndim >= 2 and x.shape[-2] == n and d.stream.chance(70):
        ones = d.apply("ones", shape=(n, n), dtype="bool")
        mask = d.apply("tril", ones)
    else:
        mask = d.apply(
            "less",
            d.apply("arange", shape=(n,), dtype="int32"),
            d.stream.choice((n - 1, n // 2, n * 3 // 4)),
        )
    f.named(mask, "keeps_some")
    kind = d.stream.choose({"softmax": 6, "max": 3, "min": 1, "logsumexp": 2, "mean": 3})
    if kind == "softmax":
        fill = d.stream.choice(
            (-math.inf, -1e9, -3.4028234663852886e38, -1e30)
            if d.dtype == "float32"
            else (-math.inf,)
        )
        probs = d.apply("kept_softmax", x, mask, instead=fill)
        probs = probs.changed(centred=True)
        return d.apply("mul", probs, s.main(20))
    stat = d.apply(f"kept_{kind}", x, mask)
    column = d.apply("expand_dims", stat, axis=-1) if x.ndim > 1 else stat
    return d.apply("sub", x, column)


def guarded(s):
    """What isn't finite replaced: no change for inputs in their ranges."""
    d, x = s.d, s.main()
    kind = d.stream.below(4)
    if kind == 0:
        return d.apply("nan_to_num", x)
    if kind == 1:
        return d.apply("where", d.apply("surely_finite", x), x, 0.0)
    return d.apply(
        "where",
        d.apply("never_nan" if kind == 2 else "never_inf", x),
        d.stream.choice((0.0, 1.0)),
        x,
    )


def clipped(s):
    """A value clipped where some of its elements lie."""
    d, x = s.d, s.main()
    spread = float(x.samples.std())
    limit = d.stream.choice(
        [c for c in (1.0, 0.5, 2.0, 3.0, 5.0, 0.9) if 0.6 * spread < c < 1.6 * spread] or [0.0]
    )
    if not limit or abs(float(x.samples.mean())) > spread:
        raise Rejected("nothing to clip")
    return d.apply(d.stream.choice(("clip", "clip", "clip", "clamp")), x, -limit, limit)


def quantised(s):
    """Rounded to steps of a scale; with a straight-through gradient."""
    d, x = s.d, s.main()
    spread = max(abs(x.low), abs(x.high))
    levels = d.stream.choice((127.0, 15.0, 31.0, 7.0))
    if d.stream.chance(55):
        most = d.apply(
            "max",
            d.apply("abs", x),
            axis=-1 if x.ndim > 1 and d.stream.chance(60) else None,
            keepdims=x.ndim > 1,
        )
        scale = d.claim(
            "div", 1e-4, spread / levels, d.claim("maximum", 1e-3, spread, most, 1e-3), levels
        )
        ratio = d.claim("div", -levels, levels, x, scale, typical=x.samples / x.bound * levels)
    else:
        scale = d.stream.choice((0.1, 0.25, 0.05, 0.125, 0.5))
        ratio = d.apply("div", x, scale)
    q = (
        d.apply("round", ratio)
        if d.stream.chance(65)
        else d.apply("floor", d.apply("add", ratio, 0.5))
    )
    f.named(q, "steps")
    if d.stream.chance(30):
        q = d.apply("through_int8", q)
    elif d.stream.chance(40):
        q = d.apply("clip", q, -levels - 1, levels)
    back = d.claim("mul", -spread - 1, spread + 1, q, scale, typical=x.samples)
    f.describe(d, "Quantises and dequantises with a straight-through gradient.")
    return d.claim(
        "add",
        -spread - 1,
        spread + 1,
        x,
        d.apply("stop_gradient", d.claim("sub", -1, 1, back, x, typical=x.samples / x.bound * 0.2)),
        typical=x.samples,
    )


# ---------------------------------------------------------------- functions of its own


def helped(s):
    """A helper that is called on two values."""
    d = s.d
    x, y = s.two()

    def build(v):
        value = v
        for _ in range(d.stream.choose({1: 2, 2: 5, 3: 3})):
            roll = d.stream.below(100)
            value = (
                common.one_unary(d, value)
                if roll < 45
                else common.with_literal(d, value)
                if roll < 75
                else f.activation(d, value)
                if roll < 88
                else d.apply("sub", value, d.apply("mean", value, axis=-1, keepdims=True))
            )
        return value

    (a,), (b,) = several.helper(d, [(x,), (y,)], build, vectorize=False)
    return (a, b) if d.stream.chance(55) else common.one_binary(d, a, b)


def vectorised(s):
    """A function of numbers, by `jnp.vectorize`."""
    d = s.d
    x, y = s.two()
    ((z,),) = several.helper(
        d,
        [(x, y)],
        lambda a, b: common.one_binary(d, common.one_unary(d, a), common.with_literal(d, b)),
        "fn",
        vectorize=True,
    )
    return z


def helped_pair(s):
    """A helper of two arguments, called both ways round."""
    d = s.d
    x, y = s.two()
    pair = [(x, y), (y, x)]

    def build(a, b):
        if d.stream.chance(40):
            return f.gate(d, a, b)
        inner = common.one_binary(d, a, common.one_unary(d, b))
        return common.one_unary(d, inner)

    (a,), (b,) = several.helper(d, pair, build)
    return a, b


# ---------------------------------------------------------------- results besides


def loss(s):
    """A loss of a value and a target: a number, or one for each row."""
    d, x = s.d, s.main()
    target = s.array(role="targets") if d.stream.chance(50) else s.main(20)
    if target is x:
        raise Rejected("the same value twice")
    each = f.elementwise_loss(d, x, target)
    axis = -1 if x.ndim > 1 and d.stream.chance(40) else None
    value = f.named(d.apply(d.stream.choice(("mean", "sum", "mean")), each, axis=axis), "loss")
    return value, x


def class_loss(s):
    """Cross entropy of logits and integer labels."""
    d, x = s.d, s.main()
    if x.ndim != 2 or not 4 <= s.width <= 64:
        raise Rejected("rows of logits are wanted")
    labels = s.argument(x.shape[:1], 0, s.width - 1, "labels", "int32")
    logp = d.apply("log_softmax", x, axis=-1)
    f.describe(d, "Cross entropy with integer labels.")
    if d.stream.chance(65):
        hot = d.apply("one_hot", labels, n=s.width)
        if d.stream.chance(30):
            hot = f.lerp(
                d,
                hot,
                d.apply("full_like", hot, value=round(1 / s.width, 6)),
                d.stream.choice((0.1, 0.05)),
            )
        nll = d.apply("neg", d.apply("sum", d.apply("mul", hot, logp), axis=-1))
    else:
        picked = d.apply("take_along_axis", logp, d.apply("expand_dims", labels, axis=-1), axis=-1)
        nll = d.apply("neg", d.apply("squeeze", picked, axis=-1))
    return f.named(nll if d.stream.chance(50) else d.apply("mean", nll), "loss"), x


def statistic(s):
    """A mean and a spread, used to change the value and given out."""
    d, x = s.d, s.main()
    axis = None if x.ndim == 1 else d.stream.choice((0, -1, None))
    f.spreads(x)
    mean = d.apply("mean", x, axis=axis, keepdims=axis is not None)
    if d.stream.chance(50):
        return mean, common.meet(d, "mul", x, d.apply("sigmoid", d.apply("sub", x, mean)))
    std = d.apply("std", x, axis=axis, keepdims=axis is not None)
    return std, d.apply("add", x, d.apply("mul", d.stream.choice((0.1, 0.5, 2.0)), std))


# A production takes the context and gives the value (or values) that it made.
RULES = {
    normalised: 9,
    activated: 5,
    function_of: 7,
    with_number: 5,
    combined: 7,
    gated: 4,
    residual: 5,
    mixed: 4,
    scaled: 3,
    linear: 5,
    gram: 4,
    column_mixed: 2,
    updated: 9,
    buffered: 4,
    window_updated: 2,
    row_updated: 2,
    shifted: 6,
    pieces: 6,
    grouped: 3,
    row_statistic: 5,
    positions_added: 5,
    reordered: 6,
    masked: 6,
    rows_kept: 2,
    masked_scores: 4,
    guarded: 2,
    clipped: 3,
    quantised: 3,
    helped: 6,
    helped_pair: 3,
    vectorised: 2,
    loss: 4,
    class_loss: 2,
    statistic: 4,
}
