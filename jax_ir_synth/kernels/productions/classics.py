"""Loops known by name: integrators, diffusion, Newton, power iteration, descent, Kalman."""

from collections.abc import Callable
from typing import NamedTuple, TypeVar

from jax_ir_synth.kernels.builder import loops
from jax_ir_synth.kernels.builder.program_builder import ProgramBuilder
from jax_ir_synth.kernels.builder.values import Rejected, Value
from jax_ir_synth.kernels.productions import common
from jax_ir_synth.kernels.productions.idioms import average
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

_T = TypeVar("_T")
_Values = tuple[Value, ...]
_Step = tuple[_Values, _Values]  # the next carry, and what a scan stacks
_Range = tuple[float, float]
_Function = Callable[[Value], Value]
_BOUNDS = (1.0, 2.0, 4.0, 8.0)


def _draw_state(d: ProgramBuilder) -> Value:
    shape = dims(d)
    return common.array(d, shape, ranges=((-1.0, 1.0), (-2.0, 2.0), (0.0, 1.0), (0.5, 1.5)))


def _draw_step_size(d: ProgramBuilder) -> Value | float:
    if d.stream.chance(25):
        return d.argument((), *d.stream.choice(((0.01, 0.1), (0.05, 0.2), (0.1, 0.3))))
    return d.stream.choice((0.1, 0.05, 0.01, 0.2, 0.25, 0.02, 0.5))


def _try_bounds(build: Callable[[float], _T]) -> _T:
    """`build(most)` with the least bound on the slope that holds."""
    for most in _BOUNDS:
        try:
            return build(most)
        except Rejected:
            continue
    raise Rejected("the slope has no small bound")


def _number(d: ProgramBuilder, shape: tuple[int, ...]) -> Value:
    return d.literal(common.literal(d))


_PARAMETER_PAIRS = {(_number, like): 1, (like, _number): 1, (like, like): 1}


def _draw_parameters(d: ProgramBuilder, shape: tuple[int, ...]) -> tuple[Value, Value]:
    """Parameters of a field, of which one may be a number."""
    draw_p, draw_q = d.stream.choose(_PARAMETER_PAIRS)
    return draw_p(d, shape), draw_q(d, shape)


# ---------------------------------------------------------------- differential equations


def trajectory(d: ProgramBuilder) -> tuple[Value, ...]:
    """An initial value problem by Euler, midpoint, Heun or Runge-Kutta."""
    y0 = _draw_state(d)
    f = field(d, *_draw_parameters(d, y0.shape))
    dt = _draw_step_size(d)
    n = steps(d, 50)
    scheme = d.stream.choose({"euler": 5, "midpoint": 4, "heun": 3, "rk4": 2})
    emits = d.stream.chance(50)
    size = dt.high if isinstance(dt, Value) else dt

    def build(most: float) -> list[Value]:
        return looped(
            d,
            n,
            (y0,),
            [swept(y0, size * most, n)],
            lambda y: (shaped(integrate(d, f, dt, y, scheme, most), y),),
            emit=(lambda y: y) if emits else None,
        )

    return tuple(_try_bounds(build))


def _symplectic_euler(
    d: ProgramBuilder, force: _Function, dt: float, mu: float, x: Value, v: Value
) -> _Values:
    v = d.apply("add", v, d.apply("mul", dt, force(x)))
    return d.apply("add", x, d.apply("mul", dt, v)), v


def _leapfrog(
    d: ProgramBuilder, force: _Function, dt: float, mu: float, x: Value, v: Value
) -> _Values:
    half = round(dt / 2, 4)
    v = d.apply("add", v, d.apply("mul", half, force(x)))
    x = d.apply("add", x, d.apply("mul", dt, v))
    return x, d.apply("add", v, d.apply("mul", half, force(x)))


def _momentum(
    d: ProgramBuilder, force: _Function, dt: float, mu: float, x: Value, v: Value
) -> _Values:
    v = d.apply("sub", d.apply("mul", mu, v), d.apply("mul", dt, force(x)))
    return d.apply("add", x, d.apply("mul", dt, v)), v


_SCHEMES = {_symplectic_euler: 1, _leapfrog: 1, _momentum: 1}


