"""Defines arrays: NumPy's, with float64 for every float and with the methods of JAX's arrays."""

from collections.abc import Callable, Sequence
from typing import Any, TypeAlias

import numpy as np

from jax_ir_synth.reference.numpy_jax import arithmetic, trace_recorder

# An Array, a number, or nested sequences of them. NumPy's ArrayLike has no operators.
Operand: TypeAlias = Any
# A shape, as a program may write it.
Shape = int | Sequence[int]


class DType:
    """The counterpart of `jnp.float32` and the like: a name, and the NumPy dtype used for it.

    NumPy accepts it wherever it accepts a dtype. The NumPy dtype of every floating-point dtype is
    float64: the reference computes with exact numbers, and a program's own rounding is error.
    """

    def __init__(self, name: str, dtype: type) -> None:
        self.name = name
        self.dtype = np.dtype(dtype)

    def __call__(self, value: Operand) -> "Array":
        """Convert a value to this dtype: `jnp.float32(x)`."""
        return convert(value, self)


DTYPES = {
    name: DType(name, dtype)
    for name, dtype in {
        "float32": np.float64,
        "float16": np.float64,
        "bfloat16": np.float64,
        "int32": np.int32,
        "uint32": np.uint32,
        "int16": np.int16,
        "int8": np.int8,
        "uint8": np.uint8,
        "bool_": np.bool_,
    }.items()
}
_BY_NAME = {**DTYPES, "bool": DTYPES["bool_"]}
# NumPy computes integers in 64 bits, JAX in 32 by default. Python's types have JAX's defaults too.
_NARROWED = {np.dtype(np.int64): np.int32, np.dtype(np.uint64): np.uint32}
_PYTHON = {int: np.int32, float: np.float64, bool: np.bool_}


def resolve_dtype(dtype: Any) -> np.dtype | None:
    """Find the NumPy dtype for a dtype that a program names. Raises TypeError if it is unknown."""
    if dtype is None:
        return None
    if isinstance(dtype, str):
        dtype = _BY_NAME.get(dtype, dtype)
    if isinstance(dtype, type):
        dtype = _PYTHON.get(dtype, dtype)
    if isinstance(dtype, str):
        raise TypeError(f"dtype (={dtype!r}) must be one of {', '.join(_BY_NAME)}")
    found: np.dtype = np.dtype(dtype)
    return found


class Array(np.ndarray):
    """An array with the methods that JAX's arrays have."""

    @property
    def at(self) -> "_At":
        """`x.at[index]`, which makes updated copies."""
        return _At(self)

    def astype(  # type: ignore[override]
        self, dtype: Any, copy: bool = True
    ) -> "Array":
        """Convert to a dtype. It has NumPy's `copy`, since NumPy's functions call it as well."""
        return convert(self, dtype)


class _Noisy(Array):
    """An array of a run with noise; results of operators and ufuncs on it get errors too."""

    def __array_ufunc__(
        self, ufunc: Callable[..., Any], method: Any, *inputs: Any, **kwargs: Any
    ) -> Any:
        # One keyword, `where`, is an array as well.
        kwargs = {name: _unwrap_operand(value) for name, value in kwargs.items()}
        operands = [_unwrap_operand(x) for x in inputs]
        arithmetic.note_comparison(ufunc, operands)
        result = getattr(ufunc, method)(*operands, **kwargs)
        return tuple(map(array, result)) if isinstance(result, tuple) else array(result)


class _Watched(_Noisy):
    """An array of a run that notes comparisons. Its elements are arrays, too."""

    def __getitem__(self, index: Any) -> Any:
        item = super().__getitem__(index)
        return array(item) if isinstance(item, np.generic) else item


def _unwrap_operand(value: Operand) -> Any:
    """Unwrap an operand for NumPy: a plain array for an Array, a literal with its error."""
    if isinstance(value, Array):
        return value.view(np.ndarray)
    errors = arithmetic.current_noise()
    # NumPy's float64 is a subclass of Python's float.
    if errors is not None and isinstance(value, float):
        return errors.perturb_literal(float(value))
    return value


class _At:
    def __init__(self, x: np.ndarray) -> None:
        self._x = x

    def __getitem__(self, index: Any) -> "_Place":
        return _Place(self._x, index)


