"""Loops known by name: integrators, diffusion, Newton, power iteration, descent, Kalman."""

from jax_ir_synth.kernels.builder import control_flow
from jax_ir_synth.kernels.builder.program_builder import ProgramBuilder
from jax_ir_synth.kernels.builder.values import Rejected, Value
from jax_ir_synth.kernels.productions import common
from jax_ir_synth.kernels.productions.recurrences import (
    bounded,
    dims,
    field,
    integrate,
    length,
    light,
    like,
    looped,
    mix,
    shaped,
    squash,
    start,
    steps,
    swept,
)

_BOUNDS = (1.0, 2.0, 4.0, 8.0)


def _state(d: ProgramBuilder) -> Value:
    shape = dims(d)
    return common.array(d, shape, ranges=((-1.0, 1.0), (-2.0, 2.0), (0.0, 1.0), (0.5, 1.5)))


def _step_size(d: ProgramBuilder):
    if d.stream.chance(25):
        return d.argument((), *d.stream.choice(((0.01, 0.1), (0.05, 0.2), (0.1, 0.3))))
    return d.stream.choice((0.1, 0.05, 0.01, 0.2, 0.25, 0.02, 0.5))


def _within(build):
    """`build(most)` with the least bound on the slope that holds."""
    for most in _BOUNDS:
        try:
            return build(most)
        except Rejected:
            continue
    raise Rejected("the slope has no small bound")


def _parameters(d: ProgramBuilder, shape: tuple[int, ...]) -> tuple[Value, Value]:
    kind = d.stream.below(3)
    p = like(d, shape) if kind else d.literal(common.literal(d))
    q = like(d, shape) if kind != 1 else d.literal(common.literal(d))
    return p, q


def trajectory(d: ProgramBuilder) -> tuple[Value, ...]:
    """An initial value problem by Euler, midpoint, Heun or Runge-Kutta."""
    y0 = _state(d)
    f = field(d, *_parameters(d, y0.shape))
    dt = _step_size(d)
    n = steps(d, 50)
    scheme = d.stream.choose({"euler": 5, "midpoint": 4, "heun": 3, "rk4": 2})
    emits = d.stream.chance(50)
    size = dt.high if isinstance(dt, Value) else dt

    def build(most):
        return looped(
            d,
            n,
            (y0,),
            [swept(y0, size * most, n)],
            lambda y: (shaped(integrate(d, f, dt, y, scheme, most), y),),
            emit=(lambda y: y) if emits else None,
        )

    return tuple(_within(build))


def oscillator(d: ProgramBuilder) -> tuple[Value, ...]:
    """Position and velocity under a bounded force: leapfrog, symplectic Euler, momentum."""
    x0 = _state(d)
    v0 = (
        common.array(d, x0.shape, ranges=((-1.0, 1.0), (-0.5, 0.5)))
        if d.stream.chance(60)
        else d.apply("zeros_like", x0)
    )
    force = field(d, *_parameters(d, x0.shape))
    dt = d.stream.choice((0.1, 0.05, 0.01, 0.2, 0.25))
    n = steps(d, 20)
    kind = d.stream.choice(("symplectic", "leapfrog", "momentum"))
    mu = d.stream.choice((0.9, 0.5, 0.8, 0.95))
    energy = d.stream.chance(40)

    def build(most):
        speed = v0.bound + n * dt * most
        ranges = [swept(x0, dt * speed, n), (-speed, speed)]

        def body(x, v):
            if kind == "leapfrog":
                half = d.apply("add", v, d.apply("mul", round(dt / 2, 4), bounded(force(x), most)))
                x = d.apply("add", x, d.apply("mul", dt, half))
                return x, d.apply(
                    "add", half, d.apply("mul", round(dt / 2, 4), bounded(force(x), most))
                )
            if kind == "momentum":
                v = d.apply(
                    "sub", d.apply("mul", mu, v), d.apply("mul", dt, bounded(force(x), most))
                )
                return d.apply("add", x, d.apply("mul", dt, v)), v
            v = d.apply("add", v, d.apply("mul", dt, bounded(force(x), most)))
            return d.apply("add", x, d.apply("mul", dt, v)), v

        def emit(x, v):
            return (
                d.apply(
                    "add",
                    d.apply("mul", 0.5, d.apply("square", v)),
                    d.apply("mul", 0.5, d.apply("square", x)),
                )
                if energy
                else x
            )

        return looped(
            d, n, (x0, v0), ranges, body, emit=emit if energy or d.stream.chance(50) else None
        )

    return tuple(_within(build))


