"""Category `elementwise`: two to four arrays, combined element by element."""

import contextlib

from jax_ir_synth.kernels.builder.program_builder import ProgramBuilder
from jax_ir_synth.kernels.builder.signature import Signature
from jax_ir_synth.kernels.builder.values import Rejected, Value
from jax_ir_synth.kernels.ops import drawn_by
from jax_ir_synth.kernels.productions import common

SIGNATURE = Signature(
    requires={"several_arrays"},
    forbids={
        "single_argument",
        "scalar_argument",
        "vec3",
        "several_results",
        "reduction",
        "iteration",
        "branch",
        "compound",
    },
)

_INTEGER_FUNCTIONS = drawn_by("integer function")


def draw(d: ProgramBuilder) -> tuple[Value, ...]:
    """Arrays whose shapes broadcast, joined by arithmetic, comparisons and integer work."""
    dims = common.shape(d, 1, 3)
    count = d.stream.choose({2: 5, 3: 5, 4: 3})
    integers = d.stream.chance(22)
    values = []
    for i in range(count):
        own = dims if i == 0 else _narrowed(d, dims)
        if integers and i >= 1 and (i < count - 1 or count == 2 or d.stream.chance(50)):
            values.append(_integer(d, own))
        else:
            values.append(common.array(d, own))
    values = _integers_joined(d, values)
    pending = d.stream.shuffled(values)
    made: list[Value] = []
    steps = d.stream.between(len(pending) - 1, len(pending) + 3)
    for _ in range(steps):
        roll = d.stream.below(100)
        if len(pending) > 1 and roll < 60:
            a, b = pending.pop(), pending.pop()
            pending.append(_joined(d, a, b))
        elif roll < 80:
            pending.append(common.one_unary(d, pending.pop()))
        elif made and roll < 92:
            pending.append(_joined(d, pending.pop(), d.stream.choice(made)))
        else:
            pending.append(common.with_literal(d, pending.pop()))
        made.append(pending[-1])
    while len(pending) > 1:
        a, b = pending.pop(), pending.pop()
        pending.append(_joined(d, a, b))
    return (pending[0],)


def _narrowed(d: ProgramBuilder, dims: tuple[int, ...]) -> tuple[int, ...]:
    """A shape that broadcasts against `dims`: mostly the same, else fewer axes or axes of 1."""
    roll = d.stream.below(100)
    if roll < 62 or len(dims) == 1:
        return dims
    if roll < 82:
        return dims[d.stream.between(1, len(dims) - 1) :]
    axis = d.stream.below(len(dims))
    return dims[:axis] + (1,) + dims[axis + 1 :]


def _integer(d: ProgramBuilder, dims: tuple[int, ...]) -> Value:
    low, high = d.stream.choice(((0, 15), (0, 7), (1, 9), (-8, 8), (0, 100), (1, 6), (0, 255)))
    return d.argument(dims, low, high, dtype="int32", role="integer")


def _integers_joined(d: ProgramBuilder, values: list[Value]) -> list[Value]:
    """Integer arguments worked on among themselves, then turned into floats."""
    floats = [v for v in values if v.is_float]
    ints = [v for v in values if not v.is_float]
    if not ints:
        return floats
    value = ints[0]
    for other in ints[1:]:
        value = _integer_step(d, value, other)
    if len(ints) == 1 or d.stream.chance(50):
        value = _integer_step(d, value, d.stream.choice((1, 2, 4, 7, 5, 15, 8)))
    if d.stream.chance(25):
        value = d.attempt(
            lambda: d.apply(
                d.stream.choose(_INTEGER_FUNCTIONS),
                value,
            )
        )
    if d.stream.chance(40):
        value = d.attempt(
            lambda: d.apply(
                d.stream.choose(common.INTEGER_COMPARISONS),
                value,
                d.stream.choice((0, 1, 2, 3, 4, 8, int(value.samples.mean()))),
            )
        )
    value = d.apply("convert", value, dtype=d.dtype)
    return [*floats, value if value.bound <= 50 else common.tamed(d, value, 50)]


def _integer_step(d: ProgramBuilder, a: Value, b: Value | int) -> Value:
    return d.attempt(lambda: d.apply(d.stream.choose(common.INTEGER), a, b), 20)


def _joined(d: ProgramBuilder, a: Value, b: Value) -> Value:
    """Arithmetic, or a comparison turned into a number and used as a factor."""
    if d.stream.chance(14):
        # Where the comparison would say nothing, arithmetic it is.
        with contextlib.suppress(Rejected):
            mask = d.apply("convert", common.comparison(d, a, b), dtype=d.dtype)
            return d.apply("mul", mask, d.stream.choice((a, b)))
    return common.one_binary(d, a, b)
