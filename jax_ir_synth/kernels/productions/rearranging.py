"""Productions that update parts of an array, or take it apart and put it together."""

import math
from collections.abc import Callable
from functools import partial

from jax_ir_synth.kernels.builder import several
from jax_ir_synth.kernels.builder.program_builder import ProgramBuilder
from jax_ir_synth.kernels.builder.values import Rejected, Value
from jax_ir_synth.kernels.productions import common
from jax_ir_synth.kernels.productions import idioms as f
from jax_ir_synth.kernels.productions.context import Context


def _slice(d: ProgramBuilder, x: Value, start: int, stop: int, axis: int = 0) -> Value:
    return d.apply("slice", x, axis=axis, start=start, stop=stop, step=1)


# ---------------------------------------------------------------- updates of parts


def _number(s: Context, op: str, shape: tuple[int, ...], cut: Callable[[], Value]) -> Value:
    return s.d.literal(s.stream.choice(_NUMBERS[op]))


def _function_of_cut(
    s: Context, op: str, shape: tuple[int, ...], cut: Callable[[], Value]
) -> Value:
    return common.one_unary(s.d, cut())


def _new_argument(s: Context, op: str, shape: tuple[int, ...], cut: Callable[[], Value]) -> Value:
    return s.array(shape) if shape else s.argument((), -1.0, 1.0, "scalar")


_UPDATES = {"at_set": 6, "at_add": 6, "at_multiply": 4, "at_max": 1, "at_min": 1}
_NUMBERS = dict.fromkeys(_UPDATES, (0.5, 2.0, 0.1, 1.5)) | {"at_set": (0.0, 1.0, -1.0)}
_NEW_PARTS = {_number: 40, _function_of_cut: 35, _new_argument: 25}


