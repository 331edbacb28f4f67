"""What an operation is: one record with all that any stage knows about it.

A `Record` holds what is said of every kind of node of a program: how long its IR is, which names
its results get, what a docstring calls it. An `Op` is a record of an operation on arrays, which
adds the rules that draw, print, bound and sample it; a `Construct` is one of what runs inner
functions or has several results. The tables by operation that other modules need are comprehensions
over the records: no other file names an operation in order to say what it is.

Range rules take the operands and parameters and give an interval that holds every element of the
result, whenever the operands' elements lie in theirs. Sample rules give `SAMPLES` typical elements.
They are float64 NumPy formulas that only estimate: no row is proven by them. The reference
(`jax_ir_synth.reference`) has formulas of its own, and neither imports the other; where an
operation is one function of NumPy or SciPy (`np.exp`, `special.erf`), both call that function.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from jax_ir_synth.kernels.builder.values import (
    FLOATS,
    Interval,
    Operands,
    Params,
    Rejected,
    Samples,
    Shape,
    Value,
    broadcast,
    promote,
)
from jax_ir_synth.kernels.ops.examples import Example

# The lists that operations are drawn from, by the names in `Op.weights`.
LISTS = frozenset(
    {
        "arithmetic",
        "comparison",
        "cumulative",
        "integer",
        "integer comparison",
        "integer function",
        "plain",
        "squash",
        "statistic",
        "threshold",
        "unary",
    }
)

ANY = (-np.inf, np.inf)

# Dtypes that a record may name, beside FLOATS.
FLOAT32 = ("float32",)
INT32 = ("int32",)
BOOL = ("bool",)
NUMBERS = (*FLOATS, *INT32)
NUMBERS_AND_BOOLEANS = (*NUMBERS, *BOOL)

Spelling = tuple[int, str] | tuple[int, str, str]
ShapeRule = Callable[[Operands, Params], Shape]
DtypeRule = Callable[[Operands, Params], str]
RangeRule = Callable[[Operands, Params], Interval]
SampleRule = Callable[[Operands, Params], Samples]
Condition = Callable[[Operands, Params], bool]


def elementwise_shape(operands: Operands, params: Params) -> Shape:
    """Broadcasts the operands' shapes."""
    return broadcast(*(v.shape for v in operands))


def promoted_dtype(operands: Operands, params: Params) -> str:
    """Promotes the operands' dtypes as JAX does."""
    return promote(*operands)


def bool_dtype(operands: Operands, params: Params) -> str:
    """Dtype rule of a condition."""
    return "bool"


def int_dtype(operands: Operands, params: Params) -> str:
    """Dtype rule of an index or a count."""
    return "int32"


def first_dtype(operands: Operands, params: Params) -> str:
    """Dtype rule of an operation that keeps its first operand's dtype."""
    return operands[0].dtype


def first_shape(operands: Operands, params: Params) -> Shape:
    """Shape rule of an operation that keeps its first operand's shape."""
    return operands[0].shape


def unit_bounds(operands: Operands, params: Params) -> Interval:
    """Range of a condition, and of a share."""
    return 0.0, 1.0


# The rules of a condition.
CONDITION: dict[str, Any] = {"bounds": unit_bounds, "dtype": bool_dtype, "smooth": False}


def keep_bounds(operands: Operands, params: Params) -> Interval:
    """Range of an operation whose result lies between its first operand's elements."""
    return operands[0].low, operands[0].high


def keep_samples(operands: Operands, params: Params) -> Samples:
    """Samples of an operation that moves elements and makes none."""
    return operands[0].samples


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """What every stage may ask about a node of a program.

    Attributes:
      name: the node's `op`.
      ir_bytes: bytes that one use adds to an IR column, forward and backward together, as
        `benchmarks/fit_costs.py` measures them.
      sized_as: the operation that is written out alike, with which this one counts in the fit.
      doubles: whether the IR grows with each doubling of the length that the operation runs over.
      role: which of the names people give to locals suit its results ("any" where all do).
      title: what a docstring calls it; None for its name, "" where it isn't worth mention.
      word: what a kernel's name calls it; "" for its name.
      dull: whether no kernel is named after it.
      cumulates: the operation whose running combinations along an axis it gives ("add" for
        running sums), or "".
      hashes_key: whether it makes random bits of its first operand, a key.
    """

    name: str
    ir_bytes: int | None = None
    sized_as: str = ""
    doubles: bool = False
    role: str = "any"
    title: str | None = None
    word: str = ""
    dull: bool = False
    cumulates: str = ""
    hashes_key: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Construct(Record):
    """A node with inner functions or several results, which a function of the printer writes.

    Attributes:
      kind: "branch" (its first operand chooses one of its functions), "loop" (it runs its function
        several times), "call" (it is its function, applied to its operands) or "".
    """

    kind: str = ""


