"""Loops without a body: cumulative operations, associative scans, and Python loops around them."""

from jax_ir_synth.kernels.builder import inlined, prefix_scans
from jax_ir_synth.kernels.builder.program_builder import ProgramBuilder
from jax_ir_synth.kernels.builder.values import Rejected, Value
from jax_ir_synth.kernels.ops import OPS, RECORDS, drawn_by
from jax_ir_synth.kernels.ops.rules import is_near_one
from jax_ir_synth.kernels.productions import common
from jax_ir_synth.kernels.productions.loop_parts import DECAYS, LENGTHS

_CUMULATIVE = drawn_by("cumulative")
_SHORT_LENGTHS = {n: weight for n, weight in LENGTHS.items() if n < 50}
_SHORT = 10  # the gradient of all but sums is written out step by step


def _operand(d: ProgramBuilder) -> Value:
    return common.array(d, common.shape(d, 1, 3, limit=256))


def _add_to_one(d: ProgramBuilder, y: Value) -> Value:
    return d.apply("add", 1.0, d.apply("mul", d.stream.choice((0.5, 0.1, 0.25, 0.2)), y))


def _subtract_from_one(d: ProgramBuilder, y: Value) -> Value:
    return d.apply("sub", 1.0, d.apply("mul", d.stream.choice((0.5, 0.1, 0.25, 0.2)), y))


def _exponentiate(d: ProgramBuilder, y: Value) -> Value:
    return d.apply("exp", d.apply("mul", d.stream.choice((0.5, 0.1, 0.25)), y))


def _near_one(d: ProgramBuilder, x: Value) -> Value:
    """A value made of x whose products stay in range."""
    if is_near_one(x):
        return x
    move = d.stream.choice((_add_to_one, _subtract_from_one, _exponentiate))
    return move(d, common.bounded(d, x))


def accumulate(d: ProgramBuilder, x: Value, axis: int | None = None, sums: bool = False) -> Value:
    """A cumulative operation along an axis of x."""
    axis = d.stream.below(x.ndim) if axis is None else axis

    def attempt() -> Value | None:
        name = d.stream.choose(_CUMULATIVE)
        combines = OPS[name].cumulates
        if combines != "add" and (sums or x.shape[axis] > _SHORT):
            return None
        return d.apply(name, _near_one(d, x) if combines == "mul" else x, axis=axis)

    return d.attempt(attempt)


def prefixes(d: ProgramBuilder) -> tuple[Value, ...]:
    """Cumulative operations among elementwise steps."""
    x = _operand(d)
    last_axis = x.shape[-1:] if x.ndim > 1 else ()
    arrays = [x]
    for _ in range(d.stream.choose({0: 5, 1: 6, 2: 2})):
        arrays.append(common.array(d, d.stream.choice((last_axis, x.shape, x.shape))))

    def attempt() -> Value:
        before = common.mix(
            d,
            arrays[: 1 + d.stream.below(len(arrays))],
            d.stream.below(3) if len(arrays) > 1 else d.stream.between(1, 3),
        )
        before = before if before.ndim else x
        value = accumulate(d, before)
        for other in arrays:
            if not value.deps & other.deps:
                value = common.one_binary(d, value, common.light(d, other))
        if d.stream.chance(35):  # an extremum of what only grows would be a copy of it
            value = accumulate(d, common.light(d, value), sums=True)
        elif d.stream.chance(30):
            value = common.mix(d, [value, before], 1)
        return value

    value = d.attempt(attempt)
    return (value, accumulate(d, x)) if d.stream.chance(14) else (value,)


def associative_scan(d: ProgramBuilder) -> tuple[Value, ...]:
    """`lax.associative_scan` with a binary function of jnp."""
    n = d.stream.choice((4, 4, 5, 5, 6, 6, 7, 8, 10, 12))
    rest = () if d.stream.chance(50) else (common.size(d, small=True),)
    x = common.array(d, (n, *rest))
    arrays = [x]
    if d.stream.chance(50):
        arrays.append(common.array(d, x.shape if d.stream.chance(50) else rest))

    def attempt() -> Value | None:
        y = common.mix(d, arrays, d.stream.below(3))
        if y.shape != x.shape:
            return None
        name = d.stream.choose({"add": 6, "maximum": 4, "minimum": 3, "mul": 3, "logaddexp": 2})
        if name == "mul":
            y = _near_one(d, y)
        scanned = prefix_scans.associative_scan(d, y, name, reverse=d.stream.chance(25))
        return common.mix(d, [scanned, x], 1) if d.stream.chance(40) else common.light(d, scanned)

    return (d.attempt(attempt),)


