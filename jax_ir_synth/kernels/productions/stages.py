"""Stages of pipelines on batches of rows: layers, choices, loops, maps, filters."""

import math

from jax_ir_synth.kernels.builder import control_flow
from jax_ir_synth.kernels.builder.program_builder import ProgramBuilder
from jax_ir_synth.kernels.builder.values import Rejected, Value
from jax_ir_synth.kernels.productions import common

SIZES = (4, 8, 5, 6, 2, 10, 12, 16)


def activation(d: ProgramBuilder, x: Value) -> Value:
    """An activation of x."""
    return d.attempt(
        lambda: d.apply(
            d.stream.choose(
                {
                    "tanh": 8,
                    "relu": 6,
                    "sigmoid": 5,
                    "gelu_tanh": 4,
                    "silu": 4,
                    "softplus": 3,
                    "sin": 3,
                    "elu": 2,
                    "leaky_relu": 2,
                    "log_sigmoid": 1,
                }
            ),
            x,
        )
    )


def _dense(d: ProgramBuilder, x: Value) -> Value:
    """A linear layer with bias and activation."""
    width = x.shape[-1]
    out = d.stream.choice(SIZES)
    if x.ndim == 1 and d.stream.chance(50):
        w = d.argument((out, width), -0.5, 0.5, role="matrix")
        y = d.apply("matmul", w, x)
    else:
        w = d.argument((width, out), -0.5, 0.5, role="matrix")
        if x.ndim == 2 and d.stream.chance(25):
            y = d.apply(
                "einsum", x, w, equation=d.stream.choice(("ij,jk->ik", "bi,ij->bj", "nd,dh->nh"))
            )
        else:
            y = d.apply("matmul", x, w)
    if d.stream.chance(60):
        y = d.apply("add", y, d.argument((out,), -0.5, 0.5))
    return activation(d, y) if d.stream.chance(75) else y


def _normalised(d: ProgramBuilder, x: Value) -> Value:
    """Root-mean-square or layer normalisation with a gain, or a softmax used as weights."""
    axis = x.ndim - 1
    kind = d.stream.choose({"rms": 4, "layer": 3, "softmax": 3, "max": 2})
    if kind == "softmax":
        weights = d.apply("softmax", x, axis=axis)
        return d.apply("mul", weights, _other(d, x))
    if kind == "max":
        shifted = d.apply("sub", x, d.apply("max", x, axis=axis, keepdims=True))
        return d.apply("exp", common.tamed(d, shifted, 4.0))
    eps = d.stream.choice((1e-5, 1e-6, 1e-3))
    if kind == "layer":
        x = d.apply("sub", x, d.apply("mean", x, axis=axis, keepdims=True))
        x = x.changed(centred=True)
    scale = d.apply(
        "rsqrt", _guarded(d, d.apply("mean", d.apply("square", x), axis=axis, keepdims=True), eps)
    )
    y = d.apply("mul", x, scale)
    y = y.changed(centred=x.centred)
    gain = d.argument((x.shape[-1],), 0.5, 1.5, role="scale")
    return d.apply("mul", y, gain)


def _guarded(d: ProgramBuilder, x: Value, eps: float) -> Value:
    """Adds eps to x, a mean of squares well above zero though its range doesn't say so."""
    floor = d.stream.choice((0.1, 0.5, 1.0)) if x.low < 0.05 else eps
    return d.apply("add", x, floor)


def _other(d: ProgramBuilder, x: Value) -> Value:
    return d.argument(x.shape, *d.stream.choice(((-1.0, 1.0), (0.5, 1.5), (-2.0, 2.0))))


def _gated(d: ProgramBuilder, x: Value) -> Value:
    """A value times a gate of itself or of another argument."""
    other = _other(d, x) if d.stream.chance(40) else x
    gate = d.apply("sigmoid", common.with_literal(d, other) if d.stream.chance(40) else other)
    y = activation(d, x) if d.stream.chance(50) else x
    return d.apply("mul", gate, y)


