"""Loops over rows: `fori_loop`s that read and fill arrays at their counter, `lax.map`."""

from collections.abc import Callable

from jax_ir_synth.kernels.builder import loops, transforms
from jax_ir_synth.kernels.builder.program_builder import ProgramBuilder
from jax_ir_synth.kernels.builder.values import Interval, Shape, Value
from jax_ir_synth.kernels.productions import common
from jax_ir_synth.kernels.productions.cumulative import accumulate
from jax_ir_synth.kernels.productions.loop_parts import (
    SQUASH,
    dims,
    draw_sequence,
    largest_term,
    length,
    like,
    prepare,
    shaped,
    squash_mix,
    start,
    swept,
    term,
    zeros,
)

# ---------------------------------------------------------------- at the counter

_Update = Callable[[Value, list[Value]], Value]


def _add_term(d: ProgramBuilder, init: Value, n: int, squasher: str) -> tuple[_Update, Interval]:
    most = largest_term(d, n)

    def update(carry: Value, values: list[Value]) -> Value:
        return d.apply("add", carry, shaped(term(d, values, most), carry))

    return update, swept(init, most, n)


def _squash_all(d: ProgramBuilder, init: Value, n: int, squasher: str) -> tuple[_Update, Interval]:
    def update(carry: Value, values: list[Value]) -> Value:
        return shaped(squash_mix(d, squasher, [carry, *values], d.stream.below(2)), carry)

    return update, (-1.0, 1.0)


def _keep_extreme(
    d: ProgramBuilder, init: Value, n: int, squasher: str
) -> tuple[_Update, Interval]:
    def update(carry: Value, values: list[Value]) -> Value:
        name = d.stream.choice(("maximum", "minimum"))
        return d.apply(name, carry, shaped(common.bounded(d, common.mix(d, values, 0)), carry))

    return update, (-1.0, 1.0)


_UPDATES = {_add_term: 6, _squash_all: 6, _keep_extreme: 2}
_SCALAR_UPDATES = {_add_term: 6, _squash_all: 6}


def indexed(d: ProgramBuilder) -> tuple[Value, ...]:
    """`fori_loop` whose body reads arrays at the counter."""
    x, n, shape = draw_sequence(d)
    arrays = [prepare(d, x)]
    if d.stream.chance(45):
        arrays.append(common.array(d, (n, *shape)))
    outer = [like(d, shape)] if d.stream.chance(35) else []
    make_update = d.stream.choose(_UPDATES if shape else _SCALAR_UPDATES)
    squasher = d.stream.choose(SQUASH)
    init = start(d, shape, -1.0, 1.0)
    counts = d.stream.chance(20)
    update, invariant = make_update(d, init, n, squasher)

    def body(i: Value, carry: Value) -> Value:
        parts = [d.apply("dynamic_index", a, i, axis=0) for a in arrays]
        if counts:
            parts.append(d.apply("div", d.apply("convert", i, dtype=d.dtype), float(n)))
        return update(carry, parts + outer)

    return tuple(loops.fori_loop(d, n, (init,), [invariant], body))


def buffered(d: ProgramBuilder) -> tuple[Value, ...]:
    """`fori_loop` that fills a buffer, element by element, at times from the elements before."""
    x, n, shape = draw_sequence(d)
    y = prepare(d, x)
    w = like(d, shape) if d.stream.chance(40) else None
    backward = d.stream.chance(55)
    most = 4.0
    buffer = d.apply("zeros_like", y) if d.stream.chance(50) else zeros(d, y.shape)
    if d.stream.chance(15):
        buffer = y
    low, high = min(-most, buffer.low), max(most, buffer.high)

    def body(i: Value, carry: Value) -> Value:
        parts = [d.apply("dynamic_index", y, i, axis=0)]
        if backward:
            parts.append(d.apply("dynamic_index", carry, d.apply("sub", i, 1), axis=0))
        if w is not None:
            parts.append(w)
        value = shaped(common.tamed(d, common.mix(d, parts, d.stream.below(2)), most), parts[0])
        op = "at_set" if backward else d.stream.choose({"at_set": 5, "at_add": 1})
        return d.apply(op, carry, value, i)

    first = 1 if backward else 0
    return tuple(
        loops.fori_loop(d, n - first, (buffer,), [(low - most, high + most)], body, start=first)
    )


# ---------------------------------------------------------------- maps

# What becomes of a row's mix, given its first array; and the outer values that are mixed in.
_Finish = Callable[[Value, Value], Value]
_Row = tuple[_Finish, list[Value]]


def _map_elements(d: ProgramBuilder, shape: Shape, outer: list[Value]) -> _Row:
    return (lambda y, first: common.light(d, y) if d.stream.chance(50) else y), outer


def _reduce_row(d: ProgramBuilder, shape: Shape, outer: list[Value]) -> _Row:
    def finish(y: Value, first: Value) -> Value:
        name = d.stream.choice(("sum", "mean", "max", "logsumexp", "norm", "var", "min"))
        value = d.apply(name, y, axis=-1 if d.stream.chance(40) else None)
        if d.stream.chance(50):
            return common.light(d, value)
        total = d.apply("sum", d.apply("square", y), axis=None)
        return shaped(d.apply("div", y, d.apply("add", 1.0, total)), y)

    return finish, outer


def _average_by_softmax(d: ProgramBuilder, shape: Shape, outer: list[Value]) -> _Row:
    if any(w.ndim == 0 for w in outer):
        return _reduce_row(d, shape, outer)  # a softmax does not see what all its elements share

    def finish(y: Value, first: Value) -> Value:
        return d.apply("sum", d.apply("mul", d.apply("softmax", y, axis=-1), first), axis=-1)

    return finish, outer


def _multiply_by_matrix(d: ProgramBuilder, shape: Shape, outer: list[Value]) -> _Row:
    if len(shape) != 1:
        return _reduce_row(d, shape, outer)
    matrix = common.array(d, (common.size(d, small=True), shape[0]))
    return lambda y, first: common.light(d, d.apply("matmul", matrix, y)), []


def _accumulate_row(d: ProgramBuilder, shape: Shape, outer: list[Value]) -> _Row:
    return lambda y, first: common.light(d, accumulate(d, y)), outer


_ROW_FUNCTIONS = {
    _map_elements: 4,
    _reduce_row: 5,
    _average_by_softmax: 2,
    _multiply_by_matrix: 3,
    _accumulate_row: 2,
}


def mapped(d: ProgramBuilder) -> tuple[Value, ...]:
    """`lax.map` of a function of one row, or of the rows of two arrays."""
    n = length(d)
    shape = dims(d)
    xs = [common.array(d, (n, *shape))]
    if d.stream.chance(40):
        xs.append(common.array(d, (n, *shape)))
    outer = [like(d, shape)] if d.stream.chance(45) else []
    make_function = d.stream.choose(_ROW_FUNCTIONS)
    finish, outer = (make_function if shape else _map_elements)(d, shape, outer)

    def row(*values: Value) -> Value:
        return finish(common.mix(d, [*values, *outer], 1), values[0])

    return tuple(d.attempt(lambda: transforms.lax_map(d, tuple(xs), row), 6))
