"""Differential equations, integrated step by step: trajectories, oscillators, diffusion."""

from functools import partial

from jax_ir_synth.kernels.builder.program_builder import ProgramBuilder
from jax_ir_synth.kernels.builder.values import Operands, Rejected, Value
from jax_ir_synth.kernels.productions import common
from jax_ir_synth.kernels.productions.loop_parts import (
    SQUASH,
    Function,
    draw_state,
    like,
    looped,
    require_bound,
    shaped,
    steps,
    swept,
    try_bounds,
)

# ---------------------------------------------------------------- right-hand sides


def _number(d: ProgramBuilder, shape: tuple[int, ...]) -> Value:
    return d.literal(common.literal(d))


_PARAMETER_PAIRS = {(_number, like): 1, (like, _number): 1, (like, like): 1}


def draw_field(d: ProgramBuilder, shape: tuple[int, ...]) -> Function:
    """A bounded right-hand side `f(y)`, the same at each call, for y of the shape.

    It has two parameters, of which one may be a number.
    """
    draw_p, draw_q = d.stream.choose(_PARAMETER_PAIRS)
    p, q = draw_p(d, shape), draw_q(d, shape)
    one, two = (partial(d.apply, d.stream.choose(SQUASH)) for _ in range(2))
    outer, inner = (partial(d.apply, d.stream.choice(("mul", "add", "sub"))) for _ in range(2))
    mul, sub, neg = (partial(d.apply, name) for name in ("mul", "sub", "neg"))
    forms: tuple[Function, ...] = (
        lambda y: outer(one(inner(y, q)), p),
        lambda y: sub(mul(p, one(y)), mul(q, two(y))),
        lambda y: mul(p, one(inner(q, y))),
        lambda y: neg(outer(one(mul(p, y)), q)),
        lambda y: one(outer(mul(p, y), mul(q, two(y)))),
        lambda y: mul(sub(q, one(y)), outer(p, two(y))),
    )
    return d.stream.choice(forms)


# ---------------------------------------------------------------- one value


def _step_euler(d: ProgramBuilder, f: Function, dt: float | Value, y: Value) -> Value:
    return d.apply("add", y, d.apply("mul", dt, f(y)))


def _step_midpoint(d: ProgramBuilder, f: Function, dt: float | Value, y: Value) -> Value:
    k1 = f(y)
    k2 = f(d.apply("add", y, d.apply("mul", _halve(d, dt), k1)))
    return d.apply("add", y, d.apply("mul", dt, k2))


def _step_heun(d: ProgramBuilder, f: Function, dt: float | Value, y: Value) -> Value:
    k1 = f(y)
    k2 = f(d.apply("add", y, d.apply("mul", dt, k1)))
    return d.apply("add", y, d.apply("mul", _halve(d, dt), d.apply("add", k1, k2)))


def _step_runge_kutta(d: ProgramBuilder, f: Function, dt: float | Value, y: Value) -> Value:
    k1 = f(y)
    half = _halve(d, dt)
    k2 = f(d.apply("add", y, d.apply("mul", half, k1)))
    k3 = f(d.apply("add", y, d.apply("mul", half, k2)))
    k4 = f(d.apply("add", y, d.apply("mul", dt, k3)))
    total = d.apply("add", d.apply("add", k1, d.apply("mul", 2.0, d.apply("add", k2, k3))), k4)
    sixth = d.apply("div", dt, 6.0) if isinstance(dt, Value) else round(dt / 6, 6)
    return d.apply("add", y, d.apply("mul", sixth, total))


def _halve(d: ProgramBuilder, dt: float | Value) -> float | Value:
    return d.apply("mul", 0.5, dt) if isinstance(dt, Value) else round(0.5 * dt, 6)


# Each takes y' = f(y) one step further.
_ONE_STEP_METHODS = {_step_euler: 5, _step_midpoint: 4, _step_heun: 3, _step_runge_kutta: 2}


def _draw_step_size(d: ProgramBuilder) -> Value | float:
    if d.stream.chance(25):
        return d.argument((), *d.stream.choice(((0.01, 0.1), (0.05, 0.2), (0.1, 0.3))))
    return d.stream.choice((0.1, 0.05, 0.01, 0.2, 0.25, 0.02, 0.5))


