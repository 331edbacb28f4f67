"""Implements `jax.numpy`: by NumPy's functions where both agree, and by functions of its own."""

import math
import string
from collections.abc import Callable, Sequence
from typing import Any, Literal

import numpy as np
from scipy import special

from jax_ir_synth.reference.numpy_jax import trace_recorder
from jax_ir_synth.reference.numpy_jax.arithmetic import round_constant
from jax_ir_synth.reference.numpy_jax.arrays import (
    DTYPES,
    Array,
    Operand,
    Shape,
    array,
    clip,
    convert,
    record_roots,
    resolve_dtype,
    sign,
    std,
    wrap_numpy,
)
from jax_ir_synth.reference.numpy_jax.bounds import bound_sizes, check_elements
from jax_ir_synth.reference.numpy_jax.dtypes import DTYPE_NAMES, FInfo
from jax_ir_synth.reference.numpy_jax.reading import READING, nonzero
from jax_ir_synth.reference.numpy_jax.rearranging import REARRANGING
from jax_ir_synth.reference.numpy_jax.statistics import STATISTICS

_ALIKE = """
abs absolute add all amax amin any append arange arccos arccosh arcsin arcsinh arctan arctan2
arctanh argmax argmin average bitwise_and bitwise_count bitwise_not bitwise_or bitwise_xor
broadcast_to cbrt ceil clip concatenate copysign cos cosh count_nonzero cumprod cumsum
diag diagonal diff divide dot einsum equal exp expand_dims expm1 eye flip floor
floor_divide fmod full full_like greater greater_equal hstack hypot identity imag invert isfinite
isinf isnan left_shift less less_equal linspace log log1p logaddexp
logical_and logical_not logical_or logical_xor matmul max maximum mean median min minimum mod
moveaxis multiply nanmax nanmean nanmin nansum nanvar negative not_equal ones ones_like outer pad
power prod ptp quantile ravel real remainder repeat reshape right_shift rint roll round sin
sinh sort square squeeze stack subtract sum swapaxes take_along_axis tan tanh
acos acosh asin asinh atan atan2 atanh angle allclose bitwise_invert bitwise_left_shift
bitwise_right_shift conj conjugate fabs float_power fmax fmin gcd heaviside inner isclose
iscomplex isneginf isposinf isreal lcm ldexp matvec positive pow signbit vecmat
tensordot tile trace transpose trapezoid nextafter tril triu true_divide trunc var vdot vecdot
vstack zeros zeros_like
""".split()


def argsort(a: Operand, axis: int | None = -1, *, descending: bool = False, **_: Any) -> Array:
    if not descending:
        return array(np.argsort(a, axis=axis, kind="stable"))
    x = np.ravel(np.asarray(a)) if axis is None else np.asarray(a)
    along = -1 if axis is None else axis
    # Equal elements stay in order.
    turned = np.flip(np.argsort(np.flip(x, along), along, kind="stable"), along)
    return array(x.shape[along] - 1 - turned)


def sort(a: Operand, axis: int | None = -1, *, descending: bool = False, **_: Any) -> Array:
    found = np.sort(np.asarray(a), axis)
    return array(np.flip(found, -1 if axis is None else axis) if descending else found)


def asarray(x: Operand, dtype: Any = None, **_: Any) -> Any:
    return array(x) if dtype is None else convert(x, dtype)


def bincount(x: Operand, weights: Operand = None, minlength: int = 0, length: Any = None) -> Array:
    counts = np.bincount(np.asarray(x), weights, minlength if length is None else length)
    return array(counts if length is None else counts[:length])


_TRUNC = wrap_numpy(np.trunc)
_FLOOR_DIVIDE, _REMAINDER = wrap_numpy(np.floor_divide), wrap_numpy(np.remainder)


def correlate(a: Operand, v: Operand, mode: Literal["full", "same", "valid"] = "valid") -> Array:
    return array(np.correlate(np.asarray(a, np.float64), np.asarray(v, np.float64), mode))


def convolve(
    a: Operand, v: Operand, mode: Literal["full", "same", "valid"] = "full", **_: Any
) -> Array:
    """Convolves as floats, whatever the arguments' dtypes."""
    return array(np.convolve(np.asarray(a, np.float64), np.asarray(v, np.float64), mode))


def cross(a: Operand, b: Operand, axis: int = -1) -> Array:
    """The cross product of 3-vectors along `axis`; for 2-vectors, its only component."""
    a, b = (np.moveaxis(np.asarray(x), axis, 0) for x in (a, b))
    if len(a) == len(b) == 2:
        return array(a[0] * b[1] - a[1] * b[0])
    turned = [a[i - 2] * b[i - 1] - a[i - 1] * b[i - 2] for i in range(3)]
    return array(np.moveaxis(np.stack(turned), 0, axis))