def oscillator(d: ProgramBuilder) -> tuple[Value, ...]:
    """Position and velocity under a bounded force: leapfrog, symplectic Euler, momentum."""
    x0 = _draw_state(d)
    v0 = (
        common.array(d, x0.shape, ranges=((-1.0, 1.0), (-0.5, 0.5)))
        if d.stream.chance(60)
        else d.apply("zeros_like", x0)
    )
    force = field(d, *_draw_parameters(d, x0.shape))
    dt = d.stream.choice((0.1, 0.05, 0.01, 0.2, 0.25))
    n = steps(d, 20)
    advance = d.stream.choose(_SCHEMES)
    mu = d.stream.choice((0.9, 0.5, 0.8, 0.95))
    energy = d.stream.chance(40)

    def emit(x: Value, v: Value) -> Value:
        if not energy:
            return x
        kinetic = d.apply("mul", 0.5, d.apply("square", v))
        return d.apply("add", kinetic, d.apply("mul", 0.5, d.apply("square", x)))

    def build(most: float) -> list[Value]:
        def body(x: Value, v: Value) -> _Values:
            return advance(d, lambda y: bounded(force(y), most), dt, mu, x, v)

        speed = v0.bound + n * dt * most
        ranges = [swept(x0, dt * speed, n), (-speed, speed)]
        emits = energy or d.stream.chance(50)
        return looped(d, n, (x0, v0), ranges, body, emit=emit if emits else None)

    return tuple(_try_bounds(build))


def implicit(d: ProgramBuilder) -> tuple[Value, ...]:
    """A semi-implicit step: explicit forcing, implicit decay."""
    y0 = _draw_state(d)
    f = field(d, *_draw_parameters(d, y0.shape))
    dt = d.stream.choice((0.1, 0.05, 0.2, 0.5, 0.25))
    rate = common.array(d, y0.shape[-1:], ranges=((0.1, 1.0), (0.5, 2.0), (0.2, 3.0)))
    n = steps(d, 20)

    def build(most: float) -> list[Value]:
        def body(y: Value) -> _Values:
            top = d.apply("add", y, d.apply("mul", dt, bounded(f(y), most)))
            return (shaped(d.apply("div", top, d.apply("add", 1.0, d.apply("mul", dt, rate))), y),)

        emit = (lambda y: y) if d.stream.chance(50) else None
        return looped(d, n, (y0,), [swept(y0, dt * most, n)], body, emit=emit)

    return tuple(_try_bounds(build))


def _laplacian(d: ProgramBuilder, u: Value) -> Value:
    total, *sides = (
        d.apply("roll", u, shift=shift, axis=axis) for axis in range(u.ndim) for shift in (1, -1)
    )
    for side in sides:
        total = d.apply("add", total, side)
    return d.apply("sub", total, d.apply("mul", 2.0 * u.ndim, u))


def _upwind_difference(d: ProgramBuilder, u: Value) -> Value:
    return d.apply("sub", d.apply("roll", u, shift=1, axis=0), u)


# Heat, advection, and heat with a reaction: the change of the values, and whether one reacts.
_FLOWS = {(_laplacian, False): 2, (_upwind_difference, False): 1, (_laplacian, True): 1}


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
    change, reacts = d.stream.choose(_FLOWS)
    rate = d.stream.choice((0.1, 0.05, 0.01))
    squasher = d.stream.choice(("sin", "tanh", "cos"))

    def body(u: Value) -> _Values:
        new = d.apply("add", u, d.apply("mul", nu, change(d, u)))
        if reacts:
            new = d.apply("add", new, d.apply("mul", rate, d.apply(squasher, u)))
        return (new,)

    widened = swept(u0, rate, n) if reacts else (u0.low, u0.high)
    (*_, u) = looped(d, n, (u0,), [widened], body)
    weight = common.array(d, shape) if d.stream.chance(35) else None
    return (u,) if weight is None else (d.apply("mul", u, weight),)


# ---------------------------------------------------------------- iterations


# Each of Newton's iterations is a start, the range of its iterates, and the step.
_Iteration = tuple[Value, _Range, _Function]


def _square_root(d: ProgramBuilder, a: Value) -> _Iteration:
    def step(y: Value) -> Value:
        return d.apply("mul", 0.5, d.apply("add", y, d.apply("div", a, y)))

    return _from_above(d, a, a.low**0.5, step)


def _cube_root(d: ProgramBuilder, a: Value) -> _Iteration:
    def step(y: Value) -> Value:
        quotient = d.apply("div", a, d.apply("square", y))
        return d.apply("div", d.apply("add", d.apply("mul", 2.0, y), quotient), 3.0)

    return _from_above(d, a, a.low ** (1 / 3), step)


