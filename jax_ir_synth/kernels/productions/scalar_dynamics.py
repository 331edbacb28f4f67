"""What 0-d values do with arrays over time: averages, steps, schedules, growth and decay."""

import math

from jax_ir_synth.kernels.builder.values import Value
from jax_ir_synth.kernels.productions import scalars
from jax_ir_synth.kernels.productions.context import Context


def moving_average(m: Context, x: Value) -> Value:
    """Exponential average of x with what was before, of squares at times."""
    old, beta = scalars.other(m, x), scalars.knob(m, 0.2, 0.99, "blend", numbers=25)
    m.d.doc = m.stream.choice(("Exponential moving average.", "Moving average update.", ""))
    new = m.do("square", x) if m.stream.chance(35) else x
    return m.add(
        m.flip("mul", beta, old), m.flip("mul", m.sub(1 if m.stream.chance(50) else 1.0, beta), new)
    )


def _plain_gradient(m: Context, x: Value, g: Value) -> Value:
    return g


def _add_weight_decay(m: Context, x: Value, g: Value) -> Value:
    return m.add(g, m.flip("mul", scalars.knob(m, 0.05, 0.5, "coefficient"), x))


def _add_momentum(m: Context, x: Value, g: Value) -> Value:
    return m.add(m.flip("mul", scalars.knob(m, 0.2, 0.99, "blend"), scalars.other(m, g)), g)


def _scale_by_second_moment(m: Context, x: Value, g: Value) -> Value:
    v = scalars.positive(m, scalars.other(m, g, ((0.1, 1.0), (0.2, 3.0), (0.5, 2.0))), 0.05)
    return m.div(g, m.add(m.do("sqrt", v), m.stream.choice((1e-8, 1e-6, 1e-5, 1e-3))))


def _soften_to_sign(m: Context, x: Value, g: Value) -> Value:
    return m.div(g, m.add(m.do("abs", g), scalars.knob(m, 0.1, 1, "spread")))


_GRADIENTS = {
    _plain_gradient: 1,
    _add_weight_decay: 1,
    _add_momentum: 1,
    _scale_by_second_moment: 1,
    _soften_to_sign: 1,
}


def descent(m: Context, x: Value) -> Value:
    """A gradient step: plain, with weight decay, with momentum, or with a scaled gradient."""
    g, rate = scalars.other(m, x), scalars.knob(m, 0.05, 1, "rate", numbers=15)
    g = m.stream.choose(_GRADIENTS)(m, x, g)
    m.d.doc = m.stream.choice(("One optimiser step.", "Gradient step.", ""))
    if m.stream.chance(80):
        return m.sub(x, m.flip("mul", rate, g))
    return m.add(x, m.mul(m.do("neg", rate), g))


def _inverse_time(m: Context, rate: Value, step: Value) -> Value:
    slowing = m.flip("mul", scalars.knob(m, 0.05, 0.5, "coefficient"), step)
    return m.div(rate, m.add(1.0, slowing))


def _exponential_decay(m: Context, rate: Value, step: Value) -> Value:
    return m.mul(rate, m.do("exp", m.mul(-0.1, step)))


def _inverse_root(m: Context, rate: Value, step: Value) -> Value:
    step = step if step.is_float else m.do("convert", step, dtype=m.d.dtype)
    return m.div(rate, m.do("sqrt", step))


def _cosine_decay(m: Context, rate: Value, step: Value) -> Value:
    angle = m.mul(math.pi, step)
    angle = m.div(angle, float(step.high + m.stream.choice((2, 5, 10))))
    return m.mul(m.mul(0.5, rate), m.add(1.0, m.do("cos", angle)))


_SCHEDULES = {_inverse_time: 1, _exponential_decay: 1, _inverse_root: 1, _cosine_decay: 1}


def schedule(m: Context, x: Value) -> Value:
    """A rate that depends on an integer step, times x."""
    step, rate = scalars.count(m), scalars.knob(m, 0.2, 2, "rate", numbers=20)
    factor = m.stream.choose(_SCHEDULES)(m, rate, step)
    if m.stream.chance(60):
        return m.flip("mul", factor, x)
    return m.sub(x, m.mul(factor, scalars.other(m, x)))


