"""What an operation is: its spellings, domain, shape rule, range rule and effect on samples."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from jax_ir_synth.kernels.builder.values import Undrawable, Value, broadcast, promote

ANY = (-np.inf, np.inf)


def elementwise_shape(operands: tuple[Value, ...], params: dict) -> tuple[int, ...]:
    """Broadcast of the operands' shapes."""
    return broadcast(*(v.shape for v in operands))


def promoted_dtype(operands: tuple[Value, ...], params: dict) -> str:
    """JAX's promotion of the operands' dtypes."""
    return promote(*operands)


def bool_dtype(operands: tuple[Value, ...], params: dict) -> str:
    return "bool"


def first_dtype(operands: tuple[Value, ...], params: dict) -> str:
    return operands[0].dtype


def first_shape(operands: tuple[Value, ...], params: dict) -> tuple[int, ...]:
    return operands[0].shape


def keep_bounds(operands: tuple[Value, ...], params: dict) -> tuple[float, float]:
    """Range of an operation that moves elements and makes none."""
    return operands[0].low, operands[0].high


def keep_samples(operands: tuple[Value, ...], params: dict) -> np.ndarray:
    return operands[0].samples


@dataclass(frozen=True, slots=True)
class Op:
    """One operation.

    `spellings` are `(weight, template)` or `(weight, template, condition)`; a template's `{0}` is the
    first operand as a whole expression, `{0:70}` the operand put in brackets where it binds weaker
    than 70, `{axis}` a parameter as its formatter writes it; `70|…` says how strongly the result binds
    (100, an atom, if nothing is said). `bounds` and `sample` take (operands, params). `domain` holds
    for each operand the range it must lie in. `smooth` is False where no gradient passes; `select`
    names the operands that pass none (an index, a condition). `checked` is False for operations that
    may make a constant (zeros) or whose samples say nothing about variation. `skeleton` names the
    operation whose IR differs from this one's in constants alone, where there is one. `branches` says
    that JAX writes the operation out with a choice of its own, which would blur a branch category.
    """

    name: str
    spellings: tuple
    bounds: Callable
    sample: Callable
    domain: tuple = ()
    accepts: Callable | None = None
    shape: Callable = elementwise_shape
    dtype: Callable = promoted_dtype
    smooth: bool = True
    select: tuple[int, ...] = ()
    checked: bool = True
    linear: bool = False
    dtypes: tuple[str, ...] = ("float32", "float16", "bfloat16")
    skeleton: str = ""
    branches: bool = False

    def check_domain(self, operands: tuple[Value, ...], params: dict) -> None:
        """Raises Undrawable where an operand may leave the operation's domain."""
        for value, (low, high) in zip(operands, self.domain):
            if value.low < low or value.high > high:
                raise Undrawable(f"{self.name}: {value!r} is not in [{low}, {high}]")
        if self.accepts is not None and not self.accepts(operands, params):
            raise Undrawable(f"{self.name}: operands {operands!r} not accepted")


def positive_or_negative(value: Value, margin: float = 0.2) -> bool:
    """True where the value stays away from zero."""
    return value.low >= margin or value.high <= -margin


def same_shape_and_dtype(operands: tuple[Value, ...]) -> bool:
    """What the `lax` spelling of an operation asks for."""
    first = operands[0]
    return all(v.shape == first.shape and v.dtype == first.dtype and not v.weak for v in operands)
