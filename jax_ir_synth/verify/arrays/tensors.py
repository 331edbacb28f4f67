"""Reads what a module says of its tensors: their types, constants, and lists of integers."""

from collections.abc import Callable
from typing import Any

import numpy as np
from jaxlib.mlir import ir

from jax_ir_synth.errors import JaxIrSynthError
from jax_ir_synth.lowering.parsing import Value, read_integers

Array = np.ndarray
# Computes an operation's one result of its operands.
Function = Callable[..., Array]


class Unknown(JaxIrSynthError, ValueError):
    """NumPy doesn't run a module; the message names the operation or the type."""


# Not the 16-bit floats, whose sums the interpreter rounds after each addition.
DTYPES: dict[str, np.dtype[Any]] = {
    "f32": np.dtype(np.float32),
    "f64": np.dtype(np.float64),
    "i1": np.dtype(np.bool_),
    "i8": np.dtype(np.int8),
    "i32": np.dtype(np.int32),
    "i64": np.dtype(np.int64),
    "ui8": np.dtype(np.uint8),
    "ui32": np.dtype(np.uint32),
    "ui64": np.dtype(np.uint64),
}


def read_type(value: Value) -> tuple[tuple[int, ...], np.dtype[Any]]:
    """Read a value's shape and dtype. Raises Unknown."""
    kind = value.type
    if not isinstance(kind, ir.RankedTensorType) or not kind.has_static_shape:
        raise Unknown(f"a {kind}")
    dtype = DTYPES.get(str(kind.element_type))
    if dtype is None:
        raise Unknown(f"a {kind}")
    return tuple(kind.shape), dtype


def read_constant(op: ir.Operation) -> Array:
    """Read a constant's value. Raises Unknown."""
    shape, dtype = read_type(op.results[0])
    value = op.attributes["value"]
    if not isinstance(value, ir.DenseElementsAttr):
        raise Unknown(f"a constant that is {type(value).__name__}")
    found: Array = np.array(value)
    return found.astype(dtype, copy=False).reshape(shape)


def read_list(op: ir.Operation, name: str) -> list[int]:
    """Read an attribute that is a list of integers."""
    return read_integers(op.attributes[name])
