"""Iterations of a map: Newton's, powers, the logistic map, descent, those of a `while_loop`."""

from collections.abc import Callable
from typing import NamedTuple

from jax_ir_synth.kernels.builder import loops
from jax_ir_synth.kernels.builder.program_builder import ProgramBuilder
from jax_ir_synth.kernels.builder.values import Interval, Operands, Rejected, Value
from jax_ir_synth.kernels.productions import common
from jax_ir_synth.kernels.productions.differential_equations import draw_field
from jax_ir_synth.kernels.productions.idioms import average
from jax_ir_synth.kernels.productions.loop_parts import (
    Function,
    dims,
    draw_state,
    like,
    looped,
    ones,
    require_bound,
    shaped,
    squash,
    start,
    steps,
    swept,
    try_bounds,
)

# ---------------------------------------------------------------- known maps

# Each of Newton's iterations is a start, the range of its iterates, and the step.
_Iteration = tuple[Value, Interval, Function]


def _square_root(d: ProgramBuilder, a: Value) -> _Iteration:
    def step(y: Value) -> Value:
        return d.apply("mul", 0.5, d.apply("add", y, d.apply("div", a, y)))

    return _from_above(d, a, a.low**0.5, step)


def _cube_root(d: ProgramBuilder, a: Value) -> _Iteration:
    def step(y: Value) -> Value:
        quotient = d.apply("div", a, d.apply("square", y))
        return d.apply("div", d.apply("add", d.apply("mul", 2.0, y), quotient), 3.0)

    return _from_above(d, a, a.low ** (1 / 3), step)


def _from_above(d: ProgramBuilder, a: Value, least: float, step: Function) -> _Iteration:
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
    d: ProgramBuilder, a: Value, least: float, most: float, step: Function
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
    return (common.mix(d, [root, *extra], d.stream.below(3)),)


def power_iteration(d: ProgramBuilder) -> tuple[Value, ...]:
    """The dominant vector of a positive matrix, normalised at each step."""
    k = common.size(d, small=True)
    low, high = d.stream.choice(((0.1, 1.0), (0.5, 1.5), (0.5, 2.0), (0.2, 1.0)))
    matrix = d.argument((k, k), low, high)
    n = steps(d, 20)
    v0 = d.argument((k,), 0.5, 1.0) if n <= 3 and d.stream.chance(70) else ones(d, (k,))
    by_norm = d.stream.chance(65)
    least = min(low / high / (k**0.5 if by_norm else 1.0), 0.5)
    turned = d.stream.chance(30)

    def body(v: Value) -> Operands:
        w = d.apply("matmul", v, matrix) if turned else d.apply("matmul", matrix, v)
        return (d.claim("div", least, 1.0, w, d.apply("norm" if by_norm else "max", w, axis=None)),)

    (*_, v) = looped(d, n, (v0,), [(least, 1.0)], body)
    quotient = d.apply("matmul", v, d.apply("matmul", matrix, v))
    if k * least * least > 0.2:
        quotient = d.apply("div", quotient, d.apply("matmul", v, v))
    weight = common.array(d, (k,)) if d.stream.chance(30) else None
    if weight is not None:
        return quotient, d.apply("mul", v, weight)
    return (common.light(d, quotient),) if d.stream.chance(60) else (quotient, v)


def logistic(d: ProgramBuilder) -> tuple[Value, ...]:
    """Iterates of the logistic map."""
    x0 = common.array(d, dims(d), ranges=((0.1, 0.9), (0.2, 0.8)))
    r = (
        d.argument((), *d.stream.choice(((1.0, 3.0), (2.0, 3.5))))
        if d.stream.chance(60)
        else d.stream.choice((2.5, 2.8, 3.2, 3.5))
    )
    n = steps(d, 10)

    def body(x: Value) -> Operands:
        return (d.apply("mul", d.apply("mul", r, x), d.apply("sub", 1.0, x)),)

    emits = d.stream.chance(60)
    (*_, x) = looped(d, n, (x0,), [(0.0, 1.0)], body, emit=(lambda x: x) if emits else None)
    return (common.light(d, x),)


