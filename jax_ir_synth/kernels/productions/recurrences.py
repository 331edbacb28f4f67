"""Loop bodies whose carry stays in range: recurrences, integrators, filters, iterations."""

from jax_ir_synth.kernels.builder import control_flow
from jax_ir_synth.kernels.builder.program_builder import ProgramBuilder
from jax_ir_synth.kernels.builder.values import Rejected, Value
from jax_ir_synth.kernels.ops import drawn_by
from jax_ir_synth.kernels.productions import common

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
    kind = d.stream.choose({"same": 6, "last": 3, "scalar": 3})
    own = shape if kind == "same" else shape[-1:] if kind == "last" else ()
    return common.array(d, own)


def mix(d: ProgramBuilder, values: list[Value], extra: int = 1) -> Value:
    """An expression of all the values, with some functions and numbers on the way."""

    def attempt():
        pool = d.stream.shuffled(values)
        for _ in range(extra):
            i = d.stream.below(len(pool))
            pool[i] = (
                common.one_unary(d, pool[i])
                if d.stream.chance(60)
                else _kept(d, common.with_literal(d, pool[i]))
            )
        while len(pool) > 1:
            b, a = pool.pop(), pool.pop()
            pool.append(d.attempt(lambda a=a, b=b: _kept(d, common.one_binary(d, a, b))))
        return pool[0]

    return d.attempt(attempt, 6)


def _kept(d: ProgramBuilder, value: Value) -> Value:
    """The value; rejects an extremum, since a loop's steps would lose one of its operands."""
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


def start(d: ProgramBuilder, shape: tuple[int, ...], low: float, high: float) -> Value:
    """What a loop begins with: zeros, ones, a constant or an argument, within the range."""
    kind = d.stream.choose({"zeros": 8, "argument": 8, "ones": 2, "full": 1})
    if kind == "zeros" and low <= 0 <= high:
        return d.apply("zeros", shape=shape, dtype=d.dtype)
    if kind == "ones" and low <= 1 <= high:
        return d.apply("ones", shape=shape, dtype=d.dtype)
    if kind == "full" and low <= 0.5 <= high:
        return d.apply("full", shape=shape, value=0.5, dtype=d.dtype)
    return d.argument(shape, max(low, -2.0), min(high, 2.0))


def outs(d: ProgramBuilder, carry: Value, others: list[Value]) -> Value:
    """What a scan's step stacks: the carry, or something made of it."""
    if d.stream.chance(50):
        return carry

    def attempt():
        if others and d.stream.chance(60):
            return shaped(common.one_binary(d, carry, d.stream.choice(others)), carry)
        return common.one_unary(d, carry)

    return d.attempt(attempt)


# ---------------------------------------------------------------- cells of recurrent networks


def cell(d: ProgramBuilder, shape: tuple[int, ...], weights: list[Value]):
    """`step(h, x)` of a plain, gated or leaky cell, and the range of h."""
    kind = d.stream.choose({"plain": 6, "gated": 4, "leaky": 4, "minimal": 3})
    squasher = d.stream.choose(SQUASH)
    decay = d.stream.choice(DECAYS)

    def product(h):
        if len(shape) == 1 and weights and weights[0].ndim == 2:
            return (
                d.apply("matmul", weights[0], h)
                if d.stream.chance(50)
                else d.apply("matmul", h, weights[0])
            )
        return h

    def step(h, x):
        inputs = [product(h), *x, *(w for w in weights if w.ndim < 2 or len(shape) == 2)]
        if kind == "plain":
            return shaped(
                d.apply(squasher, common.tamed(d, mix(d, inputs, d.stream.below(2)), 40.0)), h
            )
        if kind == "leaky":
            new = d.apply(squasher, common.tamed(d, mix(d, inputs, d.stream.below(2)), 40.0))
            return shaped(
                d.apply("add", d.apply("mul", decay, h), d.apply("mul", round(1 - decay, 4), new)),
                h,
            )
        gate = shaped(
            d.apply(
                "sigmoid", common.tamed(d, mix(d, [h if kind == "gated" else x[0], *x], 1), 40.0)
            ),
            h,
        )
        new = shaped(d.apply(squasher, common.tamed(d, mix(d, inputs, 0), 40.0)), h)
        return blend(d, gate, new, h)

    return step, (-1.0, 1.0)


