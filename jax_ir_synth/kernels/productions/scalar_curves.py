"""Functions of an array with 0-d parameters: polynomials, profiles, activations, potentials."""

from jax_ir_synth.kernels.builder.values import Value
from jax_ir_synth.kernels.productions import common, scalars
from jax_ir_synth.kernels.productions.context import Context


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
