"""Idioms that mix 0-d values with arrays: steps, blends, polynomials, profiles, rescalings."""

import math
from typing import NamedTuple

from jax_ir_synth.kernels.builder.values import Rejected, Value
from jax_ir_synth.kernels.productions import common, scalars
from jax_ir_synth.kernels.productions.context import Context


def _gain(m: Context) -> Value:
    return scalars.knob(m, -3, 3, "gain")


def _center(m: Context) -> Value:
    return scalars.knob(m, -2, 2, "center")


def _scale_then_add(m: Context, x: Value) -> Value:
    return m.flip("add", m.flip("mul", x, _gain(m)), _center(m))


def _center_then_divide(m: Context, x: Value) -> Value:
    return m.div(m.sub(x, _center(m)), scalars.knob(m, 0.4, 3, "spread"))


def _add_then_scale(m: Context, x: Value) -> Value:
    return m.flip("mul", m.add(x, _center(m)), _gain(m))


def _scale_then_subtract(m: Context, x: Value) -> Value:
    return m.sub(m.flip("mul", x, _gain(m)), _center(m))


_AFFINE = {
    _scale_then_add: 1,
    _center_then_divide: 1,
    _add_then_scale: 1,
    _scale_then_subtract: 1,
}


def affine(m: Context, x: Value) -> Value:
    """Scales and shifts x, or centres and scales it."""
    return m.stream.choose(_AFFINE)(m, x)


def axpy(m: Context, x: Value) -> Value:
    """A scaled array plus another: BLAS's axpy."""
    y = scalars.other(m, x)
    scaled = m.flip("mul", scalars.knob(m, -3, 3, "gain"), x)
    if m.stream.chance(30):
        y = m.flip("mul", scalars.knob(m, -3, 3, "coefficient"), y)
    return m.flip("add", scaled, y) if m.stream.chance(75) else m.sub(y, scaled)


def _weigh_both(m: Context, x: Value, y: Value, t: Value) -> Value:
    return m.add(m.flip("mul", m.sub(1.0, t), x), m.flip("mul", t, y))


def _go_towards(m: Context, x: Value, y: Value, t: Value) -> Value:
    return m.add(x, m.flip("mul", t, m.sub(y, x)))


def _weigh_reversed(m: Context, x: Value, y: Value, t: Value) -> Value:
    return m.add(m.flip("mul", t, x), m.flip("mul", m.sub(1.0, t), y))


_BLENDS = {_weigh_both: 1, _go_towards: 1, _weigh_reversed: 1}


def lerp(m: Context, x: Value) -> Value:
    """Linear interpolation between x and another array."""
    y, t = scalars.other(m, x), scalars.knob(m, 0, 1, "blend", numbers=15)
    return m.stream.choose(_BLENDS)(m, x, y, t)


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


class _Spread(NamedTuple):
    """Where the elements of an array lie."""

    low: float
    middle: float
    high: float
    width: float

    @classmethod
    def of(cls, x: Value) -> "_Spread":
        low, high = float(x.samples.min()), float(x.samples.max())
        return cls(low, (low + high) / 2, high, high - low)


def _keep_above(m: Context, x: Value) -> Value:
    s = _Spread.of(x)
    return m.do("maximum", x, scalars.knob(m, s.low + 0.15 * s.width, s.middle, "bound_low"))


def _keep_below(m: Context, x: Value) -> Value:
    s = _Spread.of(x)
    return m.do("minimum", x, scalars.knob(m, s.middle, s.high - 0.15 * s.width, "bound_high"))


def _draw_bounds(m: Context, x: Value) -> tuple[Value, Value]:
    s = _Spread.of(x)
    return (
        scalars.knob(m, s.low + 0.1 * s.width, s.middle - 0.05 * s.width, "bound_low"),
        scalars.knob(m, s.middle + 0.05 * s.width, s.high - 0.1 * s.width, "bound_high"),
    )


def _clip_by_extremes(m: Context, x: Value) -> Value:
    floor, ceiling = _draw_bounds(m, x)
    return m.do("minimum", m.do("maximum", x, floor), ceiling)


def _clip(m: Context, x: Value) -> Value:
    return m.do("clip", x, *_draw_bounds(m, x))


_CLIPS = {_keep_above: 1, _keep_below: 1, _clip_by_extremes: 1, _clip: 1}


def clipped(m: Context, x: Value) -> Value:
    """Keeps x between numbers or 0-d arguments, or above or below one."""
    return m.stream.choose(_CLIPS)(m, x)


def _coefficients(m: Context, count: int) -> list[Value]:
    return [scalars.knob(m, -2, 2, "coefficient", numbers=45) for _ in range(count)]