def blend(d: ProgramBuilder, gate: Value, new: Value, old: Value) -> Value:
    """`gate * new + (1 - gate) * old`, in one of the ways it is written."""
    if d.stream.chance(30):
        return d.apply("add", old, d.apply("mul", gate, d.apply("sub", new, old)))
    rest = d.apply("sub", 1.0, gate)
    pair = (gate, rest) if d.stream.chance(60) else (rest, gate)
    return d.apply("add", d.apply("mul", pair[0], new), d.apply("mul", pair[1], old))


# ---------------------------------------------------------------- differential equations


def field(d: ProgramBuilder, p: Value, q: Value):
    """A bounded right-hand side `f(y)` with parameters p and q, the same at each call."""
    one, two = (d.stream.choose(SQUASH) for _ in range(2))
    outer = d.stream.choice(("mul", "add", "sub"))
    inner = d.stream.choice(("mul", "add", "sub"))
    form = d.stream.below(6)

    def f(y):
        if form == 0:
            return d.apply(outer, d.apply(one, d.apply(inner, y, q)), p)
        if form == 1:
            return d.apply(
                "sub", d.apply("mul", p, d.apply(one, y)), d.apply("mul", q, d.apply(two, y))
            )
        if form == 2:
            return d.apply("mul", p, d.apply(one, d.apply(inner, q, y)))
        if form == 3:
            return d.apply("neg", d.apply(outer, d.apply(one, d.apply("mul", p, y)), q))
        if form == 4:
            return d.apply(
                one, d.apply(outer, d.apply("mul", p, y), d.apply("mul", q, d.apply(two, y)))
            )
        return d.apply(
            "mul", d.apply("sub", q, d.apply(one, y)), d.apply(outer, p, d.apply(two, y))
        )

    return f


def bounded(value: Value, most: float) -> Value:
    """The value, where it stays within ±most; Rejected else."""
    if value.bound > most:
        raise Rejected("larger than the loop's range allows")
    return value


def integrate(d: ProgramBuilder, f, dt: float | Value, y: Value, scheme: str, most: float) -> Value:
    """One step of `y' = f(y)` with |f| <= most."""
    k1 = bounded(f(y), most)
    if scheme == "euler":
        return d.apply("add", y, d.apply("mul", dt, k1))
    if scheme == "midpoint":
        k2 = bounded(f(d.apply("add", y, d.apply("mul", _part(d, 0.5, dt), k1))), most)
        return d.apply("add", y, d.apply("mul", dt, k2))
    if scheme == "heun":
        k2 = bounded(f(d.apply("add", y, d.apply("mul", dt, k1))), most)
        return d.apply("add", y, d.apply("mul", _part(d, 0.5, dt), d.apply("add", k1, k2)))
    half = _part(d, 0.5, dt)
    k2 = bounded(f(d.apply("add", y, d.apply("mul", half, k1))), most)
    k3 = bounded(f(d.apply("add", y, d.apply("mul", half, k2))), most)
    k4 = bounded(f(d.apply("add", y, d.apply("mul", dt, k3))), most)
    total = d.apply("add", d.apply("add", k1, d.apply("mul", 2.0, d.apply("add", k2, k3))), k4)
    return d.apply(
        "add",
        y,
        d.apply(
            "mul", d.apply("div", dt, 6.0) if isinstance(dt, Value) else round(dt / 6, 6), total
        ),
    )


def _part(d: ProgramBuilder, share: float, dt: float | Value):
    return d.apply("mul", share, dt) if isinstance(dt, Value) else round(share * dt, 6)


def swept(value: Value, step: float, n: int) -> tuple[float, float]:
    """Where a value gets in n steps of at most ±step."""
    return value.low - n * step, value.high + n * step


def term(d: ProgramBuilder, values: list[Value], most: float) -> Value:
    """A random expression of the values within ±most."""
    return common.tamed(d, mix(d, values, d.stream.below(2)), most)


def light(d: ProgramBuilder, x: Value) -> Value:
    """x, or a plain function of it."""
    if d.stream.chance(65):
        return x
    return common.one_unary(d, x, common.SMOOTH)


def looped(
    d: ProgramBuilder,
    n: int,
    init: tuple[Value, ...],
    ranges,
    body,
    checked: bool = False,
    emit=None,
) -> list[Value]:
    """A body as a `fori_loop`, or as a `scan` that may stack `emit(*carry)`; the useful results."""
    if emit is None or d.stream.chance(50):
        first = d.stream.choose({0: 9, 1: 1})
        return control_flow.fori_loop(
            d, n, init, ranges, lambda i, *carry: body(*carry), start=first, checked=checked
        )

    def step(carry, xs):
        results = body(*carry)
        return results, (emit(*results),)

    return control_flow.scan(d, init, (), ranges, step, checked=checked, length=n)
