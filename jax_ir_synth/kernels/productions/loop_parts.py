"""Parts of loops: what they run over, how they begin, steps whose carry stays in range."""

from collections.abc import Callable
from typing import TypeVar

from jax_ir_synth.kernels.builder import loops
from jax_ir_synth.kernels.builder.program_builder import ProgramBuilder
from jax_ir_synth.kernels.builder.values import LIMITS, Interval, Operands, Rejected, Value
from jax_ir_synth.kernels.ops import drawn_by
from jax_ir_synth.kernels.productions import common

Function = Callable[[Value], Value]
Step = tuple[Operands, Operands]  # a body's next carry, and what a scan stacks

# Lengths of sequences, and numbers of steps, by how often people write them.
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
_STEPS = {5: 10, 10: 10, 8: 8, 4: 8, 6: 6, 20: 5, 16: 4, 7: 4, 12: 4, 2: 3, 50: 2, 100: 2, 15: 2}
# Functions onto ±1.
SQUASH = drawn_by("squash")
# Shares of the carry that a step keeps.
DECAYS = (0.9, 0.99, 0.5, 0.95, 0.8, 0.7, 0.85, 0.6, 0.75, 0.3, 0.98, 0.97, 0.25)
_BOUNDS = (1.0, 2.0, 4.0, 8.0)
_T = TypeVar("_T")

# ---------------------------------------------------------------- what it runs over, and how often


def length(d: ProgramBuilder) -> int:
    """How long a sequence is."""
    return d.stream.choose(LENGTHS)


def steps(d: ProgramBuilder, most: int = 100) -> int:
    """How often a loop runs."""
    while (n := d.stream.choose(_STEPS)) > most:
        pass
    return n


def dims(d: ProgramBuilder) -> tuple[int, ...]:
    """The shape of one step's value: scalars, vectors, seldom matrices."""
    rank = d.stream.choose({0: 3, 1: 7, 2: 2})
    return tuple(common.size(d, small=True) for _ in range(rank))


def like(d: ProgramBuilder, shape: tuple[int, ...]) -> Value:
    """An argument that broadcasts against the shape: the same, its last axis, or a scalar."""
    return common.array(d, d.stream.weighted((shape, shape[-1:], ()), (6, 3, 3)))


def draw_sequence(d: ProgramBuilder, most: int = 64) -> tuple[Value, int, tuple[int, ...]]:
    """A new argument that a loop runs over, of at most `most` steps; its length, a step's shape."""
    n = length(d)
    shape = dims(d)
    if n > most:
        raise Rejected("a long sequence")
    return common.array(d, (n, *shape)), n, shape


def prepare(d: ProgramBuilder, x: Value) -> Value:
    """What the loop runs over: the argument, or a function of it."""
    return common.light(d, x) if d.stream.chance(30) else x


# ---------------------------------------------------------------- how it begins


def zeros(d: ProgramBuilder, shape: tuple[int, ...]) -> Value:
    """Zeros of the program's float type."""
    return d.apply("zeros", shape=shape, dtype=d.dtype)


def ones(d: ProgramBuilder, shape: tuple[int, ...]) -> Value:
    """Ones of the program's float type."""
    return d.apply("ones", shape=shape, dtype=d.dtype)


def _halves(d: ProgramBuilder, shape: tuple[int, ...]) -> Value:
    return d.apply("full", shape=shape, value=0.5, dtype=d.dtype)


_STARTS = {zeros: 8, None: 8, ones: 2, _halves: 1}  # None: an argument


def start(d: ProgramBuilder, shape: tuple[int, ...], low: float, high: float) -> Value:
    """A loop's initial value within the range: zeros, ones, another constant or an argument."""
    make_constant = d.stream.choose(_STARTS)
    if make_constant is not None:
        constant = make_constant(d, shape)
        if low <= constant.low <= high:
            return constant
    return d.argument(shape, max(low, -2.0), min(high, 2.0))


