"""What every category draws: a shape, a range, an argument, one more operation."""

from collections.abc import Callable, Mapping, Sequence
from functools import partial

from jax_ir_synth.kernels.builder.program_builder import ProgramBuilder
from jax_ir_synth.kernels.builder.values import Interval, Rejected, Value
from jax_ir_synth.kernels.ops import OPS, drawn_by

Transform = Callable[[ProgramBuilder, Value], Value]
# One of these is drawn for an argument; where there are none, one of the common ones.
Ranges = Sequence[Interval]

# Sizes that people use, and odd ones so that shapes vary. 3 marks the category `vector`.
SIZES = {
    4: 14,
    8: 16,
    16: 14,
    32: 10,
    64: 7,
    128: 3,
    5: 7,
    6: 7,
    7: 5,
    10: 9,
    12: 7,
    20: 5,
    2: 4,
    24: 3,
    50: 3,
    100: 3,
    9: 3,
    11: 3,
    14: 3,
    40: 2,
    48: 2,
    256: 1,
    15: 2,
    18: 2,
    25: 2,
    30: 2,
    36: 2,
    60: 1,
    80: 1,
    96: 1,
}
SMALL = {size: weight for size, weight in SIZES.items() if size <= 16}
RANGES = {
    (-1.0, 1.0): 22,
    (-2.0, 2.0): 18,
    (0.0, 1.0): 8,
    (-3.0, 3.0): 10,
    (0.5, 2.0): 8,
    (0.1, 1.0): 5,
    (-0.5, 0.5): 4,
    (1.0, 3.0): 3,
    (-1.5, 1.5): 5,
    (0.2, 3.0): 4,
    (-1.0, 2.0): 4,
    (0.5, 1.5): 4,
    (-4.0, 4.0): 3,
}
# Literals by how often people write them; wide enough that constants tell programs apart.
LITERALS = {
    2.0: 20,
    0.5: 20,
    1.0: 14,
    3.0: 7,
    0.1: 8,
    0.9: 6,
    0.25: 6,
    1.5: 5,
    4.0: 4,
    0.2: 4,
    0.01: 2,
    5.0: 3,
    0.3: 4,
    0.75: 3,
    0.7: 3,
    0.8: 3,
    0.05: 3,
    10.0: 2,
    1.2: 3,
    0.4: 3,
    2.5: 3,
    0.6: 3,
    0.99: 1,
    1.1: 2,
    6.0: 1,
    8.0: 1,
    0.15: 2,
    0.35: 2,
    1.25: 2,
    0.125: 1,
    1.702: 1,
    0.85: 2,
    0.95: 2,
    1.3: 2,
    1.7: 2,
    0.45: 2,
    2.2: 1,
    0.65: 1,
}
_RANKS = {0: 2, 1: 9, 2: 8, 3: 3}
# Functions of one argument, without and with those that JAX writes out with a choice.
SMOOTH, BLURRED = drawn_by("unary"), drawn_by("unary", branches=True)
ARITHMETIC, COMPARISONS = drawn_by("arithmetic"), drawn_by("comparison")
INTEGER, INTEGER_COMPARISONS = drawn_by("integer"), drawn_by("integer comparison")
# Operations that aren't applied to a few elements: all gradients could be zero.
FLAT = frozenset(op.name for op in OPS.values() if op.flat)


def size(d: ProgramBuilder, small: bool = False) -> int:
    """The length of an axis."""
    if small:
        return d.stream.choose(SMALL)
    return d.stream.choose(SIZES)


def shape(d: ProgramBuilder, low: int = 1, high: int = 3, limit: int = 512) -> tuple[int, ...]:
    """A shape of rank `low` to `high`, ranks 1 and 2 most often, with at most `limit` elements."""
    ranks = {rank: _RANKS[rank] for rank in range(low, high + 1)}
    while True:
        dims = tuple(size(d, small=r == 3) for r in [d.stream.choose(ranks)] for _ in range(r))
        total = 1
        for n in dims:
            total *= n
        if total <= limit:
            return dims


def literal(d: ProgramBuilder) -> float:
    """A positive Python number."""
    return d.stream.choose(LITERALS)


