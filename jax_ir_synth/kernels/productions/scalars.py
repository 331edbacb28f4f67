"""Scalars for array programs: Python numbers, 0-d arguments old and new, within wanted ranges."""

from collections.abc import Callable

from jax_ir_synth.kernels.builder.program_builder import ProgramBuilder
from jax_ir_synth.kernels.builder.values import Rejected, Value
from jax_ir_synth.kernels.productions import grow

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
_NUMBERS = tuple(sorted({*grow.LITERALS, 0.0, *(-c for c in grow.LITERALS if c <= 5.0)}))
_MOST_ARRAYS, _MOST_SCALARS = 3, 4


class Mixer:
    """Draws what idioms of scalars and arrays are made of, on one builder and for arrays of one shape."""

    def __init__(self, d: ProgramBuilder, dims: tuple[int, ...]):
        self.d = d
        self.dims = dims
        self.stream = d.stream

    def attempt(self, build: Callable[[], Value], tries: int = 8) -> Value:
        """The first result of `build` that can be drawn; arguments of failed tries are taken back."""
        count = len(self.d.arguments)
        for _ in range(tries):
            try:
                return build()
            except Rejected:
                del self.d.arguments[count:]
        raise Rejected("no attempt succeeded")

    # ------------------------------------------------------------ arrays

    def array(self, ranges=None, role: str = "") -> Value:
        """A new array argument of the shape, now and then of fewer axes."""
        dims = self.dims
        if self.d.arguments and len(dims) > 1 and self.stream.chance(20):
            dims = dims[self.stream.between(1, len(dims) - 1) :]
        return grow.array(self.d, dims, role, ranges)

    def other(self, x: Value, ranges=None, role: str = "") -> Value:
        """An array argument besides x: an old one or a new one."""
        old = [a for a in self.d.arguments if a.ndim and a.is_float and a is not x]
        if old and (self.stream.chance(35) or len(old) >= _MOST_ARRAYS):
            return self.stream.choice(old)
        if len(old) >= _MOST_ARRAYS:
            raise Rejected("too many arrays")
        return self.array(ranges, role)

    def positive(self, x: Value, least: float = 0.1) -> Value:
        """x where it is positive, else something positive made of it."""
        return grow.positive(self.d, x, least)

    def tame(self, x: Value) -> Value:
        """x, scaled down where it has grown large."""
        return grow.tamed(self.d, x, 20.0 if self.d.dtype == "float32" else 8.0)

    # ------------------------------------------------------------ scalars

    def number(self, low: float, high: float) -> float | int:
        """A Python number from the range, an integer now and then."""
        fitting = [c for c in _NUMBERS if low <= c <= high and c != 0.0]
        if not fitting:
            raise Rejected(f"no number in [{low}, {high}]")
        c = self.stream.choice(fitting)
        return int(c) if c == int(c) and self.stream.chance(30) else c

    def knob(self, low: float, high: float, role: str = "", numbers: int = 30) -> Value:
        """A 0-d value in the range: a Python number (in `numbers` of 100 draws), an argument, or part of one."""
        scalars = [a for a in self.d.arguments if a.ndim == 0 and a.is_float]
        if self.stream.chance(numbers if scalars else numbers // 2):
            return self.d.literal(self.number(low, high))
        old = [a for a in scalars if low <= a.low and a.high <= high]
        if old and (self.stream.chance(22) or len(scalars) >= _MOST_SCALARS):
            return self.stream.choice(old)
        if len(scalars) >= _MOST_SCALARS:
            return self.d.literal(self.number(low, high))
        fitting = [r for r in _RANGES if low <= r[0] and r[1] <= high] or [(low, high)]
        return self.d.argument((), *self.stream.choice(fitting), role=role)

    def count(self, low: int = 1, high: int = 10) -> Value:
        """An integer 0-d argument."""
        old = [
            a
            for a in self.d.arguments
            if a.ndim == 0 and a.dtype == "int32" and low <= a.low and a.high <= high
        ]
        step = (
            self.stream.choice(old)
            if old
            else self.d.argument((), low, high, dtype="int32", role="count")
        )
        # An integer times a Python float would be a float32, and with it what it meets.
        return (
            step if self.d.dtype == "float32" else self.d.apply("convert", step, dtype=self.d.dtype)
        )

    def finish_with_scalar(self, x: Value) -> Value:
        """x times, plus or over a new 0-d argument."""

        def build():
            name = self.stream.choose({"mul": 6, "add": 4, "sub": 2, "div": 3})
            wanted = (0.5, 3.0) if name == "div" else (-2.0, 2.0)
            role = {"mul": "gain", "div": "spread"}.get(name, "center")
            return self.d.apply(name, x, self.knob(*wanted, role, numbers=0))

        return self.attempt(build)

    # ------------------------------------------------------------ arithmetic, in short

    def do(self, name: str, *operands, **params) -> Value:
        """An operation."""
        return self.d.apply(name, *operands, **params)

    def add(self, a, b) -> Value:
        return self.d.apply("add", a, b)

    def sub(self, a, b) -> Value:
        return self.d.apply("sub", a, b)

    def mul(self, a, b) -> Value:
        return self.d.apply("mul", a, b)

    def div(self, a, b) -> Value:
        return self.d.apply("div", a, b)

    def flip(self, name: str, a, b) -> Value:
        """A commutative operation, its operands in either order."""
        return self.d.apply(name, a, b) if self.stream.chance(60) else self.d.apply(name, b, a)
