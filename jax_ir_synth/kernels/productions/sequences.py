"""Loops over arrays' elements: recurrent cells, sums, filters, returns, maps, nested loops."""

from jax_ir_synth.kernels.builder import control_flow
from jax_ir_synth.kernels.builder.program_builder import ProgramBuilder
from jax_ir_synth.kernels.builder.values import LIMITS, Rejected, Value
from jax_ir_synth.kernels.productions import common
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


def _sequence(d: ProgramBuilder, most: int = 64) -> tuple[Value, int, tuple[int, ...]]:
    n = length(d)
    shape = dims(d)
    if n > most:
        raise Rejected("a long sequence")
    return common.array(d, (n, *shape)), n, shape


def _seen(d: ProgramBuilder, x: Value) -> Value:
    """What the loop goes over: the argument, or a function of it."""
    return light(d, x) if d.stream.chance(30) else x


def _room(d: ProgramBuilder, n: int) -> float:
    """How large a term may be, so that n of them stay well below the dtype's limit."""
    room = LIMITS[d.dtype] / (4 * n)
    return next((m for m in (8.0, 4.0, 2.0, 1.0) if m <= room), room)


def recurrent(d: ProgramBuilder) -> tuple[Value, ...]:
    """A recurrent cell scanned over inputs."""
    x, n, shape = _sequence(d)
    xs = [_seen(d, x)]
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

    def body(carry, inputs):
        h = step(carry[0], list(inputs))
        return (h,), (outs(d, h, list(inputs)),) if stacked else ()

    results = control_flow.scan(
        d, (h0,), tuple(xs), [invariant], body, checked=False, reverse=d.stream.chance(12)
    )
    return tuple(results)


def summed(d: ProgramBuilder) -> tuple[Value, ...]:
    """A sum of bounded terms carried through a scan, with partial sums at times."""
    x, n, shape = _sequence(d)
    xs = [_seen(d, x)]
    for _ in range(d.stream.choose({0: 4, 1: 5, 2: 1})):
        xs.append(common.array(d, (n, *shape)))
    outer = [like(d, shape)] if d.stream.chance(45) else []
    most = _room(d, n)
    total = start(d, shape, -2.0, 2.0)
    emits = d.stream.choose({"none": 4, "partial": 4, "term": 3})

    def body(carry, inputs):
        step = shaped(term(d, [*inputs, *outer], most), carry[0])
        new = d.apply(
            "add" if emits == "term" else d.stream.choose({"add": 5, "sub": 1}), carry[0], step
        )
        return (new,), () if emits == "none" else (
            outs(d, new, list(inputs)) if emits == "partial" else step,
        )

    return tuple(
        control_flow.scan(
            d,
            (total,),
            tuple(xs),
            [swept(total, most, n)],
            body,
            checked=False,
            reverse=d.stream.chance(12),
        )
    )


def _rate(d: ProgramBuilder):
    """A decay: a number, or a scalar argument in (0, 1)."""
    if d.stream.chance(60):
        return d.stream.choice(DECAYS)
    return d.argument((), *d.stream.choice(((0.1, 0.9), (0.2, 0.8), (0.5, 0.99), (0.0, 1.0))))


def averaged(d: ProgramBuilder) -> tuple[Value, ...]:
    """Moving averages: of values, of their squares, gated by a second sequence."""
    x, n, shape = _sequence(d)
    y = common.tamed(d, _seen(d, x), 8.0)
    gate = common.array(d, (n, *shape)) if d.stream.chance(30) else None
    rate = None if gate is not None else _rate(d)
    low, high = min(0.0, y.low), max(0.0, y.high)
    m0 = start(d, shape, low, high)
    second = gate is None and d.stream.chance(30)
    stacked = d.stream.below(3)

    def average(old, new):
        if gate is None and not isinstance(rate, Value):
            return d.apply(
                "add", d.apply("mul", rate, old), d.apply("mul", round(1 - rate, 4), new)
            )
        return None

    def body(carry, inputs):
        g = d.apply("sigmoid", inputs[1]) if gate is not None else rate

        def towards(old, new):
            value = average(old, new)
            return shaped(value if value is not None else blend(d, g, new, old), old)

        mean = towards(carry[0], inputs[0])
        results = (mean,)
        if second:
            error = d.apply(
                "square", d.apply("sub", inputs[0], mean) if d.stream.chance(40) else inputs[0]
            )
            results = (mean, towards(carry[1], error))
        if stacked == 0:
            return results, ()
        if stacked == 1 or not second:
            return results, (outs(d, mean, [inputs[0]]),)
        scale = d.apply("rsqrt", d.apply("add", results[1], d.stream.choice((0.1, 0.5, 1.0))))
        return results, (d.apply("mul", d.apply("sub", inputs[0], mean), scale),)

    top = max(abs(low), abs(high)) * 2
    init = (m0, start(d, shape, 0.0, 1.0)) if second else (m0,)
    ranges = [(low, high), (0.0, max(top * top, 1.0))] if second else [(low, high)]
    xs = (y,) if gate is None else (y, gate)
    return tuple(
        control_flow.scan(d, init, xs, ranges, body, checked=False, reverse=d.stream.chance(10))
    )