def array(
    d: ProgramBuilder,
    dims: tuple[int, ...],
    role: str = "",
    ranges: Ranges = (),
) -> Value:
    """A new float argument of the shape, with a common range of values."""
    low, high = d.stream.choice(ranges) if ranges else d.stream.choose(RANGES)
    return d.argument(dims, low, high, role=role)


def scalar(d: ProgramBuilder, role: str = "") -> Value:
    """A new 0-d float argument."""
    return array(d, (), role)


def one_unary(d: ProgramBuilder, x: Value, functions: dict[str, int] | None = None) -> Value:
    """A unary function of x that its range allows; `functions` gives weights by their names."""
    functions = functions or (BLURRED if d.may_branch else SMOOTH)
    return d.attempt(lambda: _unary(d, x, functions), 14)


def _unary(d: ProgramBuilder, x: Value, functions: dict[str, int]) -> Value | None:
    name = d.stream.choose(functions)
    op = OPS[name]
    if x.dtype not in op.dtypes or x.size <= 16 and op.flat:
        return None
    if x.size <= 16 and op.saturates and (abs(x.samples) > 5).mean() > 0.1:
        return None
    with d.trusted(False):
        return d.apply(name, x)


def one_binary(d: ProgramBuilder, x: Value, y: Value) -> Value:
    """An arithmetic operation on x and y, in either order."""

    def attempt() -> Value | None:
        name = d.stream.choose(ARITHMETIC)
        if x.dtype not in OPS[name].dtypes:
            return None
        a, b = (x, y) if d.stream.chance(70) else (y, x)
        with d.trusted(False):
            return meet(d, name, a, b)

    return d.attempt(attempt, 14)


def meet(d: ProgramBuilder, name: str, a: Value, b: Value) -> Value:
    """`name` on a and b; Rejected where one of them would hardly matter."""
    meets = OPS[name].meets
    if meets is not None:
        meets(a, b, d.dtype)
    return d.apply(name, a, b)


def transform(d: ProgramBuilder, x: Value, functions: Mapping[str | Transform, int]) -> Value:
    """Applies one of the weighted functions to x: an operation by its name, or a Transform."""
    function = d.stream.choose(functions)
    return d.apply(function, x) if isinstance(function, str) else function(d, x)


# ---------------------------------------------------------------- a value and a Python number


def _scale(d: ProgramBuilder, x: Value, c: float, name: str) -> Value | None:
    return None if c == 1.0 else d.apply(name, x, c)


def _shift(d: ProgramBuilder, x: Value, c: float, name: str) -> Value:
    return d.apply(name, x, c)


def _reverse(d: ProgramBuilder, x: Value, c: float, name: str) -> Value:
    return d.apply(name, c, x)


def _clip(d: ProgramBuilder, x: Value, c: float, name: str) -> Value | None:
    c = c if d.stream.chance(60) else -c
    share = (x.samples > c).mean()
    return d.apply(name, x, c) if 0.25 <= share <= 0.75 and x.size > 4 else None


_WITH_LITERAL: dict[Callable[[ProgramBuilder, Value, float], Value | None], int] = {
    partial(_scale, name="mul"): 10,
    partial(_shift, name="add"): 7,
    partial(_shift, name="sub"): 6,
    partial(_reverse, name="sub"): 5,
    partial(_scale, name="div"): 4,
    partial(_scale, name="power"): 3,
    partial(_clip, name="maximum"): 3,
    partial(_clip, name="minimum"): 2,
    partial(_reverse, name="div"): 1,
}


def with_literal(d: ProgramBuilder, x: Value) -> Value:
    """Scales, shifts, divides or clips x by a Python number."""

    def attempt() -> Value | None:
        with d.trusted(False):
            return d.stream.choose(_WITH_LITERAL)(d, x, literal(d))

    return d.attempt(attempt)


# ---------------------------------------------------------------- several values


def merge(d: ProgramBuilder, values: list[Value]) -> Value:
    """One value made of all of them, two at a time."""
    values = list(values)
    while len(values) > 1:
        b, a = values.pop(), values.pop()
        values.append(one_binary(d, a, b))
    return values[0]


def mix(d: ProgramBuilder, values: list[Value], extra: int) -> Value:
    """An expression of all the values, with `extra` functions or numbers on the way."""

    def attempt() -> Value:
        pool = d.stream.shuffled(values)
        for _ in range(extra):
            i = d.stream.below(len(pool))
            pool[i] = (
                one_unary(d, pool[i])
                if d.stream.chance(60)
                else _reject_extremum(d, with_literal(d, pool[i]))
            )
        while len(pool) > 1:
            b, a = pool.pop(), pool.pop()
            pool.append(d.attempt(partial(_combine, d, a, b)))
        return pool[0]

    return d.attempt(attempt, 6)