def recurrence(d: ProgramBuilder) -> tuple[Value, ...]:
    """A linear recurrence h[t] = a[t] h[t-1] + b[t] as an associative scan over pairs."""
    n = d.stream.choice((4, 4, 5, 6))
    rest = () if d.stream.chance(40) else (common.size(d, small=True),)
    gate, x = common.array(d, (n, *rest)), common.array(d, (n, *rest))

    def attempt() -> Value:
        if gate.low >= 0 and gate.high <= 1 and d.stream.chance(60):
            a = gate
        elif d.stream.chance(60):
            a = d.apply("sigmoid", common.light(d, gate))
        else:
            a = d.apply("exp", d.apply("neg", d.apply("softplus", gate)))
        b = common.light(d, x)
        if d.stream.chance(50):
            b = d.apply("mul", d.apply("sub", 1.0, a), b)
        decay, h = prefix_scans.linear_recurrence(d, a, b, reverse=d.stream.chance(15))
        if d.stream.chance(30):
            return d.apply("add", h, d.apply("mul", decay, common.with_literal(d, x)))
        return (
            common.mix(d, [h, x], d.stream.below(2)) if d.stream.chance(30) else common.light(d, h)
        )

    return (d.attempt(attempt),)


# ---------------------------------------------------------------- statistics of prefixes


def _running_mean(d: ProgramBuilder, y: Value) -> tuple[Value, ...]:
    mean = _average_prefixes(d, y, _counts(d, y))
    return (mean,) if d.stream.chance(40) else (common.mix(d, [y, mean], d.stream.below(2)),)


def _running_variance(d: ProgramBuilder, y: Value) -> tuple[Value, ...]:
    counts = _counts(d, y)
    mean = _average_prefixes(d, y, counts)
    second = d.apply("div", d.apply("cumsum", d.apply("square", y), axis=0), counts)
    typical = y.samples.var() * (0.3 + 1.2 * (y.samples - y.low) / (y.high - y.low))
    return mean, d.claim(
        "sub", -1e-3, max(second.high, 1e-3), second, d.apply("square", mean), typical=typical
    )


def _average_prefixes(d: ProgramBuilder, y: Value, counts: Value) -> Value:
    typical = y.samples.mean() + 0.6 * (y.samples - y.samples.mean())
    total = d.apply("cumsum", y, axis=0)
    return d.claim("div", y.low, y.high, total, counts, typical=typical)


def _counts(d: ProgramBuilder, y: Value) -> Value:
    """1, 2, …, n along the first axis, as a column where y has more axes."""
    counts = d.apply("add", d.apply("arange", shape=y.shape[:1], dtype=y.dtype), 1.0)
    return counts if y.ndim == 1 else d.apply("expand_dims", counts, axis=1)


