"""Productions of layers: normalisation, activation, gates, weights."""

import math
from collections.abc import Callable
from functools import partial

from jax_ir_synth.kernels.builder import several
from jax_ir_synth.kernels.builder.program_builder import ProgramBuilder
from jax_ir_synth.kernels.builder.values import Rejected, Value
from jax_ir_synth.kernels.productions import common
from jax_ir_synth.kernels.productions import idioms as f
from jax_ir_synth.kernels.productions.context import Context

# ---------------------------------------------------------------- normalisations


def _normalise_and_scale(s: Context, x: Value, norm: common.Transform) -> Value:
    y = norm(s.d, x)
    if s.stream.chance(80):
        y = s.mul(y, s.argument((s.width,), 0.5, 1.5, "gain"))
        if s.stream.chance(45):
            y = s.add(y, s.argument((s.width,), -0.5, 0.5, "offset"))
    return y


def _standardise(d: ProgramBuilder, x: Value) -> Value:
    return d.apply("standardize", x, axis=-1)


def _scale_to_unit_length(s: Context, x: Value) -> Value:
    return f.l2_normalize(s.d, x)


def _rescale_to_unit_interval(s: Context, x: Value) -> Value:
    return f.min_max(s.d, x, None if s.stream.chance(50) or x.ndim < 2 else -1)


def _weigh_by_softmax(s: Context, x: Value) -> Value:
    return s.mul(f.softmax(s.d, x), s.main(25))


def _subtract_logsumexp(s: Context, x: Value) -> Value:
    if s.stream.chance(50):
        return s.sub(x, s.do("logsumexp", x, axis=-1, keepdims=True))
    return s.sub(x, f.logsumexp_by_hand(s.d, x))


_NORMALISATIONS: dict[Callable[[Context, Value], Value], int] = {
    partial(_normalise_and_scale, norm=f.layer_norm): 6,
    partial(_normalise_and_scale, norm=f.rms_norm): 5,
    partial(_normalise_and_scale, norm=_standardise): 2,
    _scale_to_unit_length: 2,
    _rescale_to_unit_interval: 2,
    _weigh_by_softmax: 4,
    _subtract_logsumexp: 1,
}


def normalised(s: Context) -> Value:
    """A normalisation, mostly with a gain and a bias."""
    x = s.main()
    return s.stream.choose(_NORMALISATIONS)(s, x)


# ---------------------------------------------------------------- activations and gates


def activated(s: Context) -> Value:
    """An activation of a value."""
    return f.activation(s.d, s.main())


def function_of(s: Context) -> Value:
    """A common function of a value."""
    return common.one_unary(s.d, s.main())


def with_number(s: Context) -> Value:
    """A value and a Python number."""
    return common.with_literal(s.d, s.main())


def combined(s: Context) -> Value:
    """Two values, combined element by element."""
    return common.one_binary(s.d, *s.two())


