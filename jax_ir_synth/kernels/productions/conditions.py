"""Conditions: on elements, on reductions, on scalars, flags, masks and positions."""

from jax_ir_synth.kernels.builder.program_builder import ProgramBuilder
from jax_ir_synth.kernels.builder.values import SAMPLES, Rejected, Value
from jax_ir_synth.kernels.ops import drawn_by
from jax_ir_synth.kernels.productions import common

_ROUND_NUMBERS = (0.0, 0.0, 0.0, 0.5, 1.0, -0.5, -1.0, 2.0, 0.1, 0.25, 1.5)
_HALF = [1.0 if k % 2 else 0.0 for k in range(SAMPLES)]
_MOST_ARGUMENTS = 6


def threshold(d: ProgramBuilder, value: Value, low: float = 0.25, high: float = 0.75) -> float:
    """A number that a share between `low` and `high` of the value's elements exceeds."""
    fitting = [c for c in _ROUND_NUMBERS if low <= (value.samples > c).mean() <= high]
    ordered = sorted(float(v) for v in value.samples)
    near = ordered[d.stream.between(int(low * SAMPLES), int(high * SAMPLES) - 1)]
    for digits in (1, 2, 3):
        if low <= (value.samples > round(near, digits)).mean() <= high:
            fitting += [round(near, digits)] * 2
            break
    if not fitting:
        raise Rejected("no number divides the values")
    return d.stream.choice(fitting)


def _compare(d: ProgramBuilder, x: Value, y: Value | float) -> Value:
    return d.apply(d.stream.choose(common.COMPARISONS), x, y)


def _against_number(d: ProgramBuilder, x: Value) -> Value:
    if d.stream.chance(18) and x.low < 0:
        x = d.apply(d.stream.choice(("abs", "square")), x)
    return _compare(d, x, threshold(d, x))


def _room(d: ProgramBuilder) -> None:
    if len(d.arguments) >= _MOST_ARGUMENTS:
        raise Rejected("enough arguments")


def _against_argument(d: ProgramBuilder, x: Value) -> Value:
    """Compares x with a 0-d argument."""
    old = [a for a in d.arguments if a.ndim == 0 and a.is_float and a is not x]
    if old and d.stream.chance(60):
        return _compare(d, x, d.stream.choice(old))
    _room(d)
    middle, width = float(x.samples.mean()), float(x.samples.std())
    low = round(middle - d.stream.choice((0.5, 0.8)) * width, 1)
    return _compare(d, x, d.argument((), low, round(low + max(width, 0.3), 1), role="threshold"))


def _between(d: ProgramBuilder, x: Value) -> Value:
    """Tests whether x is in a range, or out of it."""
    low, high = threshold(d, x, 0.55, 0.88), threshold(d, x, 0.12, 0.45)
    if low >= high:
        raise Rejected("an empty range")
    if d.stream.chance(60):
        return d.apply(
            "logical_and",
            d.apply(d.stream.choice(("greater", "greater_equal")), x, low),
            d.apply(d.stream.choice(("less", "less_equal")), x, high),
        )
    return d.apply("logical_or", d.apply("less", x, low), d.apply("greater", x, high))


def _derived(d: ProgramBuilder, x: Value, y: Value) -> Value:
    value = (
        common.one_binary(d, x, y) if x is not y and d.stream.chance(60) else common.one_unary(d, x)
    )
    return _compare(d, value, threshold(d, value))


def _mask(d: ProgramBuilder, dims: tuple[int, ...]) -> Value:
    """A boolean argument of the shape, or of its first axis and then spread over the others."""
    old = [a for a in d.arguments if a.dtype == "bool" and a.shape == dims]
    if old and d.stream.chance(60):
        return d.stream.choice(old)
    _room(d)
    if len(dims) == 2 and dims[0] >= 6 and d.stream.chance(30):
        return d.apply("expand_dims", d.argument(dims[:1], 0, 1, dtype="bool", role="mask"), axis=1)
    own = dims[1:] if len(dims) > 1 and dims[-1] >= 6 and d.stream.chance(15) else dims
    return d.argument(own, 0, 1, dtype="bool", role="mask")


