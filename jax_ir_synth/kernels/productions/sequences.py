"""Loops over arrays' elements: recurrent cells, sums, filters, returns, maps, nested loops."""

from collections.abc import Callable
from typing import NamedTuple

from jax_ir_synth.kernels.builder import loops, transforms
from jax_ir_synth.kernels.builder.program_builder import ProgramBuilder
from jax_ir_synth.kernels.builder.values import LIMITS, Rejected, Value
from jax_ir_synth.kernels.productions import common
from jax_ir_synth.kernels.productions import idioms as f
from jax_ir_synth.kernels.productions.cumulative import accumulate
from jax_ir_synth.kernels.productions.recurrences import (
    DECAYS,
    SQUASH,
    blend,
    cell,
    dims,
    length,
    light,
    like,
    mix,
    outs,
    shaped,
    squash,
    start,
    steps,
    swept,
    term,
)

_Values = tuple[Value, ...]
_Step = tuple[_Values, _Values]  # the next carry, and what a scan stacks
_Range = tuple[float, float]


def _draw_sequence(d: ProgramBuilder, most: int = 64) -> tuple[Value, int, tuple[int, ...]]:
    n = length(d)
    shape = dims(d)
    if n > most:
        raise Rejected("a long sequence")
    return common.array(d, (n, *shape)), n, shape


def _prepare(d: ProgramBuilder, x: Value) -> Value:
    """What the loop runs over: the argument, or a function of it."""
    return light(d, x) if d.stream.chance(30) else x


def _largest_term(d: ProgramBuilder, n: int) -> float:
    """How large a term may be, so that n of them stay well below the dtype's limit."""
    room = LIMITS[d.dtype] / (4 * n)
    return next((m for m in (8.0, 4.0, 2.0, 1.0) if m <= room), room)


def recurrent(d: ProgramBuilder) -> tuple[Value, ...]:
    """A recurrent cell scanned over inputs."""
    x, n, shape = _draw_sequence(d)
    xs = [_prepare(d, x)]
    if d.stream.chance(25):
        xs.append(common.array(d, (n, *shape)))
    weights = []
    if len(shape) == 1 and shape[0] <= 16 and d.stream.chance(45):
        weights.append(common.array(d, (shape[0], shape[0]), ranges=((-1.0, 1.0), (-0.5, 0.5))))
    elif d.stream.chance(55):
        weights.append(like(d, shape))
    if weights and d.stream.chance(35):
        weights.append(like(d, shape))
    h0 = start(d, shape, -1.0, 1.0)
    step, invariant = cell(d, shape, weights)
    stacked = d.stream.chance(65)

    def body(carry: _Values, inputs: _Values) -> _Step:
        h = step(carry[0], list(inputs))
        return (h,), (outs(d, h, list(inputs)),) if stacked else ()

    results = loops.scan(
        d, (h0,), tuple(xs), [invariant], body, checked=False, reverse=d.stream.chance(12)
    )
    return tuple(results)


def _stack_nothing(d: ProgramBuilder, total: Value, step: Value, inputs: _Values) -> _Step:
    return (_add_or_subtract(d, total, step),), ()


def _stack_sums(d: ProgramBuilder, total: Value, step: Value, inputs: _Values) -> _Step:
    new = _add_or_subtract(d, total, step)
    return (new,), (outs(d, new, list(inputs)),)


def _stack_terms(d: ProgramBuilder, total: Value, step: Value, inputs: _Values) -> _Step:
    return (d.apply("add", total, step),), (step,)


def _add_or_subtract(d: ProgramBuilder, total: Value, step: Value) -> Value:
    return d.apply(d.stream.choose({"add": 5, "sub": 1}), total, step)


_SUMS = {_stack_nothing: 4, _stack_sums: 4, _stack_terms: 3}


def summed(d: ProgramBuilder) -> tuple[Value, ...]:
    """A sum of bounded terms carried through a scan, with partial sums or the terms at times."""
    x, n, shape = _draw_sequence(d)
    xs = [_prepare(d, x)]
    for _ in range(d.stream.choose({0: 4, 1: 5, 2: 1})):
        xs.append(common.array(d, (n, *shape)))
    outer = [like(d, shape)] if d.stream.chance(45) else []
    most = _largest_term(d, n)
    start_value = start(d, shape, -2.0, 2.0)
    advance = d.stream.choose(_SUMS)

    def body(carry: _Values, inputs: _Values) -> _Step:
        step = shaped(term(d, [*inputs, *outer], most), carry[0])
        return advance(d, carry[0], step, inputs)

    invariant = swept(start_value, most, n)
    reverse = d.stream.chance(12)
    return tuple(
        loops.scan(d, (start_value,), tuple(xs), [invariant], body, checked=False, reverse=reverse)
    )


