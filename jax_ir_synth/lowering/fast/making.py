"""Makes one operation from its name, and tells the dtypes that are made directly.

`operations` and `rearranging` say which operations an equation is.
"""

import functools
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from jaxlib.mlir import ir

from jax_ir_synth.lowering.parsing import Value

# Makes an equation's operation, given the types of an aval, the equation and its operands; None to
# leave it to jax.
Types = Callable[[Any], ir.Type]
Rule = Callable[[Types, Any, list[Value]], Value | None]


def create(
    name: str, kind: ir.Type, operands: Sequence[Value], **attributes: ir.Attribute
) -> Value:
    """Create an operation with one result of a type."""
    return ir.Operation.create(
        name, results=[kind], operands=operands, attributes=attributes
    ).result


def make_integers(numbers: Sequence[int]) -> ir.Attribute:
    """Make an array of integers."""
    return ir.DenseI64ArrayAttr.get(list(numbers))


def find_kind(variable: Any) -> str:
    """Return the kind of a variable's dtype, as `classify` does."""
    return classify(variable.aval.dtype)


@functools.cache
def classify(dtype: Any) -> str:
    """Return the kind of a NumPy dtype, "f" for bfloat16; empty for jax's own dtypes."""
    if not isinstance(dtype, np.dtype):
        return ""
    # Short floats other than float16 are void to NumPy.
    return "f" if dtype.name == "bfloat16" else "" if dtype.kind == "V" else dtype.kind