def _logistic_growth(m: Context, x: Value) -> Value:
    growth = m.flip("mul", scalars.knob(m, 0.5, 3, "rate"), x)
    return m.mul(growth, m.sub(1.0, m.div(x, scalars.knob(m, 1, 4, "spread"))))


def _half_saturation(m: Context) -> Value:
    return scalars.knob(m, 0.2, 3, "coefficient", numbers=15)


def _michaelis_menten(m: Context, x: Value) -> Value:
    s, half = scalars.positive(m, x), _half_saturation(m)
    return m.div(m.flip("mul", scalars.knob(m, 0.5, 3, "gain"), s), m.add(half, s))


def _hill(m: Context, x: Value) -> Value:
    s, half, n = scalars.positive(m, x), _half_saturation(m), scalars.knob(m, 1, 3, "coefficient")
    return m.div(m.do("power", s, n), m.add(m.do("power", half, n), m.do("power", s, n)))


_SATURATIONS = {_logistic_growth: 1, _michaelis_menten: 1, _hill: 1}


def saturation(m: Context, x: Value) -> Value:
    """Growth that levels off."""
    return m.stream.choose(_SATURATIONS)(m, x)


def oscillation(m: Context, x: Value) -> Value:
    """A wave of x, damped or not."""
    phase = m.flip("mul", scalars.knob(m, 0.5, 5, "coefficient"), x)
    if m.stream.chance(40):
        phase = m.add(phase, scalars.knob(m, -1.5, 1.5, "center"))
    wave = m.do(m.stream.choice(("sin", "cos")), phase)
    if m.stream.chance(55):
        rate = m.do("neg", scalars.knob(m, 0.1, 1, "rate"))
        wave = m.flip("mul", m.do("exp", m.mul(rate, x if x.low >= 0 else m.do("abs", x))), wave)
    return m.flip("mul", scalars.knob(m, 0.5, 3, "gain"), wave) if m.stream.chance(60) else wave


def decay(m: Context, x: Value) -> Value:
    """Exponential decay of x by a rate and a time."""
    rate = m.do("neg", scalars.knob(m, 0.1, 2, "rate"))
    exponent = m.flip("mul", rate, x if m.stream.chance(70) else m.do("abs", x))
    return m.flip("mul", scalars.knob(m, 0.5, 3, "gain"), m.do("exp", exponent))


def _relax(m: Context, v: Value, k: Value, c: Value) -> Value:
    return m.mul(k, m.sub(c, v))


def _swing(m: Context, v: Value, k: Value, c: Value) -> Value:
    return m.sub(c, m.flip("mul", k, m.do("sin", v)))


def _grow(m: Context, v: Value, k: Value, c: Value) -> Value:
    return m.mul(v, m.sub(k, v))


def _fire(m: Context, v: Value, k: Value, c: Value) -> Value:
    return m.sub(m.do("tanh", m.flip("mul", k, v)), v)


_SLOPES = {_relax: 1, _swing: 1, _grow: 1, _fire: 1}


def euler(m: Context, x: Value) -> Value:
    """A step of x' = f(x), with one evaluation or two."""
    h = scalars.knob(m, 0.05, 0.5, "time", numbers=10)
    k, c = scalars.knob(m, 0.3, 2, "coefficient"), scalars.knob(m, -1, 1, "center")
    slope = m.stream.choose(_SLOPES)
    if m.stream.chance(65):
        return m.add(x, m.flip("mul", h, slope(m, x, k, c)))
    middle = m.add(x, m.mul(m.flip("mul", 0.5, h), slope(m, x, k, c)))
    return m.add(x, m.flip("mul", h, slope(m, middle, k, c)))


def leapfrog(m: Context, x: Value) -> Value:
    """A position moved by a velocity that a force changes."""
    h = scalars.knob(m, 0.05, 1, "time", numbers=10)
    v = scalars.other(m, x)
    if m.stream.chance(60):
        v = m.sub(v, m.flip("mul", h, m.flip("mul", scalars.knob(m, 0.3, 2, "coefficient"), x)))
    return m.add(x, m.flip("mul", h, v))