# ---------------------------------------------------------------- averages and filters


def _draw_rate(d: ProgramBuilder) -> Value | float:
    """A decay: a number, or a scalar argument in (0, 1)."""
    if d.stream.chance(60):
        return d.stream.choice(DECAYS)
    return d.argument((), *d.stream.choice(((0.1, 0.9), (0.2, 0.8), (0.5, 0.99), (0.0, 1.0))))


def _move(d: ProgramBuilder, rate: Value | float, old: Value, new: Value) -> Value:
    """The old value, moved towards the new one."""
    if isinstance(rate, Value):
        return shaped(blend(d, rate, new, old), old)
    return shaped(f.average(d, rate, old, new), old)


def _emit_nothing(d: ProgramBuilder, x: Value, mean: Value, *second: Value) -> _Values:
    return ()


def _emit_mean(d: ProgramBuilder, x: Value, mean: Value, *second: Value) -> _Values:
    return (outs(d, mean, [x]),)


def _emit_standardised(d: ProgramBuilder, x: Value, mean: Value, *second: Value) -> _Values:
    if not second:
        return _emit_mean(d, x, mean)
    scale = d.apply("rsqrt", d.apply("add", *second, d.stream.choice((0.1, 0.5, 1.0))))
    return (d.apply("mul", d.apply("sub", x, mean), scale),)


_EMITTED_AVERAGES = {_emit_nothing: 1, _emit_mean: 1, _emit_standardised: 1}


def averaged(d: ProgramBuilder) -> tuple[Value, ...]:
    """Moving averages: of values, of their squares, gated by a second sequence."""
    x, n, shape = _draw_sequence(d)
    y = common.tamed(d, _prepare(d, x), 8.0)
    gate = common.array(d, (n, *shape)) if d.stream.chance(30) else None
    rate = None if gate is not None else _draw_rate(d)
    low, high = min(0.0, y.low), max(0.0, y.high)
    m0 = start(d, shape, low, high)
    squares = gate is None and d.stream.chance(30)
    emit = d.stream.choose(_EMITTED_AVERAGES)

    def body(carry: _Values, inputs: _Values) -> _Step:
        share = d.apply("sigmoid", inputs[1]) if rate is None else rate
        mean = _move(d, share, carry[0], inputs[0])
        if not squares:
            return (mean,), emit(d, inputs[0], mean)
        error = d.apply("sub", inputs[0], mean) if d.stream.chance(40) else inputs[0]
        second = _move(d, share, carry[1], d.apply("square", error))
        return (mean, second), emit(d, inputs[0], mean, second)

    top = max(abs(low), abs(high)) * 2
    init = (m0, start(d, shape, 0.0, 1.0)) if squares else (m0,)
    ranges = [(low, high), (0.0, max(top * top, 1.0))][: len(init)]
    xs = (y,) if gate is None else (y, gate)
    return tuple(loops.scan(d, init, xs, ranges, body, checked=False, reverse=d.stream.chance(10)))


def filtered(d: ProgramBuilder) -> tuple[Value, ...]:
    """A recursive filter of first or second order."""
    x, n, shape = _draw_sequence(d)
    y = _prepare(d, x)
    a1, a2 = d.stream.choice(
        ((0.5, 0.25), (0.6, 0.2), (0.8, -0.1), (0.4, -0.3), (0.3, 0.3), (0.7, -0.2))
    )
    b1 = d.stream.choice((0.5, 1.0, 0.25, 0.4))
    reach = max(abs(y.low), abs(y.high)) * (1 + b1) / (1 - abs(a1) - abs(a2))
    order = d.stream.choice((1, 2, 2))  # how many of the last values it uses
    squashes = d.stream.chance(25)
    init = tuple(d.apply("zeros", shape=shape, dtype=d.dtype) for _ in range(order))
    feeds = order > 1 and d.stream.chance(50)

    def body(carry: _Values, inputs: _Values) -> _Step:
        driven = inputs[0] if b1 == 1.0 else d.apply("mul", b1, inputs[0])
        value = d.apply("add", d.apply("mul", a1, carry[0]), driven)
        for older in carry[1:]:
            value = d.apply("add" if a2 > 0 else "sub", value, d.apply("mul", abs(a2), older))
        value = shaped(common.bounded(d, value) if squashes else value, carry[0])
        out = d.apply("sub", value, carry[1]) if feeds else outs(d, value, [inputs[0]])
        return (value, *carry)[:order], (out,)

    results = loops.scan(d, init, (y,), [(-reach, reach)] * order, body, checked=False)
    return results[-1], *results[:1]


