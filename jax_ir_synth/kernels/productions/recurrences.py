"""Loop bodies whose carry stays in range: recurrences, integrators, filters, iterations."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

from jax_ir_synth.kernels.builder import loops
from jax_ir_synth.kernels.builder.program_builder import ProgramBuilder
from jax_ir_synth.kernels.builder.values import Rejected, Value
from jax_ir_synth.kernels.ops import drawn_by
from jax_ir_synth.kernels.productions import common

Function = Callable[[Value], Value]

LENGTHS = {
    8: 10,
    10: 9,
    16: 10,
    5: 7,
    6: 7,
    4: 5,
    12: 7,
    20: 6,
    7: 4,
    24: 4,
    32: 5,
    9: 3,
    15: 3,
    50: 2,
    64: 2,
    100: 1,
}
STEPS = {5: 10, 10: 10, 8: 8, 4: 8, 6: 6, 20: 5, 16: 4, 7: 4, 12: 4, 2: 3, 50: 2, 100: 2, 15: 2}
SQUASH = drawn_by("squash")
DECAYS = (0.9, 0.99, 0.5, 0.95, 0.8, 0.7, 0.85, 0.6, 0.75, 0.3, 0.98, 0.97, 0.25)


def length(d: ProgramBuilder) -> int:
    """How long a sequence is."""
    return d.stream.choose(LENGTHS)


def steps(d: ProgramBuilder, most: int = 100) -> int:
    """How often a loop runs."""
    while (n := d.stream.choose(STEPS)) > most:
        pass
    return n


def dims(d: ProgramBuilder) -> tuple[int, ...]:
    """The shape of one step's value: scalars, vectors, seldom matrices."""
    rank = d.stream.choose({0: 3, 1: 7, 2: 2})
    return tuple(common.size(d, small=True) for _ in range(rank))


def like(d: ProgramBuilder, shape: tuple[int, ...]) -> Value:
    """An argument that broadcasts against the shape: the same, its last axis, or a scalar."""
    return common.array(d, d.stream.weighted((shape, shape[-1:], ()), (6, 3, 3)))


def mix(d: ProgramBuilder, values: list[Value], extra: int = 1) -> Value:
    """An expression of all the values, with some functions and numbers on the way."""

    def attempt() -> Value:
        pool = d.stream.shuffled(values)
        for _ in range(extra):
            i = d.stream.below(len(pool))
            pool[i] = (
                common.one_unary(d, pool[i])
                if d.stream.chance(60)
                else _reject_extremum(d, common.with_literal(d, pool[i]))
            )
        while len(pool) > 1:
            b, a = pool.pop(), pool.pop()
            pool.append(d.attempt(partial(_combine, d, a, b)))
        return pool[0]

    return d.attempt(attempt, 6)


def _combine(d: ProgramBuilder, a: Value, b: Value) -> Value:
    return _reject_extremum(d, common.one_binary(d, a, b))


def _reject_extremum(d: ProgramBuilder, value: Value) -> Value:
    """The value; in a loop rejects an extremum, as the steps would lose one of its operands."""
    if d.level and value.op in ("maximum", "minimum"):
        raise Rejected("an extremum in a loop")
    return value


def squash(d: ProgramBuilder, x: Value) -> Value:
    """A function of x that stays within ±1."""
    return d.attempt(lambda: d.apply(d.stream.choose(SQUASH), common.tamed(d, x, 40.0)))


def shaped(value: Value, like_this: Value) -> Value:
    """The value, where it has the shape and dtype of the other; Rejected else."""
    if value.shape != like_this.shape or value.dtype != like_this.dtype:
        raise Rejected("another shape")
    return value


def _zeros(d: ProgramBuilder, shape: tuple[int, ...]) -> Value:
    return d.apply("zeros", shape=shape, dtype=d.dtype)


def _ones(d: ProgramBuilder, shape: tuple[int, ...]) -> Value:
    return d.apply("ones", shape=shape, dtype=d.dtype)


def _halves(d: ProgramBuilder, shape: tuple[int, ...]) -> Value:
    return d.apply("full", shape=shape, value=0.5, dtype=d.dtype)


