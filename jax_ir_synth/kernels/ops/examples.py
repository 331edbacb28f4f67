"""Examples of calls: operands and parameters on which an operation is printed, run and measured.

Tests run each example's spellings under NumPy and under JAX, and hold the record's shape, dtype
and range rules against the results; `benchmarks/fit_costs.py` measures the IR of those operations
that drawn programs hold too seldom.
"""

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from jax_ir_synth.kernels.builder.values import Interval, Params, Shape

if TYPE_CHECKING:
    from jax_ir_synth.kernels.ops.base import Op


@dataclass(frozen=True, slots=True)
class Operand:
    """An argument of an example: shape, range (both ends included) and dtype.

    `role` says what its elements are beyond that: "key", "definite" (a symmetric positive definite
    matrix) or "keeps_some" (a mask that keeps an element of each row).
    """

    shape: Shape
    low: float = -2.0
    high: float = 2.0
    dtype: str = "float32"
    role: str = ""


@dataclass(frozen=True, slots=True)
class Example:
    """A call of an operation: of the record's own where `name` is empty, else an operand's."""

    operands: "tuple[Operand | Example | float, ...]" = ()
    params: Params = field(default_factory=dict)
    name: str = ""


def example(*operands: Operand | Example | float, **params: Any) -> Example:
    """A call of the record's operation; operands are Operands, Examples or Python numbers."""
    return Example(operands, params)


def made(name: str, *operands: Operand | Example | float, **params: Any) -> Example:
    """An operand that operation `name` makes."""
    return Example(operands, params, name)


def array(*shape: int, low: float = -2.0, high: float = 2.0) -> Operand:
    """A float32 array."""
    return Operand(shape, low, high)


def integers(*shape: int, low: int = -8, high: int = 8) -> Operand:
    """An int32 array."""
    return Operand(shape, low, high, "int32")


def booleans(*shape: int, role: str = "") -> Operand:
    """A boolean array."""
    return Operand(shape, 0, 1, "bool", role)


def key() -> Operand:
    """A raw key of JAX's threefry generator."""
    return Operand((2,), 0, 2**32 - 1, "uint32", "key")


def definite(n: int) -> Operand:
    """A symmetric positive definite matrix."""
    return Operand((n, n), -2.0, 6.0, role="definite")


def default_examples(op: "Op") -> tuple[Example, ...]:
    """Examples of an elementwise operation, from its number of operands, domain and dtypes."""
    count = len(op.domain)
    matrix, rest = (4, 3), (3,)
    if count == 1:
        shapes: tuple[tuple[Shape, ...], ...] = (((),), ((5,),), (matrix,))
    else:
        shapes = (((),) * count, (matrix,) * count, (matrix, *(rest,) * (count - 1)))
    calls = [_call(op, some, op.dtypes[0]) for some in shapes]
    if op.dtypes[0] != "int32" and "int32" in op.dtypes:
        calls.append(_call(op, (matrix,) * count, "int32"))
    return tuple(calls)


def _call(op: "Op", shapes: tuple[Shape, ...], dtype: str) -> Example:
    return Example(
        tuple(
            Operand(shape, *_span(domain, dtype), dtype)
            for shape, domain in zip(shapes, op.domain, strict=True)
        )
    )


def _span(domain: Interval, dtype: str) -> Interval:
    """A part of the domain near zero, of the kind of number that the dtype holds."""
    if dtype == "bool":
        return 0, 1
    most = 8 if dtype == "int32" else 2.5
    low = max(domain[0], -most)
    return low, min(domain[1], most if low < most else low + 2)