# ---------------------------------------------------------------- running extrema and exponentials


def _running_extremum(d: ProgramBuilder, x: Value) -> _Values:
    y = _prepare(d, x)
    return _scan_extrema(d, y, (d.stream.choice(("maximum", "minimum")),))


def _running_range(d: ProgramBuilder, x: Value) -> _Values:
    return _scan_extrema(d, _prepare(d, x), ("maximum", "minimum"))[1:]


def _scan_extrema(d: ProgramBuilder, y: Value, names: tuple[str, ...]) -> _Values:
    first = d.apply("index", y, axis=0, index=0)
    other = like(d, first.shape) if d.stream.chance(40) else None

    def body(carry: _Values, inputs: _Values) -> _Step:
        new = tuple(d.apply(name, c, inputs[0]) for name, c in zip(names, carry, strict=True))
        if other is not None:
            return new, (shaped(mix(d, [*new, inputs[0], other], 0), new[0]),)
        least = new[1] if len(new) > 1 else inputs[0]
        return new, (d.apply("sub", new[0], least),)

    count = len(names)
    init, ranges = (first,) * count, [(y.low, y.high)] * count
    reverse = d.stream.chance(20)
    return tuple(loops.scan(d, init, (y,), ranges, body, checked=False, reverse=reverse))


def _running_logsumexp(d: ProgramBuilder, x: Value) -> _Values:
    top, total = _scan_exponentials(d, x)
    return (d.apply("add", top, d.apply("log", _raise(d, total))),)


def _running_softmax_mean(d: ProgramBuilder, x: Value) -> _Values:
    values = common.array(d, x.shape, ranges=((-1.0, 1.0), (-2.0, 2.0)))
    _, total, weighted = _scan_exponentials(d, x, values)
    return (d.apply("div", weighted, _raise(d, total)),)


def _raise(d: ProgramBuilder, total: Value) -> Value:
    return d.apply("add", total, d.stream.choice((1.0, 0.5)))


def _scan_exponentials(d: ProgramBuilder, x: Value, *values: Value) -> list[Value]:
    """The largest of x, the sum of exponentials below it, and such sums weighted by `values`."""
    n, shape = x.shape[0], x.shape[1:]
    low = d.apply("full", shape=shape, value=x.low, dtype=d.dtype)
    zeros = d.apply("zeros", shape=shape, dtype=d.dtype)
    init = (low, zeros, *(zeros for _ in values))
    ranges = [(x.low, x.high), (0.0, float(n)), *((-n * v.bound, n * v.bound) for v in values)]

    def body(carry: _Values, inputs: _Values) -> _Step:
        top = d.apply("maximum", carry[0], inputs[0])
        old = d.apply("exp", d.apply("sub", carry[0], top))
        new = d.apply("exp", d.apply("sub", inputs[0], top))
        total = d.apply("add", d.apply("mul", carry[1], old), new)
        weighted = (
            d.apply("add", d.apply("mul", sums, old), d.apply("mul", new, value))
            for sums, value in zip(carry[2:], inputs[1:], strict=True)
        )
        return (top, total, *weighted), ()

    return loops.scan(d, init, (x, *values), ranges, body, checked=False)


_RUNNING = {
    _running_extremum: 4,
    _running_range: 3,
    _running_logsumexp: 3,
    _running_softmax_mean: 3,
}


def running(d: ProgramBuilder) -> tuple[Value, ...]:
    """Running extrema, an online logsumexp, an online softmax-weighted mean."""
    x, _, _ = _draw_sequence(d)
    if x.low < -4 or x.high > 4:
        raise Rejected("wide exponentials")
    return d.stream.choose(_RUNNING)(d, x)


# ---------------------------------------------------------------- returns and attention