def horner(m: Context, x: Value) -> Value:
    """A polynomial in x by Horner's rule."""
    x = common.bounded(m.d, x, 2.0)
    first, *rest = _coefficients(m, m.stream.choose({3: 5, 4: 4, 5: 2}))
    value = m.flip("mul", first, x)
    for i, c in enumerate(rest):
        value = (
            m.add(value, c) if c.low >= 0 or not c.is_literal else m.sub(value, -c.params["value"])
        )
        if i < len(rest) - 1:
            value = m.flip("mul", value, x)
    return value


def _power(m: Context, x: Value, degree: int) -> Value:
    match degree:
        case 1:
            return x
        case 2:
            return m.do("square", x)
        case 3:
            return m.do("cube", x)
        case _:
            return m.do("integer_pow", x, n=degree)


def powers(m: Context, x: Value) -> Value:
    """A polynomial in x by its powers."""
    x = common.bounded(m.d, x, 2.0)
    top = m.stream.choose({2: 5, 3: 4, 4: 2})
    terms = []
    for degree in range(top, -1, -1):
        if degree not in (top, 1) and m.stream.chance(25):
            continue
        c = scalars.knob(m, -2, 2, "coefficient", numbers=40)
        terms.append(m.flip("mul", c, _power(m, x, degree)) if degree else c)
    if m.stream.chance(30):
        terms.reverse()
    value = terms[0]
    for term in terms[1:]:
        value = m.add(value, term)
    return value


def _gaussian_of_spread(m: Context, y: Value) -> Value:
    factor = m.stream.choice((-0.5, -0.5, -1.0, -0.25))
    ratio = m.div(y, scalars.knob(m, 0.4, 3, "spread"))
    return m.do("exp", m.mul(factor, m.do("square", ratio)))


def _gaussian_of_coefficient(m: Context, y: Value) -> Value:
    factor = m.do("neg", scalars.knob(m, 0.1, 2, "coefficient"))
    return m.do("exp", m.mul(factor, m.do("square", y)))


def _width(m: Context) -> Value:
    return scalars.knob(m, 0.2, 2, "spread", numbers=15)


def _lorentzian(m: Context, y: Value) -> Value:
    width = _width(m)
    return m.div(m.do("square", width), m.add(m.do("square", y), m.do("square", width)))


def _cauchy(m: Context, y: Value) -> Value:
    return m.div(1.0, m.add(1.0, m.do("square", m.div(y, _width(m)))))


_PROFILES = {_gaussian_of_spread: 1, _gaussian_of_coefficient: 1, _lorentzian: 1, _cauchy: 1}


def bell(m: Context, x: Value) -> Value:
    """A Gaussian, a Lorentzian or another profile of the distance to a centre."""
    profile = m.stream.choose(_PROFILES)
    center = scalars.knob(m, -1.5, 1.5, "center") if m.stream.chance(65) else scalars.other(m, x)
    return profile(m, m.sub(x, center))


def _alone(m: Context, opening: Value, x: Value) -> Value:
    return opening


def _gate_itself(m: Context, opening: Value, x: Value) -> Value:
    return m.flip("mul", opening, x)


def _gate_other(m: Context, opening: Value, x: Value) -> Value:
    return m.flip("mul", opening, scalars.other(m, x))


def _blend_with_other(m: Context, opening: Value, x: Value) -> Value:
    other = scalars.other(m, x)
    return m.add(m.flip("mul", opening, x), m.mul(m.sub(1.0, opening), other))


_GATED = {_alone: 1, _gate_itself: 1, _gate_other: 1, _blend_with_other: 1}


def gate(m: Context, x: Value) -> Value:
    """A smooth switch with steepness and place, applied to x or to another array."""
    y = m.sub(x, scalars.knob(m, -1.5, 1.5, "center")) if m.stream.chance(70) else x
    y = (
        m.flip("mul", scalars.knob(m, 0.5, 5, "gain"), y)
        if m.stream.chance(70)
        else m.div(y, scalars.knob(m, 0.2, 3, "spread"))
    )
    opening = m.do(m.stream.choose({"sigmoid": 8, "hard_sigmoid": 1, "tanh": 2, "erf": 1}), y)
    return m.stream.choose(_GATED)(m, opening, x)


def scalar_gate(m: Context, x: Value) -> Value:
    """A learned scalar squashed, and used as a weight."""
    squash = m.stream.choice(("sigmoid", "tanh", "exp", "softplus"))
    g = m.do(squash, scalars.knob(m, -2, 2, "gain", numbers=0))
    if m.stream.chance(50):
        return m.flip("mul", g, x)
    if m.stream.chance(60):
        return m.add(x, m.flip("mul", g, scalars.other(m, x)))
    return m.add(m.flip("mul", g, x), m.mul(m.sub(1.0, g), scalars.other(m, x)))