def _from_above(d: ProgramBuilder, a: Value, least: float, step: _Function) -> _Iteration:
    first = a if a.low >= 1 else d.apply("add", 1.0, a)
    return first, (min(1.0, least), max(first.high, 1.0)), step


def _reciprocal(d: ProgramBuilder, a: Value) -> _Iteration:
    def step(y: Value) -> Value:
        return d.apply("mul", y, d.apply("sub", 2.0, d.apply("mul", a, y)))

    return _from_below(d, a, 1 / a.high, 1 / a.low, step)


def _reciprocal_root(d: ProgramBuilder, a: Value) -> _Iteration:
    def step(y: Value) -> Value:
        half = d.apply("mul", d.apply("mul", 0.5, a), d.apply("square", y))
        return d.apply("mul", y, d.apply("sub", 1.5, half))

    return _from_below(d, a, a.high**-0.5, a.low**-0.5, step)


def _from_below(
    d: ProgramBuilder, a: Value, least: float, most: float, step: _Function
) -> _Iteration:
    first = round(0.9 * least, 2)
    return d.apply("full_like", a, value=first), (first, most), step


_ITERATIONS = {_square_root: 1, _reciprocal: 1, _reciprocal_root: 1, _cube_root: 1}


def newton(d: ProgramBuilder) -> tuple[Value, ...]:
    """Newton's iteration for a root, a reciprocal or a reciprocal root of a positive operand."""
    shape = dims(d)
    a0 = common.array(d, shape, ranges=((0.5, 2.0), (1.0, 3.0), (0.5, 1.5), (0.2, 3.0)))
    other = like(d, shape) if d.stream.chance(50) else None
    a = a0
    if not d.stream.chance(60):
        lift = d.stream.choice((0.5, 1.0))
        a = d.apply("add", lift, d.apply(d.stream.choice(("square", "exp", "softplus")), a0))
    n = steps(d, 10)
    y0, invariant, step = d.stream.choose(_ITERATIONS)(d, a)
    (*_, root) = looped(d, n, (y0,), [invariant], lambda y: (step(y),))
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

    def body(v: Value) -> _Values:
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


class _Rule(NamedTuple):
    """How slopes update what is learned.

    Attributes:
      speed: the largest change of w, in units of the rate.
      state: ranges of what is carried beside w, from zero.
      update: `update(w, slope, *state)`, the next w and state.
    """

    speed: float
    state: list[_Range]
    update: Callable[..., _Values]


def _follow_slope(d: ProgramBuilder, rate: float, most: float) -> _Rule:
    def update(w: Value, g: Value) -> _Values:
        return (shaped(d.apply("sub", w, d.apply("mul", rate, g)), w),)

    return _Rule(most, [], update)


def _add_momentum(d: ProgramBuilder, rate: float, most: float) -> _Rule:
    def update(w: Value, g: Value, v: Value) -> _Values:
        v = d.apply("add", d.apply("mul", 0.9, v), g)
        return d.apply("sub", w, d.apply("mul", rate, v)), v

    speed = most / (1 - 0.9)
    return _Rule(speed, [(-speed, speed)], update)


def _scale_by_squares(d: ProgramBuilder, rate: float, most: float) -> _Rule:
    def update(w: Value, g: Value, v: Value) -> _Values:
        v = average(d, 0.9, v, d.apply("square", g))
        root = d.apply("rsqrt", d.apply("add", v, 0.1))
        return d.apply("sub", w, d.apply("mul", d.apply("mul", rate, g), root)), v

    return _Rule(most / 0.1**0.5, [(0.0, most * most)], update)


# The rule, and whether slopes are clipped.
_RULES = {
    (_follow_slope, False): 5,
    (_add_momentum, False): 3,
    (_follow_slope, True): 3,
    (_scale_by_squares, False): 3,
}
_CLIP_LIMITS = {"clip": (-1.0, 1.0)}


def _least_squares(d: ProgramBuilder) -> tuple[Value, _Function]:
    """Where descent starts, and the slope of a linear regression's loss."""
    rows, columns = common.size(d, small=True), common.size(d, small=True)
    features = common.array(d, (rows, columns), ranges=((-1.0, 1.0), (-0.5, 0.5)))
    targets = common.array(d, (rows,), ranges=((-1.0, 1.0), (-2.0, 2.0)))

    def slope(w: Value) -> Value:
        error = d.apply("sub", d.apply("matmul", features, w), targets)
        turned = d.apply("transpose", features, perm=(1, 0))
        return d.apply("div", d.apply("matmul", turned, error), float(rows))

    return start(d, (columns,), -1.0, 1.0), slope