def _update_row(s: Context, x: Value, op: str) -> Value:
    n = x.shape[0]
    row = s.stream.choice((0, n - 1, n // 2))
    other = s.main(10)
    part = s.stream.choose(_NEW_PARTS)(
        s,
        op,
        x.shape[1:],
        lambda: s.do("index", other, axis=0, index=s.stream.below(n)),
    )
    return s.do(op, x, part, index=row)


def _update_slice(s: Context, x: Value, op: str) -> Value:
    n = x.shape[0]
    start, stop = s.stream.choice(
        [(0, max(1, n // 2)), (1, n), (0, n - 1), (1, max(2, n - 1)), (n // 2, n)]
    )
    if start >= stop or (start, stop) == (0, n):
        raise Rejected("no slice")
    other = s.main(10)
    part = s.stream.choose(_NEW_PARTS)(
        s, op, (stop - start, *x.shape[1:]), lambda: _slice(s.d, other, start, stop)
    )
    return s.do(op, x, part, slice=(start, stop))


def _add_to_rows(s: Context, x: Value, op: str) -> Value:
    """Adds to rows by index: other operations' order, where an index comes twice, is open."""
    n = x.shape[0]
    if n < 4:
        return _update_slice(s, x, "at_add")
    m = s.stream.choice([m for m in (2, 4, 5, 6, 8) if m <= n])
    index = s.argument((m,), 0, n - 1, "index", "int32")
    return s.do("at_add", x, s.array((m, *x.shape[1:])), index)


_UPDATED_PARTS = {_update_row: 4, _update_slice: 5, _add_to_rows: 2}


def updated(s: Context) -> Value:
    """`.at[…].set`, `.add` or `.multiply` of a row, a slice, or rows by index."""
    x = s.main()
    op = s.stream.choose(_UPDATES)
    return s.stream.choose(_UPDATED_PARTS)(s, x, op)


def _zeros(d: ProgramBuilder, x: Value) -> Value:
    return d.apply("zeros", shape=x.shape, dtype=x.dtype)


def _zeros_like(d: ProgramBuilder, x: Value) -> Value:
    return d.apply("zeros_like", x)


def _ones_like(d: ProgramBuilder, x: Value) -> Value:
    return d.apply("ones_like", x)


def _full_like(d: ProgramBuilder, x: Value) -> Value:
    return d.apply("full_like", x, value=d.stream.choice((0.5, 2.0, -1.0)))


def _full(d: ProgramBuilder, x: Value) -> Value:
    value = d.stream.choice((0.5, 1.0, -1.0, 0.1))
    return d.apply("full", shape=x.shape, dtype=x.dtype, value=value)


_BUFFERS = {_zeros: 1, _zeros_like: 1, _ones_like: 1, _full_like: 1, _full: 1}


def buffered(s: Context) -> Value:
    """A buffer of equal numbers that parts are written into."""
    d, x = s.d, s.main()
    n = x.shape[0]
    if n < 4:
        raise Rejected("too short")
    buffer = d.stream.choose(_BUFFERS)(d, x)
    half = n // 2
    y = d.apply("at_set", buffer, common.one_unary(d, _slice(d, x, 0, half)), slice=(0, half))
    return d.apply("at_add", y, _slice(d, s.main(25), half, n), slice=(half, n))


def window_updated(s: Context) -> Value:
    """A dynamic slice read, worked on and written back."""
    d, x = s.d, s.main()
    n = x.shape[0]
    length = n // 2
    if n < 4:
        raise Rejected("too short")
    start = s.argument((), 0, n - length, "scalar_index", "int32")
    piece = common.one_unary(d, d.apply("dynamic_slice", x, start, axis=0, length=length))
    return d.apply("dynamic_update_slice", x, piece, start, axis=0)


def row_updated(s: Context) -> Value:
    """One row, at an index argument, read, changed and put back."""
    d, x = s.d, s.main()
    if x.ndim < 2:
        raise Rejected("rows are wanted")
    i = s.argument((), 0, x.shape[0] - 1, "scalar_index", "int32")
    row = common.one_unary(d, d.apply("dynamic_index", x, i, axis=0))
    if d.stream.chance(50):
        return several.update_index(d, x, row, i)
    return d.apply("dynamic_update_slice", x, d.apply("expand_dims", row, axis=0), i, axis=0)


# ---------------------------------------------------------------- moves


def _roll(d: ProgramBuilder, x: Value, axis: int) -> Value:
    shift = d.stream.choice((1, -1, 2, x.shape[axis] // 2))
    return d.apply("roll", x, shift=shift, axis=axis)


def _flip(d: ProgramBuilder, x: Value, axis: int) -> Value:
    return d.apply("flip", x, axis=axis)


def _delay(d: ProgramBuilder, x: Value, axis: int) -> Value:
    """Moves x by one; the first element is kept or replaced by zero."""
    head = _slice(d, x, 0, 1, axis)
    if d.stream.chance(50):
        head = d.apply("zeros_like", head)
    return d.apply("concatenate", head, _slice(d, x, 0, x.shape[axis] - 1, axis), axis=axis)


def _pad(d: ProgramBuilder, x: Value, axis: int, op: str) -> Value:
    k = d.stream.choice((1, 1, 2))
    pads = tuple((k, 0) if i == axis else (0, 0) for i in range(x.ndim))
    return d.apply(op, _slice(d, x, 0, x.shape[axis] - k, axis), pads=pads)


def _mix_with_moved(d: ProgramBuilder, x: Value, axis: int, move: Callable[..., Value]) -> Value:
    y = move(d, x, axis)
    return d.attempt(
        lambda: common.meet(d, d.stream.choice(("add", "sub", "mul", "maximum")), x, y)
    )


def _scale_steps(d: ProgramBuilder, x: Value, axis: int) -> Value:
    steps = common.with_literal(d, d.apply("diff", x, axis=axis))
    return d.apply("concatenate", _slice(d, x, 0, 1, axis), steps, axis=axis)


_SHIFTS: dict[Callable[[ProgramBuilder, Value, int], Value], int] = {
    partial(_mix_with_moved, move=_roll): 5,
    partial(_mix_with_moved, move=_flip): 3,
    partial(_mix_with_moved, move=_delay): 4,
    partial(_mix_with_moved, move=partial(_pad, op="pad")): 2,
    partial(_mix_with_moved, move=partial(_pad, op="pad_edge")): 2,
    _scale_steps: 2,
}


def shifted(s: Context) -> Value:
    """Mixes x with itself, moved along an axis, or scales its steps along one."""
    d, x = s.d, s.main()
    axis = d.stream.below(x.ndim)
    if x.shape[axis] < 4:
        raise Rejected("too short")
    return d.stream.choose(_SHIFTS)(d, x, axis)


def pieces(s: Context) -> Value:
    """Split, worked on apart, and joined again."""
    d, x = s.d, s.main()
    n = s.width
    parts = d.stream.choice([k for k in (2, 2, 4) if n % k == 0 and n // k > 1] or [0])
    if not parts:
        raise Rejected("no even pieces")
    cut = (
        several.split(d, x, (n // parts,) * parts)
        if d.stream.chance(75)
        else several.unstack(d, d.apply("reshape", x, shape=(*x.shape[:-1], parts, n // parts)), -2)
    )
    done = [common.one_unary(d, p) if d.stream.chance(65) else p for p in cut]
    if d.stream.chance(40):
        done[0] = common.one_binary(d, done[0], done[1])
    y = d.apply("concatenate", *d.stream.shuffled(done), axis=-1)
    if all(a is b for a, b in zip(done, cut, strict=True)):
        raise Rejected("nothing done")
    return y


def _gate_by_statistic(d: ProgramBuilder, y: Value, name: str) -> Value:
    statistic = d.apply(name, y, axis=-1, keepdims=True)
    op = d.stream.choice(("add", "mul"))
    return common.meet(d, op, y, d.apply("sigmoid", statistic))


_GROUP_NORMS: dict[common.Transform, int] = {
    f.layer_norm: 1,
    partial(_gate_by_statistic, name="mean"): 1,
    partial(_gate_by_statistic, name="max"): 1,
}


def grouped(s: Context) -> Value:
    """Groups of the last axis, normalised apart."""
    d, x = s.d, s.main()
    n = s.width
    g = d.stream.choice([k for k in (2, 4, 8) if n % k == 0 and n // k >= 4] or [0])
    if not g:
        raise Rejected("no groups")
    groups = d.apply("reshape", x, shape=(*x.shape[:-1], g, n // g))
    y = d.apply("reshape", d.stream.choose(_GROUP_NORMS)(d, groups), shape=x.shape)
    return d.apply("mul", y, s.argument((n,), 0.5, 1.5, "gain")) if y.centred else y


# ---------------------------------------------------------------- statistics of rows


def _broadcast(d: ProgramBuilder, x: Value, column: Value) -> tuple[Value, None]:
    return d.apply("broadcast_to", column, shape=x.shape), None


def _repeat(d: ProgramBuilder, x: Value, column: Value) -> tuple[Value, None]:
    return d.apply("repeat", column, repeats=x.shape[-1], axis=-1), None


def _tile(d: ProgramBuilder, x: Value, column: Value) -> tuple[Value, None]:
    return d.apply("tile", column, reps=(1,) * (x.ndim - 1) + (x.shape[-1],)), None


def _keep_dims(d: ProgramBuilder, x: Value, column: Value) -> tuple[Value, Value]:
    """Another statistic, and the same without the axis of length one."""
    kept = d.apply(d.stream.choose({"mean": 5, "max": 4, "sum": 3}), x, axis=-1, keepdims=True)
    return kept, d.apply("squeeze", kept, axis=-1)


_ROW_STATISTICS = {"mean": 5, "max": 4, "sum": 3, "std": 2, "min": 2}
_COLUMNS: dict[Callable[[ProgramBuilder, Value, Value], tuple[Value, Value | None]], int] = {
    _broadcast: 1,
    _repeat: 1,
    _tile: 1,
    _keep_dims: 2,
}


def row_statistic(s: Context) -> Value | tuple[Value, Value]:
    """A statistic of each row, put back beside (or over) the row."""
    d, x = s.d, s.main()
    if x.ndim < 2:
        raise Rejected("rows are wanted")
    stat = d.apply(d.stream.choose(_ROW_STATISTICS), x, axis=-1)
    if d.stream.chance(30):
        stat = common.one_unary(d, stat)
    column, kept = d.stream.choose(_COLUMNS)(d, x, d.apply("expand_dims", stat, axis=-1))
    y = common.one_binary(d, x, column)
    second: Value | None = d.stream.weighted((stat, kept, None), (15, 35, 50))
    return y if second is None else (y, second)


# ---------------------------------------------------------------- positions


def _add_wave(s: Context, x: Value) -> Value:
    p = s.do(
        "linspace",
        shape=(s.width,),
        dtype="float32",
        start=0.0,
        stop=s.stream.choice((1.0, 2.0)),
    )
    wave = s.do(s.stream.choice(("sin", "cos")), s.mul(math.pi, p))
    return s.mul(x, s.add(1.0, wave) if s.stream.chance(50) else wave)


def _add_iota(s: Context, x: Value) -> Value:
    if x.ndim != 2:
        raise Rejected("iota: a matrix is wanted")
    dimension = s.stream.below(2)
    return _add_counts(
        s, x, s.do("broadcasted_iota", shape=x.shape, dtype=s.d.dtype, dimension=dimension)
    )


def _add_arange(s: Context, x: Value) -> Value:
    return _add_counts(s, x, s.do("arange", shape=(s.width,), dtype=s.d.dtype))


def _add_counts(s: Context, x: Value, p: Value) -> Value:
    """Joins x with p, which counts from zero: scaled or as a wave most often."""
    if not s.stream.chance(70):
        return _add_ramp(s, x, p)
    if s.stream.chance(40):
        return _join_positions(s, x, s.div(p, float(max(p.high, 1.0))))
    name = s.stream.choice(("sin", "cos"))
    return _join_positions(s, x, s.do(name, s.mul(s.stream.choice((0.1, 0.5, 0.25)), p)))


def _add_linspace(s: Context, x: Value) -> Value:
    start = s.stream.choice((0.0, -1.0))
    return _add_ramp(
        s, x, s.do("linspace", shape=(s.width,), dtype="float32", start=start, stop=1.0)
    )


def _add_ramp(s: Context, x: Value, p: Value) -> Value:
    """Joins x with p, which rises evenly, or with a function that decays along it."""
    if s.stream.chance(50):
        p = s.do("exp", s.mul(s.stream.choice((-0.1, -0.5, -1.0)), p))
    return _join_positions(s, x, p)


def _join_positions(s: Context, x: Value, p: Value) -> Value:
    return s.do(s.stream.choice(("add", "mul", "add", "sub")), x, p)


_POSITIONS = {_add_arange: 5, _add_linspace: 4, _add_iota: 2, _add_wave: 3}


def positions_added(s: Context) -> Value:
    """Adds or multiplies by a function of the position along an axis."""
    x = s.main()
    return s.stream.choose(_POSITIONS)(s, x)


# ---------------------------------------------------------------- orders and indices


def _draw_index(s: Context, x: Value) -> Value:
    m = s.stream.choice((4, 5, 6, 8, x.shape[0]))
    return s.argument((m,), 0, x.shape[0] - 1, "index", "int32")


def _take_rows(s: Context, x: Value) -> Value:
    return s.do("take", x, _draw_index(s, x), axis=0)


def _weigh_by_counts(s: Context, x: Value) -> Value:
    """Weighs each row by how often an index names it."""
    share = s.do("sum", s.do("one_hot", _draw_index(s, x), n=x.shape[0]), axis=0)
    if x.ndim == 2:
        share = s.do("expand_dims", share, axis=-1)
    return s.mul(x, s.add(0.5, share))


def _sort(s: Context, x: Value) -> Value:
    y = s.do("sort", x, axis=-1)
    return s.mul(y, s.main(20))


def _order_rows(s: Context, x: Value) -> Value:
    if x.ndim < 2:
        raise Rejected("rows are wanted")
    score = s.do("sum", x, axis=tuple(range(1, x.ndim)))
    return s.do("take", x, s.do("argsort", score, axis=-1), axis=0)


def _order_another(s: Context, x: Value) -> Value:
    index = s.do("argsort", x, axis=-1)
    return s.do("take_along_axis", s.main(20), index, axis=-1)


def _use_best(s: Context, x: Value) -> Value:
    """The largest elements, as weights of others or added where they were."""
    k = s.stream.choice([k for k in (2, 4, 5) if k < s.width] or [0])
    if not k or s.d.dtype != "float32":
        raise Rejected("too short")
    values, indices = several.top_k(s.d, x, k)
    if s.stream.chance(50):
        picked = s.do("take_along_axis", s.main(20), indices, axis=-1)
        weights = s.do("softmax", values, axis=-1) if k >= 4 else s.do("sigmoid", values)
        return s.mul(picked, weights)
    places = s.do("one_hot", indices, n=s.width)
    return s.add(x, s.do("sum", s.mul(places, s.do("expand_dims", values, axis=-1)), axis=-2))


def _add_winner(s: Context, x: Value) -> Value:
    """Adds the largest (or least) element of each row to another value, in its place."""
    best = s.do(s.stream.choose({"argmax": 5, "argmin": 2}), x, axis=-1)
    if s.stream.chance(60):
        place = s.do("one_hot", best, n=s.width)
    else:
        positions = s.do("arange", shape=(s.width,), dtype="int32")
        equal = s.do("equal", s.do("expand_dims", best, axis=-1), positions)
        place = s.do("convert", equal, dtype=s.d.dtype)
    other = s.main(20)
    return s.add(other, s.mul(s.stream.choice((0.5, 0.1, 2.0)), s.mul(place, x)))


_ORDERS = {
    _take_rows: 3,
    _sort: 2,
    _order_rows: 2,
    _weigh_by_counts: 3,
    _order_another: 3,
    _use_best: 4,
    _add_winner: 4,
}


def reordered(s: Context) -> Value:
    """Rows picked by an index, by the order of a score, or sorted elements."""
    x = s.main()
    return s.stream.choose(_ORDERS)(s, x)
