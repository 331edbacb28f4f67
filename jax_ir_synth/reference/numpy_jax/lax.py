"""Implements `jax.lax` in NumPy, except its loops and branches (see `control`)."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from scipy import special

from jax_ir_synth.reference.numpy_jax import control, error_functions, trace_recorder, trees
from jax_ir_synth.reference.numpy_jax.arrays import (
    Array,
    Operand,
    array,
    convert,
    resolve_dtype,
    sign,
    wrap_numpy,
)
from jax_ir_synth.reference.numpy_jax.bounds import bound_sizes
from jax_ir_synth.reference.numpy_jax.jnp import SQRT, exp2, where


def integer_pow(x: Operand, y: Operand) -> Array:
    return array(np.asarray(x) ** y)


def div(x: Operand, y: Operand) -> Array:
    """Integer division rounds towards zero."""
    x, y = np.asarray(x), np.asarray(y)
    if x.dtype.kind in "iu":
        return array(np.trunc(x / y).astype(x.dtype))
    return array(x / y)


def clz(x: Operand) -> Array:
    """Leading zeros of 32-bit integers."""
    bits = np.asarray(x).astype(np.int64) & 0xFFFFFFFF
    return array((32 - np.ceil(np.log2(bits + 1.0))).astype(np.int32))


def population_count(x: Operand) -> Array:
    return array(np.bitwise_count(np.asarray(x).view(np.uint32)).astype(np.int32))


def clamp(low: Operand, x: Operand, high: Operand) -> Array:
    return array(np.minimum(np.maximum(x, low), high))


def select(pred: Operand, on_true: Operand, on_false: Operand) -> Any:
    return where(pred, on_true, on_false)


def select_n(which: Operand, *cases: Any) -> Array:
    which = np.asarray(which).astype(int)
    if which.ndim == 0:
        trace_recorder.record_branch(int(which))
    which = np.broadcast_to(which, np.shape(cases[0]))
    return array(np.choose(which, cases))


def iota(dtype: Any, size: Any) -> Array:
    return array(np.arange(size, dtype=resolve_dtype(dtype)))


def broadcasted_iota(dtype: Any, shape: Sequence[int], dimension: int) -> Array:
    return array(np.indices(shape)[dimension].astype(resolve_dtype(dtype)))


def dot_general(lhs: Operand, rhs: Operand, dimension_numbers: Any) -> Array:
    """The result has the batch dimensions first, then the remaining ones of lhs and of rhs."""
    (lhs_contract, rhs_contract), (lhs_batch, rhs_batch) = dimension_numbers
    letters = iter("abcdefghijklmnopqrstuvwxyz")
    left = [next(letters) for _ in range(np.ndim(lhs))]
    right = [next(letters) for _ in range(np.ndim(rhs))]
    for i, j in zip((*lhs_contract, *lhs_batch), (*rhs_contract, *rhs_batch), strict=True):
        right[j] = left[i]
    batch = [left[i] for i in lhs_batch]
    joined = {*lhs_contract, *lhs_batch}
    rest = [x for i, x in enumerate(left) if i not in joined]
    rest += [x for x in right if x not in left]
    equation = f"{''.join(left)},{''.join(right)}->{''.join(batch + rest)}"
    return array(np.einsum(equation, np.asarray(lhs), np.asarray(rhs)))


def reduce_precision(operand: Operand, exponent_bits: Any, mantissa_bits: Any) -> Array:
    """Round to nearest even, in a float of these bits. JAX's derivative of it is that of x."""
    trace_recorder.record_precision(int(mantissa_bits))
    x = np.asarray(operand, np.float64)
    mantissa, exponent = np.frexp(x)
    digits = np.rint(trace_recorder.record_jumps(np.ldexp(mantissa, mantissa_bits + 1)))
    rounded = np.ldexp(digits, exponent - mantissa_bits - 1)
    bias = 2 ** (exponent_bits - 1) - 1
    largest = (2.0 - 2.0**-mantissa_bits) * 2.0**bias
    rounded = np.where(np.abs(rounded) > largest, np.copysign(np.inf, x), rounded)
    rounded = np.where(np.abs(rounded) < 2.0 ** (1 - bias), np.copysign(0.0, x), rounded)
    return array(x + trace_recorder.hold(rounded - x))


def top_k(operand: Operand, k: Any) -> Any:
    order = np.argsort(-np.asarray(operand), -1, kind="stable")[..., :k]
    return array(np.take_along_axis(np.asarray(operand), order, -1)), array(order)


def _wrap_accumulate(ufunc: np.ufunc) -> Callable[..., Any]:
    def call(operand: Operand, axis: int = 0, reverse: bool = False) -> Array:
        x = np.asarray(operand)
        turned = np.flip(x, axis) if reverse else x
        result = ufunc.accumulate(turned, axis)
        return array(np.flip(result, axis) if reverse else result)

    return call


def _slice_inside(operand: Operand, starts: Any, sizes: Any) -> Any:
    """Make an index for a slice that lies inside the operand.

    A negative start counts from the end. Each start is then clamped, as JAX does.
    """
    inside = [
        min(max(int(start) + full * bool(start < 0), 0), full - size)
        for start, size, full in zip(starts, sizes, np.shape(operand), strict=True)
    ]
    return tuple(slice(start, start + size) for start, size in zip(inside, sizes, strict=True))


