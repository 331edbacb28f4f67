"""Defines arrays: NumPy's, with float64 for every float and with the methods of JAX's arrays."""

from collections.abc import Callable, Sequence
from typing import Any, TypeAlias

import numpy as np

from jax_ir_synth.reference.numpy_jax import arithmetic, trace_recorder
from jax_ir_synth.reference.numpy_jax.arithmetic import current_noise

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
        self.numpy_dtype = np.dtype(dtype)

    @property
    def dtype(self) -> np.dtype:
        """The NumPy dtype, for a value of this dtype: see `arithmetic.note_float`."""
        if self.numpy_dtype.kind == "f":
            arithmetic.note_float(self.name)
        return self.numpy_dtype

    def __call__(self, value: Operand = 0) -> "Array":
        """Convert a value to this dtype: `jnp.float32(x)`."""
        return convert(value, self)

    def __eq__(self, other: object) -> bool:
        """Whether another dtype, in whatever form a program names one, is the same."""
        if isinstance(other, str):
            other = _BY_NAME.get(other)
        elif isinstance(other, type):
            # Python's types stand for NumPy's dtypes of 64 bits here.
            names: dict[object, str] = {bool: "bool_", float: "float64", int: "int64"}
            other = DTYPES.get(names.get(other, ""))
        return isinstance(other, DType) and other.name == self.name

    def __hash__(self) -> int:
        return hash(self.name)

    @property
    def type(self) -> "DType":
        """The type of this dtype's scalars, which is the same here."""
        return self

    @property
    def kind(self) -> str:
        """NumPy's letter for the kind of numbers; JAX has V for bfloat16."""
        return "V" if self.name == "bfloat16" else self.numpy_dtype.kind

    @property
    def itemsize(self) -> int:
        """The number of bytes of an element."""
        return _ITEM_SIZES.get(self.name, self.numpy_dtype.itemsize)


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
        "float64": np.float64,
        "int64": np.int32,
        "uint64": np.uint32,
        "uint16": np.uint16,
        "complex64": np.complex128,
        "complex128": np.complex128,
    }.items()
}
_ITEM_SIZES = {"float32": 4, "float16": 2, "bfloat16": 2, "complex64": 8}
_BY_NAME = {**DTYPES, "bool": DTYPES["bool_"]}
# NumPy computes integers in 64 bits, JAX in 32 by default. Python's types have JAX's defaults too.
_NARROWED = {np.dtype(np.int64): np.int32, np.dtype(np.uint64): np.uint32}
_PYTHON = {int: np.int32, float: np.float64, bool: np.bool_, complex: np.complex128}
# The dtypes of arrays. Results of other dtypes are converted.
_KEPT = frozenset(
    np.dtype(dtype)
    for dtype in "float64 int32 int16 int8 uint32 uint16 uint8 bool complex128 complex64".split()
)


def resolve_dtype(dtype: Any) -> np.dtype | None:
    """Find the NumPy dtype for a dtype that a program names. Raises TypeError if it is unknown."""
    if dtype is None:
        return None
    if isinstance(dtype, str):
        dtype = _BY_NAME.get(dtype, dtype)
    if isinstance(dtype, DType):
        return dtype.dtype
    if isinstance(dtype, type):
        dtype = _PYTHON.get(dtype, dtype)
    if isinstance(dtype, str):
        raise TypeError(f"dtype (={dtype!r}) must be one of {', '.join(_BY_NAME)}")
    found: np.dtype = np.dtype(dtype)
    return found


class Array(np.ndarray):
    """An array with the methods that JAX's arrays have."""

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
        errors = current_noise()
        if errors is not None and errors.notes_comparisons:
            arithmetic.note_comparison(errors, ufunc, operands)
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
    # NumPy's float64 is a subclass of Python's float.
    if isinstance(value, float) and (errors := current_noise()) is not None:
        return errors.perturb_literal(float(value))
    return value


