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
_ARGUMENT_COUNTS = {2: 5, 3: 5, 4: 3}


# ---------------------------------------------------------------- steps


def _join_pending(d: ProgramBuilder, pending: list[Value], made: list[Value]) -> Value:
    if len(pending) == 1:
        return _apply_function(d, pending, made)
    return _join(d, pending.pop(), pending.pop())


def _apply_function(d: ProgramBuilder, pending: list[Value], made: list[Value]) -> Value:
    return common.one_unary(d, pending.pop())


def _join_earlier(d: ProgramBuilder, pending: list[Value], made: list[Value]) -> Value:
    if not made:
        return _use_number(d, pending, made)
    return _join(d, pending.pop(), d.stream.choice(made))


def _use_number(d: ProgramBuilder, pending: list[Value], made: list[Value]) -> Value:
    return common.with_literal(d, pending.pop())


_STEPS = {_join_pending: 60, _apply_function: 20, _join_earlier: 12, _use_number: 8}


# ---------------------------------------------------------------- shapes


def _keep_axes(d: ProgramBuilder, dims: tuple[int, ...]) -> tuple[int, ...]:
    return dims


def _drop_axes(d: ProgramBuilder, dims: tuple[int, ...]) -> tuple[int, ...]:
    return dims[d.stream.between(1, len(dims) - 1) :]


def _shrink_axis(d: ProgramBuilder, dims: tuple[int, ...]) -> tuple[int, ...]:
    axis = d.stream.below(len(dims))
    return dims[:axis] + (1,) + dims[axis + 1 :]


_NARROWINGS = {_keep_axes: 62, _drop_axes: 20, _shrink_axis: 18}


def _narrow(d: ProgramBuilder, dims: tuple[int, ...]) -> tuple[int, ...]:
    """A shape that broadcasts against `dims`: mostly the same, else fewer axes or axes of 1."""
    narrowing = d.stream.choose(_NARROWINGS)
    return narrowing(d, dims) if len(dims) > 1 else dims


# ---------------------------------------------------------------- integers


def _draw_integer(d: ProgramBuilder, dims: tuple[int, ...]) -> Value:
    low, high = d.stream.choice(((0, 15), (0, 7), (1, 9), (-8, 8), (0, 100), (1, 6), (0, 255)))
    return d.argument(dims, low, high, dtype="int32", role="integer")


def _convert_integers(d: ProgramBuilder, values: list[Value]) -> list[Value]:
    """Combines the integers among the values and converts them to one float value."""
    floats = [v for v in values if v.is_float]
    ints = [v for v in values if not v.is_float]
    if not ints:
        return floats
    value = ints[0]
    for other in ints[1:]:
        value = _combine_integers(d, value, other)
    if len(ints) == 1 or d.stream.chance(50):
        value = _combine_integers(d, value, d.stream.choice((1, 2, 4, 7, 5, 15, 8)))
    if d.stream.chance(25):
        value = d.attempt(lambda: d.apply(d.stream.choose(_INTEGER_FUNCTIONS), value))
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


def _combine_integers(d: ProgramBuilder, a: Value, b: Value | int) -> Value:
    return d.attempt(lambda: d.apply(d.stream.choose(common.INTEGER), a, b), 20)


# ---------------------------------------------------------------- two floats


def _join(d: ProgramBuilder, a: Value, b: Value) -> Value:
    """Arithmetic, or a comparison turned into a number and used as a factor."""
    if d.stream.chance(14):
        # Arithmetic, where the comparison would hold always or never.
        with contextlib.suppress(Rejected):
            mask = d.apply("convert", common.comparison(d, a, b), dtype=d.dtype)
            return d.apply("mul", mask, d.stream.choice((a, b)))
    return common.one_binary(d, a, b)


# ---------------------------------------------------------------- the program


def _draw_arguments(d: ProgramBuilder) -> list[Value]:
    dims = common.shape(d, 1, 3)
    count = d.stream.choose(_ARGUMENT_COUNTS)
    integers = d.stream.chance(22)
    values = []
    for i in range(count):
        own = _narrow(d, dims) if i else dims
        if integers and i and (i < count - 1 or count == 2 or d.stream.chance(50)):
            values.append(_draw_integer(d, own))
        else:
            values.append(common.array(d, own))
    return values


def draw(d: ProgramBuilder) -> tuple[Value, ...]:
    """Arrays whose shapes broadcast, joined by arithmetic, comparisons and integer operations."""
    pending = d.stream.shuffled(_convert_integers(d, _draw_arguments(d)))
    made: list[Value] = []
    for _ in range(d.stream.between(len(pending) - 1, len(pending) + 3)):
        made.append(d.stream.choose(_STEPS)(d, pending, made))
        pending.append(made[-1])
    while len(pending) > 1:
        pending.append(_join(d, pending.pop(), pending.pop()))
    return (pending[0],)