def temperature(m: Context, x: Value) -> Value:
    """A squashing function of x over a temperature."""
    y = m.div(x, scalars.knob(m, 0.3, 3, "spread", numbers=10))
    return m.do(m.stream.choice(("tanh", "sigmoid", "exp", "softplus", "log_sigmoid")), y)


def soft_cap(m: Context, x: Value) -> Value:
    """A bend scaled in and out again, so that it is the identity near zero."""
    c = scalars.knob(m, 0.3, 5, "spread", numbers=25)
    bend = m.stream.choice(("tanh", "arctan", "soft_sign", "softplus", "sin"))
    if m.stream.chance(60):
        return m.flip("mul", c, m.do(bend, m.div(x, c)))
    return m.div(m.do(bend, m.flip("mul", c, x)), c)


def _swish(m: Context, x: Value, a: Value) -> Value:
    return m.flip("mul", x, m.do("sigmoid", m.flip("mul", a, x)))


def _leaky_relu(m: Context, x: Value, a: Value) -> Value:
    return m.add(m.do("maximum", x, 0.0), m.flip("mul", a, m.do("minimum", x, 0.0)))


def _elu(m: Context, x: Value, a: Value) -> Value:
    return m.add(m.do("relu", x), m.flip("mul", a, m.do("expm1", m.do("minimum", x, 0.0))))


def _softplus(m: Context, x: Value, a: Value) -> Value:
    tail = m.do("log1p", m.do("exp", m.do("neg", m.do("abs", x))))
    return m.add(m.do("maximum", x, 0.0), m.mul(a, tail))


def _soft_threshold(m: Context, x: Value, a: Value) -> Value:
    sign, size = m.do("sign", x), m.do("abs", x)
    threshold = scalars.knob(m, 0.1, 0.4 * max(x.bound, 1.0), "threshold")
    return m.mul(sign, m.do("maximum", m.sub(size, threshold), 0.0))


_ACTIVATIONS = {_swish: 1, _leaky_relu: 1, _elu: 1, _softplus: 1, _soft_threshold: 1}


def activation(m: Context, x: Value) -> Value:
    """An activation function with a parameter."""
    a = scalars.knob(m, 0.05, 2, "gain", numbers=20)
    return m.stream.choose(_ACTIVATIONS)(m, x, a)


def rescale(m: Context, x: Value) -> Value:
    """From one range to another."""
    low, high = scalars.knob(m, -2, 0, "bound_low"), scalars.knob(m, 0.5, 3, "bound_high")
    if m.stream.chance(50):
        unit = (
            m.do("sigmoid", x) if m.stream.chance(60) else m.mul(0.5, m.add(m.do("tanh", x), 1.0))
        )
        return m.add(low, m.flip("mul", m.sub(high, low), unit))
    y = m.div(m.sub(x, low), m.sub(high, low))
    return y if m.stream.chance(50) else m.sub(m.mul(2.0, y), 1.0)


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


def power_law(m: Context, x: Value) -> Value:
    """A positive array to a 0-d power."""
    s = scalars.positive(m, x)
    value = m.do("power", s, scalars.knob(m, -2, 2.5, "coefficient", numbers=15))
    return m.flip("mul", scalars.knob(m, 0.5, 3, "gain"), value) if m.stream.chance(55) else value


def huber(m: Context, x: Value) -> Value:
    """Pseudo-Huber and Charbonnier losses of a difference."""
    r = m.sub(x, scalars.other(m, x)) if m.stream.chance(60) else x
    c = scalars.knob(m, 0.3, 2, "threshold", numbers=15)
    if m.stream.chance(50):
        inner = m.do("sqrt", m.add(1.0, m.do("square", m.div(r, c))))
        return m.mul(m.do("square", c), m.sub(inner, 1.0))
    return m.do("sqrt", m.add(m.do("square", r), m.do("square", c)))


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


def cyclic(m: Context, x: Value) -> Value:
    """Integers shifted by an integer argument and wrapped, then used as weights of x."""
    k = m.d.argument((), 1, 8, dtype="int32", role="count")
    n = m.stream.choice((4, 5, 7, 8, 10, 16))
    codes = m.d.argument(m.shape, 0, m.stream.choice((7, 15, 31)), dtype="int32", role="integer")
    moved = m.do(m.stream.choice(("add", "mul", "sub")), codes, k)
    weight = m.do("convert", m.do("int_mod", moved, n), dtype=m.d.dtype)
    if m.stream.chance(60):
        weight = m.div(weight, float(n))
    return m.flip(m.stream.choice(("mul", "add")), scalars.tame(m, weight), x)


def quantised(m: Context, x: Value) -> Value:
    """Rounded to a grid of a 0-d spacing, with the gradient passed straight through."""
    s = scalars.knob(m, 1, 5, "gain", numbers=20)
    grid = m.div(m.do(m.stream.choice(("round", "floor")), m.flip("mul", x, s)), s)
    return m.add(x, m.do("stop_gradient", m.sub(grid, x)))


