"""Filters of sequences: moving averages, recursive and Kalman filters, running extrema."""

from jax_ir_synth.kernels.builder import loops
from jax_ir_synth.kernels.builder.program_builder import ProgramBuilder
from jax_ir_synth.kernels.builder.values import Operands, Rejected, Value
from jax_ir_synth.kernels.productions import common
from jax_ir_synth.kernels.productions import idioms as f
from jax_ir_synth.kernels.productions.loop_parts import (
    DECAYS,
    Step,
    blend,
    draw_sequence,
    length,
    like,
    ones,
    outs,
    prepare,
    shaped,
    start,
    zeros,
)

# ---------------------------------------------------------------- moving averages


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


def _emit_nothing(d: ProgramBuilder, x: Value, mean: Value, *second: Value) -> Operands:
    return ()


def _emit_mean(d: ProgramBuilder, x: Value, mean: Value, *second: Value) -> Operands:
    return (outs(d, mean, [x]),)


def _emit_standardised(d: ProgramBuilder, x: Value, mean: Value, *second: Value) -> Operands:
    if not second:
        return _emit_mean(d, x, mean)
    scale = d.apply("rsqrt", d.apply("add", *second, d.stream.choice((0.1, 0.5, 1.0))))
    return (d.apply("mul", d.apply("sub", x, mean), scale),)


_EMITTED_AVERAGES = {_emit_nothing: 1, _emit_mean: 1, _emit_standardised: 1}


def averaged(d: ProgramBuilder) -> tuple[Value, ...]:
    """Moving averages: of values, of their squares, gated by a second sequence."""
    x, n, shape = draw_sequence(d)
    y = common.tamed(d, prepare(d, x), 8.0)
    gate = common.array(d, (n, *shape)) if d.stream.chance(30) else None
    rate = None if gate is not None else _draw_rate(d)
    low, high = min(0.0, y.low), max(0.0, y.high)
    m0 = start(d, shape, low, high)
    squares = gate is None and d.stream.chance(30)
    emit = d.stream.choose(_EMITTED_AVERAGES)

    def body(carry: Operands, inputs: Operands) -> Step:
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
    return tuple(loops.scan(d, init, xs, ranges, body, reverse=d.stream.chance(10)))


# ---------------------------------------------------------------- recursive filters


def filtered(d: ProgramBuilder) -> tuple[Value, ...]:
    """A recursive filter of first or second order."""
    x, n, shape = draw_sequence(d)
    y = prepare(d, x)
    a1, a2 = d.stream.choice(
        ((0.5, 0.25), (0.6, 0.2), (0.8, -0.1), (0.4, -0.3), (0.3, 0.3), (0.7, -0.2))
    )
    b1 = d.stream.choice((0.5, 1.0, 0.25, 0.4))
    reach = max(abs(y.low), abs(y.high)) * (1 + b1) / (1 - abs(a1) - abs(a2))
    order = d.stream.choice((1, 2, 2))  # how many of the last values it uses
    squashes = d.stream.chance(25)
    init = tuple(zeros(d, shape) for _ in range(order))
    feeds = order > 1 and d.stream.chance(50)

    def body(carry: Operands, inputs: Operands) -> Step:
        driven = inputs[0] if b1 == 1.0 else d.apply("mul", b1, inputs[0])
        value = d.apply("add", d.apply("mul", a1, carry[0]), driven)
        for older in carry[1:]:
            value = d.apply("add" if a2 > 0 else "sub", value, d.apply("mul", abs(a2), older))
        value = shaped(common.bounded(d, value) if squashes else value, carry[0])
        out = d.apply("sub", value, carry[1]) if feeds else outs(d, value, [inputs[0]])
        return (value, *carry)[:order], (out,)

    results = loops.scan(d, init, (y,), [(-reach, reach)] * order, body)
    return results[-1], *results[:1]