def _elementwise_loss(d: ProgramBuilder) -> tuple[Value, _Function]:
    """Where descent starts, and the slope of a loss by element."""
    w0 = _draw_state(d)
    target = common.array(d, w0.shape)
    f = field(d, *_draw_parameters(d, w0.shape)) if d.stream.chance(50) else None

    def slope(w: Value) -> Value:
        error = d.apply("sub", w, target)
        return error if f is None else d.apply("add", error, f(w))

    return w0, slope


def descent(d: ProgramBuilder) -> tuple[Value, ...]:
    """Gradient steps on a least-squares or an elementwise loss, plain, with momentum or scaled."""
    n = steps(d, 10)
    rate = d.stream.choice((0.1, 0.05, 0.01, 0.2))
    w0, slope = _least_squares(d) if d.stream.chance(50) else _elementwise_loss(d)
    make_rule, clips = d.stream.choose(_RULES)
    clip = d.stream.choice(("tanh", "clip", "soft_sign"))

    def build(most: float) -> list[Value]:
        rule = make_rule(d, rate, most)

        def body(w: Value, *state: Value) -> _Values:
            g = slope(w)
            if clips:
                g = d.apply(clip, g, *_CLIP_LIMITS.get(clip, ()))
            return rule.update(w, bounded(g, most), *state)

        init = (w0, *(d.apply("zeros_like", w0) for _ in rule.state))
        ranges = [swept(w0, rate * rule.speed, n), *rule.state]
        emit = (lambda w, *state: w) if d.stream.chance(30) else None
        return looped(d, n, init, ranges, body, emit=emit)[:1]

    return tuple(_try_bounds(build))


# ---------------------------------------------------------------- polynomials and maps


def _horner(d: ProgramBuilder, coefficients: Value, x: Value) -> Value:
    reach = coefficients.size * coefficients.bound

    def body(carry: _Values, c: _Values) -> _Step:
        return (d.apply("add", d.apply("mul", carry[0], x), c[0]),), ()

    zeros, reverse = d.apply("zeros_like", x), d.stream.chance(30)
    return loops.scan(
        d, (zeros,), (coefficients,), [(-reach, reach)], body, checked=False, reverse=reverse
    )[0]


def _clenshaw(d: ProgramBuilder, coefficients: Value, x: Value) -> Value:
    reach = coefficients.bound * coefficients.size**2  # |U_k| <= k + 1 on [-1, 1]

    def body(carry: _Values, c: _Values) -> _Step:
        b1, b2 = carry
        new = d.apply("add", c[0], d.apply("sub", d.apply("mul", 2.0, d.apply("mul", x, b1)), b2))
        return (new, b1), ()

    zeros = d.apply("zeros_like", x)
    b1, b2 = loops.scan(
        d, (zeros, zeros), (coefficients,), [(-reach, reach)] * 2, body, checked=False
    )
    return d.apply("sub", b1, d.apply("mul", x, b2))


_EVALUATIONS = {_horner: 2, _clenshaw: 1}


def horner(d: ProgramBuilder) -> tuple[Value, ...]:
    """A polynomial or a sum of Chebyshev polynomials, its coefficients scanned over."""
    n = d.stream.choice((4, 5, 6, 7, 8))
    coefficients = common.array(d, (n,))
    x0 = common.array(d, dims(d), ranges=((-1.0, 1.0), (-0.5, 0.5), (0.0, 1.0)))
    x = common.bounded(d, light(d, x0))
    return (d.stream.choose(_EVALUATIONS)(d, coefficients, x),)


def logistic(d: ProgramBuilder) -> tuple[Value, ...]:
    """Iterates of the logistic map."""
    x0 = common.array(d, dims(d), ranges=((0.1, 0.9), (0.2, 0.8)))
    r = (
        d.argument((), *d.stream.choice(((1.0, 3.0), (2.0, 3.5))))
        if d.stream.chance(60)
        else d.stream.choice((2.5, 2.8, 3.2, 3.5))
    )
    n = steps(d, 10)

    def body(x: Value) -> _Values:
        return (d.apply("mul", d.apply("mul", r, x), d.apply("sub", 1.0, x)),)

    emits = d.stream.chance(60)
    (*_, x) = looped(d, n, (x0,), [(0.0, 1.0)], body, emit=(lambda x: x) if emits else None)
    return (light(d, x),)