@dataclass(frozen=True, slots=True)
class Op(Record):
    """An operation on arrays.

    Attributes:
      spellings: `(weight, template)` or `(weight, template, condition)`. In a template `{0}` is the
        first operand as an expression, `{0:70}` the operand put in brackets where it binds weaker
        than 70, `{axis}` a parameter as its formatter writes it; `70|…` says how strongly the
        result binds (100, an atom, if nothing is said). `jax_ir_synth/kernels/printer/spelling.py`
        has the conditions (`_CONDITIONS`), the formatters of parameters (`_PARAMETERS`; `repr` for
        one that isn't there) and the forms `{axis:p}`, `{axis:d}` and `{axis:second}` (`fill`).
      bounds: range rule, of (operands, params).
      sample: sample rule, of (operands, params).
      domain: for each operand the range that it must lie in, where the function and its derivative
        are finite and well conditioned.
      accepts: a further condition on (operands, params).
      shape: shape rule, of (operands, params).
      dtype: dtype rule, of (operands, params).
      smooth: False where no gradient passes.
      select: the operands that pass no gradient (an index, a condition).
      checked: False where the result may be a constant (zeros), or its samples say nothing about
        variation.
      linear: whether the result is linear in the operands.
      scales: whether the result's elements are the first operand's, each times another number.
      centred: whether the elements along an axis sum to a constant, so that a gradient of their
        plain sum is zero.
      reduces: whether the parameter `axis` holds the axes that are reduced.
      adds_axis: whether `axis` counts the result's axes, one more than the operand's.
      dtypes: dtypes, of which at least one operand must have one.
      skeleton: the operation whose IR differs from this one's in constants alone.
      branches: whether JAX writes the operation out with a choice of its own, which would blur a
        branch category.
      saturates: whether the function is constant, in float32, far from zero.
      flat: whether a part of its domain has no gradient at all.
      equation: for products of arrays, the einsum (of operands, params) that they lower as.
      canonical: of operands, `(name, operands)` of another operation that lowers alike; or None.
      cumulated: of (operand, length), the range of a running combination of `length` elements.
      meets: of (first, second, dtype), raises Rejected where one operand would not matter.
      uniform: whether CPU and CUDA StableHLO are the same text, whatever the operands are.
      decided_by_few: whether a few elements decide the result and its gradient, as the greatest do.
      weights: how often the operation is drawn, by the list that draws it (one of `LISTS`).
      examples: calls on parts of the domain; without any, `default_examples` derives them.
    """

    name: str
    spellings: tuple[Spelling, ...]
    bounds: RangeRule
    sample: SampleRule
    domain: tuple[Interval, ...] = ()
    accepts: Condition | None = None
    shape: ShapeRule = elementwise_shape
    dtype: DtypeRule = promoted_dtype
    smooth: bool = True
    select: tuple[int, ...] = ()
    checked: bool = True
    linear: bool = False
    scales: bool = False
    centred: bool = False
    reduces: bool = False
    adds_axis: bool = False
    dtypes: tuple[str, ...] = FLOATS
    skeleton: str = ""
    branches: bool = False
    saturates: bool = False
    flat: bool = False
    equation: Callable[[Operands, Params], str | None] | None = None
    canonical: Callable[[Operands], tuple[str, Operands] | None] | None = None
    cumulated: Callable[[Value, int], Interval] | None = None
    meets: Callable[[Value, Value, str], None] | None = None
    uniform: bool = True
    decided_by_few: bool = False
    weights: Mapping[str, int] = field(default_factory=dict)
    examples: tuple[Example, ...] = ()

    def check_domain(self, operands: Operands, params: Params) -> None:
        """Raises Rejected where an operand may leave the operation's domain."""
        for value, (low, high) in zip(operands, self.domain, strict=False):
            if value.low < low or value.high > high:
                raise Rejected(f"{self.name}: {value!r} is not in [{low}, {high}]")
        if self.accepts is not None and not self.accepts(operands, params):
            raise Rejected(f"{self.name}: operands {operands!r} not accepted")


def positive_or_negative(value: Value, margin: float = 0.2) -> bool:
    """Whether the value stays away from zero."""
    return value.low >= margin or value.high <= -margin


def same_shape_and_dtype(operands: Operands) -> bool:
    """Whether the operands are as the `lax` spelling of an operation asks for."""
    first = operands[0]
    return all(v.shape == first.shape and v.dtype == first.dtype and not v.weak for v in operands)