def companding(m: Context, x: Value) -> Value:
    """Logarithmic compression, signed."""
    mu = scalars.knob(m, 1, 5, "coefficient", numbers=20)
    log = m.do("log1p", m.flip("mul", mu, m.do("abs", x)))
    value = m.div(log, 1.5 if mu.is_literal else m.do("log1p", mu))
    return m.mul(m.do("sign", x), value) if m.stream.chance(70) else value


def _lennard_jones(m: Context, x: Value) -> Value:
    r = scalars.positive(m, x, 0.3)
    sigma = scalars.knob(m, 0.5, 1, "spread", numbers=10)
    six = m.do("square", m.do("cube", m.div(sigma, r if r.low >= 0.5 else m.add(r, 0.5))))
    depth = m.flip("mul", 4.0, scalars.knob(m, 0.1, 1, "coefficient"))
    return m.mul(depth, m.sub(m.do("square", six), six))


def _morse(m: Context, x: Value) -> Value:
    r = scalars.positive(m, x, 0.3)
    steepness = m.do("neg", scalars.knob(m, 0.5, 2, "coefficient"))
    e = m.do("exp", m.mul(steepness, m.sub(r, scalars.knob(m, 0.5, 1.5, "center"))))
    return m.flip("mul", scalars.knob(m, 0.5, 3, "gain"), m.do("square", m.sub(1.0, e)))


def _screened(m: Context, x: Value) -> Value:
    r = scalars.positive(m, x, 0.3)
    strength = scalars.knob(m, 0.5, 3, "gain")
    screen = m.do("exp", m.div(m.do("neg", r), scalars.knob(m, 0.4, 3, "spread")))
    return m.div(m.flip("mul", strength, screen), r)


def _harmonic(m: Context, x: Value) -> Value:
    half = m.flip("mul", 0.5, scalars.knob(m, 0.5, 3, "coefficient"))
    return m.mul(half, m.do("square", m.sub(x, scalars.knob(m, -1, 1, "center"))))


_POTENTIALS = {_lennard_jones: 1, _morse: 1, _screened: 1, _harmonic: 1}


def distance(m: Context, x: Value) -> Value:
    """A potential of a distance: Lennard-Jones, Morse, harmonic, screened."""
    return m.stream.choose(_POTENTIALS)(m, x)


def focal(m: Context, x: Value) -> Value:
    """Probabilities weighted by how unsure they are, or smoothed towards a constant."""
    p = x if x.low >= 0 and x.high <= 1 else m.do("sigmoid", x)
    if m.stream.chance(45):
        eps = scalars.knob(m, 0.05, 0.5, "coefficient", numbers=15)
        kept = m.flip("mul", p, m.sub(1.0, eps))
        return m.add(kept, m.div(eps, float(m.stream.choice((2, 4, 5, 10)))))
    rest = m.sub(1.0, p) if p.high < 0.9 else m.sub(1.2, p)
    weight = m.do("power", rest, scalars.knob(m, 1, 3, "coefficient", numbers=20))
    return m.mul(weight, p if m.stream.chance(40) else m.do("softplus", m.do("neg", x)))


def rotated(m: Context, x: Value) -> Value:
    """One coordinate of a rotation by a 0-d angle."""
    y, t = scalars.other(m, x), scalars.knob(m, -3, 3, "time", numbers=0)
    a, b = m.mul(m.do("cos", t), x), m.mul(m.do("sin", t), y)
    return m.sub(a, b) if m.stream.chance(60) else m.add(a, b)


def row_of(m: Context, x: Value) -> Value:
    """A stretch of an array that begins at an integer argument."""
    if not x.ndim or x.shape[0] < 5 or x.shape != m.shape:
        raise Rejected("no axis to cut")
    length = m.stream.between(2, x.shape[0] - 2)
    length += length == 3
    start = m.d.argument((), 0, x.shape[0] - length, dtype="int32", role="scalar_index")
    m.shape = (length, *x.shape[1:])
    return m.do("dynamic_slice", x, start, length=length, axis=0)


IDIOMS = {
    affine: 9,
    axpy: 9,
    lerp: 7,
    moving_average: 6,
    descent: 8,
    clipped: 7,
    horner: 5,
    powers: 5,
    bell: 6,
    gate: 6,
    scalar_gate: 5,
    temperature: 5,
    soft_cap: 5,
    activation: 7,
    rescale: 5,
    saturation: 4,
    oscillation: 5,
    decay: 4,
    power_law: 4,
    huber: 4,
    euler: 5,
    leapfrog: 4,
    schedule: 5,
    cyclic: 3,
    quantised: 3,
    companding: 2,
    distance: 4,
    focal: 3,
    rotated: 3,
    row_of: 2,
}