def _integers(d: ProgramBuilder, dims: tuple[int, ...]) -> Value:
    """A test of an integer array argument."""
    old = [a for a in d.arguments if a.dtype == "int32" and a.shape == dims]
    _room(d)
    codes = (
        old[0]
        if old
        else d.argument(dims, 0, d.stream.choice((4, 7, 9, 15)), dtype="int32", role="cases")
    )
    return integer_test(d, codes)


def integer_test(d: ProgramBuilder, n: Value) -> Value:
    """A test of an integer: its remainder, or a comparison."""
    if d.stream.chance(40):
        return d.apply(
            d.stream.choice(("equal", "not_equal")),
            d.apply("int_mod", n, 2),
            d.stream.choice((0, 1)),
        )
    return d.attempt(
        lambda: d.apply(
            d.stream.choose(common.INTEGER_COMPARISONS),
            n,
            int(n.low) + d.stream.below(int(n.high - n.low)),
        )
    )


def _positions(d: ProgramBuilder, dims: tuple[int, ...]) -> Value:
    """A test of each element's position along the last axis."""
    n = dims[-1]
    if n < 4:
        raise Rejected("too few positions")
    places = d.apply("arange", shape=(n,), dtype="int32")
    kind = d.stream.below(3)
    if kind == 0:
        return d.apply("equal", d.apply("int_mod", places, 2), d.stream.choice((0, 1)))
    if kind == 1:
        return d.apply(
            d.stream.choice(("less", "greater_equal")), places, d.stream.between(n // 3, 2 * n // 3)
        )
    _room(d)
    return d.apply("less", places, d.argument((), 1, n - 1, dtype="int32", role="count"))


def _rows(d: ProgramBuilder, x: Value) -> Value:
    """A condition on each row, from a reduction that keeps the axis."""
    if x.ndim < 2 or x.shape[0] < 6:
        raise Rejected("no rows")
    value = d.apply(
        d.stream.choice(("mean", "sum", "max", "min", "norm")), x, axis=x.ndim - 1, keepdims=True
    )
    return _compare(d, value, threshold(d, value))


def _outliers(d: ProgramBuilder, x: Value) -> Value:
    """Elements far from the mean, or above it."""
    mean = d.apply("mean", x)
    if d.stream.chance(50):
        return _compare(d, x, mean)
    away = d.apply("abs", d.apply("sub", x, mean))
    return d.apply("greater", away, d.apply("std", x), claim=(0.0, 1.0, _HALF))


def element(d: ProgramBuilder, pool: list[Value], dims: tuple[int, ...], depth: int = 0) -> Value:
    """A condition for each element, which holds for some elements and not for others."""

    def attempt():
        x, y = d.stream.choice(pool), d.stream.choice(pool)
        kind = d.stream.choose(
            {
                "number": 20,
                "argument": 8,
                "two": 10,
                "between": 6,
                "derived": 5,
                "mask": 9,
                "integers": 4,
                "positions": 4,
                "rows": 3,
                "outliers": 3,
                "both": 8,
                "not": 2,
            }
        )
        if kind == "number":
            return _against_number(d, x)
        if kind == "argument":
            return _against_argument(d, x)
        if kind == "two":
            return _compare(d, x, y) if x is not y else None
        if kind == "between":
            return _between(d, x)
        if kind == "derived":
            return _derived(d, x, y)
        if kind == "mask":
            return _mask(d, dims)
        if kind == "integers":
            return _integers(d, dims)
        if kind == "positions":
            return _positions(d, dims)
        if kind == "rows":
            return _rows(d, x)
        if kind == "outliers":
            return _outliers(d, x)
        if depth:
            return None
        one = element(d, pool, dims, 1)
        if kind == "not":
            return d.apply("logical_not", one)
        other = element(d, pool, dims, 1)
        return _both(
            d,
            d.stream.choose({"logical_and": 5, "logical_or": 4, "logical_xor": 1}),
            one,
            other,
        )

    return d.attempt(attempt, 14, undo=True)


def _both(d: ProgramBuilder, name: str, one: Value, other: Value) -> Value:
    """Two conditions joined, where the second says something that the first does not."""
    value = d.apply(name, one, other)
    if any((value.samples == v.samples).all() for v in (one, other)):
        raise Rejected("one condition follows from the other")
    return value


def simple(d: ProgramBuilder, x: Value) -> Value:
    """A condition on the elements of x and numbers alone."""
    return d.attempt(lambda: _between(d, x) if d.stream.chance(20) else _against_number(d, x))


# ---------------------------------------------------------------- one condition for the whole

_REDUCTIONS = drawn_by("threshold")


def _reduced(d: ProgramBuilder, x: Value) -> Value:
    if d.stream.chance(25):
        x = d.apply(d.stream.choice(("abs", "square")), x)
    name = d.stream.choose(_REDUCTIONS)
    if name in ("sum", "norm_l1") and x.size > 64:  # people don't compare with 396.1
        name = "mean"
    return d.apply(name, x)


def _extreme(d: ProgramBuilder) -> Value:
    """Tests any or all elements of an argument against a number that every second array reaches."""
    x = d.stream.choice([a for a in d.arguments if a.is_float and 1 < a.size <= 64] or [None])
    if x is None:
        raise Rejected("no small argument")
    tail = (1.0 - 0.5 ** (1.0 / x.size)) * (x.high - x.low)
    digits = 2 if tail > 0.02 else 3
    every = d.stream.chance(35)
    if d.stream.chance(60):
        name, limit = "less" if every else "greater", round(x.high - tail, digits)
    else:
        name, limit = "greater" if every else "less", round(x.low + tail, digits)
    return d.apply("all" if every else "any", d.apply(name, x, limit, claim=(0.0, 1.0, _HALF)))


def _corner(d: ProgramBuilder, x: Value) -> Value:
    """An element at one end of the array."""
    index = d.stream.choice((0, -1))
    while x.ndim:
        x = d.apply("index", x, axis=0, index=index % x.shape[0])
    return _compare(d, x, threshold(d, x))


def about(d: ProgramBuilder, x: Value, whole: bool) -> Value:
    """A condition on x itself: for each of its elements, or one for the `whole`."""
    if not whole:
        return simple(d, x)

    def attempt():
        value = _reduced(d, x) if d.stream.chance(80) else None
        return _corner(d, x) if value is None else _compare(d, value, threshold(d, value))

    return d.attempt(attempt)


def scalar(d: ProgramBuilder, pool: list[Value], depth: int = 0) -> Value:
    """A condition without axes, that holds on some inputs and not on others."""
    arrays = [v for v in pool if v.size > 1]

    def attempt():
        kind = d.stream.choose(
            {
                "reduced": 20,
                "two": 8,
                "extreme": 8,
                "flag": 8,
                "argument": 6,
                "integer": 5,
                "corner": 6,
                "count": 4,
                "both": 6,
                "not": 2,
            }
        )
        if kind in ("reduced", "two", "corner") and not arrays:
            return None
        x = d.stream.choice(arrays or pool)
        if kind == "reduced":
            value = _reduced(d, x)
            if d.stream.chance(20):
                return _against_argument(d, value)
            return _compare(d, value, threshold(d, value))
        if kind == "two":
            y = d.stream.choice(arrays)
            name = d.stream.choose(_REDUCTIONS)
            return _compare(d, d.apply(name, x), d.apply(name, y)) if x is not y else None
        if kind == "extreme":
            return _extreme(d)
        if kind == "flag":
            old = [a for a in d.arguments if a.dtype == "bool" and a.ndim == 0]
            if old:
                return old[0]
            _room(d)
            return d.argument((), 0, 1, dtype="bool", role="flag")
        if kind == "argument":
            old = [a for a in d.arguments if a.is_float and a.ndim == 0]
            if not old:
                _room(d)
            a = d.stream.choice(old) if old else common.scalar(d)
            return _compare(d, a, threshold(d, a))
        if kind == "integer":
            _room(d)
            return integer_test(
                d, d.argument((), 1, d.stream.choice((5, 9, 20, 100)), dtype="int32", role="count")
            )
        if kind == "corner":
            return _corner(d, x)
        if kind == "count":
            hits = d.apply("count_nonzero", simple(d, x))
            return d.apply(d.stream.choice(("greater", "less")), hits, int(hits.samples.mean()))
        if depth:
            return None
        one = scalar(d, pool, 1)
        if kind == "not":
            return d.apply("logical_not", one)
        return _both(
            d, d.stream.choose({"logical_and": 5, "logical_or": 4}), one, scalar(d, pool, 1)
        )

    return d.attempt(attempt, 14, undo=True)