def filtered(d: ProgramBuilder) -> tuple[Value, ...]:
    """A recursive filter of first or second order."""
    x, n, shape = _sequence(d)
    y = _seen(d, x)
    a1, a2 = d.stream.choice(
        ((0.5, 0.25), (0.6, 0.2), (0.8, -0.1), (0.4, -0.3), (0.3, 0.3), (0.7, -0.2))
    )
    b1 = d.stream.choice((0.5, 1.0, 0.25, 0.4))
    reach = max(abs(y.low), abs(y.high)) * (1 + b1) / (1 - abs(a1) - abs(a2))
    order = d.stream.choice((1, 2, 2))
    squashes = d.stream.chance(25)
    init = tuple(d.apply("zeros", shape=shape, dtype=d.dtype) for _ in range(order))
    feeds = order == 2 and d.stream.chance(50)

    def body(carry, inputs):
        value = d.apply(
            "add",
            d.apply("mul", a1, carry[0]),
            inputs[0] if b1 == 1.0 else d.apply("mul", b1, inputs[0]),
        )
        if order == 2:
            value = d.apply("add" if a2 > 0 else "sub", value, d.apply("mul", abs(a2), carry[1]))
        value = shaped(value if not squashes else common.bounded(d, value, 1.0), carry[0])
        new = (value, carry[0]) if order == 2 else (value,)
        return new, (d.apply("sub", value, carry[1]) if feeds else outs(d, value, [inputs[0]]),)

    results = control_flow.scan(d, init, (y,), [(-reach, reach)] * order, body, checked=False)
    return results[-1], *results[:1]