def returns(d: ProgramBuilder) -> tuple[Value, ...]:
    """Discounted returns and advantages, from the last step to the first."""
    n = length(d)
    shape = (n,) if d.stream.chance(55) else (n, common.size(d, small=True))
    rewards = common.array(d, shape, role="array")
    gamma = d.stream.choice((0.9, 0.95, 0.8, 0.7, 0.6, 0.5, 0.97))
    values = common.array(d, shape) if d.stream.chance(50) else None
    discounts = d.argument(shape, 0.0, 1.0) if d.stream.chance(35) else None
    g0 = start(d, shape[1:], -1.0, 1.0)
    top = rewards.bound + (values.bound * 2 if values is not None else 0.0)
    reach = max(top / (1 - gamma), 1.0)
    lam = d.stream.choice((0.95, 0.9, 0.8, 0.5))
    adds = d.stream.chance(40)

    def body(carry: _Values, inputs: _Values) -> _Step:
        step = inputs[0]
        if values is not None and adds:
            step = d.apply("add", step, d.apply("mul", lam, inputs[1]))
        elif values is not None:
            step = d.apply("sub", step, inputs[1])
        decay = d.apply("mul", gamma, inputs[-1]) if discounts is not None else gamma
        new = d.apply("add", step, d.apply("mul", decay, carry[0]))
        return (new,), (outs(d, new, [inputs[0]]),)

    xs = tuple(v for v in (rewards, values, discounts) if v is not None)
    last, all_of = loops.scan(
        d, (g0,), xs, [(-reach, reach)], body, checked=False, reverse=d.stream.chance(85)
    )
    return all_of, last


def attention(d: ProgramBuilder) -> tuple[Value, ...]:
    """Linear attention: a matrix state fed with outer products, read by queries."""
    n, k, v = length(d), common.size(d, small=True), common.size(d, small=True)
    if n > 32 or k * v > 128:
        raise Rejected("a large state")
    queries, keys = (
        common.array(d, (n, k), ranges=((-1.0, 1.0), (-0.5, 0.5), (0.0, 1.0))) for _ in range(2)
    )
    values = common.array(d, (n, v), ranges=((-1.0, 1.0), (-2.0, 2.0)))
    decay = d.stream.choice((None, 0.9, 0.95, 0.5, 0.8))
    maps = [d.stream.chance(35) for _ in range(2)]
    feature = d.stream.choice(("sigmoid", "tanh", "relu", "softplus", "elu"))
    state = d.apply("zeros", shape=(k, v), dtype=d.dtype)
    reach = n * 2.0 * values.bound

    def body(carry: _Values, inputs: _Values) -> _Step:
        q, key, value = inputs
        q = d.apply(feature, q) if maps[0] else q
        key = d.apply(feature, key) if maps[1] else key
        old = carry[0] if decay is None else d.apply("mul", decay, carry[0])
        new = d.apply("add", old, d.apply("outer", key, value))
        return (new,), (d.apply("matmul", q, new),)

    _, out = loops.scan(
        d, (state,), (queries, keys, values), [(-reach, reach)], body, checked=False
    )
    return (out,)


# ---------------------------------------------------------------- loops over a counter


_Update = Callable[[Value, list[Value]], Value]


def _add_term(d: ProgramBuilder, init: Value, n: int, squasher: str) -> tuple[_Update, _Range]:
    most = _largest_term(d, n)

    def update(carry: Value, values: list[Value]) -> Value:
        return d.apply("add", carry, shaped(term(d, values, most), carry))

    return update, swept(init, most, n)


def _squash_all(d: ProgramBuilder, init: Value, n: int, squasher: str) -> tuple[_Update, _Range]:
    def update(carry: Value, values: list[Value]) -> Value:
        mixed = mix(d, [carry, *values], d.stream.below(2))
        return shaped(d.apply(squasher, common.tamed(d, mixed, 40.0)), carry)

    return update, (-1.0, 1.0)


def _keep_extreme(d: ProgramBuilder, init: Value, n: int, squasher: str) -> tuple[_Update, _Range]:
    def update(carry: Value, values: list[Value]) -> Value:
        name = d.stream.choice(("maximum", "minimum"))
        return d.apply(name, carry, shaped(common.bounded(d, mix(d, values, 0)), carry))

    return update, (-1.0, 1.0)


_UPDATES = {_add_term: 6, _squash_all: 6, _keep_extreme: 2}
_SCALAR_UPDATES = {_add_term: 6, _squash_all: 6}


def indexed(d: ProgramBuilder) -> tuple[Value, ...]:
    """`fori_loop` whose body reads arrays at the counter."""
    x, n, shape = _draw_sequence(d)
    arrays = [_prepare(d, x)]
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

    return tuple(loops.fori_loop(d, n, (init,), [invariant], body, checked=False))


