"""Productions of layers: normalisation, activation, gates, weights."""

import math

from jax_ir_synth.kernels.builder.values import Rejected, Value
from jax_ir_synth.kernels.productions import common, several
from jax_ir_synth.kernels.productions import idioms as f

# ---------------------------------------------------------------- activations and gates


def normalised(s):
    """A normalisation, mostly with a gain and a bias."""
    d, x = s.d, s.main()
    kind = d.stream.choose(
        {"layer": 6, "rms": 5, "standardize": 2, "l2": 2, "minmax": 2, "softmax": 4, "lse": 1}
    )
    if kind == "softmax":
        return d.apply("mul", f.softmax(d, x), s.main(25))
    if kind == "minmax":
        return f.min_max(d, x, None if d.stream.chance(50) or x.ndim < 2 else -1)
    if kind == "lse":
        top = (
            d.apply("logsumexp", x, axis=-1, keepdims=True)
            if d.stream.chance(50)
            else f.logsumexp_by_hand(d, x)
        )
        return d.apply("sub", x, top)
    y = {
        "layer": f.layer_norm,
        "rms": f.rms_norm,
        "l2": f.l2_normalize,
        "standardize": lambda d, x: d.apply("standardize", x, axis=-1),
    }[kind](d, x)
    if kind != "l2" and d.stream.chance(80):
        y = d.apply("mul", y, s.argument((s.width,), 0.5, 1.5, "gain"))
        if d.stream.chance(45):
            y = d.apply("add", y, s.argument((s.width,), -0.5, 0.5, "offset"))
    return y


def activated(s):
    """An activation of a value."""
    return f.activation(s.d, s.main())


def function_of(s):
    """A function of a value."""
    return common.one_unary(s.d, s.main())


def with_number(s):
    """A value and a Python number."""
    return common.with_literal(s.d, s.main())


def combined(s):
    """Two values, combined element by element."""
    return common.one_binary(s.d, *s.two())


def gated(s):
    """A value times an activation of another."""
    d, x = s.d, s.main()
    kind = d.stream.below(3)
    if kind == 0 and s.width % 2 == 0 and s.width >= 4:
        a, b = several.split(d, x, (s.width // 2,) * 2)
        y = f.gate(d, a, b)
        return d.apply(
            "concatenate", y, d.apply("mul", y, a) if d.stream.chance(50) else a, axis=-1
        )
    return f.gate(d, x, s.main(40))


def residual(s):
    """Adds a scaled function of x to x."""
    d, x = s.d, s.main()
    y = f.activation(d, common.with_literal(d, x) if d.stream.chance(40) else x)
    if d.stream.chance(60):
        y = d.apply("mul", d.stream.choice((0.1, 0.5, 0.2, 0.7071, 0.25)), y)
    return f.named(d.apply("add", x, y), "residual")


def mixed(s):
    """A blend of two values."""
    d = s.d
    x, y = s.two()
    if d.stream.chance(40):
        return f.moving_average(d, x, y)
    t = s.argument((), 0.0, 1.0, "unit") if d.stream.chance(50) else d.apply("sigmoid", s.main())
    return f.lerp(d, x, y, t)


def scaled(s):
    """Divides x by its largest value, its norm or its mean."""
    d, x = s.d, s.main()
    kind = d.stream.below(3)
    if kind == 0:
        most = d.apply("max", d.apply("abs", x), axis=-1 if x.ndim > 1 else None, keepdims=True)
        return d.claim(
            "div", -1, 1, x, d.apply("add", most, f.epsilon(d)), typical=x.samples / x.bound
        )
    total = d.apply("sum", d.apply("square", x))
    norm = f.named(d.claim("sqrt", 0.0, math.sqrt(total.high), total), "norm")
    if kind == 1:
        most = d.stream.choice((1.0, 5.0, 0.5))
        factor = d.claim(
            "minimum",
            0.001,
            1.0,
            1.0,
            d.claim("div", 0.0, 1e3, most, d.apply("add", norm, f.epsilon(d))),
        )
        f.describe(d, "Clips by the global norm.")
        return d.apply("mul", x, factor)
    return d.apply("div", x, d.apply("add", 1.0, norm))


# ---------------------------------------------------------------- weights


def linear(s):
    """Rows times a matrix of weights, with a bias at times."""
    d, x, n = s.d, s.main(), s.width
    y = _times(s, x, s.argument((n, n), -0.5, 0.5, "weight"))
    if d.stream.chance(60):
        y = d.apply("add", y, s.argument((n,), -0.5, 0.5, "offset"))
    return y if d.stream.chance(40) else f.activation(d, y)


def _times(s, x: Value, w: Value) -> Value:
    equation = {1: "i,ij->j", 2: _equation(s), 3: "bti,ij->btj"}[x.ndim]
    if x.ndim == 2 and s.d.stream.chance(10):
        return s.d.apply("tensordot", x, w, axes=1)
    return (
        s.d.apply("matmul", x, w)
        if s.d.stream.chance(70)
        else s.d.apply("einsum", x, w, equation=equation)
    )


def _equation(s) -> str:
    return s.d.stream.choice(("bi,ij->bj", "bd,df->bf", "ni,io->no"))


def gram(s):
    """Similarities of the rows, and rows mixed by them."""
    d, x = s.d, s.main()
    if x.ndim != 2 or x.shape[0] > 32:
        raise Rejected("rows are wanted")
    scores = d.apply("matmul", x, d.apply("transpose", x, perm=(1, 0)))
    if d.stream.chance(30):
        scores = d.apply(
            "add", scores, d.apply("mul", 0.1, d.apply("eye", shape=scores.shape, dtype="float32"))
        )
    kind = d.stream.below(5)
    if kind == 0:
        return d.apply("trace", scores), d.apply("matmul", d.apply("tril", scores), x)
    if kind == 1:
        kept = d.apply("diagonal", scores)
        return d.apply("sub", scores, d.apply("diag", kept)), kept
    weights = f.softmax(d, d.apply("div", scores, round(math.sqrt(s.width), 4)))
    return d.apply("matmul", weights, s.main(20))


def column_mixed(s):
    """Rows and columns exchanged, worked on, and exchanged again."""
    d, x = s.d, s.main()
    if x.ndim < 2:
        raise Rejected("two axes are wanted")
    perm = tuple(range(x.ndim - 2)) + (x.ndim - 1, x.ndim - 2)
    turned = d.apply("transpose", x, perm=perm)
    y = (
        d.apply("mul", f.softmax(d, turned), turned)
        if d.stream.chance(50)
        else f.activation(
            d, d.apply("mul", turned, s.argument((turned.shape[-1],), 0.5, 1.5, "gain"))
        )
    )
    return d.apply("transpose", y, perm=perm)