_EINSUM = wrap_numpy(np.einsum)


def einsum(subscripts: Any, *operands: Any, **named: Any) -> Array:
    """Also sums over the dimensions of an ellipsis that the result doesn't have."""
    if isinstance(subscripts, str) and "..." in subscripts and "->" in subscripts:
        taken, given = subscripts.replace(" ", "").split("->")
        if "..." not in given:
            unused = [each for each in string.ascii_letters if each not in subscripts]
            terms = taken.split(",")
            for place, (term, operand) in enumerate(zip(terms, operands, strict=True)):
                count = np.ndim(operand) - len(term.replace("...", ""))
                terms[place] = term.replace("...", "".join(unused[:count][::-1]))
            subscripts = f"{','.join(terms)}->{given}"
    result: Array = _EINSUM(subscripts, *operands, **named)
    return result


def empty(shape: Shape, dtype: Any = float) -> Array:
    """Filled with zeros, as in JAX."""
    return array(np.zeros(shape, resolve_dtype(dtype)))


def meshgrid(*xs: Any, indexing: Literal["xy", "ij"] = "xy") -> list[Array]:
    return [array(x) for x in np.meshgrid(*xs, indexing=indexing)]


def nan_to_num(x: Operand, nan: float = 0.0, posinf: Any = None, neginf: Any = None) -> Array:
    # Infinity becomes the largest float32, as in a float32 program.
    big = FInfo(DTYPES["float32"]).max
    return array(
        np.nan_to_num(
            x,
            nan=nan,
            posinf=big if posinf is None else posinf,
            neginf=-big if neginf is None else neginf,
        )
    )


def fromfunction(function: Callable[..., Any], shape: Any, *, dtype: Any = float) -> Any:
    check_elements(math.prod(shape) * len(shape))
    return function(*(convert(each, dtype) for each in np.indices(shape)))


def gradient(f: Operand, *varargs: Any, axis: Any = None) -> Any:
    found = np.gradient(np.asarray(f, np.float64), *map(np.asarray, varargs), axis=axis)
    return array(found) if isinstance(found, np.ndarray) else [array(each) for each in found]


def ix_(*args: Operand) -> Any:
    return tuple(map(array, np.ix_(*map(np.asarray, args))))


def piecewise(x: Operand, condlist: Any, funclist: Sequence[Any]) -> Any:
    """Applies each function to all of x; the last condition that holds chooses the result."""
    x = array(x)
    values = [f(x) if callable(f) else f for f in funclist]
    default = values.pop() if len(values) > len(condlist) else 0.0
    return select(condlist[::-1], values[::-1], default)


def deg2rad(x: Operand) -> Array:
    return array(np.asarray(x) * round_constant(np.pi / 180))


def exp2(x: Operand) -> Array:
    return array(np.exp(np.asarray(x) * round_constant(np.log(2))))


def log10(x: Operand) -> Array:
    return array(np.log(x) / round_constant(np.log(10)))


def log2(x: Operand) -> Array:
    return array(np.log(x) / round_constant(np.log(2)))


def logaddexp2(x1: Operand, x2: Operand) -> Array:
    two = round_constant(np.log(2))
    apart = np.abs(np.subtract(x1, x2))
    return array(np.maximum(x1, x2) + np.log1p(np.exp(-apart * two)) / two)


def rad2deg(x: Operand) -> Array:
    return array(np.asarray(x) * round_constant(180 / np.pi))


def reciprocal(x: Operand) -> Array:
    return array(1.0 / np.asarray(x, np.float64))


def select(
    condlist: Sequence[Operand], choicelist: Sequence[Operand], default: Operand = 0
) -> Array:
    result = default
    for condition, choice in zip(reversed(condlist), reversed(choicelist), strict=True):
        result = np.where(condition, choice, result)
    return array(result)


def sinc(x: Operand) -> Array:
    return array(np.sinc(np.asarray(x) * (round_constant(np.pi) / np.pi)))


def split(ary: Operand, indices_or_sections: Any, axis: int = 0) -> Any:
    return [array(part) for part in np.split(np.asarray(ary), indices_or_sections, axis)]


def take(
    a: Operand,
    indices: Operand,
    axis: int | None = None,
    out: None = None,
    mode: Any = None,
    **_: Any,
) -> Array:
    mode = mode if mode in ("clip", "wrap") else "raise"
    return array(np.take(np.asarray(a), np.asarray(indices), axis, mode=mode))


