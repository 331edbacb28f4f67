"""A workbench for programs of many statements: values of one main shape, what waits to be used, and steps on them."""

from collections.abc import Callable

from jax_ir_synth.kernels.builder.ir_size import estimate_ir_bytes
from jax_ir_synth.kernels.builder.program_builder import ProgramBuilder
from jax_ir_synth.kernels.builder.values import Rejected, Value, collect_values
from jax_ir_synth.kernels.productions import grow


class Bench:
    """Values at hand. `shape` is the main shape; `pending` waits to be used; `made` was made so far."""

    def __init__(
        self, d: ProgramBuilder, shape: tuple[int, ...], budget: int, most_arguments: int = 7
    ):
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

    def argument(
        self,
        shape: tuple[int, ...],
        low: float,
        high: float,
        role: str = "",
        dtype: str | None = None,
    ) -> Value:
        """A new argument, where there may be more."""
        if len(self.d.arguments) >= self.most_arguments:
            raise Rejected("arguments enough")
        return self.d.argument(shape, low, high, dtype, role)

    def array(self, shape: tuple[int, ...] | None = None, role: str = "") -> Value:
        """A new float argument with one of the common ranges."""
        if len(self.d.arguments) >= self.most_arguments:
            raise Rejected("arguments enough")
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
            raise Rejected("the same value twice")
        return x, y

    def step(self, rules: dict[Callable, int]) -> None:
        """Takes one of the rules; what it used waits no longer, what it made does."""
        shape = self.shape

        def attempt():
            self.shape = shape  # a first step may choose another main shape
            with self.d.trusted():
                made = self.d.stream.choose(rules)(self)
            made = made if isinstance(made, tuple) else (made,)
            if estimate_ir_bytes((*self.pending, *made)) > 1.15 * self.budget + 1500:
                raise Rejected("too long")
            return made

        self.took(grow.renewed(self.d, attempt, 24))

    def took(self, made: tuple[Value, ...]) -> None:
        """Puts what was made among what waits, in the place of what it was made of."""
        used = collect_values(made)
        self.pending = [v for v in self.pending if id(v) not in used] + [
            v for v in made if v.op != "argument"
        ]
        self.made.extend(v for v in made if v.op != "argument")

    @property
    def spent(self) -> bool:
        """Is the budget used up?"""
        return estimate_ir_bytes(self.pending) > self.budget