def array(value: Operand) -> Array:
    """Convert a NumPy result to an `Array`, with integers of 32 bits and floats of 64."""
    errors = current_noise()
    if type(value) is Array and errors is None and value.dtype in _KEPT:
        return value
    value = np.asarray(value)
    dtype = value.dtype
    if dtype not in _KEPT:
        # NumPy has no kind for bfloat16.
        value = value.astype(_NARROWED.get(dtype, np.float64))
    if errors is None:
        exact: Array = value.view(Array)
        return exact
    if value.dtype.kind == "f":
        value = errors.perturb(value)
    noisy: Array = value.view(_Watched if errors.notes_comparisons else _Noisy)
    return noisy


def convert(value: Operand, dtype: Any) -> Array:
    """Convert a value to a dtype; a float becomes an integer by truncation."""
    value, resolved = np.asarray(value), resolve_dtype(dtype)
    if resolved is not None and resolved.kind in "iu" and value.dtype == np.float64:
        trace_recorder.record_jumps(value)
    return array(value.astype(resolved))


_JUMPING = (np.ceil, np.floor, np.rint, np.round, np.trunc)
# Where the sign of a zero decides, since it isn't that of any number near zero. Implementations
# differ in it: `maximum(-0.0, 0.0)` may be either.
_BY_SIGN_OF_ZERO: dict[Callable[..., Any], Callable[..., Any]] = {
    np.arctan2: lambda y, x: (np.asarray(y) == 0) & (np.asarray(x) <= 0),
    np.copysign: lambda _, sign: np.asarray(sign) == 0,
}


# Keywords that say how JAX computes a function, and those whose None NumPy doesn't know.
_HOW = frozenset(("precision", "preferred_element_type", "out_sharding"))
_ABSENT = frozenset(("where", "initial"))


def _clean_keywords(kwargs: dict[str, Any]) -> dict[str, Any]:
    if isinstance(kwargs.get("axis"), list | range):
        kwargs["axis"] = tuple(kwargs["axis"])
    return {
        name: _unwrap_operand(value)
        for name, value in kwargs.items()
        if name not in _HOW and not (value is None and name in _ABSENT)
    }


def wrap_numpy(function: Callable[..., Any]) -> Callable[..., Any]:
    """Wrap a NumPy function for programs: it takes their dtypes and returns an Array."""
    jumps = function in _JUMPING
    decided = _BY_SIGN_OF_ZERO.get(function)
    is_plain = isinstance(function, np.ufunc) and not jumps and decided is None

    def call(*args: Any, **kwargs: Any) -> Array:
        errors = current_noise()
        if is_plain and errors is None and not kwargs:
            # An exact run may give Arrays to a ufunc, which then mostly returns what is needed.
            direct = function(*args)
            if type(direct) is Array and direct.dtype in _KEPT:
                return direct
        # Given an Array, NumPy would call its method instead of its own function.
        operands = [_unwrap_operand(x) for x in args]
        if errors is not None and errors.notes_comparisons:
            arithmetic.note_comparison(errors, function, operands)
        if jumps and (x := np.asarray(operands[0])).dtype == np.float64:
            decimals = operands[1] if len(operands) > 1 else kwargs.get("decimals", 0)
            trace_recorder.record_jumps(x * 10.0**decimals)
        if decided is not None:
            trace_recorder.record_signs_of_zero(decided(*operands))
        if kwargs:
            kwargs = _clean_keywords(kwargs)
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


_CLIP = wrap_numpy(np.clip)


def clip(
    arr: Operand, min: Operand = None, max: Operand = None, *, a_min: Any = None, a_max: Any = None
) -> Array:
    """Clip to an interval, of which either end may be missing."""
    low, high = (a_min if min is None else min), (a_max if max is None else max)
    if low is None and high is None:
        return array(arr)
    clipped: Array = _CLIP(arr, low, high)
    return clipped


# The methods that are functions too. A program must never call NumPy's own methods.
for _name in (
    "all any argmax argmin cumprod cumsum diagonal dot max mean min prod ravel repeat round "
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
Array.clip = clip  # type: ignore[assignment, method-assign]
