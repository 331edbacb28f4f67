"""Conditions: on elements, on reductions, on scalars, flags, masks and positions."""

from typing import NamedTuple

from jax_ir_synth.kernels.builder.program_builder import ProgramBuilder
from jax_ir_synth.kernels.builder.values import SAMPLES, Rejected, Value
from jax_ir_synth.kernels.ops import drawn_by
from jax_ir_synth.kernels.productions import common

_ROUND_NUMBERS = (0.0, 0.0, 0.0, 0.5, 1.0, -0.5, -1.0, 2.0, 0.1, 0.25, 1.5)
_HALF = [1.0 if k % 2 else 0.0 for k in range(SAMPLES)]
_MOST_ARGUMENTS = 6
# Reductions whose result is compared.
_REDUCTIONS = drawn_by("threshold")


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


def _require_room(d: ProgramBuilder) -> None:
    if len(d.arguments) >= _MOST_ARGUMENTS:
        raise Rejected("enough arguments")


def _against_argument(d: ProgramBuilder, x: Value) -> Value:
    """Compares x with a 0-d argument."""
    old = [a for a in d.arguments if a.ndim == 0 and a.is_float and a is not x]
    if old and d.stream.chance(60):
        return _compare(d, x, d.stream.choice(old))
    _require_room(d)
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


def _integer_test(d: ProgramBuilder, n: Value) -> Value:
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


def _join(d: ProgramBuilder, name: str, one: Value, other: Value) -> Value:
    """Two conditions joined, where the second says something that the first does not."""
    value = d.apply(name, one, other)
    if any((value.samples == v.samples).all() for v in (one, other)):
        raise Rejected("one condition follows from the other")
    return value


# ---------------------------------------------------------------- one condition for each element


class _Elements(NamedTuple):
    """What a condition on elements is made of: two values of the pool, perhaps the same, or all."""

    x: Value
    y: Value
    pool: list[Value]
    dims: tuple[int, ...]
    nested: bool  # in another condition: it holds no third one


def _number_test(d: ProgramBuilder, e: _Elements) -> Value:
    return _against_number(d, e.x)


def _argument_test(d: ProgramBuilder, e: _Elements) -> Value:
    return _against_argument(d, e.x)


def _pair_test(d: ProgramBuilder, e: _Elements) -> Value:
    if e.x is e.y:
        raise Rejected("the same value twice")
    return _compare(d, e.x, e.y)


def _range_test(d: ProgramBuilder, e: _Elements) -> Value:
    return _between(d, e.x)


def _derived_test(d: ProgramBuilder, e: _Elements) -> Value:
    combined = e.x is not e.y and d.stream.chance(60)
    value = common.one_binary(d, e.x, e.y) if combined else common.one_unary(d, e.x)
    return _compare(d, value, threshold(d, value))


def _mask(d: ProgramBuilder, e: _Elements) -> Value:
    """A boolean argument of the shape, or of its first axis and then spread over the others."""
    dims = e.dims
    old = [a for a in d.arguments if a.dtype == "bool" and a.shape == dims]
    if old and d.stream.chance(60):
        return d.stream.choice(old)
    _require_room(d)
    if len(dims) == 2 and dims[0] >= 6 and d.stream.chance(30):
        return d.apply("expand_dims", d.argument(dims[:1], 0, 1, dtype="bool", role="mask"), axis=1)
    own = dims[1:] if len(dims) > 1 and dims[-1] >= 6 and d.stream.chance(15) else dims
    return d.argument(own, 0, 1, dtype="bool", role="mask")


def _codes_test(d: ProgramBuilder, e: _Elements) -> Value:
    """A test of an integer array argument."""
    old = [a for a in d.arguments if a.dtype == "int32" and a.shape == e.dims]
    _require_room(d)
    if old:
        return _integer_test(d, old[0])
    most = d.stream.choice((4, 7, 9, 15))
    return _integer_test(d, d.argument(e.dims, 0, most, dtype="int32", role="cases"))


def _every_second(d: ProgramBuilder, places: Value) -> Value:
    return d.apply("equal", d.apply("int_mod", places, 2), d.stream.choice((0, 1)))


