"""Loops without a body: cumulative operations, associative scans, and Python loops around them."""

from jax_ir_synth.kernels.builder import control_flow
from jax_ir_synth.kernels.builder.program_builder import ProgramBuilder
from jax_ir_synth.kernels.builder.values import Rejected, Value
from jax_ir_synth.kernels.ops import drawn_by
from jax_ir_synth.kernels.productions import common
from jax_ir_synth.kernels.productions.recurrences import DECAYS, LENGTHS, light, mix

_CUMULATIVE = drawn_by("cumulative")
_SHORT_LENGTHS = {n: weight for n, weight in LENGTHS.items() if n < 50}
_SHORT = 10  # the gradient of all but sums is written out step by step


def _operand(d: ProgramBuilder) -> Value:
    return common.array(d, common.shape(d, 1, 3, limit=256))


def _near_one(d: ProgramBuilder, x: Value) -> Value:
    """A value made of x within [0.4, 1.8], whose products stay in range."""
    if x.low >= 0.4 and x.high <= 1.8:
        return x
    kind = d.stream.choice(("add", "sub", "exp"))
    y = common.bounded(d, x)
    if kind == "exp":
        return d.apply("exp", d.apply("mul", d.stream.choice((0.5, 0.1, 0.25)), y))
    return d.apply(kind, 1.0, d.apply("mul", d.stream.choice((0.5, 0.1, 0.25, 0.2)), y))


def accumulate(d: ProgramBuilder, x: Value, axis: int | None = None, sums: bool = False) -> Value:
    """A cumulative operation along an axis of x."""
    axis = d.stream.below(x.ndim) if axis is None else axis

    def attempt():
        name = d.stream.choose(_CUMULATIVE)
        if not name.startswith("cumsum") and (x.shape[axis] > _SHORT or sums):
            return None
        if not name.startswith("cumprod"):
            return d.apply(name, x, axis=axis)
        if x.shape[axis] > 10:
            return None
        return d.apply(name, _near_one(d, x), axis=axis)

    return d.attempt(attempt)


def prefix(d: ProgramBuilder) -> tuple[Value, ...]:
    """Cumulative operations among elementwise steps."""
    arrays = [_operand(d)]
    for _ in range(d.stream.choose({0: 5, 1: 6, 2: 2})):
        kind = d.stream.below(3)
        dims = arrays[0].shape
        arrays.append(common.array(d, dims if kind else dims[-1:] if len(dims) > 1 else ()))

    def attempt():
        before = mix(
            d,
            arrays[: 1 + d.stream.below(len(arrays))],
            d.stream.below(3) if len(arrays) > 1 else d.stream.between(1, 3),
        )
        before = before if before.ndim else arrays[0]
        value = accumulate(d, before)
        for other in arrays:
            if not value.deps & other.deps:
                value = common.one_binary(d, value, light(d, other))
        if d.stream.chance(35):  # an extremum of what only grows would be a copy of it
            value = accumulate(d, light(d, value), sums=True)
        elif d.stream.chance(30):
            value = mix(d, [value, before], 1)
        return value

    value = d.attempt(attempt)
    return (value, accumulate(d, arrays[0])) if d.stream.chance(14) else (value,)


def associative(d: ProgramBuilder) -> tuple[Value, ...]:
    """`lax.associative_scan` with a binary function of jnp."""
    n = d.stream.choice((4, 4, 5, 5, 6, 6, 7, 8, 10, 12))
    rest = () if d.stream.chance(50) else (common.size(d, small=True),)
    x = common.array(d, (n, *rest))
    other = (
        common.array(d, x.shape if d.stream.chance(50) else rest) if d.stream.chance(50) else None
    )

    def attempt():
        y = mix(d, [x] if other is None else [x, other], d.stream.below(3))
        if y.shape != x.shape:
            return None
        name = d.stream.choose({"add": 6, "maximum": 4, "minimum": 3, "mul": 3, "logaddexp": 2})
        if name == "mul":
            y = _near_one(d, y)
        scanned = control_flow.associative_scan(d, y, name, reverse=d.stream.chance(25))
        return mix(d, [scanned, x], 1) if d.stream.chance(40) else light(d, scanned)

    return (d.attempt(attempt),)


def recurrence(d: ProgramBuilder) -> tuple[Value, ...]:
    """A linear recurrence h[t] = a[t] h[t-1] + b[t] as an associative scan over pairs."""
    n = d.stream.choice((4, 4, 5, 6))
    rest = () if d.stream.chance(40) else (common.size(d, small=True),)
    gate, x = common.array(d, (n, *rest)), common.array(d, (n, *rest))

    def attempt():
        if gate.low >= 0 and gate.high <= 1 and d.stream.chance(60):
            a = gate
        else:
            a = (
                d.apply("sigmoid", light(d, gate))
                if d.stream.chance(60)
                else d.apply("exp", d.apply("neg", d.apply("softplus", gate)))
            )
        b = light(d, x)
        if d.stream.chance(50):
            b = d.apply("mul", d.apply("sub", 1.0, a), b)
        decay, h = control_flow.linear_recurrence(d, a, b, reverse=d.stream.chance(15))
        if d.stream.chance(30):
            return d.apply("add", h, d.apply("mul", decay, common.with_literal(d, x)))
        return mix(d, [h, x], d.stream.below(2)) if d.stream.chance(30) else light(d, h)

    return (d.attempt(attempt),)