def _combine(d: ProgramBuilder, a: Value, b: Value) -> Value:
    return _reject_extremum(d, one_binary(d, a, b))


def _reject_extremum(d: ProgramBuilder, value: Value) -> Value:
    """The value; in a loop rejects an extremum, as the steps would lose one of its operands."""
    if d.level and value.op in ("maximum", "minimum"):
        raise Rejected("an extremum in a loop")
    return value


def light(d: ProgramBuilder, x: Value) -> Value:
    """Returns x, or a plain function of it."""
    if d.stream.chance(65):
        return x
    return one_unary(d, x, SMOOTH)


# ---------------------------------------------------------------- values within a range


def _lift(d: ProgramBuilder, x: Value, name: str) -> Value:
    return d.apply("add", d.apply(name, x), d.stream.choice((1.0, 0.5, 0.1, 0.2)))


def _one_plus_square(d: ProgramBuilder, x: Value) -> Value:
    return d.apply("add", 1.0, d.apply("square", x))


def _smooth_abs(d: ProgramBuilder, x: Value) -> Value:
    shifted = d.apply("add", d.apply("square", x), d.stream.choice((1.0, 0.1, 0.5)))
    return d.apply("sqrt", shifted)


_POSITIVE: dict[str | Transform, int] = {
    "softplus": 4,
    "exp": 4,
    partial(_lift, name="square"): 5,
    partial(_lift, name="abs"): 4,
    "sigmoid": 3,
    _one_plus_square: 4,
    _smooth_abs: 2,
}


def positive(d: ProgramBuilder, x: Value, least: float = 0.1) -> Value:
    """A value made from x that stays above `least`."""
    if x.low >= least:
        return x

    def attempt() -> Value:
        y = transform(d, x, _POSITIVE)
        return y if y.low >= least else d.apply("add", y, d.stream.choice((1.0, 0.5)))

    return d.attempt(attempt)


_BOUNDED = {
    "tanh": 8,
    "sin": 4,
    "cos": 2,
    "sigmoid": 4,
    "soft_sign": 2,
    "erf": 1,
    "hard_tanh": 1,
}


def bounded(d: ProgramBuilder, x: Value, limit: float = 1.0) -> Value:
    """A value made from x that stays within ±limit (1 at least)."""
    if x.bound <= limit:
        return x
    return d.attempt(lambda: d.apply(d.stream.choose(_BOUNDED), x))


def tamed(d: ProgramBuilder, x: Value, limit: float) -> Value:
    """Returns x where it stays within ±limit, else x scaled down or squashed."""
    if x.bound <= limit:
        return x

    def attempt() -> Value:
        factor = d.stream.choice((0.5, 0.1, 0.25, 0.01, 0.2, 0.05))
        if not 0.05 * limit <= factor * x.bound <= limit:
            return bounded(d, x, limit)
        if d.stream.chance(60):
            return d.apply("mul", x, factor)
        return d.apply("div", x, round(1 / factor, 3))

    return d.attempt(attempt)


# ---------------------------------------------------------------- conditions and results


def comparison(d: ProgramBuilder, x: Value, y: Value | None = None) -> Value:
    """A condition on x that holds sometimes and fails sometimes."""

    def attempt() -> Value:
        name = d.stream.choice(tuple(COMPARISONS))
        if y is not None:
            return d.apply(name, x, y)
        middle = float(x.samples.mean())
        near = d.stream.choice((0.0, 0.5, 1.0, round(middle, 1), -0.5, round(middle, 2), 0.1, 2.0))
        return d.apply(name, x, near)

    return d.attempt(attempt)


def telling(value: Value) -> Value:
    """The value; Rejected where it is small and hardly differs between inputs."""
    std, size = float(value.samples.std()), float(abs(value.samples).mean())
    if (
        value.size <= 4
        and value.is_float
        and (std < 0.08 or std < 0.1 * size or (abs(value.samples) > 0.012).mean() < 0.8)
    ):
        raise Rejected("a result that hardly tells its inputs")
    return value