def implicit(d: ProgramBuilder) -> tuple[Value, ...]:
    """A semi-implicit step: explicit forcing, implicit decay."""
    y0 = _state(d)
    f = field(d, *_parameters(d, y0.shape))
    dt = d.stream.choice((0.1, 0.05, 0.2, 0.5, 0.25))
    rate = common.array(d, y0.shape[-1:], ranges=((0.1, 1.0), (0.5, 2.0), (0.2, 3.0)))
    n = steps(d, 20)

    def build(most):
        def body(y):
            top = d.apply("add", y, d.apply("mul", dt, bounded(f(y), most)))
            return (shaped(d.apply("div", top, d.apply("add", 1.0, d.apply("mul", dt, rate))), y),)

        return looped(
            d,
            n,
            (y0,),
            [swept(y0, dt * most, n)],
            body,
            emit=(lambda y: y) if d.stream.chance(50) else None,
        )

    return tuple(_within(build))


def diffusion(d: ProgramBuilder) -> tuple[Value, ...]:
    """Heat or advection on a periodic grid, with the maximum principle as its bound."""
    shape = (
        (common.size(d),)
        if d.stream.chance(55)
        else (common.size(d, small=True), common.size(d, small=True))
    )
    if min(shape) < 4:
        raise Rejected("a small grid")
    u0 = common.array(d, shape)
    alpha = (
        d.stream.choice((0.1, 0.2, 0.25, 0.05, 0.15))
        if len(shape) == 2 or d.stream.chance(70)
        else 0.4
    )
    nu = d.argument((), 0.02, 0.2) if d.stream.chance(30) else alpha
    n = steps(d, 20)
    kind = d.stream.choice(("heat", "heat", "advection", "reaction"))
    rate = d.stream.choice((0.1, 0.05, 0.01))
    squasher = d.stream.choice(("sin", "tanh", "cos"))

    def body(u):
        if kind == "advection":
            change = d.apply("sub", d.apply("roll", u, shift=1, axis=0), u)
        else:
            sides = [d.apply("roll", u, shift=s, axis=a) for a in range(u.ndim) for s in (1, -1)]
            total = sides[0]
            for side in sides[1:]:
                total = d.apply("add", total, side)
            change = d.apply("sub", total, d.apply("mul", 2.0 * u.ndim, u))
        new = d.apply("add", u, d.apply("mul", nu, change))
        return (
            d.apply("add", new, d.apply("mul", rate, d.apply(squasher, u)))
            if kind == "reaction"
            else new,
        )

    widened = swept(u0, rate, n) if kind == "reaction" else (u0.low, u0.high)
    (*_, u) = looped(d, n, (u0,), [widened], body)
    weight = common.array(d, shape) if d.stream.chance(35) else None
    return (u,) if weight is None else (d.apply("mul", u, weight),)


def newton(d: ProgramBuilder) -> tuple[Value, ...]:
    """Newton's iteration for a root, a reciprocal or a reciprocal root of a positive operand."""
    shape = dims(d)
    a0 = common.array(d, shape, ranges=((0.5, 2.0), (1.0, 3.0), (0.5, 1.5), (0.2, 3.0)))
    other = like(d, shape) if d.stream.chance(50) else None
    a = (
        a0
        if d.stream.chance(60)
        else d.apply(
            "add",
            d.stream.choice((0.5, 1.0)),
            d.apply(d.stream.choice(("square", "exp", "softplus")), a0),
        )
    )
    n = steps(d, 10)
    kind = d.stream.choice(("sqrt", "reciprocal", "rsqrt", "cbrt"))
    if kind in ("sqrt", "cbrt"):
        y0 = a if a.low >= 1 else d.apply("add", 1.0, a)
        low = min(1.0, a.low ** (0.5 if kind == "sqrt" else 1 / 3))
        invariant = (low, max(y0.high, 1.0))
    else:
        top = 1 / a.low if kind == "reciprocal" else a.low**-0.5
        first = round(0.9 * (1 / a.high if kind == "reciprocal" else a.high**-0.5), 2)
        y0 = d.apply("full_like", a, value=first)
        invariant = (first, top)

    def body(y):
        if kind == "sqrt":
            return (d.apply("mul", 0.5, d.apply("add", y, d.apply("div", a, y))),)
        if kind == "cbrt":
            return (
                d.apply(
                    "div",
                    d.apply("add", d.apply("mul", 2.0, y), d.apply("div", a, d.apply("square", y))),
                    3.0,
                ),
            )
        if kind == "reciprocal":
            return (d.apply("mul", y, d.apply("sub", 2.0, d.apply("mul", a, y))),)
        return (
            d.apply(
                "mul",
                y,
                d.apply("sub", 1.5, d.apply("mul", d.apply("mul", 0.5, a), d.apply("square", y))),
            ),
        )

    (*_, root) = looped(d, n, (y0,), [invariant], body)
    extra = [other] if other is not None else [a0] if d.stream.chance(40) else []
    return (mix(d, [root, *extra], d.stream.below(3)),)