def _gate_half(s: Context, x: Value) -> Value:
    """Gates one half of the last axis by the other; an odd axis is gated by another value."""
    if s.width % 2 or s.width < 4:
        return _gate_by_main(s, x)
    a, b = several.split(s.d, x, (s.width // 2,) * 2)
    y = f.gate(s.d, a, b)
    return s.do("concatenate", y, s.mul(y, a) if s.stream.chance(50) else a, axis=-1)


def _gate_by_main(s: Context, x: Value) -> Value:
    return f.gate(s.d, x, s.main(40))


_GATES = {_gate_half: 1, _gate_by_main: 2}


def gated(s: Context) -> Value:
    """A value times an activation of another."""
    x = s.main()
    return s.stream.choose(_GATES)(s, x)


def residual(s: Context) -> Value:
    """Adds a scaled function of x to x."""
    d, x = s.d, s.main()
    y = f.activation(d, common.with_literal(d, x) if d.stream.chance(40) else x)
    if d.stream.chance(60):
        y = d.apply("mul", d.stream.choice((0.1, 0.5, 0.2, 0.7071, 0.25)), y)
    return f.named(d.apply("add", x, y), "residual")


def mixed(s: Context) -> Value:
    """A blend of two values."""
    d = s.d
    x, y = s.two()
    if d.stream.chance(40):
        return f.moving_average(d, x, y)
    t = s.argument((), 0.0, 1.0, "unit") if d.stream.chance(50) else d.apply("sigmoid", s.main())
    return f.lerp(d, x, y, t)


def _divide_by_largest(s: Context, x: Value) -> Value:
    most = s.do("max", s.do("abs", x), axis=-1 if x.ndim > 1 else None, keepdims=True)
    return s.d.claim("div", -1, 1, x, s.add(most, f.epsilon(s.d)), typical=x.samples / x.bound)


def _clip_by_norm(s: Context, x: Value) -> Value:
    d, norm = s.d, _norm(s, x)
    most = d.stream.choice((1.0, 5.0, 0.5))
    ratio = d.claim("div", 0.0, 1e3, most, s.add(norm, f.epsilon(d)))
    factor = d.claim("minimum", 0.001, 1.0, 1.0, ratio)
    f.describe(d, "Clips by the global norm.")
    return s.mul(x, factor)


def _divide_by_norm(s: Context, x: Value) -> Value:
    return s.div(x, s.add(1.0, _norm(s, x)))


def _norm(s: Context, x: Value) -> Value:
    total = s.do("sum", s.do("square", x))
    return f.named(s.d.claim("sqrt", 0.0, math.sqrt(total.high), total), "norm")


_SCALINGS = {_divide_by_largest: 1, _clip_by_norm: 1, _divide_by_norm: 1}


def scaled(s: Context) -> Value:
    """Divides x by its largest value or its norm, or clips it by its norm."""
    x = s.main()
    return s.stream.choose(_SCALINGS)(s, x)


# ---------------------------------------------------------------- weights


def linear(s: Context) -> Value:
    """Rows times a matrix of weights, with a bias at times."""
    d, x, n = s.d, s.main(), s.width
    y = _multiply(s, x, s.argument((n, n), -0.5, 0.5, "weight"))
    if d.stream.chance(60):
        y = d.apply("add", y, s.argument((n,), -0.5, 0.5, "offset"))
    return y if d.stream.chance(40) else f.activation(d, y)


def _multiply(s: Context, x: Value, w: Value) -> Value:
    rows = s.stream.choice(("bi,ij->bj", "bd,df->bf", "ni,io->no"))
    if x.ndim == 2 and s.stream.chance(10):
        return s.do("tensordot", x, w, axes=1)
    if s.stream.chance(70):
        return s.do("matmul", x, w)
    return s.do("einsum", x, w, equation={1: "i,ij->j", 2: rows, 3: "bti,ij->btj"}[x.ndim])


def _trace_and_lower_rows(s: Context, x: Value, scores: Value) -> tuple[Value, Value]:
    return s.do("trace", scores), s.do("matmul", s.do("tril", scores), x)


def _off_diagonal(s: Context, x: Value, scores: Value) -> tuple[Value, Value]:
    diagonal = s.do("diagonal", scores)
    return s.sub(scores, s.do("diag", diagonal)), diagonal


def _mix_rows(s: Context, x: Value, scores: Value) -> Value:
    weights = f.softmax(s.d, s.div(scores, round(math.sqrt(s.width), 4)))
    return s.do("matmul", weights, s.main(20))


_USES_OF_SCORES: dict[Callable[[Context, Value, Value], Value | tuple[Value, Value]], int] = {
    _trace_and_lower_rows: 1,
    _off_diagonal: 1,
    _mix_rows: 3,
}


def gram(s: Context) -> Value | tuple[Value, Value]:
    """Similarities of the rows, and rows mixed by them."""
    d, x = s.d, s.main()
    if x.ndim != 2 or x.shape[0] > 32:
        raise Rejected("rows are wanted")
    scores = d.apply("matmul", x, d.apply("transpose", x, perm=(1, 0)))
    if d.stream.chance(30):
        eye = d.apply("eye", shape=scores.shape, dtype="float32")
        scores = d.apply("add", scores, d.apply("mul", 0.1, eye))
    return d.stream.choose(_USES_OF_SCORES)(s, x, scores)


def column_mixed(s: Context) -> Value:
    """Rows and columns exchanged, worked on, and exchanged again."""
    d, x = s.d, s.main()
    if x.ndim < 2:
        raise Rejected("two axes are wanted")
    perm = tuple(range(x.ndim - 2)) + (x.ndim - 1, x.ndim - 2)
    turned = d.apply("transpose", x, perm=perm)
    if d.stream.chance(50):
        y = d.apply("mul", f.softmax(d, turned), turned)
    else:
        gain = s.argument((turned.shape[-1],), 0.5, 1.5, "gain")
        y = f.activation(d, d.apply("mul", turned, gain))
    return d.apply("transpose", y, perm=perm)