def _chosen(d: ProgramBuilder, x: Value) -> Value:
    """One of two values, by a condition on each element or on the whole."""
    kind = d.stream.choose({"where": 5, "cond": 4, "mask": 2})
    left, right = common.one_unary(d, x), common.with_literal(d, x)
    if kind == "where":
        return d.apply("where", common.comparison(d, x), left, right)
    if kind == "mask":
        mask = d.argument(x.shape[-1:], 0, 1, dtype="bool", role="mask")
        return d.apply("where", mask, left, d.stream.choice((0.0, right)))
    if d.stream.chance(40):
        flag = d.argument((), 0, 1, dtype="bool", role="flag")
        return control_flow.cond(
            d, flag, (x,), lambda v: common.one_unary(d, v), lambda v: common.with_literal(d, v)
        )[0]
    t = d.argument((), -1.0, 1.0, role="scalar")
    flag = d.apply(d.stream.choice(("greater", "less")), t, 0.0)
    return control_flow.cond(
        d,
        flag,
        (x, t),
        lambda v, s: d.apply("mul", common.one_unary(d, v), s),
        lambda v, s: d.apply("add", common.with_literal(d, v), s),
    )[0]


def _scanned(d: ProgramBuilder, x: Value) -> Value:
    """A recurrence along the first axis: a decayed average or a squashed cell."""
    if x.ndim != 2:
        raise Rejected("rows are wanted")
    width = x.shape[1]
    init = (
        d.apply("zeros", shape=(width,), dtype=d.dtype)
        if d.stream.chance(55)
        else d.argument((width,), -1.0, 1.0)
    )
    limit = max(1.0, x.bound)
    if d.stream.chance(50):
        decay = d.stream.choice((0.9, 0.8, 0.5, 0.7, 0.95))

        def step(carry, xs):
            h = d.apply(
                "add", d.apply("mul", decay, carry[0]), d.apply("mul", round(1 - decay, 2), xs[0])
            )
            out = common.one_unary(d, h) if d.stream.chance(50) else d.apply("mul", h, xs[0])
            return ((h,), (out,))

        invariant = (-limit - 1e-6, limit + 1e-6)
        ends = control_flow.scan(d, (init,), (x,), [invariant], step, checked=False)
    else:
        name = d.stream.choice(("tanh", "sin", "sigmoid"))
        scale = d.stream.choice((0.5, 0.9, 0.25, 0.1))

        def step(carry, xs):
            h = d.apply(name, d.apply("add", d.apply("mul", scale, carry[0]), xs[0]))
            return (
                (h,),
                (common.with_literal(d, h),)
                if d.stream.chance(50)
                else (d.apply("mul", h, xs[0]),),
            )

        ends = control_flow.scan(d, (init,), (x,), [(-1.0, 1.0)], step, reverse=d.stream.chance(15))
    final, ys = ends
    roll = d.stream.below(3)
    return ys if roll < 2 else d.apply("add", ys, final) if d.stream.chance(50) else final


def _repeated(d: ProgramBuilder, x: Value) -> Value:
    """A fixed number of damped updates towards a function of x."""
    steps = d.stream.between(2, 8)
    rate = d.stream.choice((0.1, 0.2, 0.5, 0.25))
    start = d.apply("tanh", x)
    limit = max(1.0, start.bound)
    name = d.stream.choice(("tanh", "sin", "cos", "sigmoid"))

    def body(i, y):
        target = d.apply(
            name, d.apply("add", y, x) if d.stream.chance(60) else d.apply("mul", y, x)
        )
        return (
            d.apply("add", d.apply("mul", round(1 - rate, 2), y), d.apply("mul", rate, target)),
        )

    return control_flow.fori_loop(d, steps, (start,), [(-limit, limit)], body, checked=False)[0]


def _mapped(d: ProgramBuilder, x: Value) -> Value:
    """A function of one row, mapped over the rows."""
    if x.ndim != 2:
        raise Rejected("rows are wanted")
    if d.stream.chance(50):
        w = d.argument(x.shape[1:], -1.0, 1.0)
        shared = d.stream.chance(60)

        def scored(row, v=None):
            v = v if v is not None else w
            score = d.apply("matmul", row, v)
            return (
                d.apply("mul", row, common.bounded(d, score))
                if d.stream.chance(60)
                else common.one_unary(d, score)
            )

        if shared:
            return control_flow.vmap(d, (x, w), scored, (0, None))[0]
        return control_flow.vmap(d, (x,), scored)[0]

    def one(row):
        y = common.one_unary(d, row)
        return (
            d.apply("div", y, _guarded(d, d.apply("sum", common.positive(d, y)), 1e-6))
            if d.stream.chance(50)
            else d.apply("mul", y, d.apply("max", row))
        )

    return (
        control_flow.vmap(d, (x,), one)[0]
        if d.stream.chance(75)
        else control_flow.lax_map(d, (x,), one)[0]
    )