def power_iteration(d: ProgramBuilder) -> tuple[Value, ...]:
    """The dominant vector of a positive matrix, normalised at each step."""
    k = common.size(d, small=True)
    low, high = d.stream.choice(((0.1, 1.0), (0.5, 1.5), (0.5, 2.0), (0.2, 1.0)))
    matrix = d.argument((k, k), low, high)
    n = steps(d, 20)
    v0 = (
        d.argument((k,), 0.5, 1.0)
        if n <= 3 and d.stream.chance(70)
        else d.apply("ones", shape=(k,), dtype=d.dtype)
    )
    by_norm = d.stream.chance(65)
    least = min(low / high / (k**0.5 if by_norm else 1.0), 0.5)
    turned = d.stream.chance(30)

    def body(v):
        w = d.apply("matmul", v, matrix) if turned else d.apply("matmul", matrix, v)
        return (d.claim("div", least, 1.0, w, d.apply("norm" if by_norm else "max", w, axis=None)),)

    (*_, v) = looped(d, n, (v0,), [(least, 1.0)], body)
    quotient = d.apply("matmul", v, d.apply("matmul", matrix, v))
    if k * least * least > 0.2:
        quotient = d.apply("div", quotient, d.apply("matmul", v, v))
    weight = common.array(d, (k,)) if d.stream.chance(30) else None
    if weight is not None:
        return quotient, d.apply("mul", v, weight)
    return (light(d, quotient),) if d.stream.chance(60) else (quotient, v)


def descent(d: ProgramBuilder) -> tuple[Value, ...]:
    """Gradient steps on a least-squares or an elementwise loss, plain, with momentum or scaled."""
    n = steps(d, 10)
    rate = d.stream.choice((0.1, 0.05, 0.01, 0.2))
    if d.stream.chance(50):
        rows, columns = common.size(d, small=True), common.size(d, small=True)
        features = common.array(d, (rows, columns), ranges=((-1.0, 1.0), (-0.5, 0.5)))
        targets = common.array(d, (rows,), ranges=((-1.0, 1.0), (-2.0, 2.0)))
        w0 = start(d, (columns,), -1.0, 1.0)

        def slope(w):
            error = d.apply("sub", d.apply("matmul", features, w), targets)
            return d.apply(
                "div",
                d.apply("matmul", d.apply("transpose", features, perm=(1, 0)), error),
                float(rows),
            )
    else:
        w0 = _state(d)
        target = common.array(d, w0.shape)
        f = field(d, *_parameters(d, w0.shape)) if d.stream.chance(50) else None

        def slope(w):
            error = d.apply("sub", w, target)
            return error if f is None else d.apply("add", error, f(w))

    kind = d.stream.choose({"plain": 5, "momentum": 3, "clipped": 3, "scaled": 3})
    squasher = d.stream.choice(("tanh", "clip", "soft_sign"))

    def direction(w):
        g = slope(w)
        if kind != "clipped":
            return g
        return d.apply("clip", g, -1.0, 1.0) if squasher == "clip" else d.apply(squasher, g)

    def build(most):
        speed = (
            most / (1 - 0.9)
            if kind == "momentum"
            else most / 0.1**0.5
            if kind == "scaled"
            else most
        )

        def body(w, *state):
            g = bounded(direction(w), most)
            if kind == "momentum":
                v = d.apply("add", d.apply("mul", 0.9, state[0]), g)
                return d.apply("sub", w, d.apply("mul", rate, v)), v
            if kind == "scaled":
                v = d.apply(
                    "add", d.apply("mul", 0.9, state[0]), d.apply("mul", 0.1, d.apply("square", g))
                )
                return d.apply(
                    "sub",
                    w,
                    d.apply(
                        "mul", d.apply("mul", rate, g), d.apply("rsqrt", d.apply("add", v, 0.1))
                    ),
                ), v
            return (shaped(d.apply("sub", w, d.apply("mul", rate, g)), w),)

        init, ranges = (w0,), [swept(w0, rate * speed, n)]
        if kind in ("momentum", "scaled"):
            init += (d.apply("zeros_like", w0),)
            ranges.append((-speed, speed) if kind == "momentum" else (0.0, most * most))
        return looped(
            d, n, init, ranges, body, emit=(lambda w, *rest: w) if d.stream.chance(30) else None
        )[:1]

    return tuple(_within(build))


