"""Reads what a module says of its tensors: their types, constants, and lists of integers."""

import functools
import re
from collections.abc import Callable, Iterable
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


class GaveUp(JaxIrSynthError, RuntimeError):
    """A loop takes more turns than it may, or a routine refuses its operands."""


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


_KIND = re.compile(r"tensor<((?:\d+x)*)(\w+)>")


@functools.lru_cache(maxsize=4096)
def read_kind(kind: str) -> tuple[tuple[int, ...], np.dtype[Any]]:
    """Read a type's shape and dtype from its text. Raises Unknown."""
    match = _KIND.fullmatch(kind)
    if match is None or match[2] not in DTYPES:
        raise Unknown(f"a {kind}")
    return tuple(map(int, match[1].split("x")[:-1])), DTYPES[match[2]]


def check_types(kinds: Iterable[str]) -> None:
    """Raise Unknown unless each of the types is one of a known tensor."""
    for kind in kinds:
        read_kind(kind)


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
