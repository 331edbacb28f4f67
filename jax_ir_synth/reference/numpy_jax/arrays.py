"""NumPy's arrays with float64 for every float, and with the methods that JAX's arrays have."""

from collections.abc import Callable, Sequence
from typing import Any, TypeAlias

import numpy as np

from jax_ir_synth.reference.numpy_jax import arithmetic, trace_recorder

# What a program may compute with: an Array, a number, nested sequences of them. NumPy's ArrayLike
# has no operators.
Operand: TypeAlias = Any
# What a program may give for a shape.
Shape = int | Sequence[int]


class DType:
    """What `jnp.float32` and its like are here: a name, and the NumPy dtype that stands for it.

    NumPy takes it wherever it takes a dtype. Every floating-point dtype stands as float64: the
    meaning of a program is what it computes with exact numbers, its own rounding is the error.
    """

    def __init__(self, name: str, dtype: type) -> None:
        self.name = name
        self.dtype = np.dtype(dtype)

    def __call__(self, value: Operand) -> "Array":
        """A value of this dtype: `jnp.float32(x)`."""
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
# Python's types and JAX's default widths; whatever else is computed with 64 bits by NumPy.
_NARROWED = {np.dtype(np.int64): np.int32, np.dtype(np.uint64): np.uint32}
_PYTHON = {int: np.int32, float: np.float64, bool: np.bool_}


def dtype_of(dtype: Any) -> np.dtype | None:
    """The NumPy dtype that stands for what a program named. Raises TypeError for an unknown one."""
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
    """An array on which a program may call the methods that JAX's arrays have."""

    @property
    def at(self) -> "_At":
        """`x.at[index]`: changed copies."""
        return _At(self)

    def astype(  # type: ignore[override]
        self, dtype: Any, copy: bool = True
    ) -> "Array":
        """With NumPy's own `copy`, since NumPy's functions call it as well."""
        return convert(self, dtype)


class _Noisy(Array):
    """An array of a run with noise: what operators and ufuncs make of it has errors too."""

    def __array_ufunc__(
        self, ufunc: Callable[..., Any], method: Any, *inputs: Any, **kwargs: Any
    ) -> Any:
        # Of the keywords `where` is an array as well.
        kwargs = {name: _operand(value) for name, value in kwargs.items()}
        result = getattr(ufunc, method)(*map(_operand, inputs), **kwargs)
        return tuple(map(array, result)) if isinstance(result, tuple) else array(result)


def _operand(value: Operand) -> Any:
    """What an operation takes in the place of an array, or of a number in the program's text."""
    if isinstance(value, Array):
        return value.view(np.ndarray)
    errors = arithmetic.noise()
    # A float that NumPy made is a float to Python too.
    if errors is not None and isinstance(value, float):
        return errors.literal(float(value))
    return value


class _At:
    def __init__(self, x: np.ndarray) -> None:
        self._x = x

    def __getitem__(self, index: Any) -> "_Place":
        return _Place(self._x, index)


class _Place:
    """Changed copies of `x` at `index`; where an index is repeated, each of its values counts."""

    def __init__(self, x: np.ndarray, index: Any) -> None:
        self._x, self._index = x, index

    def set(self, value: Operand) -> Array:
        """`x.at[index].set(value)`."""
        y = np.array(self._x)
        y[self._index] = value
        return array(y)

    def add(self, value: Operand) -> Array:
        """`x.at[index].add(value)`."""
        return self._each(np.add, value)

    def multiply(self, value: Operand) -> Array:
        """`x.at[index].multiply(value)`."""
        return self._each(np.multiply, value)

    def max(self, value: Operand) -> Array:
        """`x.at[index].max(value)`."""
        return self._each(np.maximum, value)

    def min(self, value: Operand) -> Array:
        """`x.at[index].min(value)`."""
        return self._each(np.minimum, value)

    def _each(self, function: np.ufunc, value: Operand) -> Array:
        y = np.array(self._x)
        function.at(y, self._index, value)
        return array(y)


def array(value: Operand) -> Array:
    """NumPy's result as a program sees it: an `Array`, its integers of 32 bits, floats of 64."""
    value = np.asarray(value)
    dtype = value.dtype
    if dtype in _NARROWED:
        value = value.astype(_NARROWED[dtype])
    elif dtype.kind not in "biuc" and dtype != np.float64:
        # A float of 16 bits is of no kind that NumPy knows.
        value = value.astype(np.float64)
    errors = arithmetic.noise()
    if errors is None:
        exact: Array = value.view(Array)
        return exact
    if value.dtype == np.float64:
        value = errors.result(value)
    noisy: Array = value.view(_Noisy)
    return noisy


def convert(value: Operand, dtype: Any) -> Array:
    """`value.astype(dtype)`; a float becomes an integer by truncation."""
    return array(np.asarray(value).astype(dtype_of(dtype)))


def library(function: Callable[..., Any]) -> Callable[..., Any]:
    """A NumPy function as a program calls it: `dtype=` in a program's words, an Array returned."""

    def call(*args: Any, **kwargs: Any) -> Array:
        # Of an Array NumPy would call the method in the place of its own function.
        operands = [_operand(x) for x in args]
        kwargs = {name: _operand(value) for name, value in kwargs.items()}
        if "dtype" in kwargs:
            kwargs["dtype"] = dtype_of(kwargs["dtype"])
        result = function(*operands, **kwargs)
        if getattr(result, "dtype", None) == np.float16:
            # NumPy takes 16 bits for enough where it is given booleans.
            operands = [np.float64(x) if isinstance(x, np.ndarray) else x for x in operands]
            result = function(*operands, **kwargs)
        return array(result)

    call.__name__ = getattr(function, "__name__", "function")
    return call


def _stable_argsort(x: Operand, axis: int = -1) -> Any:
    return np.argsort(x, axis, kind="stable")


def _transpose(x: Operand, *axes: Any) -> Any:
    """Axes may be one tuple, or each an argument."""
    return np.transpose(x, axes[0] if len(axes) == 1 else axes or None)


def _reshape(x: Operand, *shape: Any) -> Any:
    return np.reshape(x, shape[0] if len(shape) == 1 else shape)


def root_of_zero_is_singular(function: Callable[..., Any]) -> Callable[..., Any]:
    """The function, whose result is a root: see `trace_recorder.regular`."""

    def call(*args: Any, **kwargs: Any) -> Any:
        return trace_recorder.regular(function(*args, **kwargs))

    return call


def sign(x: Operand) -> Any:
    """See `trace_recorder.jumps_at_zero`."""
    return np.sign(trace_recorder.jumps_at_zero(x))


std = root_of_zero_is_singular(np.std)


# The methods that are functions too; a program's call must never run a method of NumPy's own.
for _name in (
    "all any argmax argmin clip cumprod cumsum diagonal dot max mean min prod ravel repeat round "
    "sort squeeze sum swapaxes take trace var"
).split():
    setattr(Array, _name, library(getattr(np, _name)))
for _name, _function in {
    "argsort": _stable_argsort,
    "reshape": _reshape,
    "std": std,
    "transpose": _transpose,
}.items():
    setattr(Array, _name, library(_function))