def buffered(d: ProgramBuilder) -> tuple[Value, ...]:
    """`fori_loop` that fills a buffer, element by element, at times from the elements before."""
    x, n, shape = _draw_sequence(d)
    y = _prepare(d, x)
    w = like(d, shape) if d.stream.chance(40) else None
    backward = d.stream.chance(55)
    most = 4.0
    buffer = (
        d.apply("zeros_like", y)
        if d.stream.chance(50)
        else d.apply("zeros", shape=y.shape, dtype=d.dtype)
    )
    if d.stream.chance(15):
        buffer = y
    low, high = min(-most, buffer.low), max(most, buffer.high)

    def body(i: Value, carry: Value) -> Value:
        parts = [d.apply("dynamic_index", y, i, axis=0)]
        if backward:
            parts.append(d.apply("dynamic_index", carry, d.apply("sub", i, 1), axis=0))
        if w is not None:
            parts.append(w)
        value = shaped(common.tamed(d, mix(d, parts, d.stream.below(2)), most), parts[0])
        op = "at_set" if backward else d.stream.choose({"at_set": 5, "at_add": 1})
        return d.apply(op, carry, value, i)

    first = 1 if backward else 0
    return tuple(
        loops.fori_loop(
            d, n - first, (buffer,), [(low - most, high + most)], body, start=first, checked=False
        )
    )


# ---------------------------------------------------------------- maps

# What becomes of a row's mix, given its first array; and the outer values that are mixed in.
_Finish = Callable[[Value, Value], Value]
_Row = tuple[_Finish, list[Value]]
_Shape = tuple[int, ...]


def _map_elements(d: ProgramBuilder, shape: _Shape, outer: list[Value]) -> _Row:
    return (lambda y, first: light(d, y) if d.stream.chance(50) else y), outer


def _reduce_row(d: ProgramBuilder, shape: _Shape, outer: list[Value]) -> _Row:
    def finish(y: Value, first: Value) -> Value:
        name = d.stream.choice(("sum", "mean", "max", "logsumexp", "norm", "var", "min"))
        value = d.apply(name, y, axis=-1 if d.stream.chance(40) else None)
        if d.stream.chance(50):
            return light(d, value)
        total = d.apply("sum", d.apply("square", y), axis=None)
        return shaped(d.apply("div", y, d.apply("add", 1.0, total)), y)

    return finish, outer


def _average_by_softmax(d: ProgramBuilder, shape: _Shape, outer: list[Value]) -> _Row:
    if any(w.ndim == 0 for w in outer):
        return _reduce_row(d, shape, outer)  # a softmax does not see what all its elements share

    def finish(y: Value, first: Value) -> Value:
        return d.apply("sum", d.apply("mul", d.apply("softmax", y, axis=-1), first), axis=-1)

    return finish, outer


def _multiply_by_matrix(d: ProgramBuilder, shape: _Shape, outer: list[Value]) -> _Row:
    if len(shape) != 1:
        return _reduce_row(d, shape, outer)
    matrix = common.array(d, (common.size(d, small=True), shape[0]))
    return lambda y, first: light(d, d.apply("matmul", matrix, y)), []


def _accumulate_row(d: ProgramBuilder, shape: _Shape, outer: list[Value]) -> _Row:
    return lambda y, first: light(d, accumulate(d, y)), outer


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
        return finish(mix(d, [*values, *outer], 1), values[0])

    return tuple(d.attempt(lambda: transforms.lax_map(d, tuple(xs), row), 6))


# ---------------------------------------------------------------- loops in loops


class _Nest(NamedTuple):
    """What a loop in a loop is made of.

    Attributes:
      d: the builder.
      x: the sequence that one of the loops runs over.
      w: a weight of all steps.
      steps: how often the other loop runs.
      start: the carry at the start.
    """

    d: ProgramBuilder
    x: Value
    w: Value
    steps: int
    start: Value

    def relax(self, h: Value, others: list[Value]) -> Value:
        """Updates h, `steps` times, in a loop of its own."""

        def body(i: Value, carry: Value) -> Value:
            return self.squash(carry, others, h)

        return self.repeat(self.steps, h, body)

    def squash(self, carry: Value, others: list[Value], like_this: Value) -> Value:
        """A squashed mix of the carry and the others."""
        return shaped(squash(self.d, mix(self.d, [carry, *others], 0)), like_this)

    def repeat(self, steps: int, h: Value, body: Callable[[Value, Value], Value]) -> Value:
        """Runs a `fori_loop` whose carry stays within ±1."""
        return loops.fori_loop(self.d, steps, (h,), [(-1.0, 1.0)], body, checked=False)[0]

    def scan(self, h: Value, step: Callable[[_Values, _Values], _Step]) -> list[Value]:
        """Scans the sequence with a carry that stays within ±1."""
        return loops.scan(self.d, (h,), (self.x,), [(-1.0, 1.0)], step, checked=False)