def _moving_mean(d: ProgramBuilder, y: Value) -> tuple[Value, ...]:
    n = y.shape[0]
    k = d.stream.between(2, max(2, n // 2))
    total = d.apply("cumsum", y, axis=0)
    late = d.apply("slice", total, axis=0, start=k, stop=n, step=1)
    early = d.apply("slice", total, axis=0, start=0, stop=n - k, step=1)
    return (d.apply("div", d.apply("sub", late, early), float(k)),)


def _drawdown(d: ProgramBuilder, y: Value) -> tuple[Value, ...]:
    rises = (y.samples > 0).mean()
    value = d.apply("cumsum", y, axis=0) if 0.3 <= rises <= 0.7 and d.stream.chance(60) else y
    peak = d.apply(d.stream.choice(("cummax", "cummin")), value, axis=0)
    return (common.mix(d, [peak, value], d.stream.below(2)),)


def _survival(d: ProgramBuilder, y: Value) -> tuple[Value, ...]:
    if y.shape[0] > _SHORT:
        raise Rejected("a long product")
    hazard = d.apply("mul", d.stream.choice((0.5, 0.25, 0.2, 0.4)), d.apply("sigmoid", y))
    alive = d.apply("cumprod", d.apply("sub", 1.0, hazard), axis=0)
    if d.stream.chance(50):
        return d.apply("mul", hazard, alive), alive
    return (common.mix(d, [alive, y], 1),)


def _ray_weights(d: ProgramBuilder, y: Value) -> tuple[Value, ...]:
    """The share of a ray's light that ends in each step of it, as volume rendering has it."""
    density = common.positive(d, y, 0.05)
    passed = d.apply("sub", d.apply("cumsum", density, axis=0), density)
    through = d.apply("exp", d.apply("neg", common.tamed(d, passed, 8.0)))
    return (d.apply("mul", through, d.apply("sub", 1.0, d.apply("exp", d.apply("neg", density)))),)


def _cumulative_share(d: ProgramBuilder, y: Value) -> tuple[Value, ...]:
    total = d.apply("cumsum", common.positive(d, y), axis=0)
    complete = d.apply("index", total, axis=0, index=y.shape[0] - 1)
    return (common.light(d, d.apply("div", total, complete)),)


def _sorted_sums(d: ProgramBuilder, y: Value) -> tuple[Value, ...]:
    total = d.apply("cumsum", common.positive(d, y), axis=0)
    order = d.apply("sort", y, axis=0)
    return (common.mix(d, [d.apply("cumsum", order, axis=0), total], 0),)


_STATISTICS = {
    _running_mean: 4,
    _running_variance: 3,
    _moving_mean: 4,
    _drawdown: 3,
    _survival: 3,
    _ray_weights: 3,
    _cumulative_share: 3,
    _sorted_sums: 2,
}


def statistics(d: ProgramBuilder) -> tuple[Value, ...]:
    """Statistics of prefixes and windows: running means and variances, drawdowns, survival."""
    n = d.stream.choose(_SHORT_LENGTHS)
    x = common.array(d, (n,) if d.stream.chance(60) else (n, common.size(d, small=True)))
    statistic = d.stream.choose(_STATISTICS)
    return statistic(d, common.mix(d, [x], d.stream.below(3)))


# ---------------------------------------------------------------- Python loops


def _accumulate_round(d: ProgramBuilder, h: Value, y: Value, axis: int) -> Value:
    y = common.bounded(d, accumulate(d, y, axis, sums=True), 1.0)
    return d.apply("add", h, y) if d.stream.chance(30) else y


def _light_round(d: ProgramBuilder, h: Value, y: Value, axis: int) -> Value:
    y = common.bounded(d, common.light(d, y), 2.0)
    return d.apply(d.stream.choice(("add", "sub")), h, y) if d.stream.chance(40) else y


def _either_round(d: ProgramBuilder, h: Value, y: Value, axis: int) -> Value:
    make_round = _accumulate_round if d.stream.chance(40) else _light_round
    return make_round(d, h, y, axis)


# A round of a loop, and whether the loop goes over numbers.
_ROUNDS = {(_accumulate_round, False): 6, (_light_round, False): 4, (_either_round, True): 5}


def _draw_items(d: ProgramBuilder) -> tuple[float, ...]:
    items = tuple(d.stream.choice(DECAYS) for _ in range(d.stream.between(2, 4)))
    if len(set(items)) != len(items):
        raise Rejected("the same item twice")
    return items


def _use_item(d: ProgramBuilder, h: Value, item: Value) -> Value:
    name = d.stream.choice(("mul", "mul", "add", "sub"))
    return d.apply(name, *((h, item) if d.stream.chance(60) else (item, h)))


def python_loop(d: ProgramBuilder) -> tuple[Value, ...]:
    """A Python loop that unrolls, around a cumulative operation or beside one."""
    x = (
        _operand(d)
        if d.stream.chance(60)
        else common.array(d, (d.stream.choice((4, 6, 8, 10, 16)),))
    )
    other = (
        common.array(d, x.shape if d.stream.chance(60) else x.shape[-1:])
        if d.stream.chance(50)
        else None
    )
    make_round, has_items = d.stream.choose(_ROUNDS)
    items = _draw_items(d) if has_items else None
    count = d.stream.choose({2: 4, 3: 5, 4: 2})

    def attempt() -> Value:
        axis = d.stream.below(x.ndim)

        def body(h: Value, *item: Value) -> tuple[Value]:
            y = _use_item(d, h, *item) if item else h
            if other is not None:
                y = common.one_binary(d, y, other)
            return (make_round(d, h, y, axis),)

        h = x if not d.stream.chance(25) else common.light(d, x)
        value = inlined.unroll(d, (h,), body, steps=count, items=items)[0]
        if not _iterates(value):
            value = accumulate(d, value, axis)
        return common.mix(d, [value, x], 0) if d.stream.chance(25) else value

    return (d.attempt(attempt),)


def _iterates(value: Value) -> bool:
    """Whether the value is made by a cumulative operation, at some step."""
    stack, seen = [value], set()
    while stack:
        v = stack.pop()
        if id(v) in seen:
            continue
        seen.add(id(v))
        if RECORDS[v.op].cumulates:
            return True
        stack.extend(v.params.get("means", v.operands))
    return False