def take_along_axis(arr: Operand, indices: Operand, axis: int | None = -1, **_: Any) -> Array:
    """Broadcasts the dimensions beside the axis, as JAX does."""
    arr, indices = np.asarray(arr), np.asarray(indices)
    if axis is not None and arr.ndim == indices.ndim:
        beside = [
            tuple(1 if i == axis % arr.ndim else n for i, n in enumerate(x.shape))
            for x in (arr, indices)
        ]
        shape = list(np.broadcast_shapes(*beside))
        arr, indices = (_broadcast_beside(x, shape, axis) for x in (arr, indices))
    return array(np.take_along_axis(arr, indices, axis))


def _broadcast_beside(x: np.ndarray, shape: Sequence[int], axis: int) -> np.ndarray:
    """Broadcast all dimensions but one."""
    wanted = list(shape)
    wanted[axis] = x.shape[axis]
    return np.broadcast_to(x, wanted)


def unstack(x: Operand, axis: int = 0) -> Any:
    return tuple(array(part) for part in np.moveaxis(np.asarray(x), axis, 0))


def where(
    condition: Operand, x: Operand = None, y: Operand = None, *, size: Any = None, **named: Any
) -> Any:
    if x is None and y is None:
        return nonzero(condition, size=size, **named)
    if np.ndim(condition) == 0:
        trace_recorder.record_branch(int(bool(condition)))
    return array(np.where(condition, x, y))


def divmod(x1: Operand, x2: Operand) -> Any:
    return _FLOOR_DIVIDE(x1, x2), _REMAINDER(x1, x2)


def modf(x: Operand) -> Any:
    whole = _TRUNC(x)
    return array(np.asarray(x) - whole), whole


def _wrap_fft(function: Callable[..., Any]) -> Callable[..., Any]:
    def call(x: Operand, n: int | None = None, axis: int = -1) -> Any:
        return array(function(np.asarray(x), n, axis))

    return call


SQRT = wrap_numpy(record_roots(np.sqrt))
# Functions that take only sizes, shapes and the like.
_SIZED = "arange broadcast_to linspace ones pad repeat tile zeros".split()
FFT = {name: _wrap_fft(getattr(np.fft, name)) for name in ("fft", "ifft", "rfft", "irfft")}
JNP = {
    **{name: wrap_numpy(getattr(np, name)) for name in _ALIKE},
    **{name: bound_sizes(wrap_numpy(getattr(np, name))) for name in _SIZED},
    "eye": bound_sizes(wrap_numpy(np.eye), dimensions=2),
    "full": bound_sizes(wrap_numpy(np.full), last=1),
    "identity": bound_sizes(wrap_numpy(np.identity), dimensions=2),
    **DTYPES,
    **READING,
    **REARRANGING,
    **STATISTICS,
    **{name: getattr(np, name) for name in ("e", "inf", "nan", "newaxis", "pi", "ndarray")},
    "argsort": argsort,
    "array": asarray,
    "asarray": asarray,
    "around": wrap_numpy(np.round),
    "degrees": rad2deg,
    "double": DTYPES["float64"],
    "empty_like": wrap_numpy(np.zeros_like),
    "float_": DTYPES["float64"],
    "fromfunction": fromfunction,
    "gradient": gradient,
    "int_": DTYPES["int64"],
    "iterable": np.iterable,
    "ix_": ix_,
    "radians": deg2rad,
    "single": DTYPES["float32"],
    "uint": DTYPES["uint64"],
    "astype": convert,
    "bool": DTYPES["bool_"],
    "clip": clip,
    "correlate": correlate,
    "divmod": divmod,
    "einsum": einsum,
    "modf": modf,
    "sort": sort,
    "take_along_axis": take_along_axis,
    "bincount": bound_sizes(bincount),
    "convolve": convolve,
    "cross": cross,
    "empty": bound_sizes(empty),
    **DTYPE_NAMES,
    "i0": wrap_numpy(special.i0),
    "meshgrid": meshgrid,
    "nan_to_num": nan_to_num,
    "piecewise": piecewise,
    "reciprocal": reciprocal,
    "select": select,
    "split": split,
    "sign": wrap_numpy(sign),
    "sqrt": SQRT,
    "std": wrap_numpy(std),
    "sinc": sinc,
    "rad2deg": rad2deg,
    "log2": log2,
    "logaddexp2": logaddexp2,
    "log10": log10,
    "exp2": exp2,
    "deg2rad": deg2rad,
    "take": take,
    "unstack": unstack,
    "where": where,
}
