"""Steps of optimizers, as programs of `multi_statement` begin with."""

from jax_ir_synth.kernels.builder.values import Value
from jax_ir_synth.kernels.productions import idioms as f
from jax_ir_synth.kernels.productions.context import Context


def momentum(s: Context) -> tuple[Value, ...]:
    """SGD with momentum: new parameters and momentum."""
    d = s.d
    p, g, m = s.array(role="params"), s.array(role="grad"), s.array(role="moment")
    decay, rate = d.stream.choice((0.9, 0.99, 0.8, 0.95)), _rate(s)
    if d.stream.chance(35):
        g = d.apply("add", g, d.apply("mul", d.stream.choice((0.01, 0.1, 1e-3)), p))
    new = f.named(d.apply("add", d.apply("mul", decay, m), g), "moment")
    step = d.apply("add", g, d.apply("mul", decay, new)) if d.stream.chance(30) else new
    f.describe(d, "SGD with momentum.")
    return f.named(d.apply("sub", p, d.apply("mul", rate, step)), "new_params"), new


def adam(s: Context) -> tuple[Value, ...]:
    """Adam or AdamW: new parameters and both moments."""
    d = s.d
    p, g, m = s.array(role="params"), s.array(role="grad"), s.array(role="moment")
    v = s.argument(s.shape, 0.1, 1.0, "second_moment")
    b1, b2 = d.stream.choice((0.9, 0.95, 0.8)), d.stream.choice((0.999, 0.99, 0.95, 0.98))
    m = f.named(_average(s, b1, m, g), "moment")
    v = f.named(_average(s, b2, v, d.apply("square", g)), "second_moment")
    hat_m, hat_v = _correct_bias(s, m, v, b1, b2) if d.stream.chance(60) else (m, v)
    root = d.apply("add", d.apply("sqrt", hat_v), f.epsilon(d))
    step = d.claim("div", -20 * hat_m.bound, 20 * hat_m.bound, hat_m, root)
    f.describe(d, "Adam update.")
    if d.stream.chance(35):
        step = d.apply("add", step, d.apply("mul", d.stream.choice((0.01, 0.1)), p))
    new = f.named(d.apply("sub", p, d.apply("mul", _rate(s), step)), "new_params")
    return (new, m, v) if d.stream.chance(70) else (new, d.apply("sum", d.apply("add", m, v)))


def _average(s: Context, decay: float, old: Value, new: Value) -> Value:
    return s.add(s.mul(decay, old), s.mul(round(1 - decay, 6), new))


def _correct_bias(s: Context, m: Value, v: Value, b1: float, b2: float) -> tuple[Value, Value]:
    """Adam's moments over what their averages lack, after a number of steps or an argument."""
    d = s.d
    counted = d.stream.chance(30) and len(d.arguments) < 5
    t = s.argument((), 1.0, 10.0, "scalar") if counted else None
    k = d.stream.choice((1, 2, 5, 10))
    if t is not None:
        c = d.claim("sub", 1 - b1**1.0, 1.0, 1.0, d.claim("power", b1**10, b1, b1, t))
        return d.claim("div", -12 * m.bound, 12 * m.bound, m, c, typical=m.samples * 2), v
    c1, c2 = (round(1 - b**k, 6) for b in (b1, b2))
    return (
        d.apply("div", m, c1) if c1 >= 0.2 else m,
        d.claim("div", v.low / c2, v.high / c2, v, c2) if v.high / c2 < 1e3 else v,
    )


def rmsprop(s: Context) -> tuple[Value, ...]:
    """A step of RMSProp."""
    d = s.d
    p, g = s.array(role="params"), s.array(role="grad")
    v = f.named(
        f.moving_average(d, s.argument(s.shape, 0.1, 1.0, "second_moment"), d.apply("square", g)),
        "second_moment",
    )
    scale = d.apply("rsqrt", d.apply("add", v, d.stream.choice((1e-8, 1e-6, 1e-5, 1e-3))))
    f.describe(d, "RMSProp update.")
    return f.named(
        d.apply("sub", p, d.apply("mul", _rate(s), d.apply("mul", g, scale))), "new_params"
    ), v


def lion(s: Context) -> tuple[Value, ...]:
    """Lion: the sign of an interpolated momentum."""
    d = s.d
    p, g = s.array(role="params"), s.argument(s.shape, -1.0, 1.0, "grad")
    m = s.argument(s.shape, -0.5, 0.5, "moment")
    sign = d.apply("sign", f.moving_average(d, m, g))
    step = (
        d.apply("add", sign, d.apply("mul", d.stream.choice((0.01, 0.1)), p))
        if d.stream.chance(60)
        else sign
    )
    f.describe(d, "Lion update.")
    return (
        f.named(d.apply("sub", p, d.apply("mul", _rate(s), step)), "new_params"),
        f.named(f.moving_average(d, m, g), "moment"),
    )


def _rate(s: Context) -> Value | float:
    d = s.d
    if d.stream.chance(40) and len(d.arguments) < s.most_arguments:
        return d.argument((), 0.01, 0.5, role="scalar")
    return d.stream.choice((0.1, 0.01, 1e-3, 0.05, 0.3, 0.5))