def _fori_in_scan(nest: _Nest) -> _Values:
    d = nest.d

    def step(carry: _Values, inputs: _Values) -> _Step:
        h = nest.relax(carry[0], [inputs[0], nest.w])
        return (h,), (outs(d, h, list(inputs)),) if d.stream.chance(60) else ()

    return tuple(nest.scan(nest.start, step))


def _scan_in_fori(nest: _Nest) -> _Values:
    def sweep(i: Value, h: Value) -> Value:
        def step(carry: _Values, inputs: _Values) -> _Step:
            return (nest.squash(carry[0], [inputs[0], nest.w], h),), ()

        return nest.scan(h, step)[0]

    return (nest.repeat(min(nest.steps, 5), nest.start, sweep),)


def _fori_in_fori(nest: _Nest) -> _Values:
    def body(i: Value, h: Value) -> Value:
        item = nest.d.apply("dynamic_index", nest.x, i, axis=0)
        return nest.relax(h, [item, nest.w])

    return (nest.repeat(nest.x.shape[0], nest.start, body),)


def _prefix_in_scan(nest: _Nest) -> _Values:
    d = nest.d
    if not nest.start.shape:
        raise Rejected("a scalar has no prefixes")

    def step(carry: _Values, inputs: _Values) -> _Step:
        prefix = accumulate(d, mix(d, [inputs[0], nest.w], 0), sums=True)
        y = shaped(common.bounded(d, prefix), carry[0])
        h = d.apply("tanh", d.apply("add", carry[0], y))
        return (h,), (outs(d, h, list(inputs)),)

    return tuple(nest.scan(nest.start, step))


def _fori_in_map(nest: _Nest) -> _Values:
    def row(x: Value) -> Value:
        return nest.relax(common.bounded(nest.d, x), [nest.w])

    return tuple(transforms.lax_map(nest.d, (nest.x,), row))


_NESTS = {
    _fori_in_scan: 4,
    _scan_in_fori: 4,
    _fori_in_fori: 3,
    _prefix_in_scan: 3,
    _fori_in_map: 3,
}


def nested(d: ProgramBuilder) -> tuple[Value, ...]:
    """A loop in a loop's body: scan in fori, fori in scan, a cumulative operation in a scan."""
    build = d.stream.choose(_NESTS)
    x, _, shape = _draw_sequence(d, most=20)
    w = like(d, shape)
    inner_steps = steps(d, 10)
    # The start is soon forgotten, so it is no argument.
    h0 = d.apply(d.stream.choice(("zeros", "zeros", "ones")), shape=shape, dtype=d.dtype)
    return build(_Nest(d, x, w, inner_steps, h0))


def free(d: ProgramBuilder) -> tuple[Value, ...]:
    """A scan with two carries and one to three inputs, each carry squashed."""
    x, n, shape = _draw_sequence(d, most=32)
    xs = [_prepare(d, x)]
    for _ in range(d.stream.choose({0: 4, 1: 4, 2: 1})):
        xs.append(common.array(d, (n, *shape) if d.stream.chance(70) else (n,) + shape[-1:]))
    init = (start(d, shape, -1.0, 1.0), start(d, shape, -1.0, 1.0))
    crossed = d.stream.chance(60)

    def body(carry: _Values, inputs: _Values) -> _Step:
        a = shaped(squash(d, mix(d, [carry[0], *inputs], 0)), carry[0])
        b = shaped(
            squash(d, mix(d, [carry[1], a if crossed else inputs[0]], d.stream.below(2))), carry[1]
        )
        return (a, b), (outs(d, b, [a]), *((mix(d, [a, b], 0),) if d.stream.chance(25) else ()))

    return tuple(
        loops.scan(
            d, init, tuple(xs), [(-1.0, 1.0)] * 2, body, checked=False, reverse=d.stream.chance(15)
        )
    )
