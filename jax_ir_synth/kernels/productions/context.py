"""The generation context: what is at hand while a program is drawn, and how it is added to."""

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from jax_ir_synth.kernels.builder.ir_size import estimate_ir_bytes
from jax_ir_synth.kernels.builder.program_builder import ProgramBuilder
from jax_ir_synth.kernels.builder.values import Rejected, Value, collect_values
from jax_ir_synth.kernels.productions import common

if TYPE_CHECKING:
    from jax_ir_synth.kernels.productions.geometry import Facts

Operand = Value | float
# Takes the context and gives the value, or the values, that it made.
Production = Callable[["Context"], Value | tuple[Value, ...]]


class Context:
    """Values at hand, on one builder.

    Attributes:
      d: the builder.
      stream: its random stream.
      shape: the main shape: of most values, or, for vectors, of the points that they belong to.
      budget: estimated bytes of an IR column that the program may grow to.
      most_arguments: how many arguments the program may have.
      brief: whether little is drawn in each case of a branch.
      trusting: whether the values inside a step may hardly vary, as in known formulas.
      pending: values that wait to be used.
      made: values that steps made, in order.
      vectors: those among arguments and made values that are vectors of three components.
      facts: what is known about these, by id.
    """

    def __init__(
        self,
        d: ProgramBuilder,
        shape: tuple[int, ...],
        budget: int = 0,
        most_arguments: int = 7,
        brief: bool = False,
        trusting: bool = True,
    ):
        """Begins with nothing at hand."""
        self.d = d
        self.stream = d.stream
        self.shape = shape
        self.budget = budget
        self.most_arguments = most_arguments
        self.brief = brief
        self.trusting = trusting
        self.pending: list[Value] = []
        self.made: list[Value] = []
        self.vectors: list[Value] = []
        self.facts: dict[int, Facts] = {}
        self._noted: list[Value] = []  # keeps the ids in `facts` in use

    @property
    def width(self) -> int:
        """Length of the last axis."""
        return self.shape[-1]

    @property
    def spent(self) -> bool:
        """Whether the budget is used up."""
        return estimate_ir_bytes(self.pending) > self.budget

    # ------------------------------------------------------------ arguments and values at hand

    def require_room(self) -> None:
        """Raises Rejected where the program may have no more arguments."""
        if len(self.d.arguments) >= self.most_arguments:
            raise Rejected("arguments enough")

    def argument(
        self,
        shape: tuple[int, ...],
        low: float,
        high: float,
        role: str = "",
        dtype: str | None = None,
    ) -> Value:
        """A new argument, where there may be more."""
        self.require_room()
        return self.d.argument(shape, low, high, dtype, role)

    def array(self, shape: tuple[int, ...] | None = None, role: str = "") -> Value:
        """A new float argument with one of the common ranges."""
        self.require_room()
        return common.array(self.d, self.shape if shape is None else shape, role)

    def main(self, fresh: int = 8) -> Value:
        """A value of the main shape: a waiting one most often, an earlier one, or an argument."""
        roll = self.stream.below(100)
        waiting = [v for v in self.pending if v.shape == self.shape and v.is_float]
        if waiting and roll < 88 - fresh:
            return self.stream.choice(waiting)
        earlier = [v for v in self.made if v.shape == self.shape and v.is_float]
        if earlier and roll < 100 - fresh:
            return self.stream.choice(earlier)
        if waiting and len(self.d.arguments) >= self.most_arguments:
            return self.stream.choice(waiting)
        return self.array()

    def two(self) -> tuple[Value, Value]:
        """Two different values of the main shape."""
        x, y = self.main(), self.main(30)
        if x is y:
            raise Rejected("the same value twice")
        return x, y

    def note(self, value: Value, facts: "Facts") -> Value:
        """Remembers what is known about a vector."""
        self.facts[id(value)] = facts
        self._noted.append(value)
        return value

    # ------------------------------------------------------------ steps

    def attempt(self, build: Callable[[], Value], tries: int = 8) -> Value:
        """`ProgramBuilder.attempt`, whose failed tries leave nothing."""
        return self.d.attempt(build, tries, undo=True)

    def step(self, productions: Mapping[Production, int]) -> None:
        """Draws and applies a production; its results wait in the place of what it used."""
        shape = self.shape

        def produce() -> tuple[Value, ...]:
            self.shape = shape  # a first step may choose another main shape
            vectors, noted = len(self.vectors), len(self._noted)
            try:
                with self.d.trusted(self.trusting):
                    result = self.stream.choose(productions)(self)
                made = result if isinstance(result, tuple) else (result,)
                if estimate_ir_bytes((*self.pending, *made)) > 1.15 * self.budget + 1500:
                    raise Rejected("too long")
            except Rejected:
                del self.vectors[vectors:]
                for value in self._noted[noted:]:
                    del self.facts[id(value)]
                del self._noted[noted:]
                raise
            return made

        self.keep(self.d.attempt(produce, 24, undo=True))

    def keep(self, made: tuple[Value, ...]) -> None:
        """Lets the values made wait in the place of those that they use."""
        used = collect_values(made)
        new = [v for v in made if v.op != "argument"]
        self.pending = [v for v in self.pending if id(v) not in used] + new
        self.made += new
        self.vectors += [v for v in new if id(v) in self.facts]

    # ------------------------------------------------------------ arithmetic, in short

    def do(self, name: str, *operands: Operand, **params: Any) -> Value:
        """An operation."""
        return self.d.apply(name, *operands, **params)

    def add(self, a: Operand, b: Operand) -> Value:
        """A sum."""
        return self.d.apply("add", a, b)

    def sub(self, a: Operand, b: Operand) -> Value:
        """A difference."""
        return self.d.apply("sub", a, b)

    def mul(self, a: Operand, b: Operand) -> Value:
        """A product."""
        return self.d.apply("mul", a, b)

    def div(self, a: Operand, b: Operand) -> Value:
        """A quotient."""
        return self.d.apply("div", a, b)

    def flip(self, name: str, a: Operand, b: Operand) -> Value:
        """A commutative operation, its operands in either order."""
        return self.d.apply(name, a, b) if self.stream.chance(60) else self.d.apply(name, b, a)
