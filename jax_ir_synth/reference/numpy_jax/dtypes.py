"""Implements what JAX has for dtypes: a value's dtype, promotion, limits, and kinds of dtypes.

The floats of the reference are float64, so a float doesn't know its dtype in JAX. All floats of a
program are taken to have the same: see `arithmetic.name_float_dtype`.
"""

from typing import Any

import numpy as np

from jax_ir_synth.reference.numpy_jax import arithmetic
from jax_ir_synth.reference.numpy_jax.arrays import DTYPES, DType, Operand

_NUMPY_NAMES = {"int64": "int32", "uint64": "uint32", "bool": "bool_", "complex128": "complex64"}
_PYTHON_SCALARS = {bool: "bool_", int: "int32", float: "float32", complex: "complex64"}
_KINDS = ("b", "i", "f", "c")


class Kind:
    """An abstract dtype, such as `jnp.floating`: the letters of the kinds that it holds."""

    def __init__(self, letters: str) -> None:
        self.letters = letters


KINDS = {
    name: Kind(letters)
    for name, letters in {
        "floating": "f", "integer": "iu", "signedinteger": "i", "unsignedinteger": "u",
        "complexfloating": "c", "inexact": "fc", "number": "iufc", "generic": "biufc",
    }.items()
}  # fmt: skip


class FInfo:
    """`jnp.finfo` of the dtype that the program names, rather than of the float64 used for it."""

    _BITS = {"float32": (8, 23), "float16": (5, 10), "bfloat16": (8, 7), "float64": (11, 52)}

    def __init__(self, dtype: Any) -> None:
        self.dtype = as_dtype(dtype)
        if self.dtype.name == "complex64":
            self.dtype = DTYPES["float32"]
        exponent, mantissa = self._BITS[self.dtype.name]
        self.bits = 1 + exponent + mantissa
        self.eps = 2.0**-mantissa
        self.max = (2.0 - self.eps) * 2.0 ** (2 ** (exponent - 1) - 1)
        self.min = -self.max
        self.tiny = 2.0 ** (2 - 2 ** (exponent - 1))
        self.smallest_normal = self.tiny


class IInfo:
    """`jnp.iinfo`."""

    def __init__(self, dtype: Any) -> None:
        self.dtype = as_dtype(dtype)
        found: Any = np.iinfo(self.dtype.numpy_dtype.name)
        self.bits, self.min, self.max = found.bits, int(found.min), int(found.max)


def check_single() -> None:
    """Raise NotImplementedError unless the program's floats are float32."""
    if arithmetic.name_float_dtype() != "float32":
        raise NotImplementedError("the bits of floats of 16 bits are read")


def dtype_of(value: Operand) -> DType:
    """The dtype that an array has in JAX. Raises TypeError if it isn't known."""
    dtype = np.asarray(value).dtype
    if dtype.kind == "f":
        return DTYPES[arithmetic.name_float_dtype()]
    return DTYPES[_NUMPY_NAMES.get(dtype.name, dtype.name)]


def as_dtype(dtype: Any) -> DType:
    """The dtype that a program names, or that a value has: `jnp.dtype(x)`."""
    if isinstance(dtype, DType):
        return dtype
    if isinstance(dtype, str):
        dtype = {"bool": "bool_", "float": "float64", "int": "int64"}.get(dtype, dtype)
        if dtype in DTYPES:
            return DTYPES[dtype]
        raise TypeError(f"dtype (={dtype!r:.40}) must be one of {', '.join(DTYPES)}")
    if isinstance(dtype, type):
        return DTYPES[{bool: "bool_", int: "int64", float: "float64"}.get(dtype, "complex64")]
    if isinstance(dtype, np.dtype):
        return DTYPES[_NUMPY_NAMES.get(dtype.name, dtype.name)]
    return dtype_of(dtype)


def is_subdtype(dtype: Any, kind: Any) -> bool:
    """`jnp.issubdtype`."""
    if isinstance(dtype, Kind):
        return isinstance(kind, Kind) and set(dtype.letters) <= set(kind.letters)
    if isinstance(kind, Kind):
        return as_dtype(dtype).numpy_dtype.kind in kind.letters
    return as_dtype(dtype) == as_dtype(kind)


def promote(*dtypes: Any) -> DType:
    """`jnp.promote_types`, of any number of dtypes."""
    names = {as_dtype(dtype).name for dtype in dtypes}
    letters = {DTYPES[name].numpy_dtype.kind for name in names}
    if "c" in letters:
        return DTYPES["complex64"]
    if "f" in letters:
        floats = {name for name in names if DTYPES[name].numpy_dtype.kind == "f"}
        return DTYPES[floats.pop() if len(floats) == 1 else "float32"]
    if letters == {"b"}:
        return DTYPES["bool_"]
    found = np.result_type(*(DTYPES[name].numpy_dtype for name in names))
    return DTYPES[_NUMPY_NAMES.get(found.name, found.name)]


def result_type(*values: Any) -> DType:
    """`jnp.result_type` of arrays, dtypes and Python's numbers, whose own dtypes are weak."""
    kinds = [value if isinstance(value, type) else type(value) for value in values]
    weak = [_PYTHON_SCALARS[kind] for kind in kinds if kind in _PYTHON_SCALARS]
    strong = [
        value for value, kind in zip(values, kinds, strict=True) if kind not in _PYTHON_SCALARS
    ]
    if not strong:
        return promote(*weak)
    found = promote(*strong)
    level = _level(found)
    return promote(found, *(name for name in weak if _level(DTYPES[name]) > level))


def _level(dtype: DType) -> int:
    kind = dtype.numpy_dtype.kind
    return _KINDS.index({"u": "i"}.get(kind, kind))


def canonicalize(dtype: Any) -> DType:
    """`jax.dtypes.canonicalize_dtype`: the dtype of at most 32 bits."""
    name = as_dtype(dtype).name
    return DTYPES[
        {"float64": "float32", "int64": "int32", "uint64": "uint32", "complex128": "complex64"}.get(
            name, name
        )
    ]


DTYPE_NAMES = {
    **KINDS,
    "dtype": as_dtype,
    "finfo": FInfo,
    "iinfo": IInfo,
    "issubdtype": is_subdtype,
    "promote_types": promote,
    "result_type": result_type,
}
JAX_DTYPES = {
    "canonicalize_dtype": canonicalize,
    "issubdtype": is_subdtype,
    "result_type": result_type,
    "finfo": FInfo,
    "iinfo": IInfo,
    "bfloat16": DTYPES["bfloat16"],
}