def _first_or_last(d: ProgramBuilder, places: Value) -> Value:
    n = places.size
    name = d.stream.choice(("less", "greater_equal"))
    return d.apply(name, places, d.stream.between(n // 3, 2 * n // 3))


def _first_so_many(d: ProgramBuilder, places: Value) -> Value:
    _require_room(d)
    count = d.argument((), 1, places.size - 1, dtype="int32", role="count")
    return d.apply("less", places, count)


_PLACES = {_every_second: 1, _first_or_last: 1, _first_so_many: 1}


def _position_test(d: ProgramBuilder, e: _Elements) -> Value:
    """A test of each element's position along the last axis."""
    n = e.dims[-1]
    if n < 4:
        raise Rejected("too few positions")
    places = d.apply("arange", shape=(n,), dtype="int32")
    return d.stream.choose(_PLACES)(d, places)


def _row_test(d: ProgramBuilder, e: _Elements) -> Value:
    """A condition on each row, from a reduction that keeps the axis."""
    x = e.x
    if x.ndim < 2 or x.shape[0] < 6:
        raise Rejected("no rows")
    name = d.stream.choice(("mean", "sum", "max", "min", "norm"))
    value = d.apply(name, x, axis=x.ndim - 1, keepdims=True)
    return _compare(d, value, threshold(d, value))


def _outlier_test(d: ProgramBuilder, e: _Elements) -> Value:
    """Elements far from the mean, or on one side of it."""
    mean = d.apply("mean", e.x)
    if d.stream.chance(50):
        return _compare(d, e.x, mean)
    away = d.apply("abs", d.apply("sub", e.x, mean))
    return d.apply("greater", away, d.apply("std", e.x), claim=(0.0, 1.0, _HALF))


def _inner_element(d: ProgramBuilder, e: _Elements) -> Value:
    if e.nested:
        raise Rejected("deep enough")
    return element(d, e.pool, e.dims, nested=True)


def _two_elements(d: ProgramBuilder, e: _Elements) -> Value:
    one, other = _inner_element(d, e), _inner_element(d, e)
    name = d.stream.choose({"logical_and": 5, "logical_or": 4, "logical_xor": 1})
    return _join(d, name, one, other)


def _not_element(d: ProgramBuilder, e: _Elements) -> Value:
    return d.apply("logical_not", _inner_element(d, e))


_ELEMENT_TESTS = {
    _number_test: 20,
    _argument_test: 8,
    _pair_test: 10,
    _range_test: 6,
    _derived_test: 5,
    _mask: 9,
    _codes_test: 4,
    _position_test: 4,
    _row_test: 3,
    _outlier_test: 3,
    _two_elements: 8,
    _not_element: 2,
}


def element(
    d: ProgramBuilder, pool: list[Value], dims: tuple[int, ...], nested: bool = False
) -> Value:
    """A condition for each element, which holds for some elements and not for others."""

    def attempt() -> Value:
        x, y = d.stream.choice(pool), d.stream.choice(pool)
        test = d.stream.choose(_ELEMENT_TESTS)
        return test(d, _Elements(x, y, pool, dims, nested))

    return d.attempt(attempt, 14, undo=True)


def simple(d: ProgramBuilder, x: Value) -> Value:
    """A condition on the elements of x and numbers alone."""
    return d.attempt(lambda: _between(d, x) if d.stream.chance(20) else _against_number(d, x))


# ---------------------------------------------------------------- one condition for all elements


def _reduce(d: ProgramBuilder, x: Value) -> Value:
    if d.stream.chance(25):
        x = d.apply(d.stream.choice(("abs", "square")), x)
    name = d.stream.choose(_REDUCTIONS)
    if name in ("sum", "norm_l1") and x.size > 64:  # people don't compare with 396.1
        name = "mean"
    return d.apply(name, x)


def _corner(d: ProgramBuilder, x: Value) -> Value:
    """An element at one end of the array."""
    index = d.stream.choice((0, -1))
    while x.ndim:
        x = d.apply("index", x, axis=0, index=index % x.shape[0])
    return _compare(d, x, threshold(d, x))


def scalar_about(d: ProgramBuilder, x: Value) -> Value:
    """A condition without axes, on x itself."""

    def attempt() -> Value:
        if not d.stream.chance(80):
            return _corner(d, x)
        value = _reduce(d, x)
        return _compare(d, value, threshold(d, value))

    return d.attempt(attempt)


class _Scalars(NamedTuple):
    """What a condition without axes is made of: a value of the pool, its arrays, or all."""

    x: Value
    arrays: list[Value]
    pool: list[Value]
    nested: bool  # in another condition: it holds no third one


def _reduction_test(d: ProgramBuilder, s: _Scalars) -> Value:
    value = _reduce(d, s.x)
    if d.stream.chance(20):
        return _against_argument(d, value)
    return _compare(d, value, threshold(d, value))


def _two_reductions(d: ProgramBuilder, s: _Scalars) -> Value:
    y = d.stream.choice(s.arrays)
    name = d.stream.choose(_REDUCTIONS)
    if s.x is y:
        raise Rejected("the same value twice")
    return _compare(d, d.apply(name, s.x), d.apply(name, y))


def _extreme_test(d: ProgramBuilder, s: _Scalars) -> Value:
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


def _flag(d: ProgramBuilder, s: _Scalars) -> Value:
    old = [a for a in d.arguments if a.dtype == "bool" and a.ndim == 0]
    if old:
        return old[0]
    _require_room(d)
    return d.argument((), 0, 1, dtype="bool", role="flag")


def _number_argument(d: ProgramBuilder, s: _Scalars) -> Value:
    old = [a for a in d.arguments if a.is_float and a.ndim == 0]
    if not old:
        _require_room(d)
    a = d.stream.choice(old) if old else common.scalar(d)
    return _compare(d, a, threshold(d, a))


def _integer_argument(d: ProgramBuilder, s: _Scalars) -> Value:
    _require_room(d)
    most = d.stream.choice((5, 9, 20, 100))
    return _integer_test(d, d.argument((), 1, most, dtype="int32", role="count"))


def _corner_test(d: ProgramBuilder, s: _Scalars) -> Value:
    return _corner(d, s.x)


def _count_test(d: ProgramBuilder, s: _Scalars) -> Value:
    hits = d.apply("count_nonzero", simple(d, s.x))
    return d.apply(d.stream.choice(("greater", "less")), hits, int(hits.samples.mean()))


def _inner_scalar(d: ProgramBuilder, s: _Scalars) -> Value:
    if s.nested:
        raise Rejected("deep enough")
    return scalar(d, s.pool, nested=True)


def _two_scalars(d: ProgramBuilder, s: _Scalars) -> Value:
    one = _inner_scalar(d, s)
    name = d.stream.choose({"logical_and": 5, "logical_or": 4})
    return _join(d, name, one, _inner_scalar(d, s))


def _not_scalar(d: ProgramBuilder, s: _Scalars) -> Value:
    return d.apply("logical_not", _inner_scalar(d, s))


_SCALAR_TESTS = {
    _reduction_test: 20,
    _two_reductions: 8,
    _extreme_test: 8,
    _flag: 8,
    _number_argument: 6,
    _integer_argument: 5,
    _corner_test: 6,
    _count_test: 4,
    _two_scalars: 6,
    _not_scalar: 2,
}
# They need an array in the pool.
_OF_ARRAYS = {_reduction_test, _two_reductions, _corner_test}


def scalar(d: ProgramBuilder, pool: list[Value], nested: bool = False) -> Value:
    """A condition without axes, that holds on some inputs and not on others."""
    arrays = [v for v in pool if v.size > 1]

    def attempt() -> Value | None:
        test = d.stream.choose(_SCALAR_TESTS)
        if test in _OF_ARRAYS and not arrays:
            return None
        return test(d, _Scalars(d.stream.choice(arrays or pool), arrays, pool, nested))

    return d.attempt(attempt, 14, undo=True)
