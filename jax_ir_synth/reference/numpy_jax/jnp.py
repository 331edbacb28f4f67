"""Implements `jax.numpy`: by NumPy's functions where both agree, and by functions of its own."""

from collections.abc import Callable, Sequence
from typing import Any, Literal

import numpy as np
from scipy import special

from jax_ir_synth.reference.numpy_jax import trace_recorder
from jax_ir_synth.reference.numpy_jax.arithmetic import round_constant
from jax_ir_synth.reference.numpy_jax.arrays import (
    DTYPES,
    Array,
    DType,
    Operand,
    Shape,
    array,
    convert,
    record_roots,
    resolve_dtype,
    sign,
    std,
    wrap_numpy,
)
from jax_ir_synth.reference.numpy_jax.bounds import bound_sizes

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
tensordot tile trace transpose trapezoid tril triu true_divide trunc var vdot vecdot vstack zeros
zeros_like
""".split()


class FInfo:
    """`jnp.finfo` of the dtype that the program names, rather than of the float64 used for it."""

    _BITS = {"float32": (8, 23), "float16": (5, 10), "bfloat16": (8, 7)}

    def __init__(self, dtype: DType) -> None:
        exponent, mantissa = self._BITS[dtype.name]
        self.eps = 2.0**-mantissa
        self.max = (2.0 - self.eps) * 2.0 ** (2 ** (exponent - 1) - 1)
        self.min = -self.max
        self.tiny = 2.0 ** (2 - 2 ** (exponent - 1))


def argsort(x: Operand, axis: int = -1) -> Array:
    return array(np.argsort(x, axis=axis, kind="stable"))


def asarray(x: Operand, dtype: Any = None) -> Any:
    return array(x) if dtype is None else convert(x, dtype)


def bincount(x: Operand, weights: Operand = None, minlength: int = 0, length: Any = None) -> Array:
    counts = np.bincount(np.asarray(x), weights, minlength if length is None else length)
    return array(counts if length is None else counts[:length])


def convolve(a: Operand, v: Operand, mode: Literal["full", "same", "valid"] = "full") -> Array:
    """Convolves as floats, whatever the arguments' dtypes."""
    return array(np.convolve(np.asarray(a, np.float64), np.asarray(v, np.float64), mode))


def cross(a: Operand, b: Operand, axis: int = -1) -> Array:
    """The cross product of 3-vectors along `axis`; for 2-vectors, its only component."""
    a, b = (np.moveaxis(np.asarray(x), axis, 0) for x in (a, b))
    if len(a) == len(b) == 2:
        return array(a[0] * b[1] - a[1] * b[0])
    turned = [a[i - 2] * b[i - 1] - a[i - 1] * b[i - 2] for i in range(3)]
    return array(np.moveaxis(np.stack(turned), 0, axis))


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


def split(x: Operand, parts: Any, axis: int = 0) -> Any:
    return [array(part) for part in np.split(np.asarray(x), parts, axis)]


def take(x: Operand, indices: Operand, axis: int | None = None) -> Array:
    return array(np.take(np.asarray(x), np.asarray(indices), axis))


def unstack(x: Operand, axis: int = 0) -> Any:
    return tuple(array(part) for part in np.moveaxis(np.asarray(x), axis, 0))


def vectorize(function: Callable[..., Any]) -> Callable[..., Any]:
    """Maps a function of scalars over the elements of the broadcast arguments."""

    def call(*args: Any) -> Array:
        args = np.broadcast_arrays(*args)
        flat = [function(*each) for each in zip(*(a.ravel() for a in args), strict=True)]
        return array(np.stack(flat).reshape(args[0].shape))

    return call


def where(condition: Operand, x: Operand, y: Operand) -> Array:
    if np.ndim(condition) == 0:
        trace_recorder.record_branch(int(bool(condition)))
    return array(np.where(condition, x, y))


def _wrap_fft(function: Callable[..., Any]) -> Callable[..., Any]:
    def call(x: Operand, n: int | None = None, axis: int = -1) -> Any:
        return np.asarray(function(np.asarray(x), n, axis))

    return call


def _linalg_solve(a: Operand, b: Operand) -> Array:
    """Solves for a vector if b has one dimension, for a matrix otherwise, as JAX does."""
    return array(np.linalg.solve(np.asarray(a), np.asarray(b)))


def _qr(a: Operand, mode: Literal["reduced", "complete", "r"] = "reduced") -> Any:
    result = np.linalg.qr(np.asarray(a), mode)
    return array(result) if mode == "r" else tuple(map(array, result))


def _svd(a: Operand, full_matrices: bool = True, compute_uv: bool = True) -> Any:
    result: Any = np.linalg.svd(  # type: ignore[call-overload]
        np.asarray(a), full_matrices, compute_uv
    )
    return tuple(map(array, result)) if compute_uv else array(result)


def _wrap_tuple(function: Callable[..., Any]) -> Callable[..., Any]:
    return lambda a: tuple(array(part) for part in function(np.asarray(a)))


def _symmetrize_first(function: Callable[..., Any]) -> Callable[..., Any]:
    """Wrap a function of a symmetric matrix: JAX averages the matrix and its transpose first."""

    def call(a: Operand) -> Any:
        a = np.asarray(a)
        result = function((a + np.swapaxes(a, -1, -2)) / 2)
        return result if isinstance(result, tuple) else array(result)

    return call


def norm(
    x: Operand, ord: int | None = None, axis: int | None = None, keepdims: bool = False
) -> Any:
    sizes = array(np.linalg.norm(np.asarray(x), ord, axis, keepdims))
    return trace_recorder.record_root(sizes) if ord in (None, 2) else sizes


SQRT = wrap_numpy(record_roots(np.sqrt))
LINALG = {
    "cholesky": _symmetrize_first(np.linalg.cholesky),
    "det": wrap_numpy(np.linalg.det),
    "eigh": _wrap_tuple(_symmetrize_first(np.linalg.eigh)),
    "eigvalsh": _symmetrize_first(np.linalg.eigvalsh),
    "inv": wrap_numpy(np.linalg.inv),
    "norm": norm,
    "qr": _qr,
    "slogdet": _wrap_tuple(np.linalg.slogdet),
    "solve": _linalg_solve,
    "svd": _svd,
}
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
    **{name: getattr(np, name) for name in ("e", "inf", "nan", "newaxis", "pi", "ndarray")},
    "argsort": argsort,
    "array": asarray,
    "asarray": asarray,
    "astype": convert,
    "bincount": bound_sizes(bincount),
    "convolve": convolve,
    "cross": cross,
    "empty": bound_sizes(empty),
    "finfo": FInfo,
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
    "vectorize": vectorize,
    "where": where,
}
