"""Idioms that mix 0-d values with arrays: steps, blends, polynomials, profiles, rescalings."""

from jax_ir_synth.kernels.builder.values import Rejected, Value
from jax_ir_synth.kernels.productions import common, scalars
from jax_ir_synth.kernels.productions.context import Context


def affine(m: Context, x: Value) -> Value:
    """Scales and shifts x, or centres and scales it."""
    kind = m.stream.below(4)
    if kind == 0:
        return m.flip(
            "add",
            m.flip("mul", x, scalars.knob(m, -3, 3, "gain")),
            scalars.knob(m, -2, 2, "center"),
        )
    if kind == 1:
        return m.div(m.sub(x, scalars.knob(m, -2, 2, "center")), scalars.knob(m, 0.4, 3, "spread"))
    if kind == 2:
        return m.flip(
            "mul", m.add(x, scalars.knob(m, -2, 2, "center")), scalars.knob(m, -3, 3, "gain")
        )
    return m.sub(m.flip("mul", x, scalars.knob(m, -3, 3, "gain")), scalars.knob(m, -2, 2, "center"))


def axpy(m: Context, x: Value) -> Value:
    """A scaled array plus another: BLAS's axpy."""
    y = scalars.other(m, x)
    scaled = m.flip("mul", scalars.knob(m, -3, 3, "gain"), x)
    if m.stream.chance(30):
        y = m.flip("mul", scalars.knob(m, -3, 3, "coefficient"), y)
    return m.flip("add", scaled, y) if m.stream.chance(75) else m.sub(y, scaled)


def lerp(m: Context, x: Value) -> Value:
    """Linear interpolation between x and another array."""
    y, t = scalars.other(m, x), scalars.knob(m, 0, 1, "blend", numbers=15)
    kind = m.stream.below(3)
    if kind == 0:
        return m.add(m.flip("mul", m.sub(1.0, t), x), m.flip("mul", t, y))
    if kind == 1:
        return m.add(x, m.flip("mul", t, m.sub(y, x)))
    return m.add(m.flip("mul", t, x), m.flip("mul", m.sub(1.0, t), y))


def moving_average(m: Context, x: Value) -> Value:
    """Exponential average of x with what was before, of squares at times."""
    old, beta = scalars.other(m, x), scalars.knob(m, 0.2, 0.99, "blend", numbers=25)
    m.d.doc = m.stream.choice(("Exponential moving average.", "Moving average update.", ""))
    new = m.do("square", x) if m.stream.chance(35) else x
    return m.add(
        m.flip("mul", beta, old), m.flip("mul", m.sub(1 if m.stream.chance(50) else 1.0, beta), new)
    )


def descent(m: Context, x: Value) -> Value:
    """A gradient step: plain, with weight decay, with momentum, or scaled by a second moment."""
    g, rate = scalars.other(m, x), scalars.knob(m, 0.05, 1, "rate", numbers=15)
    kind = m.stream.below(5)
    if kind == 1:
        g = m.add(g, m.flip("mul", scalars.knob(m, 0.05, 0.5, "coefficient"), x))
    elif kind == 2:
        g = m.add(m.flip("mul", scalars.knob(m, 0.2, 0.99, "blend"), scalars.other(m, g)), g)
    elif kind == 3:
        v = scalars.positive(m, scalars.other(m, g, ((0.1, 1.0), (0.2, 3.0), (0.5, 2.0))), 0.05)
        g = m.div(g, m.add(m.do("sqrt", v), m.stream.choice((1e-8, 1e-6, 1e-5, 1e-3))))
    elif kind == 4:
        g = m.div(g, m.add(m.do("abs", g), scalars.knob(m, 0.1, 1, "spread")))
    m.d.doc = m.stream.choice(("One optimiser step.", "Gradient step.", ""))
    return (
        m.sub(x, m.flip("mul", rate, g))
        if m.stream.chance(80)
        else m.add(x, m.mul(m.do("neg", rate), g))
    )


def clipped(m: Context, x: Value) -> Value:
    """Keeps x between numbers or 0-d arguments, or above or below one."""
    low, high = float(x.samples.min()), float(x.samples.max())
    middle, width = (low + high) / 2, high - low
    kind = m.stream.below(4)
    if kind == 0:
        return m.do("maximum", x, scalars.knob(m, low + 0.15 * width, middle, "bound_low"))
    if kind == 1:
        return m.do("minimum", x, scalars.knob(m, middle, high - 0.15 * width, "bound_high"))
    floor = scalars.knob(m, low + 0.1 * width, middle - 0.05 * width, "bound_low")
    ceiling = scalars.knob(m, middle + 0.05 * width, high - 0.1 * width, "bound_high")
    if kind == 2:
        return m.do("minimum", m.do("maximum", x, floor), ceiling)
    return m.do("clip", x, floor, ceiling)


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