_STARTS = {_zeros: 8, None: 8, _ones: 2, _halves: 1}  # None: an argument


def start(d: ProgramBuilder, shape: tuple[int, ...], low: float, high: float) -> Value:
    """A loop's initial value within the range: zeros, ones, another constant or an argument."""
    make_constant = d.stream.choose(_STARTS)
    if make_constant is not None:
        constant = make_constant(d, shape)
        if low <= constant.low <= high:
            return constant
    return d.argument(shape, max(low, -2.0), min(high, 2.0))


def outs(d: ProgramBuilder, carry: Value, others: list[Value]) -> Value:
    """What a scan's step stacks: the carry, or something made of it."""
    if d.stream.chance(50):
        return carry

    def attempt() -> Value:
        if others and d.stream.chance(60):
            return shaped(common.one_binary(d, carry, d.stream.choice(others)), carry)
        return common.one_unary(d, carry)

    return d.attempt(attempt)


# ---------------------------------------------------------------- cells of recurrent networks


@dataclass(frozen=True)
class _Step:
    """One step of a cell.

    Attributes:
      squasher: a function onto ±1, the same at each step.
      decay: the share of the carry that a leaky cell keeps, the same at each step.
      h: the carry.
      x: the elements of the sequences.
      inputs: the values that the next carry depends on.
    """

    squasher: str
    decay: float
    h: Value
    x: Sequence[Value]
    inputs: list[Value]


def _step_plain(d: ProgramBuilder, step: _Step) -> Value:
    return _squash_mix(d, step.squasher, step.inputs, d.stream.below(2))


def _step_gated(d: ProgramBuilder, step: _Step) -> Value:
    return _pass_gate(d, step, [step.h, *step.x])


def _step_leaky(d: ProgramBuilder, step: _Step) -> Value:
    new = d.apply("mul", round(1 - step.decay, 4), _step_plain(d, step))
    return d.apply("add", d.apply("mul", step.decay, step.h), new)


def _step_minimal(d: ProgramBuilder, step: _Step) -> Value:
    return _pass_gate(d, step, [step.x[0], *step.x])


_CELLS = {_step_plain: 6, _step_gated: 4, _step_leaky: 4, _step_minimal: 3}


def _squash_mix(d: ProgramBuilder, squasher: str, values: list[Value], extra: int) -> Value:
    return d.apply(squasher, common.tamed(d, mix(d, values, extra), 40.0))


def _pass_gate(d: ProgramBuilder, step: _Step, openers: list[Value]) -> Value:
    gate = shaped(_squash_mix(d, "sigmoid", openers, 1), step.h)
    new = shaped(_squash_mix(d, step.squasher, step.inputs, 0), step.h)
    return blend(d, gate, new, step.h)


def cell(
    d: ProgramBuilder, shape: tuple[int, ...], weights: list[Value]
) -> tuple[Callable[[Value, Sequence[Value]], Value], tuple[float, float]]:
    """`step(h, x)` of a plain, gated or leaky cell, and the range of h."""
    advance = d.stream.choose(_CELLS)
    squasher = d.stream.choose(SQUASH)
    decay = d.stream.choice(DECAYS)
    has_matrix = len(shape) == 1 and bool(weights) and weights[0].ndim == 2
    others = [w for w in weights if w.ndim < 2 or len(shape) == 2]

    def multiply(h: Value) -> Value:
        if not has_matrix:
            return h
        return d.apply("matmul", *((weights[0], h) if d.stream.chance(50) else (h, weights[0])))

    def step(h: Value, x: Sequence[Value]) -> Value:
        inputs = [multiply(h), *x, *others]
        return shaped(advance(d, _Step(squasher, decay, h, x, inputs)), h)

    return step, (-1.0, 1.0)


def blend(d: ProgramBuilder, gate: Value, new: Value, old: Value) -> Value:
    """`gate * new + (1 - gate) * old`, in one of the ways it is written."""
    if d.stream.chance(30):
        return d.apply("add", old, d.apply("mul", gate, d.apply("sub", new, old)))
    rest = d.apply("sub", 1.0, gate)
    pair = (gate, rest) if d.stream.chance(60) else (rest, gate)
    return d.apply("add", d.apply("mul", pair[0], new), d.apply("mul", pair[1], old))