def horner(d: ProgramBuilder) -> tuple[Value, ...]:
    """A polynomial or a continued product, its coefficients scanned over."""
    n = d.stream.choice((4, 5, 6, 7, 8))
    coefficients = common.array(d, (n,))
    x0 = common.array(d, dims(d), ranges=((-1.0, 1.0), (-0.5, 0.5), (0.0, 1.0)))
    x = common.bounded(d, light(d, x0))
    kind = d.stream.choice(("horner", "horner", "clenshaw"))
    zeros = d.apply("zeros_like", x)
    if kind == "horner":
        reach = n * coefficients.bound

        def body(carry, c):
            return (d.apply("add", d.apply("mul", carry[0], x), c[0]),), ()

        return (
            control_flow.scan(
                d,
                (zeros,),
                (coefficients,),
                [(-reach, reach)],
                body,
                checked=False,
                reverse=d.stream.chance(30),
            )[0],
        )
    reach = coefficients.bound * n * n  # |U_k| <= k + 1 on [-1, 1]

    def clenshaw(carry, c):
        b1, b2 = carry
        new = d.apply("add", c[0], d.apply("sub", d.apply("mul", 2.0, d.apply("mul", x, b1)), b2))
        return (new, b1), ()

    b1, b2 = control_flow.scan(
        d, (zeros, zeros), (coefficients,), [(-reach, reach)] * 2, clenshaw, checked=False
    )
    return (d.apply("sub", b1, d.apply("mul", x, b2)),)


def logistic(d: ProgramBuilder) -> tuple[Value, ...]:
    """Iterates of the logistic map or of a circle map."""
    x0 = common.array(d, dims(d), ranges=((0.1, 0.9), (0.2, 0.8)))
    r = (
        d.argument((), *d.stream.choice(((1.0, 3.0), (2.0, 3.5))))
        if d.stream.chance(60)
        else d.stream.choice((2.5, 2.8, 3.2, 3.5))
    )
    n = steps(d, 10)

    def body(x):
        return (d.apply("mul", d.apply("mul", r, x), d.apply("sub", 1.0, x)),)

    emits = d.stream.chance(60)
    (*_, x) = looped(d, n, (x0,), [(0.0, 1.0)], body, emit=(lambda x: x) if emits else None)
    return (light(d, x),)


def kalman(d: ProgramBuilder) -> tuple[Value, ...]:
    """A scalar Kalman filter over measurements."""
    n = length(d)
    shape = () if d.stream.chance(60) else (common.size(d, small=True),)
    z = common.array(d, (n, *shape))
    q, r = (
        d.argument((), 0.1, 1.0) if d.stream.chance(40) else d.stream.choice((0.1, 0.5, 0.25, 1.0))
        for _ in range(2)
    )
    reach = z.bound
    top = r.high if isinstance(r, Value) else r
    turn = d.stream.choice((None, 0.9, 0.95, 0.8))

    def body(carry, inputs):
        m, p = carry
        m = m if turn is None else d.apply("mul", turn, m)
        p = d.apply("add", p, q)
        gain = d.apply("div", p, d.apply("add", p, r))
        m = d.apply("add", m, d.apply("mul", gain, d.apply("sub", inputs[0], m)))
        p = d.apply("mul", d.apply("sub", 1.0, gain), p)
        return (m, p), (m,)

    m0 = d.apply("zeros", shape=shape, dtype=d.dtype)
    p0 = d.apply("ones", shape=shape, dtype=d.dtype)
    m, p, means = control_flow.scan(
        d, (m0, p0), (z,), [(-reach, reach), (0.0, max(1.0, top))], body, checked=False
    )
    return means, m