def running(d: ProgramBuilder) -> tuple[Value, ...]:
    """Running extrema, an online logsumexp, an online softmax-weighted mean."""
    x, n, shape = _sequence(d)
    if x.low < -4 or x.high > 4:
        raise Rejected("wide exponentials")
    kind = d.stream.choose({"extreme": 4, "pair": 3, "online": 3, "weighted": 3})
    if kind in ("extreme", "pair"):
        y = _seen(d, x)
        names = (
            ("maximum", "minimum") if kind == "pair" else (d.stream.choice(("maximum", "minimum")),)
        )
        first = d.apply("index", y, axis=0, index=0)
        other = like(d, shape) if d.stream.chance(40) else None

        def body(carry, inputs):
            new = tuple(d.apply(name, c, inputs[0]) for name, c in zip(names, carry, strict=False))
            if other is not None:
                return new, (shaped(mix(d, [*new, inputs[0], other], 0), new[0]),)
            return new, (d.apply("sub", new[0], new[1] if kind == "pair" else inputs[0]),)

        return tuple(
            control_flow.scan(
                d,
                (first,) * len(names),
                (y,),
                [(y.low, y.high)] * len(names),
                body,
                checked=False,
                reverse=d.stream.chance(20),
            )
        )[len(names) - 1 :]
    values = (
        common.array(d, (n, *shape), ranges=((-1.0, 1.0), (-2.0, 2.0)))
        if kind == "weighted"
        else None
    )
    m0 = d.apply("full", shape=shape, value=x.low, dtype=d.dtype)
    s0 = d.apply("zeros", shape=shape, dtype=d.dtype)
    init = (m0, s0) if values is None else (m0, s0, s0)
    bound = 0.0 if values is None else n * values.bound

    def online(carry, inputs):
        m = d.apply("maximum", carry[0], inputs[0])
        old = d.apply("exp", d.apply("sub", carry[0], m))
        new = d.apply("exp", d.apply("sub", inputs[0], m))
        s = d.apply("add", d.apply("mul", carry[1], old), new)
        if values is None:
            return (m, s), ()
        return (
            m,
            s,
            d.apply("add", d.apply("mul", carry[2], old), d.apply("mul", new, inputs[1])),
        ), ()

    xs = (x,) if values is None else (x, values)
    m, s, *rest = control_flow.scan(
        d,
        init,
        xs,
        [(x.low, x.high), (0.0, float(n)), (-bound, bound)][: len(init)],
        online,
        checked=False,
    )
    s = d.apply("add", s, d.stream.choice((1.0, 0.5)))
    return (d.apply("div", rest[0], s),) if rest else (d.apply("add", m, d.apply("log", s)),)


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

    def body(carry, inputs):
        step = inputs[0]
        if values is not None:
            step = (
                d.apply("sub", step, inputs[1])
                if not adds
                else d.apply("add", step, d.apply("mul", lam, inputs[1]))
            )
        decay = d.apply("mul", gamma, inputs[-1]) if discounts is not None else gamma
        new = d.apply("add", step, d.apply("mul", decay, carry[0]))
        return (new,), (outs(d, new, [inputs[0]]),)

    xs = tuple(v for v in (rewards, values, discounts) if v is not None)
    last, all_of = control_flow.scan(
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

    def body(carry, inputs):
        q, key, value = inputs
        q = d.apply(feature, q) if maps[0] else q
        key = d.apply(feature, key) if maps[1] else key
        old = carry[0] if decay is None else d.apply("mul", decay, carry[0])
        new = d.apply("add", old, d.apply("outer", key, value))
        return (new,), (d.apply("matmul", q, new),)

    _, out = control_flow.scan(
        d, (state,), (queries, keys, values), [(-reach, reach)], body, checked=False
    )
    return (out,)


def indexed(d: ProgramBuilder) -> tuple[Value, ...]:
    """`fori_loop` whose body reads arrays at the counter."""
    x, n, shape = _sequence(d)
    arrays = [_seen(d, x)]
    if d.stream.chance(45):
        arrays.append(common.array(d, (n, *shape)))
    outer = [like(d, shape)] if d.stream.chance(35) else []
    kind = d.stream.weighted(("sum", "squash", "extreme"), (6, 6, 2 if shape else 0))
    most = _room(d, n)
    squasher = d.stream.choose(SQUASH)
    init = start(d, shape, -1.0, 1.0)
    counter = d.stream.chance(20)

    def body(i, carry):
        parts = [d.apply("dynamic_index", a, i, axis=0) for a in arrays]
        if counter:
            weight = d.apply("convert", i, dtype=d.dtype)
            parts.append(d.apply("div", weight, float(n)))
        if kind == "sum":
            return d.apply("add", carry, shaped(term(d, parts + outer, most), carry))
        if kind == "squash":
            return shaped(
                d.apply(
                    squasher,
                    common.tamed(d, mix(d, [carry, *parts, *outer], d.stream.below(2)), 40.0),
                ),
                carry,
            )
        return d.apply(
            d.stream.choice(("maximum", "minimum")),
            carry,
            shaped(common.bounded(d, mix(d, parts + outer, 0)), carry),
        )

    invariant = swept(init, most, n) if kind == "sum" else (-1.0, 1.0)
    return tuple(control_flow.fori_loop(d, n, (init,), [invariant], body, checked=False))


def buffered(d: ProgramBuilder) -> tuple[Value, ...]:
    """`fori_loop` that fills a buffer, element by element, at times from the elements before."""
    x, n, shape = _sequence(d)
    y = _seen(d, x)
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

    def body(i, carry):
        parts = [d.apply("dynamic_index", y, i, axis=0)]
        if backward:
            parts.append(d.apply("dynamic_index", carry, d.apply("sub", i, 1), axis=0))
        if w is not None:
            parts.append(w)
        value = shaped(common.tamed(d, mix(d, parts, d.stream.below(2)), most), parts[0])
        return d.apply(
            d.stream.choose({"at_set": 5, "at_add": 1}) if not backward else "at_set",
            carry,
            value,
            i,
        )

    first = 1 if backward else 0
    return tuple(
        control_flow.fori_loop(
            d, n - first, (buffer,), [(low - most, high + most)], body, start=first, checked=False
        )
    )


def mapped(d: ProgramBuilder) -> tuple[Value, ...]:
    """`lax.map` of a function of one row, or of the rows of two arrays."""
    n = length(d)
    shape = dims(d)
    xs = [common.array(d, (n, *shape))]
    if d.stream.chance(40):
        xs.append(common.array(d, (n, *shape)))
    outer = [like(d, shape)] if d.stream.chance(45) else []
    kind = d.stream.choose({"elementwise": 4, "reduce": 5, "softmax": 2, "matvec": 3, "prefix": 2})
    if (
        kind == "matvec"
        and len(shape) != 1
        or kind == "softmax"
        and any(w.ndim == 0 for w in outer)
    ):
        kind = "reduce"  # a softmax does not see what all its elements share
    if kind == "matvec":
        outer = [common.array(d, (common.size(d, small=True), shape[0]))]

    def row(*values):
        y = mix(d, [*values, *(w for w in outer if w.ndim <= len(shape))], 1)
        if not shape or kind == "elementwise":
            return light(d, y) if d.stream.chance(50) else y
        if kind == "matvec" and y.ndim == 1:
            return light(d, d.apply("matmul", outer[-1], y))
        if kind == "softmax":
            p = d.apply("softmax", y, axis=-1)
            return d.apply("sum", d.apply("mul", p, values[0]), axis=-1)
        if kind == "prefix":
            return light(d, accumulate(d, y))
        name = d.stream.choice(("sum", "mean", "max", "logsumexp", "norm", "var", "min"))
        value = d.apply(name, y, axis=-1 if d.stream.chance(40) else None)
        return (
            light(d, value)
            if d.stream.chance(50)
            else shaped(
                d.apply(
                    "div", y, d.apply("add", 1.0, d.apply("sum", d.apply("square", y), axis=None))
                ),
                y,
            )
        )

    def attempt():
        return control_flow.lax_map(d, tuple(xs), row)

    return tuple(d.attempt(attempt, 6))


def nested(d: ProgramBuilder) -> tuple[Value, ...]:
    """A loop in a loop's body: scan in fori, fori in scan, a cumulative operation in a scan."""
    kind = d.stream.choose(
        {
            "fori_in_scan": 4,
            "scan_in_fori": 4,
            "fori_in_fori": 3,
            "prefix_in_scan": 3,
            "fori_in_map": 3,
        }
    )
    x, n, shape = _sequence(d, most=20)
    w = like(d, shape)
    inner_steps = steps(d, 10)

    def relax(h, others):
        def body(i, c):
            return shaped(squash(d, mix(d, [c, *others], 0)), h)

        return control_flow.fori_loop(d, inner_steps, (h,), [(-1.0, 1.0)], body, checked=False)[0]

    h0 = d.apply(
        d.stream.choice(("zeros", "zeros", "ones")), shape=shape, dtype=d.dtype
    )  # a start is soon forgotten
    if kind == "fori_in_scan":

        def step(carry, inputs):
            h = relax(carry[0], [inputs[0], w])
            return (h,), (outs(d, h, list(inputs)),) if d.stream.chance(60) else ()

        return tuple(control_flow.scan(d, (h0,), (x,), [(-1.0, 1.0)], step, checked=False))
    if kind == "fori_in_map":
        return tuple(control_flow.lax_map(d, (x,), lambda row: relax(common.bounded(d, row), [w])))
    if kind == "prefix_in_scan":
        if not shape:
            raise Rejected("a scalar has no prefixes")

        def step(carry, inputs):
            y = common.bounded(d, accumulate(d, mix(d, [inputs[0], w], 0), sums=True))
            h = d.apply("tanh", d.apply("add", carry[0], shaped(y, carry[0])))
            return (h,), (outs(d, h, list(inputs)),)

        return tuple(control_flow.scan(d, (h0,), (x,), [(-1.0, 1.0)], step, checked=False))
    if kind == "fori_in_fori":

        def outer(i, h):
            item = d.apply("dynamic_index", x, i, axis=0)
            return relax(h, [item, w])

        return tuple(control_flow.fori_loop(d, n, (h0,), [(-1.0, 1.0)], outer, checked=False))

    def sweep(i, h):
        def step(carry, inputs):
            return (shaped(squash(d, mix(d, [carry[0], inputs[0], w], 0)), h),), ()

        return control_flow.scan(d, (h,), (x,), [(-1.0, 1.0)], step, checked=False)[0]

    return tuple(
        control_flow.fori_loop(d, min(inner_steps, 5), (h0,), [(-1.0, 1.0)], sweep, checked=False)
    )


def free(d: ProgramBuilder) -> tuple[Value, ...]:
    """A scan with two carries and one to three inputs, each carry squashed."""
    x, n, shape = _sequence(d, most=32)
    xs = [_seen(d, x)]
    for _ in range(d.stream.choose({0: 4, 1: 4, 2: 1})):
        xs.append(common.array(d, (n, *shape) if d.stream.chance(70) else (n,) + shape[-1:]))
    init = (start(d, shape, -1.0, 1.0), start(d, shape, -1.0, 1.0))
    crossed = d.stream.chance(60)

    def body(carry, inputs):
        a = shaped(squash(d, mix(d, [carry[0], *inputs], 0)), carry[0])
        b = shaped(
            squash(d, mix(d, [carry[1], a if crossed else inputs[0]], d.stream.below(2))), carry[1]
        )
        return (a, b), (outs(d, b, [a]), *((mix(d, [a, b], 0),) if d.stream.chance(25) else ()))

    return tuple(
        control_flow.scan(
            d, init, tuple(xs), [(-1.0, 1.0)] * 2, body, checked=False, reverse=d.stream.chance(15)
        )
    )