def _counts(d: ProgramBuilder, x: Value) -> Value:
    """1, 2, …, n along the first axis, as a column where x has more axes."""
    n = x.shape[0]
    counts = d.apply("add", d.apply("arange", shape=(n,), dtype=x.dtype), 1.0)
    return counts if x.ndim == 1 else d.apply("expand_dims", counts, axis=1)


def statistics(d: ProgramBuilder) -> tuple[Value, ...]:
    """Statistics of prefixes and windows: running means and variances, drawdowns, survival."""
    n = d.stream.choose(_SHORT_LENGTHS)
    x = common.array(d, (n,) if d.stream.chance(60) else (n, common.size(d, small=True)))
    kind = d.stream.choose(
        {
            "mean": 4,
            "variance": 3,
            "window": 4,
            "drawdown": 3,
            "survival": 3,
            "weights": 3,
            "share": 3,
            "rank": 2,
        }
    )
    y = mix(d, [x], d.stream.below(3))
    if kind in ("mean", "variance"):
        counts = _counts(d, x)
        typical = y.samples.mean() + 0.6 * (y.samples - y.samples.mean())
        mean = d.claim("div", y.low, y.high, d.apply("cumsum", y, axis=0), counts, typical=typical)
        if kind == "mean":
            return (mean,) if d.stream.chance(40) else (mix(d, [y, mean], d.stream.below(2)),)
        second = d.apply("div", d.apply("cumsum", d.apply("square", y), axis=0), counts)
        typical = y.samples.var() * (0.3 + 1.2 * (y.samples - y.low) / (y.high - y.low))
        return mean, d.claim(
            "sub", -1e-3, max(second.high, 1e-3), second, d.apply("square", mean), typical=typical
        )
    if kind == "window":
        k = d.stream.between(2, max(2, n // 2))
        total = d.apply("cumsum", y, axis=0)
        late = d.apply("slice", total, axis=0, start=k, stop=n, step=1)
        early = d.apply("slice", total, axis=0, start=0, stop=n - k, step=1)
        return (d.apply("div", d.apply("sub", late, early), float(k)),)
    if kind == "drawdown":
        rises = (y.samples > 0).mean()
        value = d.apply("cumsum", y, axis=0) if 0.3 <= rises <= 0.7 and d.stream.chance(60) else y
        peak = d.apply(d.stream.choice(("cummax", "cummin")), value, axis=0)
        return (mix(d, [peak, value], d.stream.below(2)),)
    if kind == "survival":
        if n > 10:
            raise Rejected("a long product")
        hazard = d.apply("mul", d.stream.choice((0.5, 0.25, 0.2, 0.4)), d.apply("sigmoid", y))
        alive = d.apply("cumprod", d.apply("sub", 1.0, hazard), axis=0)
        return (
            (d.apply("mul", hazard, alive), alive)
            if d.stream.chance(50)
            else (mix(d, [alive, y], 1),)
        )
    if kind == "weights":
        density = common.positive(d, y, 0.05)
        passed = d.apply("sub", d.apply("cumsum", density, axis=0), density)
        through = d.apply("exp", d.apply("neg", common.tamed(d, passed, 8.0)))
        return (
            d.apply("mul", through, d.apply("sub", 1.0, d.apply("exp", d.apply("neg", density)))),
        )
    total = d.apply("cumsum", common.positive(d, y), axis=0)
    if kind == "share":
        whole = d.apply("index", total, axis=0, index=n - 1)
        return (light(d, d.apply("div", total, whole)),)
    order = d.apply("sort", y, axis=0)
    return (mix(d, [d.apply("cumsum", order, axis=0), total], 0),)


def repeated(d: ProgramBuilder) -> tuple[Value, ...]:
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
    kind = d.stream.choose({"around": 6, "before": 4, "items": 5})
    items = (
        tuple(d.stream.choice(DECAYS) for _ in range(d.stream.between(2, 4)))
        if kind == "items"
        else None
    )
    if items and len(set(items)) != len(items):
        raise Rejected("the same item twice")
    count = d.stream.choose({2: 4, 3: 5, 4: 2})

    def attempt():
        axis = d.stream.below(x.ndim)

        def body(h, *item):
            y = (
                h
                if not item
                else d.apply(
                    d.stream.choice(("mul", "mul", "add", "sub")),
                    *((h, item[0]) if d.stream.chance(60) else (item[0], h)),
                )
            )
            if other is not None:
                y = common.one_binary(d, y, other)
            if kind == "around" or item and d.stream.chance(40):
                y = common.bounded(d, accumulate(d, y, axis, sums=True), 1.0)
                return (d.apply("add", h, y) if d.stream.chance(30) else y,)
            y = common.bounded(d, light(d, y), 2.0)
            return (d.apply(d.stream.choice(("add", "sub")), h, y) if d.stream.chance(40) else y,)

        h = x if not d.stream.chance(25) else light(d, x)
        value = control_flow.unrolled(d, (h,), body, steps=count, items=items)[0]
        if not _iterates(value):
            value = accumulate(d, value, axis)
        return mix(d, [value, x], 0) if d.stream.chance(25) else value

    return (d.attempt(attempt),)


def _iterates(value: Value) -> bool:
    """Is there a cumulative operation in what the value is made of?"""
    stack, seen = [value], set()
    while stack:
        v = stack.pop()
        if id(v) in seen:
            continue
        seen.add(id(v))
        if v.op.startswith("cum"):
            return True
        stack.extend(v.params.get("means", v.operands))
    return False
