"""Stages of pipelines on batches of rows: layers, choices, loops, maps, filters."""

import math

from jax_ir_synth.kernels.builder import branches, loops, transforms
from jax_ir_synth.kernels.builder.program_builder import ProgramBuilder
from jax_ir_synth.kernels.builder.values import Operands, Rejected, Value
from jax_ir_synth.kernels.productions import common, idioms
from jax_ir_synth.kernels.productions.common import Transform
from jax_ir_synth.kernels.productions.loop_parts import Step

SIZES = (4, 8, 5, 6, 2, 10, 12, 16)
_ACTIVATIONS: dict[str | Transform, int] = {
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

# ---------------------------------------------------------------- layers


def activation(d: ProgramBuilder, x: Value) -> Value:
    """An activation of x."""
    return idioms.activation(d, x, _ACTIVATIONS)


def _apply_dense(d: ProgramBuilder, x: Value) -> Value:
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


def _draw_like(d: ProgramBuilder, x: Value) -> Value:
    return d.argument(x.shape, *d.stream.choice(((-1.0, 1.0), (0.5, 1.5), (-2.0, 2.0))))


def _add_floor(d: ProgramBuilder, x: Value, eps: float) -> Value:
    """Adds eps to x, or a larger number where x's range comes near zero."""
    floor = d.stream.choice((0.1, 0.5, 1.0)) if x.low < 0.05 else eps
    return d.apply("add", x, floor)


def _rms_norm(d: ProgramBuilder, x: Value) -> Value:
    return _scale_by_rms(d, x, d.stream.choice(_EPSILONS))


def _layer_norm(d: ProgramBuilder, x: Value) -> Value:
    eps = d.stream.choice(_EPSILONS)
    y = d.apply("sub", x, d.apply("mean", x, axis=-1, keepdims=True))
    return _scale_by_rms(d, y.changed(centred=True), eps)


def _scale_by_rms(d: ProgramBuilder, x: Value, eps: float) -> Value:
    power = d.apply("mean", d.apply("square", x), axis=-1, keepdims=True)
    y = d.apply("mul", x, d.apply("rsqrt", _add_floor(d, power, eps)))
    gain = d.argument((x.shape[-1],), 0.5, 1.5, role="scale")
    return d.apply("mul", y.changed(centred=x.centred), gain)


def _softmax_weighted(d: ProgramBuilder, x: Value) -> Value:
    return d.apply("mul", d.apply("softmax", x, axis=-1), _draw_like(d, x))


def _exp_below_max(d: ProgramBuilder, x: Value) -> Value:
    shifted = d.apply("sub", x, d.apply("max", x, axis=-1, keepdims=True))
    return d.apply("exp", common.tamed(d, shifted, 4.0))


_EPSILONS = (1e-5, 1e-6, 1e-3)
_NORMALISATIONS = {_rms_norm: 4, _layer_norm: 3, _softmax_weighted: 3, _exp_below_max: 2}


def _normalise(d: ProgramBuilder, x: Value) -> Value:
    """A normalisation along the last axis, with a gain where it is by mean and variance."""
    return d.stream.choose(_NORMALISATIONS)(d, x)


def _gate(d: ProgramBuilder, x: Value) -> Value:
    """A value times a gate of itself or of another argument."""
    other = _draw_like(d, x) if d.stream.chance(40) else x
    gate = d.apply("sigmoid", common.with_literal(d, other) if d.stream.chance(40) else other)
    y = activation(d, x) if d.stream.chance(50) else x
    return d.apply("mul", gate, y)


# ---------------------------------------------------------------- choices


def _by_condition(d: ProgramBuilder, x: Value, left: Value, right: Value) -> Value:
    return d.apply("where", common.comparison(d, x), left, right)


def _by_mask(d: ProgramBuilder, x: Value, left: Value, right: Value) -> Value:
    mask = d.argument(x.shape[-1:], 0, 1, dtype="bool", role="mask")
    return d.apply("where", mask, left, 0.0 if d.stream.chance(50) else right)


def _by_cond(d: ProgramBuilder, x: Value, left: Value, right: Value) -> Value:
    if d.stream.chance(40):
        flag = d.argument((), 0, 1, dtype="bool", role="flag")
        return branches.cond(
            d, flag, (x,), lambda v: common.one_unary(d, v), lambda v: common.with_literal(d, v)
        )[0]
    t = d.argument((), -1.0, 1.0, role="scalar")
    flag = d.apply(d.stream.choice(("greater", "less")), t, 0.0)
    return branches.cond(
        d,
        flag,
        (x, t),
        lambda v, s: d.apply("mul", common.one_unary(d, v), s),
        lambda v, s: d.apply("add", common.with_literal(d, v), s),
    )[0]


_CHOICES = {_by_condition: 5, _by_cond: 4, _by_mask: 2}


def _choose_value(d: ProgramBuilder, x: Value) -> Value:
    """One of two values, by a condition on each element or on the whole."""
    choose = d.stream.choose(_CHOICES)
    left, right = common.one_unary(d, x), common.with_literal(d, x)
    return choose(d, x, left, right)


# ---------------------------------------------------------------- loops and maps over rows


def _scan_average(d: ProgramBuilder, x: Value, init: Value) -> list[Value]:
    decay = d.stream.choice((0.9, 0.8, 0.5, 0.7, 0.95))

    def step(carry: Operands, xs: Operands) -> Step:
        h = idioms.average(d, decay, carry[0], xs[0])
        out = common.one_unary(d, h) if d.stream.chance(50) else d.apply("mul", h, xs[0])
        return (h,), (out,)

    limit = max(1.0, x.bound) + 1e-6
    return loops.scan(d, (init,), (x,), [(-limit, limit)], step)


def _scan_cell(d: ProgramBuilder, x: Value, init: Value) -> list[Value]:
    name = d.stream.choice(("tanh", "sin", "sigmoid"))
    scale = d.stream.choice((0.5, 0.9, 0.25, 0.1))

    def step(carry: Operands, xs: Operands) -> Step:
        h = d.apply(name, d.apply("add", d.apply("mul", scale, carry[0]), xs[0]))
        out = common.with_literal(d, h) if d.stream.chance(50) else d.apply("mul", h, xs[0])
        return (h,), (out,)

    reverse = d.stream.chance(15)
    return loops.scan(d, (init,), (x,), [(-1.0, 1.0)], step, reverse=reverse)


def _return_all(d: ProgramBuilder, final: Value, ys: Value) -> Value:
    return ys


def _return_final(d: ProgramBuilder, final: Value, ys: Value) -> Value:
    return d.apply("add", ys, final) if d.stream.chance(50) else final


_SCAN_RESULTS = {_return_all: 2, _return_final: 1}


def _scan_rows(d: ProgramBuilder, x: Value) -> Value:
    """A recurrence along the first axis: a decayed average or a squashed cell."""
    if x.ndim != 2:
        raise Rejected("rows are wanted")
    width = x.shape[1]
    init = (
        d.apply("zeros", shape=(width,), dtype=d.dtype)
        if d.stream.chance(55)
        else d.argument((width,), -1.0, 1.0)
    )
    scan = _scan_average if d.stream.chance(50) else _scan_cell
    final, ys = scan(d, x, init)
    return d.stream.choose(_SCAN_RESULTS)(d, final, ys)


def _repeat_update(d: ProgramBuilder, x: Value) -> Value:
    """A fixed number of damped updates towards a function of x."""
    steps = d.stream.between(2, 8)
    rate = d.stream.choice((0.1, 0.2, 0.5, 0.25))
    start = d.apply("tanh", x)
    limit = max(1.0, start.bound)
    name = d.stream.choice(("tanh", "sin", "cos", "sigmoid"))

    def body(i: Value, y: Value) -> Operands:
        both = d.apply("add" if d.stream.chance(60) else "mul", y, x)
        return (idioms.average(d, round(1 - rate, 2), y, d.apply(name, both)),)

    return loops.fori_loop(d, steps, (start,), [(-limit, limit)], body)[0]


def _map_scores(d: ProgramBuilder, x: Value) -> Value:
    weights = d.argument(x.shape[1:], -1.0, 1.0)

    def scored(row: Value, v: Value = weights) -> Value:
        score = d.apply("matmul", row, v)
        if d.stream.chance(60):
            return d.apply("mul", row, common.bounded(d, score))
        return common.one_unary(d, score)

    if d.stream.chance(60):
        return transforms.vmap(d, (x, weights), scored, (0, None))[0]
    return transforms.vmap(d, (x,), scored)[0]


def _map_scaled(d: ProgramBuilder, x: Value) -> Value:
    def scaled(row: Value) -> Value:
        y = common.one_unary(d, row)
        if d.stream.chance(50):
            return d.apply("div", y, _add_floor(d, d.apply("sum", common.positive(d, y)), 1e-6))
        return d.apply("mul", y, d.apply("max", row))

    mapping = transforms.vmap if d.stream.chance(75) else transforms.lax_map
    return mapping(d, (x,), scaled)[0]


def _map_rows(d: ProgramBuilder, x: Value) -> Value:
    """A function of one row, mapped over the rows."""
    if x.ndim != 2:
        raise Rejected("rows are wanted")
    return _map_scores(d, x) if d.stream.chance(50) else _map_scaled(d, x)


# ---------------------------------------------------------------- attention, indices, filters


def _attend(d: ProgramBuilder, x: Value) -> Value:
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
    values = d.argument((n, width), -1.0, 1.0) if d.stream.chance(60) else keys
    return d.apply("matmul", weights, values)


def _index_rows(d: ProgramBuilder, x: Value) -> Value:
    """Rows gathered or summed by an index argument."""
    return _sum_groups(d, x) if d.stream.chance(50) else _gather_rows(d, x)


def _sum_groups(d: ProgramBuilder, x: Value) -> Value:
    groups = d.stream.choice((2, 4, 5, 6))
    ids = d.argument((x.shape[0],), 0, groups - 1, dtype="int32", role="index")
    totals = d.apply("segment_sum", x, ids, n=groups)
    if d.stream.chance(60):
        return d.apply("add", x, d.apply("take", common.bounded(d, totals), ids, axis=0))
    return totals


def _gather_rows(d: ProgramBuilder, x: Value) -> Value:
    m = d.stream.choice(SIZES)
    ids = d.argument((m,), 0, x.shape[0] - 1, dtype="int32", role="index")
    return common.one_unary(d, d.apply("take", x, ids, axis=0))


def _filter_spectrum(d: ProgramBuilder, x: Value) -> Value:
    """A filter in the frequency domain, or a part of the spectrum."""
    n = x.shape[-1]
    # Not of four elements: three gains would look like a vector in space.
    if d.stream.chance(55) and n % 2 == 0 and n != 4:
        gains = d.argument((n // 2 + 1,), 0.2, 1.5, role="scale")
        return common.tamed(d, d.apply("fft_filter", x, gains, length=n), 12.0)
    return common.tamed(d, d.apply(d.stream.choice(("fft_real", "fft_imag")), x), 12.0)


def _smooth(d: ProgramBuilder, x: Value) -> Value:
    """A convolution of each row with a short kernel."""
    taps = d.argument((d.stream.choice((2, 4, 5)),), -0.5, 1.0, role="array")
    if x.shape[-1] < taps.shape[0]:
        raise Rejected("a row shorter than the kernel")
    mode = d.stream.choice(("same", "valid", "same", "full"))
    if x.ndim == 1:
        return d.apply("convolve", x, taps, mode=mode)
    return transforms.vmap(
        d, (x, taps), lambda row, w: d.apply("convolve", row, w, mode=mode), (0, None)
    )[0]


def _cumulate(d: ProgramBuilder, x: Value) -> Value:
    name = d.stream.choice(("cumsum", "cummax", "cumlogsumexp", "cumsum"))
    if x.dtype != "float32":
        name = "cumsum"
    return common.tamed(d, d.apply(name, x, axis=d.stream.below(x.ndim)), 12.0)


# ---------------------------------------------------------------- elementwise steps


def _take_steps(d: ProgramBuilder, x: Value) -> Value:
    """One or two ordinary elementwise steps."""
    y = common.one_unary(d, x)
    return common.one_binary(d, y, x) if d.stream.chance(60) else common.with_literal(d, y)


STAGES = (
    _apply_dense,
    _normalise,
    _gate,
    _choose_value,
    _scan_rows,
    _repeat_update,
    _map_rows,
    _attend,
    _index_rows,
    _cumulate,
    _apply_dense,
    _choose_value,
    _map_rows,
    _take_steps,
    _filter_spectrum,
    _smooth,
)

# Stages whose IR is short: random numbers fill a row's 64 KiB well enough.
TINY = (_gate, _choose_value, _take_steps, _take_steps)
LIGHT = (_apply_dense, _gate, _choose_value, _map_rows, _take_steps, _filter_spectrum)