class _Place:
    """Copies of `x` updated at `index`; where an index is repeated, each of its values counts."""

    def __init__(self, x: np.ndarray, index: Any) -> None:
        self._x, self._index = x, index

    def set(self, value: Operand) -> Array:
        """`x.at[index].set(value)`."""
        y = np.array(self._x)
        y[self._index] = value
        return array(y)

    def add(self, value: Operand) -> Array:
        """`x.at[index].add(value)`."""
        return self._apply_at(np.add, value)

    def multiply(self, value: Operand) -> Array:
        """`x.at[index].multiply(value)`."""
        return self._apply_at(np.multiply, value)

    def max(self, value: Operand) -> Array:
        """`x.at[index].max(value)`."""
        return self._apply_at(np.maximum, value)

    def min(self, value: Operand) -> Array:
        """`x.at[index].min(value)`."""
        return self._apply_at(np.minimum, value)

    def _apply_at(self, function: np.ufunc, value: Operand) -> Array:
        y = np.array(self._x)
        function.at(y, self._index, value)
        return array(y)


def array(value: Operand) -> Array:
    """Convert a NumPy result to an `Array`, with integers of 32 bits and floats of 64."""
    value = np.asarray(value)
    dtype = value.dtype
    if dtype in _NARROWED:
        value = value.astype(_NARROWED[dtype])
    elif dtype.kind not in "biuc" and dtype != np.float64:
        # NumPy has no kind for bfloat16.
        value = value.astype(np.float64)
    errors = arithmetic.current_noise()
    if errors is None:
        exact: Array = value.view(Array)
        return exact
    if value.dtype == np.float64:
        value = errors.perturb(value)
    watched = isinstance(errors, arithmetic.Comparisons)
    noisy: Array = value.view(_Watched if watched else _Noisy)
    return noisy


def convert(value: Operand, dtype: Any) -> Array:
    """Convert a value to a dtype; a float becomes an integer by truncation."""
    value, resolved = np.asarray(value), resolve_dtype(dtype)
    if resolved is not None and resolved.kind in "iu" and value.dtype == np.float64:
        trace_recorder.record_jumps(value)
    return array(value.astype(resolved))


_JUMPING = (np.ceil, np.floor, np.rint, np.round, np.trunc)


def wrap_numpy(function: Callable[..., Any]) -> Callable[..., Any]:
    """Wrap a NumPy function for programs: it takes their dtypes and returns an Array."""

    def call(*args: Any, **kwargs: Any) -> Array:
        # Given an Array, NumPy would call its method instead of its own function.
        operands = [_unwrap_operand(x) for x in args]
        arithmetic.note_comparison(function, operands)
        if function in _JUMPING and (x := np.asarray(operands[0])).dtype == np.float64:
            decimals = operands[1] if len(operands) > 1 else kwargs.get("decimals", 0)
            trace_recorder.record_jumps(x * 10.0**decimals)
        kwargs = {name: _unwrap_operand(value) for name, value in kwargs.items()}
        if "dtype" in kwargs:
            kwargs["dtype"] = resolve_dtype(kwargs["dtype"])
        result = function(*operands, **kwargs)
        if getattr(result, "dtype", None) == np.float16:
            # Given booleans, NumPy computes some functions in 16 bits.
            operands = [np.float64(x) if isinstance(x, np.ndarray) else x for x in operands]
            result = function(*operands, **kwargs)
        return array(result)

    call.__name__ = getattr(function, "__name__", "function")
    return call


def _stable_argsort(x: Operand, axis: int = -1) -> Any:
    return np.argsort(x, axis, kind="stable")


def _transpose(x: Operand, *axes: Any) -> Any:
    """Transpose; the axes may be one tuple, or separate arguments."""
    return np.transpose(x, axes[0] if len(axes) == 1 else axes or None)


def _reshape(x: Operand, *shape: Any) -> Any:
    return np.reshape(x, shape[0] if len(shape) == 1 else shape)


def record_roots(function: Callable[..., Any]) -> Callable[..., Any]:
    """Wrap a function whose result is a root; see `trace_recorder.record_root`."""

    def call(*args: Any, **kwargs: Any) -> Any:
        return trace_recorder.record_root(function(*args, **kwargs))

    return call


def sign(x: Operand) -> Any:
    """Return the sign; see `trace_recorder.record_zeros`."""
    return np.sign(trace_recorder.record_zeros(x))


std = record_roots(np.std)


# The methods that are functions too. A program must never call NumPy's own methods.
for _name in (
    "all any argmax argmin clip cumprod cumsum diagonal dot max mean min prod ravel repeat round "
    "sort squeeze sum swapaxes take trace var"
).split():
    setattr(Array, _name, wrap_numpy(getattr(np, _name)))
for _name, _function in {
    "argsort": _stable_argsort,
    "reshape": _reshape,
    "std": std,
    "transpose": _transpose,
}.items():
    setattr(Array, _name, wrap_numpy(_function))