def powers(m: Context, x: Value) -> Value:
    """A polynomial in x by its powers."""
    x = common.bounded(m.d, x, 2.0)
    top = m.stream.choose({2: 5, 3: 4, 4: 2})
    terms = []
    for degree in range(top, -1, -1):
        if degree not in (top, 1) and m.stream.chance(25):
            continue
        c = scalars.knob(m, -2, 2, "coefficient", numbers=40)
        power = (
            {0: None, 1: x}.get(degree)
            if degree < 2
            else m.do("square" if degree == 2 else "cube", x)
            if degree < 4
            else m.do("integer_pow", x, n=degree)
        )
        terms.append(c if power is None else m.flip("mul", c, power))
    if m.stream.chance(30):
        terms.reverse()
    value = terms[0]
    for term in terms[1:]:
        value = m.add(value, term)
    return value


def bell(m: Context, x: Value) -> Value:
    """A Gaussian, a Lorentzian or another profile of the distance to a centre."""
    kind = m.stream.below(4)
    y = m.sub(
        x, scalars.knob(m, -1.5, 1.5, "center") if m.stream.chance(65) else scalars.other(m, x)
    )
    if kind == 0:
        return m.do(
            "exp",
            m.mul(
                m.stream.choice((-0.5, -0.5, -1.0, -0.25)),
                m.do("square", m.div(y, scalars.knob(m, 0.4, 3, "spread"))),
            ),
        )
    if kind == 1:
        return m.do(
            "exp", m.mul(m.do("neg", scalars.knob(m, 0.1, 2, "coefficient")), m.do("square", y))
        )
    width = scalars.knob(m, 0.2, 2, "spread", numbers=15)
    if kind == 2:
        return m.div(m.do("square", width), m.add(m.do("square", y), m.do("square", width)))
    return m.div(1.0, m.add(1.0, m.do("square", m.div(y, width))))


def gate(m: Context, x: Value) -> Value:
    """A smooth switch with steepness and place, applied to x or to another array."""
    y = m.sub(x, scalars.knob(m, -1.5, 1.5, "center")) if m.stream.chance(70) else x
    y = (
        m.flip("mul", scalars.knob(m, 0.5, 5, "gain"), y)
        if m.stream.chance(70)
        else m.div(y, scalars.knob(m, 0.2, 3, "spread"))
    )
    opening = m.do(m.stream.choose({"sigmoid": 8, "hard_sigmoid": 1, "tanh": 2, "erf": 1}), y)
    kind = m.stream.below(4)
    if kind == 0:
        return opening
    if kind == 1:
        return m.flip("mul", opening, x)
    other = scalars.other(m, x)
    if kind == 2:
        return m.flip("mul", opening, other)
    return m.add(m.flip("mul", opening, x), m.mul(m.sub(1.0, opening), other))


def scalar_gate(m: Context, x: Value) -> Value:
    """A learned scalar squashed, and used as a weight."""
    g = m.do(
        m.stream.choice(("sigmoid", "tanh", "exp", "softplus")),
        scalars.knob(m, -2, 2, "gain", numbers=0),
    )
    if m.stream.chance(50):
        return m.flip("mul", g, x)
    return (
        m.add(x, m.flip("mul", g, scalars.other(m, x)))
        if m.stream.chance(60)
        else m.add(m.flip("mul", g, x), m.mul(m.sub(1.0, g), scalars.other(m, x)))
    )


def temperature(m: Context, x: Value) -> Value:
    """A squashing function of x over a temperature."""
    y = m.div(x, scalars.knob(m, 0.3, 3, "spread", numbers=10))
    return m.do(m.stream.choice(("tanh", "sigmoid", "exp", "softplus", "log_sigmoid")), y)


def soft_cap(m: Context, x: Value) -> Value:
    """A bend scaled in and out again, so that it is the identity near zero."""
    c = scalars.knob(m, 0.3, 5, "spread", numbers=25)
    bend = m.stream.choice(("tanh", "arctan", "soft_sign", "softplus", "sin"))
    return (
        m.flip("mul", c, m.do(bend, m.div(x, c)))
        if m.stream.chance(60)
        else m.div(m.do(bend, m.flip("mul", c, x)), c)
    )