def kalman(d: ProgramBuilder) -> tuple[Value, ...]:
    """A scalar Kalman filter over measurements."""
    n = length(d)
    shape = () if d.stream.chance(60) else (common.size(d, small=True),)
    z = common.array(d, (n, *shape))
    q, r = (
        d.argument((), 0.1, 1.0) if d.stream.chance(40) else d.stream.choice((0.1, 0.5, 0.25, 1.0))
        for _ in range(2)
    )
    reach = z.bound
    top = r.high if isinstance(r, Value) else r
    turn = d.stream.choice((None, 0.9, 0.95, 0.8))

    def body(carry: Operands, inputs: Operands) -> Step:
        m, p = carry
        m = m if turn is None else d.apply("mul", turn, m)
        p = d.apply("add", p, q)
        gain = d.apply("div", p, d.apply("add", p, r))
        m = d.apply("add", m, d.apply("mul", gain, d.apply("sub", inputs[0], m)))
        p = d.apply("mul", d.apply("sub", 1.0, gain), p)
        return (m, p), (m,)

    m0 = zeros(d, shape)
    p0 = ones(d, shape)
    m, p, means = loops.scan(d, (m0, p0), (z,), [(-reach, reach), (0.0, max(1.0, top))], body)
    return means, m


# ---------------------------------------------------------------- running extrema and exponentials


def _running_extremum(d: ProgramBuilder, x: Value) -> Operands:
    y = prepare(d, x)
    return _scan_extrema(d, y, (d.stream.choice(("maximum", "minimum")),))


def _running_range(d: ProgramBuilder, x: Value) -> Operands:
    return _scan_extrema(d, prepare(d, x), ("maximum", "minimum"))[1:]


def _scan_extrema(d: ProgramBuilder, y: Value, names: tuple[str, ...]) -> Operands:
    first = d.apply("index", y, axis=0, index=0)
    other = like(d, first.shape) if d.stream.chance(40) else None

    def body(carry: Operands, inputs: Operands) -> Step:
        new = tuple(d.apply(name, c, inputs[0]) for name, c in zip(names, carry, strict=True))
        if other is not None:
            return new, (shaped(common.mix(d, [*new, inputs[0], other], 0), new[0]),)
        least = new[1] if len(new) > 1 else inputs[0]
        return new, (d.apply("sub", new[0], least),)

    count = len(names)
    init, ranges = (first,) * count, [(y.low, y.high)] * count
    reverse = d.stream.chance(20)
    return tuple(loops.scan(d, init, (y,), ranges, body, reverse=reverse))


def _running_logsumexp(d: ProgramBuilder, x: Value) -> Operands:
    top, total = _scan_exponentials(d, x)
    return (d.apply("add", top, d.apply("log", _raise(d, total))),)


def _running_softmax_mean(d: ProgramBuilder, x: Value) -> Operands:
    values = common.array(d, x.shape, ranges=((-1.0, 1.0), (-2.0, 2.0)))
    _, total, weighted = _scan_exponentials(d, x, values)
    return (d.apply("div", weighted, _raise(d, total)),)


def _raise(d: ProgramBuilder, total: Value) -> Value:
    return d.apply("add", total, d.stream.choice((1.0, 0.5)))


def _scan_exponentials(d: ProgramBuilder, x: Value, *values: Value) -> list[Value]:
    """The largest of x, the sum of exponentials below it, and such sums weighted by `values`."""
    n, shape = x.shape[0], x.shape[1:]
    low = d.apply("full", shape=shape, value=x.low, dtype=d.dtype)
    zero = zeros(d, shape)
    init = (low, zero, *(zero for _ in values))
    ranges = [(x.low, x.high), (0.0, float(n)), *((-n * v.bound, n * v.bound) for v in values)]

    def body(carry: Operands, inputs: Operands) -> Step:
        top = d.apply("maximum", carry[0], inputs[0])
        old = d.apply("exp", d.apply("sub", carry[0], top))
        new = d.apply("exp", d.apply("sub", inputs[0], top))
        total = d.apply("add", d.apply("mul", carry[1], old), new)
        weighted = (
            d.apply("add", d.apply("mul", sums, old), d.apply("mul", new, value))
            for sums, value in zip(carry[2:], inputs[1:], strict=True)
        )
        return (top, total, *weighted), ()

    return loops.scan(d, init, (x, *values), ranges, body)


_RUNNING = {
    _running_extremum: 4,
    _running_range: 3,
    _running_logsumexp: 3,
    _running_softmax_mean: 3,
}


def running(d: ProgramBuilder) -> tuple[Value, ...]:
    """Running extrema, an online logsumexp, an online softmax-weighted mean."""
    x, _, _ = draw_sequence(d)
    if x.low < -4 or x.high > 4:
        raise Rejected("wide exponentials")
    return d.stream.choose(_RUNNING)(d, x)
