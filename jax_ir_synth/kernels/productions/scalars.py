"""Scalars for array programs: Python numbers, 0-d arguments old and new, within wanted ranges."""

from jax_ir_synth.kernels.builder.values import Rejected, Value
from jax_ir_synth.kernels.productions import common
from jax_ir_synth.kernels.productions.context import Context

# Ranges of 0-d arguments; those that fit what an idiom wants are drawn from.
_RANGES = (
    (-1.0, 1.0),
    (-2.0, 2.0),
    (0.0, 1.0),
    (0.1, 1.0),
    (0.5, 2.0),
    (0.5, 1.5),
    (0.1, 0.5),
    (0.2, 0.8),
    (1.0, 3.0),
    (-0.5, 0.5),
    (-1.5, 1.5),
    (0.05, 0.2),
    (0.2, 3.0),
    (0.8, 1.2),
    (0.3, 0.9),
    (0.0, 0.5),
    (-3.0, 3.0),
    (2.0, 5.0),
    (0.5, 0.95),
    (1.0, 2.0),
    (-2.0, -0.5),
    (-1.0, -0.2),
    (-3.0, -1.0),
)
_NUMBERS = tuple(sorted({*common.LITERALS, 0.0, *(-c for c in common.LITERALS if c <= 5.0)}))
_MOST_ARRAYS, _MOST_SCALARS = 3, 4


# ---------------------------------------------------------------- arrays


def array(c: Context, ranges: common.Ranges = (), role: str = "") -> Value:
    """A new array argument of the shape, now and then of fewer axes."""
    dims = c.shape
    if c.d.arguments and len(dims) > 1 and c.stream.chance(20):
        dims = dims[c.stream.between(1, len(dims) - 1) :]
    return common.array(c.d, dims, role, ranges)


def other(c: Context, x: Value, ranges: common.Ranges = (), role: str = "") -> Value:
    """An array argument besides x: an old one or a new one."""
    old = [a for a in c.d.arguments if a.ndim and a.is_float and a is not x]
    if old and (c.stream.chance(35) or len(old) >= _MOST_ARRAYS):
        return c.stream.choice(old)
    if len(old) >= _MOST_ARRAYS:
        raise Rejected("too many arrays")
    return array(c, ranges, role)


def positive(c: Context, x: Value, least: float = 0.1) -> Value:
    """Keeps x where it is positive, else makes something positive of it."""
    return common.positive(c.d, x, least)


def tame(c: Context, x: Value) -> Value:
    """x, scaled down where it has grown large."""
    return common.tamed(c.d, x, 20.0 if c.d.dtype == "float32" else 8.0)


# ---------------------------------------------------------------- scalars


def number(c: Context, low: float, high: float) -> float | int:
    """A Python number from the range, an integer now and then."""
    fitting = [x for x in _NUMBERS if low <= x <= high and x != 0.0]
    if not fitting:
        raise Rejected(f"no number in [{low}, {high}]")
    x = c.stream.choice(fitting)
    return int(x) if x == int(x) and c.stream.chance(30) else x


def knob(c: Context, low: float, high: float, role: str, numbers: int = 30) -> Value:
    """A 0-d value in the range: a number (in `numbers` of 100 draws), an argument, or a part."""
    scalars = [a for a in c.d.arguments if a.ndim == 0 and a.is_float]
    if c.stream.chance(numbers if scalars else numbers // 2):
        return c.d.literal(number(c, low, high))
    old = [a for a in scalars if low <= a.low and a.high <= high]
    if old and (c.stream.chance(22) or len(scalars) >= _MOST_SCALARS):
        return c.stream.choice(old)
    if len(scalars) >= _MOST_SCALARS:
        return c.d.literal(number(c, low, high))
    fitting = [r for r in _RANGES if low <= r[0] and r[1] <= high] or [(low, high)]
    least, most = c.stream.choice(fitting)
    return c.d.argument((), least, most, role=role)


def count(c: Context, low: int = 1, high: int = 10) -> Value:
    """An integer 0-d argument."""
    old = [
        a
        for a in c.d.arguments
        if a.ndim == 0 and a.dtype == "int32" and low <= a.low and a.high <= high
    ]
    step = c.stream.choice(old) if old else c.d.argument((), low, high, dtype="int32", role="count")
    # An integer times a Python float would be a float32, and with it what it meets.
    return step if c.d.dtype == "float32" else c.d.apply("convert", step, dtype=c.d.dtype)


# An operation, the range of the 0-d argument that it wants, and that argument's role.
_FINISHES = {
    ("mul", -2.0, 2.0, "gain"): 6,
    ("add", -2.0, 2.0, "center"): 4,
    ("sub", -2.0, 2.0, "center"): 2,
    ("div", 0.5, 3.0, "spread"): 3,
}


def finish_with_scalar(c: Context, x: Value) -> Value:
    """Multiplies, shifts or divides x by a new 0-d argument."""

    def build() -> Value:
        name, low, high, role = c.stream.choose(_FINISHES)
        return c.d.apply(name, x, knob(c, low, high, role, numbers=0))

    return c.attempt(build)