def _start_at_axis(operand: Operand, start: Any, size: Any, axis: int) -> Any:
    starts, sizes = [0] * np.ndim(operand), list(np.shape(operand))
    starts[axis], sizes[axis] = start, size
    return starts, sizes


def dynamic_slice(operand: Operand, start_indices: Any, slice_sizes: Any) -> Array:
    return array(np.asarray(operand)[_slice_inside(operand, start_indices, slice_sizes)])


def dynamic_slice_in_dim(operand: Operand, start_index: Any, slice_size: Any, axis: int = 0) -> Any:
    return dynamic_slice(operand, *_start_at_axis(operand, start_index, slice_size, axis))


def dynamic_index_in_dim(
    operand: Operand, index: Operand, axis: int = 0, keepdims: bool = True
) -> Any:
    item = dynamic_slice_in_dim(operand, index, 1, axis)
    return item if keepdims else array(item.squeeze(axis))


def dynamic_update_slice(operand: Operand, update: Operand, start_indices: Any) -> Array:
    result = np.array(operand)
    result[_slice_inside(operand, start_indices, np.shape(update))] = update
    return array(result)


def dynamic_update_slice_in_dim(
    operand: Operand, update: Operand, start_index: Any, axis: int
) -> Any:
    starts, _ = _start_at_axis(operand, start_index, 1, axis)
    return dynamic_update_slice(operand, update, starts)


def dynamic_update_index_in_dim(
    operand: Operand, update: Operand, index: Operand, axis: int
) -> Any:
    if np.ndim(update) < np.ndim(operand):
        update = np.expand_dims(update, axis)
    return dynamic_update_slice_in_dim(operand, update, index, axis)


def rev(operand: Operand, dimensions: Any) -> Array:
    return array(np.flip(np.asarray(operand), dimensions))


def stop_gradient(x: Operand) -> Any:
    return trees.map_leaves(lambda leaf: array(trace_recorder.hold(np.asarray(leaf))), x)


_ADD, _MAX, _MIN, _MUL = map(wrap_numpy, (np.add, np.maximum, np.minimum, np.multiply))
REDUCERS = {_ADD: np.add, _MAX: np.maximum, _MIN: np.minimum, _MUL: np.multiply}
LAX = {
    **control.CONTROL,
    "add": _ADD,
    "max": _MAX,
    "min": _MIN,
    "mul": _MUL,
    **{
        name: wrap_numpy(getattr(np, numpy_name))
        for name, numpy_name in {
            "abs": "abs", "acos": "arccos", "acosh": "arccosh", "asin": "arcsin",
            "asinh": "arcsinh", "atan": "arctan", "atan2": "arctan2", "atanh": "arctanh",
            "bitwise_and": "bitwise_and", "bitwise_not": "bitwise_not",
            "bitwise_or": "bitwise_or", "bitwise_xor": "bitwise_xor", "cbrt": "cbrt",
            "ceil": "ceil", "cos": "cos", "cosh": "cosh", "dot": "dot", "eq": "equal",
            "exp": "exp", "expand_dims": "expand_dims", "expm1": "expm1",
            "floor": "floor", "ge": "greater_equal", "gt": "greater", "is_finite": "isfinite",
            "le": "less_equal", "log": "log", "log1p": "log1p", "lt": "less", "ne": "not_equal",
            "neg": "negative", "pow": "power", "rem": "fmod", "reshape": "reshape",
            "sin": "sin", "sinh": "sinh", "square": "square",
            "squeeze": "squeeze", "sub": "subtract", "tan": "tan", "tanh": "tanh",
            "transpose": "transpose",
        }.items()
    },
    **{
        name: wrap_numpy(getattr(special, scipy_name))
        for name, scipy_name in {
            "digamma": "digamma", "lgamma": "gammaln", "logistic": "expit",
        }.items()
    },
    "broadcasted_iota": bound_sizes(broadcasted_iota),
    "clamp": clamp,
    "clz": clz,
    "convert_element_type": convert,
    "cumlogsumexp": _wrap_accumulate(np.logaddexp),
    "cummax": _wrap_accumulate(np.maximum),
    "cummin": _wrap_accumulate(np.minimum),
    "cumprod": _wrap_accumulate(np.multiply),
    "cumsum": _wrap_accumulate(np.add),
    "div": div,
    "erf": wrap_numpy(error_functions.erf),
    "erf_inv": wrap_numpy(error_functions.erf_inv),
    "erfc": wrap_numpy(error_functions.erfc),
    "dot_general": dot_general,
    "dynamic_index_in_dim": dynamic_index_in_dim,
    "dynamic_slice": dynamic_slice,
    "dynamic_slice_in_dim": dynamic_slice_in_dim,
    "dynamic_update_index_in_dim": dynamic_update_index_in_dim,
    "dynamic_update_slice": dynamic_update_slice,
    "dynamic_update_slice_in_dim": dynamic_update_slice_in_dim,
    "exp2": exp2,
    "integer_pow": integer_pow,
    "iota": bound_sizes(iota),
    "population_count": population_count,
    "reduce_precision": reduce_precision,
    "rev": rev,
    "rsqrt": wrap_numpy(lambda x: 1.0 / np.sqrt(x)),
    "select": select,
    "sign": wrap_numpy(sign),
    "sqrt": SQRT,
    "select_n": select_n,
    "stop_gradient": stop_gradient,
    "top_k": top_k,
}  # fmt: skip