def activation(m: Context, x: Value) -> Value:
    """An activation function with a parameter."""
    a, kind = scalars.knob(m, 0.05, 2, "gain", numbers=20), m.stream.below(5)
    if kind == 0:
        return m.flip("mul", x, m.do("sigmoid", m.flip("mul", a, x)))
    if kind == 1:
        return m.add(m.do("maximum", x, 0.0), m.flip("mul", a, m.do("minimum", x, 0.0)))
    if kind == 2:
        return m.add(m.do("relu", x), m.flip("mul", a, m.do("expm1", m.do("minimum", x, 0.0))))
    if kind == 3:
        return m.add(
            m.do("maximum", x, 0.0),
            m.mul(a, m.do("log1p", m.do("exp", m.do("neg", m.do("abs", x))))),
        )
    return m.mul(
        m.do("sign", x),
        m.do(
            "maximum",
            m.sub(m.do("abs", x), scalars.knob(m, 0.1, 0.4 * max(x.bound, 1.0), "threshold")),
            0.0,
        ),
    )


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


def saturation(m: Context, x: Value) -> Value:
    """Growth that levels off."""
    kind = m.stream.below(3)
    if kind == 0:
        return m.mul(
            m.flip("mul", scalars.knob(m, 0.5, 3, "rate"), x),
            m.sub(1.0, m.div(x, scalars.knob(m, 1, 4, "spread"))),
        )
    s = scalars.positive(m, x)
    half = scalars.knob(m, 0.2, 3, "coefficient", numbers=15)
    if kind == 1:
        return m.div(m.flip("mul", scalars.knob(m, 0.5, 3, "gain"), s), m.add(half, s))
    n = scalars.knob(m, 1, 3, "coefficient")
    return m.div(m.do("power", s, n), m.add(m.do("power", half, n), m.do("power", s, n)))


def oscillation(m: Context, x: Value) -> Value:
    """A wave of x, damped or not."""
    phase = m.flip("mul", scalars.knob(m, 0.5, 5, "coefficient"), x)
    if m.stream.chance(40):
        phase = m.add(phase, scalars.knob(m, -1.5, 1.5, "center"))
    wave = m.do(m.stream.choice(("sin", "cos")), phase)
    if m.stream.chance(55):
        decay = m.do(
            "exp",
            m.mul(
                m.do("neg", scalars.knob(m, 0.1, 1, "rate")), x if x.low >= 0 else m.do("abs", x)
            ),
        )
        wave = m.flip("mul", decay, wave)
    return m.flip("mul", scalars.knob(m, 0.5, 3, "gain"), wave) if m.stream.chance(60) else wave


def decay(m: Context, x: Value) -> Value:
    """Exponential decay of x by a rate and a time."""
    rate = m.flip(
        "mul",
        m.do("neg", scalars.knob(m, 0.1, 2, "rate")),
        x if m.stream.chance(70) else m.do("abs", x),
    )
    return m.flip("mul", scalars.knob(m, 0.5, 3, "gain"), m.do("exp", rate))


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


def euler(m: Context, x: Value) -> Value:
    """A step of x' = f(x), with one evaluation or two."""
    h = scalars.knob(m, 0.05, 0.5, "time", numbers=10)
    k, c = scalars.knob(m, 0.3, 2, "coefficient"), scalars.knob(m, -1, 1, "center")
    form = m.stream.below(4)

    def slope(v):
        if form == 0:
            return m.mul(k, m.sub(c, v))
        if form == 1:
            return m.sub(c, m.flip("mul", k, m.do("sin", v)))
        if form == 2:
            return m.mul(v, m.sub(k, v))
        return m.sub(m.do("tanh", m.flip("mul", k, v)), v)

    if m.stream.chance(65):
        return m.add(x, m.flip("mul", h, slope(x)))
    middle = m.add(x, m.mul(m.flip("mul", 0.5, h), slope(x)))
    return m.add(x, m.flip("mul", h, slope(middle)))


def leapfrog(m: Context, x: Value) -> Value:
    """A position moved by a velocity that a force changes."""
    h = scalars.knob(m, 0.05, 1, "time", numbers=10)
    v = scalars.other(m, x)
    if m.stream.chance(60):
        v = m.sub(v, m.flip("mul", h, m.flip("mul", scalars.knob(m, 0.3, 2, "coefficient"), x)))
    return m.add(x, m.flip("mul", h, v))