# ---------------------------------------------------------------- differential equations


def field(d: ProgramBuilder, p: Value, q: Value) -> Function:
    """A bounded right-hand side `f(y)` with parameters p and q, the same at each call."""
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


def bounded(value: Value, most: float) -> Value:
    """The value, where it stays within ±most; Rejected else."""
    if value.bound > most:
        raise Rejected("larger than the loop's range allows")
    return value


def _step_euler(d: ProgramBuilder, f: Function, dt: float | Value, y: Value) -> Value:
    return d.apply("add", y, d.apply("mul", dt, f(y)))


def _step_midpoint(d: ProgramBuilder, f: Function, dt: float | Value, y: Value) -> Value:
    k1 = f(y)
    k2 = f(d.apply("add", y, d.apply("mul", _scale_step(d, 0.5, dt), k1)))
    return d.apply("add", y, d.apply("mul", dt, k2))


def _step_heun(d: ProgramBuilder, f: Function, dt: float | Value, y: Value) -> Value:
    k1 = f(y)
    k2 = f(d.apply("add", y, d.apply("mul", dt, k1)))
    return d.apply("add", y, d.apply("mul", _scale_step(d, 0.5, dt), d.apply("add", k1, k2)))


def _step_runge_kutta(d: ProgramBuilder, f: Function, dt: float | Value, y: Value) -> Value:
    k1 = f(y)
    half = _scale_step(d, 0.5, dt)
    k2 = f(d.apply("add", y, d.apply("mul", half, k1)))
    k3 = f(d.apply("add", y, d.apply("mul", half, k2)))
    k4 = f(d.apply("add", y, d.apply("mul", dt, k3)))
    total = d.apply("add", d.apply("add", k1, d.apply("mul", 2.0, d.apply("add", k2, k3))), k4)
    sixth = d.apply("div", dt, 6.0) if isinstance(dt, Value) else round(dt / 6, 6)
    return d.apply("add", y, d.apply("mul", sixth, total))


_SCHEMES = {
    "euler": _step_euler,
    "midpoint": _step_midpoint,
    "heun": _step_heun,
    "rk4": _step_runge_kutta,
}


def integrate(
    d: ProgramBuilder, f: Function, dt: float | Value, y: Value, scheme: str, most: float
) -> Value:
    """One step of `y' = f(y)` with |f| <= most."""
    return _SCHEMES[scheme](d, lambda at: bounded(f(at), most), dt, y)


def _scale_step(d: ProgramBuilder, share: float, dt: float | Value) -> float | Value:
    return d.apply("mul", share, dt) if isinstance(dt, Value) else round(share * dt, 6)


def swept(value: Value, step: float, n: int) -> tuple[float, float]:
    """Where a value gets in n steps of at most ±step."""
    return value.low - n * step, value.high + n * step


def term(d: ProgramBuilder, values: list[Value], most: float) -> Value:
    """A random expression of the values within ±most."""
    return common.tamed(d, mix(d, values, d.stream.below(2)), most)


def light(d: ProgramBuilder, x: Value) -> Value:
    """Returns x, or a plain function of it."""
    if d.stream.chance(65):
        return x
    return common.one_unary(d, x, common.SMOOTH)


def looped(
    d: ProgramBuilder,
    n: int,
    init: tuple[Value, ...],
    ranges: list[tuple[float, float]],
    body: Callable[..., tuple[Value, ...]],
    checked: bool = False,
    emit: Callable[..., Value] | None = None,
) -> list[Value]:
    """A body as a `fori_loop`, or as a `scan` that may stack `emit(*carry)`; the useful results."""
    if emit is None or d.stream.chance(50):
        first = d.stream.choose({0: 9, 1: 1})
        return loops.fori_loop(
            d, n, init, ranges, lambda i, *carry: body(*carry), start=first, checked=checked
        )

    def step(
        carry: tuple[Value, ...], xs: tuple[Value, ...]
    ) -> tuple[tuple[Value, ...], tuple[Value]]:
        results = body(*carry)
        return results, (emit(*results),)

    return loops.scan(d, init, (), ranges, step, checked=checked, length=n)