def _attended(d: ProgramBuilder, x: Value) -> Value:
    """Scores between rows, a softmax over them, and a weighted sum."""
    if x.ndim != 2:
        raise Rejected("rows are wanted")
    n, width = x.shape
    keys = d.argument((n, width), -1.0, 1.0)
    scores = (
        d.apply("einsum", x, keys, equation="id,jd->ij")
        if d.stream.chance(50)
        else d.apply("matmul", x, d.apply("transpose", keys, perm=(1, 0)))
    )
    scores = (
        d.apply("div", scores, round(math.sqrt(width), 3))
        if d.stream.chance(60)
        else d.apply("mul", scores, d.stream.choice((0.5, 0.25, 0.1)))
    )
    weights = d.apply("softmax", common.tamed(d, scores, 30.0), axis=1)
    return d.apply(
        "matmul", weights, d.argument((n, width), -1.0, 1.0) if d.stream.chance(60) else keys
    )


def _accumulated(d: ProgramBuilder, x: Value) -> Value:
    """Rows gathered or summed by an index argument."""
    n = x.shape[0]
    if d.stream.chance(50):
        groups = d.stream.choice((2, 4, 5, 6))
        ids = d.argument((n,), 0, groups - 1, dtype="int32", role="index")
        totals = d.apply("segment_sum", x, ids, n=groups)
        return (
            d.apply("add", x, d.apply("take", common.bounded(d, totals), ids, axis=0))
            if d.stream.chance(60)
            else totals
        )
    ids = d.argument((d.stream.choice(SIZES),), 0, n - 1, dtype="int32", role="index")
    picked = d.apply("take", x, ids, axis=0)
    return common.one_unary(d, picked)


def _spectral(d: ProgramBuilder, x: Value) -> Value:
    """A filter in the frequency domain, or a part of the spectrum."""
    n = x.shape[-1]
    if (
        d.stream.chance(55) and n % 2 == 0 and n != 4
    ):  # three gains would look like a vector in space
        gains = d.argument((n // 2 + 1,), 0.2, 1.5, role="scale")
        return common.tamed(d, d.apply("fft_filter", x, gains, length=n), 12.0)
    return common.tamed(d, d.apply(d.stream.choice(("fft_real", "fft_imag")), x), 12.0)


def _smoothed(d: ProgramBuilder, x: Value) -> Value:
    """A convolution of each row with a short kernel."""
    taps = d.argument((d.stream.choice((2, 4, 5)),), -0.5, 1.0, role="array")
    if x.shape[-1] < taps.shape[0]:
        raise Rejected("a row shorter than the kernel")
    mode = d.stream.choice(("same", "valid", "same", "full"))
    if x.ndim == 1:
        return d.apply("convolve", x, taps, mode=mode)
    return control_flow.vmap(
        d, (x, taps), lambda row, w: d.apply("convolve", row, w, mode=mode), (0, None)
    )[0]


def _cumulated(d: ProgramBuilder, x: Value) -> Value:
    name = d.stream.choice(("cumsum", "cummax", "cumlogsumexp", "cumsum"))
    if x.dtype != "float32":
        name = "cumsum"
    return common.tamed(d, d.apply(name, x, axis=d.stream.below(x.ndim)), 12.0)


def _stepped(d: ProgramBuilder, x: Value) -> Value:
    """One or two ordinary elementwise steps."""
    y = common.one_unary(d, x)
    return common.one_binary(d, y, x) if d.stream.chance(60) else common.with_literal(d, y)


STAGES = (
    _dense,
    _normalised,
    _gated,
    _chosen,
    _scanned,
    _repeated,
    _mapped,
    _attended,
    _accumulated,
    _cumulated,
    _dense,
    _chosen,
    _mapped,
    _stepped,
    _spectral,
    _smoothed,
)


# Stages whose IR is short: random numbers fill a row's 64 KiB well enough.
TINY = (_gated, _chosen, _stepped, _stepped)
LIGHT = (_dense, _gated, _chosen, _mapped, _stepped, _spectral)