def schedule(m: Context, x: Value) -> Value:
    """A rate that depends on an integer step, times x."""
    step, rate = scalars.count(m), scalars.knob(m, 0.2, 2, "rate", numbers=20)
    kind = m.stream.below(4)
    if kind == 0:
        factor = m.div(
            rate, m.add(1.0, m.flip("mul", scalars.knob(m, 0.05, 0.5, "coefficient"), step))
        )
    elif kind == 1:
        factor = m.mul(rate, m.do("exp", m.mul(-0.1, step)))
    elif kind == 2:
        factor = m.div(
            rate, m.do("sqrt", step if step.is_float else m.do("convert", step, dtype=m.d.dtype))
        )
    else:
        angle = m.div(
            m.mul(3.141592653589793, step), float(step.high + m.stream.choice((2, 5, 10)))
        )
        factor = m.mul(m.mul(0.5, rate), m.add(1.0, m.do("cos", angle)))
    return (
        m.flip("mul", factor, x)
        if m.stream.chance(60)
        else m.sub(x, m.mul(factor, scalars.other(m, x)))
    )


def cyclic(m: Context, x: Value) -> Value:
    """Integers shifted by an integer argument and wrapped, then used as weights of x."""
    k, n = (
        m.d.argument((), 1, 8, dtype="int32", role="count"),
        m.stream.choice((4, 5, 7, 8, 10, 16)),
    )
    codes = m.d.argument(m.shape, 0, m.stream.choice((7, 15, 31)), dtype="int32", role="integer")
    moved = m.do(m.stream.choice(("add", "mul", "sub")), codes, k)
    wrapped = m.do("int_mod", moved, n)
    weight = m.do("convert", wrapped, dtype=m.d.dtype)
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
    value = m.div(
        m.do("log1p", m.flip("mul", mu, m.do("abs", x))),
        m.do("log1p", mu) if not mu.is_literal else 1.5,
    )
    return m.mul(m.do("sign", x), value) if m.stream.chance(70) else value


def distance(m: Context, x: Value) -> Value:
    """A potential of a distance: Lennard-Jones, Morse, harmonic, screened."""
    kind = m.stream.below(4)
    if kind == 3:
        return m.mul(
            m.flip("mul", 0.5, scalars.knob(m, 0.5, 3, "coefficient")),
            m.do("square", m.sub(x, scalars.knob(m, -1, 1, "center"))),
        )
    r = scalars.positive(m, x, 0.3)
    if kind == 0:
        ratio = m.do(
            "cube",
            m.div(
                scalars.knob(m, 0.5, 1, "spread", numbers=10), r if r.low >= 0.5 else m.add(r, 0.5)
            ),
        )
        six = m.do("square", ratio)
        return m.mul(
            m.flip("mul", 4.0, scalars.knob(m, 0.1, 1, "coefficient")),
            m.sub(m.do("square", six), six),
        )
    if kind == 1:
        e = m.do(
            "exp",
            m.mul(
                m.do("neg", scalars.knob(m, 0.5, 2, "coefficient")),
                m.sub(r, scalars.knob(m, 0.5, 1.5, "center")),
            ),
        )
        return m.flip("mul", scalars.knob(m, 0.5, 3, "gain"), m.do("square", m.sub(1.0, e)))
    return m.div(
        m.flip(
            "mul",
            scalars.knob(m, 0.5, 3, "gain"),
            m.do("exp", m.div(m.do("neg", r), scalars.knob(m, 0.4, 3, "spread"))),
        ),
        r,
    )


def focal(m: Context, x: Value) -> Value:
    """Probabilities weighted by how unsure they are, or smoothed towards a constant."""
    p = x if x.low >= 0 and x.high <= 1 else m.do("sigmoid", x)
    if m.stream.chance(45):
        eps = scalars.knob(m, 0.05, 0.5, "coefficient", numbers=15)
        return m.add(
            m.flip("mul", p, m.sub(1.0, eps)), m.div(eps, float(m.stream.choice((2, 4, 5, 10))))
        )
    rest = m.sub(1.0, p) if p.high < 0.9 else m.sub(1.2, p)
    return m.mul(
        m.do("power", rest, scalars.knob(m, 1, 3, "coefficient", numbers=20)),
        p if m.stream.chance(40) else m.do("softplus", m.do("neg", x)),
    )


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


# How often each is drawn.
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