def markov(d: ProgramBuilder) -> tuple[Value, ...]:
    """The forward recursion of a hidden Markov model in logarithms, or Viterbi's."""
    n, k = d.stream.choice((4, 5, 6, 8, 10, 12)), common.size(d, small=True)
    scores = common.array(d, (n, k), ranges=((-2.0, 2.0), (-3.0, 3.0), (-1.0, 1.0)))
    jumps = common.array(d, (k, k), ranges=((-1.0, 1.0), (-2.0, 2.0)))
    step = scores.bound + jumps.bound + 3.0
    begin = (
        common.array(d, (k,))
        if d.stream.chance(50)
        else d.apply("zeros", shape=(k,), dtype=d.dtype)
    )
    how = d.stream.choice(("logsumexp", "logsumexp", "max"))
    log = d.apply("log_softmax", jumps, axis=-1) if d.stream.chance(40) else jumps
    step += 10 if log is not jumps else 0

    def body(carry, inputs):
        paths = d.apply("add", d.apply("expand_dims", carry[0], axis=1), log)
        new = d.apply("add", d.apply(how, paths, axis=0), inputs[0])
        return (new,), (new,)

    last, all_of = control_flow.scan(
        d, (begin,), (scores,), [swept(begin, step, n)], body, checked=False
    )
    return (
        (d.apply("logsumexp", last, axis=None),)
        if d.stream.chance(60)
        else (all_of, d.apply("max", last, axis=None))
    )


def counted(d: ProgramBuilder) -> tuple[Value, ...]:
    """A `while_loop` over values without gradients, whose result scales what has them."""
    x = _state(d)
    if not x.ndim:
        raise Rejected("an array is wanted")
    limit = (
        d.argument((), 2, d.stream.choice((5, 8, 10)), dtype="int32", role="integer")
        if d.stream.chance(50)
        else d.literal(d.stream.choice((10, 20, 5, 8, 16)))
    )
    y = d.apply("stop_gradient", d.apply("square", x) if d.stream.chance(30) else x)
    kind = d.stream.choose({"halve": 4, "squash": 4, "fixed_point": 4, "normalise": 2})
    factor = d.stream.choice((0.5, 0.9, 0.8, 0.7))
    squasher = d.stream.choice(("tanh", "sin", "cos", "sigmoid"))
    w = like(d, x.shape)
    fixed = d.apply("stop_gradient", w)
    init = (
        d.apply("max", d.apply("abs", y), axis=None)
        if kind == "halve" and d.stream.chance(50)
        else y
    )
    reach = max(init.bound, 1.0)

    def body(i, h):
        if kind == "halve":
            return d.apply("mul", factor, h)
        if kind == "fixed_point":
            return shaped(d.apply(squasher, d.apply("mul", fixed, h)), h)
        if kind == "normalise":
            return d.apply("div", h, d.apply("add", 1.0, d.apply("abs", h)))
        return shaped(squash(d, mix(d, [h, fixed], 0)), h)

    def test(h):
        size = h if h.ndim == 0 else d.apply("max", d.apply("abs", h), axis=None)
        return d.apply("greater", size, d.stream.choice((0.5, 0.1, 0.25, 0.2)))

    h = control_flow.while_loop(
        d,
        limit,
        (init,),
        [(-reach, reach)],
        body,
        test=test if kind == "halve" or d.stream.chance(25) else None,
        checked=False,
    )[0]
    scaled = d.apply(
        d.stream.choice(("mul", "mul", "add", "sub")), *((h, x) if d.stream.chance(60) else (x, h))
    )
    return (mix(d, [scaled, w], d.stream.below(2)),)