def draw_state(d: ProgramBuilder) -> Value:
    """A new argument that a loop begins with."""
    shape = dims(d)
    return common.array(d, shape, ranges=((-1.0, 1.0), (-2.0, 2.0), (0.0, 1.0), (0.5, 1.5)))


# ---------------------------------------------------------------- what its steps compute


def shaped(value: Value, like_this: Value) -> Value:
    """The value, where it has the shape and dtype of the other; Rejected else."""
    if value.shape != like_this.shape or value.dtype != like_this.dtype:
        raise Rejected("another shape")
    return value


def squash(d: ProgramBuilder, x: Value) -> Value:
    """A function of x that stays within ±1."""
    return d.attempt(lambda: d.apply(d.stream.choose(SQUASH), common.tamed(d, x, 40.0)))


def squash_mix(d: ProgramBuilder, squasher: str, values: list[Value], extra: int) -> Value:
    """A function onto ±1, of an expression of the values."""
    return d.apply(squasher, common.tamed(d, common.mix(d, values, extra), 40.0))


def term(d: ProgramBuilder, values: list[Value], most: float) -> Value:
    """A random expression of the values within ±most."""
    return common.tamed(d, common.mix(d, values, d.stream.below(2)), most)


def blend(d: ProgramBuilder, gate: Value, new: Value, old: Value) -> Value:
    """`gate * new + (1 - gate) * old`, in one of the ways it is written."""
    if d.stream.chance(30):
        return d.apply("add", old, d.apply("mul", gate, d.apply("sub", new, old)))
    rest = d.apply("sub", 1.0, gate)
    pair = (gate, rest) if d.stream.chance(60) else (rest, gate)
    return d.apply("add", d.apply("mul", pair[0], new), d.apply("mul", pair[1], old))


def outs(d: ProgramBuilder, carry: Value, others: list[Value]) -> Value:
    """What a scan's step stacks: the carry, or something made of it."""
    if d.stream.chance(50):
        return carry

    def attempt() -> Value:
        if others and d.stream.chance(60):
            return shaped(common.one_binary(d, carry, d.stream.choice(others)), carry)
        return common.one_unary(d, carry)

    return d.attempt(attempt)


# ---------------------------------------------------------------- ranges of the carry


def largest_term(d: ProgramBuilder, n: int) -> float:
    """How large a term may be, so that n of them stay well below the dtype's limit."""
    room = LIMITS[d.dtype] / (4 * n)
    return next((m for m in (8.0, 4.0, 2.0, 1.0) if m <= room), room)


def swept(value: Value, step: float, n: int) -> Interval:
    """Where a value gets in n steps of at most ±step."""
    return value.low - n * step, value.high + n * step


def require_bound(value: Value, most: float) -> Value:
    """The value, where it stays within ±most; Rejected else."""
    if value.bound > most:
        raise Rejected("larger than the loop's range allows")
    return value


def try_bounds(build: Callable[[float], _T]) -> _T:
    """`build(most)` with the least bound on the slope that holds."""
    for most in _BOUNDS:
        try:
            return build(most)
        except Rejected:
            continue
    raise Rejected("the slope has no small bound")


# ---------------------------------------------------------------- the loop itself


def looped(
    d: ProgramBuilder,
    n: int,
    init: Operands,
    ranges: list[Interval],
    body: Callable[..., Operands],
    emit: Callable[..., Value] | None = None,
) -> list[Value]:
    """A body as a `fori_loop`, or as a `scan` that may stack `emit(*carry)`; the useful results."""
    if emit is None or d.stream.chance(50):
        first = d.stream.choose({0: 9, 1: 1})
        return loops.fori_loop(d, n, init, ranges, lambda i, *carry: body(*carry), start=first)

    def step(carry: Operands, xs: Operands) -> Step:
        results = body(*carry)
        return results, (emit(*results),)

    return loops.scan(d, init, (), ranges, step, length=n)
