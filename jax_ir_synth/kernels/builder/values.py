"""The values of a program being drawn: a typed graph, with the range and a sample of each value."""

import math
from collections.abc import Iterable
from dataclasses import dataclass, field, fields
from functools import partial
from operator import attrgetter
from typing import Any

import numpy as np
from numpy.typing import NDArray

from jax_ir_synth.errors import JaxIrSynthError

SAMPLES = 16  # typical elements of each value, which show whether it varies and matters

FLOATS = ("float32", "float16", "bfloat16")

# The largest |value| by dtype, such that sums and gradients of such values stay finite in it.
LIMITS = {
    "float32": 1e4,
    "float16": 60.0,
    "bfloat16": 300.0,
    "int32": 2**20,
    "uint32": 2**32,
    "bool": 1,
}

Shape = tuple[int, ...]
Interval = tuple[float, float]  # a least and a greatest value
Samples = NDArray[np.float64]
Params = dict[str, Any]  # an operation's parameters, each of a type of its own


class Rejected(JaxIrSynthError):
    """An operation rejects its operands (domain, shape, size); another attempt follows."""


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Value:
    """One value: an argument, a literal, a parameter, or an operation on other values.

    A program is a graph of values, which are told apart by identity. They are frozen: a production
    that knows more about a value than its operation does makes a changed copy.

    Attributes:
      op: name of the record that made it (see `kernels.ops`).
      operands: the values that the operation takes.
      params: the operation's parameters.
      shape: lengths of its axes.
      dtype: its dtype's name; that of a node with several results is "tuple".
      low: bounds every element from below, whenever the arguments are in their ranges.
      high: likewise from above.
      samples: typical elements, computed from the arguments' own samples; none for a node with
        several results.
      blocks: the inner functions that it runs.
      diff: bit set of the arguments that reach it with a gradient.
      deps: bit set of the arguments that reach it.
      level: nesting depth of the innermost function whose parameter it depends on.
      centred: whether its elements sum to a constant, so that a gradient of their sum is zero.
      role: what its name may say of it; the one attribute that is set later, by `named`.
      weak: whether it is weakly typed, as Python numbers are.
    """

    op: str
    operands: "tuple[Value, ...]"
    params: Params
    shape: Shape
    dtype: str
    low: float
    high: float
    samples: Samples = field(default_factory=partial(np.empty, 0))
    blocks: "tuple[Block, ...]" = field(default=(), kw_only=True)
    diff: int = field(default=0, kw_only=True)
    deps: int = field(default=0, kw_only=True)
    level: int = field(default=0, kw_only=True)
    centred: bool = field(default=False, kw_only=True)
    role: str = field(default="", kw_only=True)
    weak: bool = field(default=False, kw_only=True)

    def changed(self, **changes: Any) -> "Value":
        """A copy with other attributes: another value of the program."""
        copy = object.__new__(Value)
        # `dataclasses.replace` takes three times as long.
        for name, value in zip(_ATTRIBUTES, _read_attributes(self), strict=True):
            object.__setattr__(copy, name, value)
        for name, value in changes.items():
            object.__setattr__(copy, name, value)
        return copy

    def named(self, role: str) -> "Value":
        """The value itself, for which the printer draws a name of this role."""
        object.__setattr__(self, "role", role)
        return self

    @property
    def ndim(self) -> int:
        """The number of axes."""
        return len(self.shape)

    @property
    def size(self) -> int:
        """The number of elements."""
        return math.prod(self.shape)

    @property
    def is_float(self) -> bool:
        """Whether the dtype is a float of any width."""
        return self.dtype in FLOATS

    @property
    def is_literal(self) -> bool:
        """Whether it is a Python number."""
        return self.op == "literal"

    @property
    def bound(self) -> float:
        """The largest absolute value that an element can have."""
        return max(abs(self.low), abs(self.high))

    def __repr__(self) -> str:
        return f"<{self.op} {self.dtype}{list(self.shape)} in [{self.low:.3g}, {self.high:.3g}]>"


_ATTRIBUTES = tuple(each.name for each in fields(Value))
_read_attributes = attrgetter(*_ATTRIBUTES)

Operands = tuple[Value, ...]
ValueLike = Value | float | int  # a value, or a Python number that becomes a literal
Group = Value | tuple[Value, ...]  # what an inner function has in one place: a value, or a tuple


@dataclass(slots=True, eq=False)
class Block:
    """An inner function: parameters (each a Value, or a tuple of Values) and results likewise."""

    params: tuple[Group, ...]
    results: tuple[Group, ...]
    level: int
    role: str = "fn"

    def flat_params(self) -> list[Value]:
        """The parameters in one list."""
        return flatten(self.params)

    def flat_results(self) -> list[Value]:
        """The results in one list."""
        return flatten(self.results)


def flatten(groups: Iterable[Group]) -> list[Value]:
    """The Values of nested tuples, in order."""
    flat: list[Value] = []
    for group in groups:
        if isinstance(group, tuple):
            flat.extend(flatten(group))
        else:
            flat.append(group)
    return flat


def collect_values(values: Iterable[Value]) -> dict[int, Value]:
    """The values and all that they depend on, inner functions included, by id."""
    seen: dict[int, Value] = {}
    stack = list(values)
    while stack:
        value = stack.pop()
        if id(value) in seen:
            continue
        seen[id(value)] = value
        stack.extend(value.operands)
        stack.extend(value.params.get("means", ()))
        for block in value.blocks:
            stack.extend(block.flat_results())
    return seen


@dataclass(frozen=True, slots=True)
class InAval:
    """One argument: its name, shape, dtype and the range of values the program is defined on."""

    name: str
    shape: Shape
    dtype: str
    low: float
    high: float

    def described(self) -> dict[str, Any]:
        """As the column `in_avals` has it."""
        return {
            "name": self.name,
            "shape": list(self.shape),
            "dtype": self.dtype,
            "low": self.low,
            "high": self.high,
        }


@dataclass(frozen=True, slots=True)
class KernelSpec:
    """A drawn program, before names and spelling are chosen."""

    category: str
    seed: int
    candidate: int
    arguments: tuple[Value, ...]
    outputs: tuple[Value, ...]
    program_key: str
    skeleton_hash: str
    doc: str
    expression_widths: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class KernelSource:
    """A rendered program: the Python text, its arguments and the differentiable ones."""

    name: str
    python: str
    in_avals: tuple[InAval, ...]
    argnums: tuple[int, ...]


def broadcast(*shapes: Shape) -> Shape:
    """NumPy's broadcast of the shapes; Rejected where they don't agree."""
    first = shapes[0]
    if all(shape == first for shape in shapes):
        return first
    try:
        return np.broadcast_shapes(*shapes)
    except ValueError as error:
        raise Rejected(str(error)) from error


def promote(*values: Value) -> str:
    """The dtype JAX gives an operation on these values (for the dtypes drawn here)."""
    strong = [v.dtype for v in values if not v.weak]
    if not strong:
        return values[0].dtype
    floats = {d for d in strong if d in FLOATS}
    if len(floats) == 1:
        return floats.pop()
    if floats:
        return "float32"
    if any(v.weak and v.dtype in FLOATS for v in values):
        return "float32"
    kinds = set(strong)
    if len(kinds) == 1:
        return kinds.pop()
    if kinds == {"bool", "int32"}:
        return "int32"
    raise Rejected(f"mixed dtypes {sorted(kinds)}")