# ---------------------------------------------------------------- filters and hidden states


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

    def body(carry: _Values, inputs: _Values) -> _Step:
        m, p = carry
        m = m if turn is None else d.apply("mul", turn, m)
        p = d.apply("add", p, q)
        gain = d.apply("div", p, d.apply("add", p, r))
        m = d.apply("add", m, d.apply("mul", gain, d.apply("sub", inputs[0], m)))
        p = d.apply("mul", d.apply("sub", 1.0, gain), p)
        return (m, p), (m,)

    m0 = d.apply("zeros", shape=shape, dtype=d.dtype)
    p0 = d.apply("ones", shape=shape, dtype=d.dtype)
    m, p, means = loops.scan(
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

    def body(carry: _Values, inputs: _Values) -> _Step:
        paths = d.apply("add", d.apply("expand_dims", carry[0], axis=1), log)
        new = d.apply("add", d.apply(how, paths, axis=0), inputs[0])
        return (new,), (new,)

    last, all_of = loops.scan(d, (begin,), (scores,), [swept(begin, step, n)], body, checked=False)
    return (
        (d.apply("logsumexp", last, axis=None),)
        if d.stream.chance(60)
        else (all_of, d.apply("max", last, axis=None))
    )


# ---------------------------------------------------------------- while loops


# What a loop starts with, its step, and whether it also ends where the carry is small.
_Loop = tuple[Value, _Function, bool]


def _halve(d: ProgramBuilder, y: Value, fixed: Value, factor: float, squasher: str) -> _Loop:
    first = d.apply("max", d.apply("abs", y), axis=None) if d.stream.chance(50) else y
    return first, lambda h: d.apply("mul", factor, h), True


def _squash_mix(d: ProgramBuilder, y: Value, fixed: Value, factor: float, squasher: str) -> _Loop:
    return y, lambda h: shaped(squash(d, mix(d, [h, fixed], 0)), h), d.stream.chance(25)


def _seek_fixed_point(
    d: ProgramBuilder, y: Value, fixed: Value, factor: float, squasher: str
) -> _Loop:
    def update(h: Value) -> Value:
        return shaped(d.apply(squasher, d.apply("mul", fixed, h)), h)

    return y, update, d.stream.chance(25)


def _normalise(d: ProgramBuilder, y: Value, fixed: Value, factor: float, squasher: str) -> _Loop:
    def update(h: Value) -> Value:
        return d.apply("div", h, d.apply("add", 1.0, d.apply("abs", h)))

    return y, update, d.stream.chance(25)


_LOOPS = {_halve: 4, _squash_mix: 4, _seek_fixed_point: 4, _normalise: 2}


def counted(d: ProgramBuilder) -> tuple[Value, ...]:
    """A `while_loop` over values without gradients, whose result scales what has them."""
    x = _draw_state(d)
    if not x.ndim:
        raise Rejected("an array is wanted")
    limit = (
        d.argument((), 2, d.stream.choice((5, 8, 10)), dtype="int32", role="integer")
        if d.stream.chance(50)
        else d.literal(d.stream.choice((10, 20, 5, 8, 16)))
    )
    y = d.apply("stop_gradient", d.apply("square", x) if d.stream.chance(30) else x)
    make_loop = d.stream.choose(_LOOPS)
    factor = d.stream.choice((0.5, 0.9, 0.8, 0.7))
    squasher = d.stream.choice(("tanh", "sin", "cos", "sigmoid"))
    w = like(d, x.shape)
    init, update, tests = make_loop(d, y, d.apply("stop_gradient", w), factor, squasher)
    reach = max(init.bound, 1.0)

    def test(h: Value) -> Value:
        size = h if h.ndim == 0 else d.apply("max", d.apply("abs", h), axis=None)
        return d.apply("greater", size, d.stream.choice((0.5, 0.1, 0.25, 0.2)))

    h = loops.while_loop(
        d,
        limit,
        (init,),
        [(-reach, reach)],
        lambda i, carry: update(carry),
        test=test if tests else None,
        checked=False,
    )[0]
    op = d.stream.choice(("mul", "mul", "add", "sub"))
    scaled = d.apply(op, *((h, x) if d.stream.chance(60) else (x, h)))
    return (mix(d, [scaled, w], d.stream.below(2)),)
