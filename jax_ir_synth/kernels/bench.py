"""A workbench for programs of many statements: values of one main shape, what waits to be used, and steps on them."""

from collections.abc import Callable

from jax_ir_synth.kernels import grow
from jax_ir_synth.kernels.draft import Draft
from jax_ir_synth.kernels.values import Undrawable, Value, reached

# Bytes of IR (forward and backward) that an operation takes, roughly: a program gets a budget of them.
_BYTES = {"norm": 2600, "var": 3200, "std": 3600, "literal": 250, "part": 100, "take": 3200, "softmax": 2600, "relu": 1000,
          "log_softmax": 2200, "standardize": 4000, "argument": 300, "sort": 2800, "take_along_axis": 2800, "abs": 900,
          "at_set": 1800, "at_add": 1500, "at_multiply": 2800, "at_max": 3500, "at_min": 3500, "logsumexp": 2800,
          "where": 900, "roll": 2400, "gelu": 1800, "gelu_tanh": 2900, "einsum": 900, "one_hot": 1200, "silu": 1300,
          "kept_softmax": 3400, "clip": 1200, "median": 9000, "top_k_pair": 3200, "logaddexp": 2800, "remainder": 2000,
          "softplus": 3000, "split": 900, "unstack": 900, "reshape": 900, "expand_dims": 1100, "sqrt": 1000, "mean": 900,
          "matmul": 700, "max": 1300, "min": 1300, "squareplus": 1500, "sinc": 3000, "digamma": 1500, "celu": 2500,
          "elu": 2500, "selu": 2800, "leaky_relu": 1500, "mish": 4500, "hypot": 2200, "argsort": 1500, "prod": 3000}
_BYTES_OF_OTHERS = 430


def estimated_bytes(values) -> int:
    """Length of the IR column of a program with these results, roughly."""
    return 2200 + sum(_BYTES.get(v.op, _BYTES_OF_OTHERS) for v in reached(values).values())


class Bench:
    """Values at hand. `shape` is the main shape; `pending` waits to be used; `made` was made so far."""

    def __init__(self, d: Draft, shape: tuple[int, ...], budget: int, most_arguments: int = 7):
        self.d = d
        self.shape = shape
        self.budget = budget
        self.most_arguments = most_arguments
        self.pending: list[Value] = []
        self.made: list[Value] = []

    @property
    def width(self) -> int:
        """Length of the last axis."""
        return self.shape[-1]

    def argument(self, shape: tuple[int, ...], low: float, high: float, role: str = "", dtype: str | None = None) -> Value:
        """A new argument, where there may be more."""
        if len(self.d.arguments) >= self.most_arguments:
            raise Undrawable("arguments enough")
        return self.d.argument(shape, low, high, dtype, role)

    def array(self, shape: tuple[int, ...] | None = None, role: str = "") -> Value:
        """A new float argument with one of the common ranges."""
        if len(self.d.arguments) >= self.most_arguments:
            raise Undrawable("arguments enough")
        return grow.array(self.d, self.shape if shape is None else shape, role)

    def main(self, fresh: int = 8) -> Value:
        """A value of the main shape: one that waits, most often, an earlier one, or a new argument."""
        roll = self.d.stream.below(100)
        waiting = [v for v in self.pending if v.shape == self.shape and v.is_float]
        if waiting and roll < 88 - fresh:
            return self.d.stream.choice(waiting)
        earlier = [v for v in self.made if v.shape == self.shape and v.is_float]
        if earlier and roll < 100 - fresh:
            return self.d.stream.choice(earlier)
        if waiting and len(self.d.arguments) >= self.most_arguments:
            return self.d.stream.choice(waiting)
        return self.array()

    def two(self) -> tuple[Value, Value]:
        """Two different values of the main shape."""
        x, y = self.main(), self.main(30)
        if x is y:
            raise Undrawable("the same value twice")
        return x, y

    def step(self, rules: tuple[tuple[Callable, ...], tuple[int, ...]]) -> None:
        """Takes one of the rules; what it used waits no longer, what it made does."""
        functions, weights = rules
        shape = self.shape

        def attempt():
            self.shape = shape   # a first step may choose another main shape
            with self.d.trusted():
                made = self.d.stream.weighted(functions, weights)(self)
            made = made if isinstance(made, tuple) else (made,)
            if estimated_bytes((*self.pending, *made)) > 1.15 * self.budget + 1500:
                raise Undrawable("too long")
            return made
        self.took(grow.renewed(self.d, attempt, 24))

    def took(self, made: tuple[Value, ...]) -> None:
        """Puts what was made among what waits, in the place of what it was made of."""
        used = reached(made)
        self.pending = [v for v in self.pending if id(v) not in used] + [v for v in made if v.op != "argument"]
        self.made.extend(v for v in made if v.op != "argument")

    @property
    def spent(self) -> bool:
        """Is the budget used up?"""
        return estimated_bytes(self.pending) > self.budget