# ---------------------------------------------------------------- descent


class _Rule(NamedTuple):
    """How slopes update what is learned.

    Attributes:
      speed: the largest change of w, in units of the rate.
      state: ranges of what is carried beside w, from zero.
      update: `update(w, slope, *state)`, the next w and state.
    """

    speed: float
    state: list[Interval]
    update: Callable[..., Operands]


def _follow_slope(d: ProgramBuilder, rate: float, most: float) -> _Rule:
    def update(w: Value, g: Value) -> Operands:
        return (shaped(d.apply("sub", w, d.apply("mul", rate, g)), w),)

    return _Rule(most, [], update)


def _add_momentum(d: ProgramBuilder, rate: float, most: float) -> _Rule:
    def update(w: Value, g: Value, v: Value) -> Operands:
        v = d.apply("add", d.apply("mul", 0.9, v), g)
        return d.apply("sub", w, d.apply("mul", rate, v)), v

    speed = most / (1 - 0.9)
    return _Rule(speed, [(-speed, speed)], update)


def _scale_by_squares(d: ProgramBuilder, rate: float, most: float) -> _Rule:
    def update(w: Value, g: Value, v: Value) -> Operands:
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


def _least_squares(d: ProgramBuilder) -> tuple[Value, Function]:
    """Where descent starts, and the slope of a linear regression's loss."""
    rows, columns = common.size(d, small=True), common.size(d, small=True)
    features = common.array(d, (rows, columns), ranges=((-1.0, 1.0), (-0.5, 0.5)))
    targets = common.array(d, (rows,), ranges=((-1.0, 1.0), (-2.0, 2.0)))

    def slope(w: Value) -> Value:
        error = d.apply("sub", d.apply("matmul", features, w), targets)
        turned = d.apply("transpose", features, perm=(1, 0))
        return d.apply("div", d.apply("matmul", turned, error), float(rows))

    return start(d, (columns,), -1.0, 1.0), slope


def _elementwise_loss(d: ProgramBuilder) -> tuple[Value, Function]:
    """Where descent starts, and the slope of a loss by element."""
    w0 = draw_state(d)
    target = common.array(d, w0.shape)
    f = draw_field(d, w0.shape) if d.stream.chance(50) else None

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

        def body(w: Value, *state: Value) -> Operands:
            g = slope(w)
            if clips:
                g = d.apply(clip, g, *_CLIP_LIMITS.get(clip, ()))
            return rule.update(w, require_bound(g, most), *state)

        init = (w0, *(d.apply("zeros_like", w0) for _ in rule.state))
        ranges = [swept(w0, rate * rule.speed, n), *rule.state]
        emit = (lambda w, *state: w) if d.stream.chance(30) else None
        return looped(d, n, init, ranges, body, emit=emit)[:1]

    return tuple(try_bounds(build))


# ---------------------------------------------------------------- while loops

# What a loop starts with, its step, and whether it also ends where the carry is small.
_Loop = tuple[Value, Function, bool]


def _halve(d: ProgramBuilder, y: Value, fixed: Value, factor: float, squasher: str) -> _Loop:
    first = d.apply("max", d.apply("abs", y), axis=None) if d.stream.chance(50) else y
    return first, lambda h: d.apply("mul", factor, h), True


def _squash_with_fixed(
    d: ProgramBuilder, y: Value, fixed: Value, factor: float, squasher: str
) -> _Loop:
    return y, lambda h: shaped(squash(d, common.mix(d, [h, fixed], 0)), h), d.stream.chance(25)


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


_LOOPS = {_halve: 4, _squash_with_fixed: 4, _seek_fixed_point: 4, _normalise: 2}


def counted(d: ProgramBuilder) -> tuple[Value, ...]:
    """A `while_loop` over values without gradients, whose result scales what has them."""
    x = draw_state(d)
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
    )[0]
    op = d.stream.choice(("mul", "mul", "add", "sub"))
    scaled = d.apply(op, *((h, x) if d.stream.chance(60) else (x, h)))
    return (common.mix(d, [scaled, w], d.stream.below(2)),)