def trajectory(d: ProgramBuilder) -> tuple[Value, ...]:
    """An initial value problem by Euler, midpoint, Heun or Runge-Kutta."""
    y0 = draw_state(d)
    f = draw_field(d, y0.shape)
    dt = _draw_step_size(d)
    n = steps(d, 50)
    advance = d.stream.choose(_ONE_STEP_METHODS)
    emits = d.stream.chance(50)
    size = dt.high if isinstance(dt, Value) else dt

    def build(most: float) -> list[Value]:
        def body(y: Value) -> Operands:
            return (shaped(advance(d, lambda at: require_bound(f(at), most), dt, y), y),)

        emit = (lambda y: y) if emits else None
        return looped(d, n, (y0,), [swept(y0, size * most, n)], body, emit=emit)

    return tuple(try_bounds(build))


def implicit(d: ProgramBuilder) -> tuple[Value, ...]:
    """A semi-implicit step: explicit forcing, implicit decay."""
    y0 = draw_state(d)
    f = draw_field(d, y0.shape)
    dt = d.stream.choice((0.1, 0.05, 0.2, 0.5, 0.25))
    rate = common.array(d, y0.shape[-1:], ranges=((0.1, 1.0), (0.5, 2.0), (0.2, 3.0)))
    n = steps(d, 20)

    def build(most: float) -> list[Value]:
        def body(y: Value) -> Operands:
            top = d.apply("add", y, d.apply("mul", dt, require_bound(f(y), most)))
            return (shaped(d.apply("div", top, d.apply("add", 1.0, d.apply("mul", dt, rate))), y),)

        emit = (lambda y: y) if d.stream.chance(50) else None
        return looped(d, n, (y0,), [swept(y0, dt * most, n)], body, emit=emit)

    return tuple(try_bounds(build))


# ---------------------------------------------------------------- position and velocity


def _symplectic_euler(
    d: ProgramBuilder, force: Function, dt: float, mu: float, x: Value, v: Value
) -> Operands:
    v = d.apply("add", v, d.apply("mul", dt, force(x)))
    return d.apply("add", x, d.apply("mul", dt, v)), v


def _leapfrog(
    d: ProgramBuilder, force: Function, dt: float, mu: float, x: Value, v: Value
) -> Operands:
    half = round(dt / 2, 4)
    v = d.apply("add", v, d.apply("mul", half, force(x)))
    x = d.apply("add", x, d.apply("mul", dt, v))
    return x, d.apply("add", v, d.apply("mul", half, force(x)))


def _momentum(
    d: ProgramBuilder, force: Function, dt: float, mu: float, x: Value, v: Value
) -> Operands:
    v = d.apply("sub", d.apply("mul", mu, v), d.apply("mul", dt, force(x)))
    return d.apply("add", x, d.apply("mul", dt, v)), v


_OSCILLATOR_METHODS = {_symplectic_euler: 1, _leapfrog: 1, _momentum: 1}


def oscillator(d: ProgramBuilder) -> tuple[Value, ...]:
    """Position and velocity under a bounded force: leapfrog, symplectic Euler, momentum."""
    x0 = draw_state(d)
    v0 = (
        common.array(d, x0.shape, ranges=((-1.0, 1.0), (-0.5, 0.5)))
        if d.stream.chance(60)
        else d.apply("zeros_like", x0)
    )
    force = draw_field(d, x0.shape)
    dt = d.stream.choice((0.1, 0.05, 0.01, 0.2, 0.25))
    n = steps(d, 20)
    advance = d.stream.choose(_OSCILLATOR_METHODS)
    mu = d.stream.choice((0.9, 0.5, 0.8, 0.95))
    energy = d.stream.chance(40)

    def emit(x: Value, v: Value) -> Value:
        if not energy:
            return x
        kinetic = d.apply("mul", 0.5, d.apply("square", v))
        return d.apply("add", kinetic, d.apply("mul", 0.5, d.apply("square", x)))

    def build(most: float) -> list[Value]:
        def body(x: Value, v: Value) -> Operands:
            return advance(d, lambda y: require_bound(force(y), most), dt, mu, x, v)

        speed = v0.bound + n * dt * most
        ranges = [swept(x0, dt * speed, n), (-speed, speed)]
        emits = energy or d.stream.chance(50)
        return looped(d, n, (x0, v0), ranges, body, emit=emit if emits else None)

    return tuple(try_bounds(build))


# ---------------------------------------------------------------- grids


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

    def body(u: Value) -> Operands:
        new = d.apply("add", u, d.apply("mul", nu, change(d, u)))
        if reacts:
            new = d.apply("add", new, d.apply("mul", rate, d.apply(squasher, u)))
        return (new,)

    widened = swept(u0, rate, n) if reacts else (u0.low, u0.high)
    (*_, u) = looped(d, n, (u0,), [widened], body)
    weight = common.array(d, shape) if d.stream.chance(35) else None
    return (u,) if weight is None else (d.apply("mul", u, weight),)
