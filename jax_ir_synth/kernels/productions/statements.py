"""The productions of `multi_statement`: what layers, losses and array code do to a value."""

import math
from collections.abc import Callable
from functools import partial

from jax_ir_synth.kernels.builder import inlined
from jax_ir_synth.kernels.builder.program_builder import ProgramBuilder
from jax_ir_synth.kernels.builder.values import Rejected, Value
from jax_ir_synth.kernels.productions import common
from jax_ir_synth.kernels.productions import idioms as f
from jax_ir_synth.kernels.productions.context import Context, Production
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


def _by_value(s: Context, test: Value) -> Value:
    return s.do("logical_not", test) if s.stream.chance(15) else test


def _by_position(s: Context, test: Value) -> Value:
    name = s.stream.choice(("less", "greater_equal"))
    places = s.do("arange", shape=(s.width,), dtype="int32")
    return s.do(name, places, max(1, s.width // 2))


def _by_both(s: Context, test: Value) -> Value:
    place = _by_position(s, test)
    name = s.stream.choose({"logical_and": 5, "logical_or": 5, "logical_xor": 1})
    return s.do(name, test, place)


# Masks made of a test of the elements; None is an argument.
_MASKS = {_by_value: 5, _by_position: 3, _by_both: 4, None: 2}


def _condition(s: Context, x: Value) -> Value:
    """A mask of x's shape: by a threshold, by positions, by both, or an argument."""
    make = s.stream.choose(_MASKS)
    if make is None:
        shape = x.shape if s.stream.chance(50) else (s.width,)
        return s.argument(shape, 0, 1, "mask", "bool")
    return make(s, common.comparison(s.d, x))


def _multiply_by_mask(s: Context, x: Value, mask: Value) -> Value:
    return s.mul(x, s.do("convert", mask, dtype=s.d.dtype))


def _keep_or_fill(s: Context, x: Value, mask: Value) -> Value:
    return s.do("where", mask, x, s.stream.choice((0.0, 0.0, -1.0, 0.5, 0.1)))


def _keep_or_replace(s: Context, x: Value, mask: Value) -> Value:
    other = common.one_unary(s.d, x) if s.stream.chance(50) else s.main(30)
    exact = mask.shape == x.shape and s.stream.chance(50)
    return s.do("select" if exact else "where", mask, x, other)


def _subtract_masked_mean(s: Context, x: Value, mask: Value) -> Value:
    d = s.d
    share = _multiply_by_mask(s, x, mask)
    if s.stream.chance(50):
        count = s.do("sum", s.do("convert", mask, dtype=d.dtype), axis=-1, keepdims=True)
    else:
        count = s.do("count_nonzero", mask, axis=-1, keepdims=True)
        count = s.do("convert", count, dtype=d.dtype)
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


_MASKINGS = {
    _multiply_by_mask: 1,
    _keep_or_fill: 1,
    _keep_or_replace: 1,
    _subtract_masked_mean: 1,
}


def masked(s: Context) -> Value:
    """Keeps x where a mask holds, or multiplies it by the mask."""
    x = s.main()
    mask = _condition(s, x)
    return s.stream.choose(_MASKINGS)(s, x, mask)


def rows_kept(s: Context) -> Value:
    """Rows that have some (or all) of their elements beyond a threshold, kept or damped."""
    d, x = s.d, s.main()
    if x.ndim < 2:
        raise Rejected("rows are wanted")
    middle = float(x.samples.mean() + (1.4 if d.stream.chance(50) else -1.4) * x.samples.std())
    high = d.apply("greater", x, round(middle, 1))
    some = d.apply(d.stream.choice(("any", "all")), high, axis=-1, keepdims=True)
    return d.apply("where", some, x, d.apply("mul", d.stream.choice((0.5, 0.1, 2.0)), x))


# What a softmax has in the place of scores that its mask drops.
_FILLS = (-math.inf, -1e9, -3.4028234663852886e38, -1e30)


def _weigh_by_softmax(s: Context, x: Value, mask: Value) -> Value:
    fill = s.stream.choice(_FILLS if s.d.dtype == "float32" else _FILLS[:1])
    probs = s.do("kept_softmax", x, mask, instead=fill).changed(centred=True)
    return s.mul(probs, s.main(20))


def _subtract_kept(s: Context, x: Value, mask: Value, name: str) -> Value:
    stat = s.do(name, x, mask)
    return s.sub(x, s.do("expand_dims", stat, axis=-1) if x.ndim > 1 else stat)


_SCORES: dict[Callable[[Context, Value, Value], Value], int] = {
    _weigh_by_softmax: 6,
    partial(_subtract_kept, name="kept_max"): 3,
    partial(_subtract_kept, name="kept_min"): 1,
    partial(_subtract_kept, name="kept_logsumexp"): 2,
    partial(_subtract_kept, name="kept_mean"): 3,
}


def masked_scores(s: Context) -> Value:
    """A softmax, maximum or mean under a mask that keeps a part of each row."""
    x, n = s.main(), s.width
    if n < 4:
        raise Rejected("too short")
    if x.ndim >= 2 and x.shape[-2] == n and s.stream.chance(70):
        mask = s.do("tril", s.do("ones", shape=(n, n), dtype="bool"))
    else:
        places = s.do("arange", shape=(n,), dtype="int32")
        mask = s.do("less", places, s.stream.choice((n - 1, n // 2, n * 3 // 4)))
    f.named(mask, "keeps_some")
    return s.stream.choose(_SCORES)(s, x, mask)


def _replace_all(s: Context, x: Value) -> Value:
    return s.do("nan_to_num", x)


def _keep_finite(s: Context, x: Value) -> Value:
    return s.do("where", s.do("surely_finite", x), x, 0.0)


def _replace_nan(s: Context, x: Value) -> Value:
    return s.do("where", s.do("never_nan", x), s.stream.choice((0.0, 1.0)), x)


def _replace_infinity(s: Context, x: Value) -> Value:
    return s.do("where", s.do("never_inf", x), s.stream.choice((0.0, 1.0)), x)


_GUARDS = {_replace_all: 1, _keep_finite: 1, _replace_nan: 1, _replace_infinity: 1}


def guarded(s: Context) -> Value:
    """Replaces what isn't finite, which changes nothing for inputs in their ranges."""
    x = s.main()
    return s.stream.choose(_GUARDS)(s, x)


def clipped(s: Context) -> Value:
    """A value clipped where some of its elements lie."""
    d, x = s.d, s.main()
    spread = float(x.samples.std())
    limit = d.stream.choice(
        [c for c in (1.0, 0.5, 2.0, 3.0, 5.0, 0.9) if 0.6 * spread < c < 1.6 * spread] or [0.0]
    )
    if not limit or abs(float(x.samples.mean())) > spread:
        raise Rejected("nothing to clip")
    return d.apply(d.stream.choice(("clip", "clip", "clip", "clamp")), x, -limit, limit)


def _scale_by_largest(s: Context, x: Value, levels: float) -> tuple[Value, Value]:
    """The step that gives the largest element the last level, and x in such steps."""
    d = s.d
    size = d.apply("abs", x)
    axis = -1 if x.ndim > 1 and d.stream.chance(60) else None
    most = d.apply("max", size, axis=axis, keepdims=x.ndim > 1)
    most = d.claim("maximum", 1e-3, x.bound, most, 1e-3)
    scale = d.claim("div", 1e-4, x.bound / levels, most, levels)
    ratio = d.claim("div", -levels, levels, x, scale, typical=x.samples / x.bound * levels)
    return scale, ratio


def quantised(s: Context) -> Value:
    """Rounded to steps of a scale; with a straight-through gradient."""
    d, x = s.d, s.main()
    levels = d.stream.choice((127.0, 15.0, 31.0, 7.0))
    scale: Value | float
    if d.stream.chance(55):
        scale, ratio = _scale_by_largest(s, x, levels)
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
    most = x.bound + 1
    back = d.claim("mul", -most, most, q, scale, typical=x.samples)
    change = d.claim("sub", -1, 1, back, x, typical=x.samples / x.bound * 0.2)
    f.describe(d, "Quantises and dequantises with a straight-through gradient.")
    return d.claim("add", -most, most, x, d.apply("stop_gradient", change), typical=x.samples)


# ---------------------------------------------------------------- functions of its own


def _subtract_mean(d: ProgramBuilder, x: Value) -> Value:
    return d.apply("sub", x, d.apply("mean", x, axis=-1, keepdims=True))


_HELPER_STEPS: dict[Callable[[ProgramBuilder, Value], Value], int] = {
    common.one_unary: 45,
    common.with_literal: 30,
    f.activation: 13,
    _subtract_mean: 12,
}


def helped(s: Context) -> Value | tuple[Value, ...]:
    """A helper that is called on two values."""
    d = s.d
    x, y = s.two()

    def build(v: Value) -> Value:
        for _ in range(d.stream.choose({1: 2, 2: 5, 3: 3})):
            v = d.stream.choose(_HELPER_STEPS)(d, v)
        return v

    (a,), (b,) = inlined.helper(d, [(x,), (y,)], build, vectorize=False)
    return (a, b) if d.stream.chance(55) else common.one_binary(d, a, b)


def vectorised(s: Context) -> Value:
    """A function of numbers, by `jnp.vectorize`."""
    d = s.d

    def build(a: Value, b: Value) -> Value:
        return common.one_binary(d, common.one_unary(d, a), common.with_literal(d, b))

    ((z,),) = inlined.helper(d, [s.two()], build, "fn", vectorize=True)
    return z


def helped_pair(s: Context) -> tuple[Value, ...]:
    """A helper of two arguments, called both ways round."""
    d = s.d
    x, y = s.two()

    def build(a: Value, b: Value) -> Value:
        if d.stream.chance(40):
            return f.gate(d, a, b)
        return common.one_unary(d, common.one_binary(d, a, common.one_unary(d, b)))

    (a,), (b,) = inlined.helper(d, [(x, y), (y, x)], build)
    return a, b


# ---------------------------------------------------------------- results besides


def loss(s: Context) -> tuple[Value, ...]:
    """A loss of a value and a target: a number, or one for each row."""
    d, x = s.d, s.main()
    target = s.array(role="targets") if d.stream.chance(50) else s.main(20)
    if target is x:
        raise Rejected("the same value twice")
    each = f.elementwise_loss(d, x, target)
    axis = -1 if x.ndim > 1 and d.stream.chance(40) else None
    value = f.named(d.apply(d.stream.choice(("mean", "sum", "mean")), each, axis=axis), "loss")
    return value, x


def class_loss(s: Context) -> tuple[Value, ...]:
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


def statistic(s: Context) -> tuple[Value, ...]:
    """A mean and a spread, used to change the value and given out."""
    d, x = s.d, s.main()
    axis = None if x.ndim == 1 else d.stream.choice((0, -1, None))
    f.spreads(x)
    mean = d.apply("mean", x, axis=axis, keepdims=axis is not None)
    if d.stream.chance(50):
        return mean, common.meet(d, "mul", x, d.apply("sigmoid", d.apply("sub", x, mean)))
    std = d.apply("std", x, axis=axis, keepdims=axis is not None)
    return std, d.apply("add", x, d.apply("mul", d.stream.choice((0.1, 0.5, 2.0)), std))


RULES: dict[Production, int] = {
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
