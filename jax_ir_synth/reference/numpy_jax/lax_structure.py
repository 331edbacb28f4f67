"""Implements the functions of `jax.lax` that slice, pad, join, sort and reduce arrays."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from scipy import special

from jax_ir_synth.reference.numpy_jax import dtypes, reading
from jax_ir_synth.reference.numpy_jax.arrays import Array, Operand, array, convert, wrap_numpy
from jax_ir_synth.reference.numpy_jax.bounds import bound_sizes, check_elements, step


def slice_(operand: Operand, start_indices: Any, limit_indices: Any, strides: Any = None) -> Array:
    strides = [1] * len(start_indices) if strides is None else strides
    places = zip(start_indices, limit_indices, strides, strict=True)
    return array(np.asarray(operand)[tuple(slice(*each) for each in places)])


def slice_in_dim(
    operand: Operand, start_index: Any, limit_index: Any, stride: int = 1, axis: int = 0
) -> Array:
    operand = np.asarray(operand)
    index = [slice(None)] * operand.ndim
    index[axis] = slice(start_index, limit_index, stride)
    return array(operand[tuple(index)])


def index_in_dim(operand: Operand, index: int, axis: int = 0, keepdims: bool = True) -> Array:
    found = np.take(np.asarray(operand), index, axis)
    return array(np.expand_dims(found, axis) if keepdims else found)


def pad(operand: Operand, padding_value: Operand, padding_config: Any) -> Array:
    """Negative padding cuts; interior padding comes between the elements."""
    x, value = np.asarray(operand), np.asarray(padding_value)
    for axis, (low, high, interior) in enumerate(padding_config):
        x = np.moveaxis(x, axis, 0)
        spread = len(x) + max(len(x) - 1, 0) * interior
        check_elements((max(low, 0) + spread + max(high, 0)) * int(np.prod(x.shape[1:])))
        padded = np.full((max(low, 0) + spread + max(high, 0), *x.shape[1:]), value, x.dtype)
        padded[max(low, 0) : max(low, 0) + spread : interior + 1] = x
        padded = padded[max(-low, 0) : len(padded) - max(-high, 0)]
        x = np.moveaxis(padded, 0, axis)
    return array(x)


def concatenate(operands: Sequence[Operand], dimension: int) -> Array:
    return array(np.concatenate([np.asarray(each) for each in operands], dimension))


def broadcast(operand: Operand, sizes: Any) -> Array:
    check_elements(int(np.prod(sizes)) * np.size(operand))
    return array(np.broadcast_to(np.asarray(operand), (*sizes, *np.shape(operand))))


def broadcast_in_dim(operand: Operand, shape: Any, broadcast_dimensions: Any) -> Array:
    check_elements(int(np.prod(shape)))
    sizes = [1] * len(shape)
    for size, place in zip(np.shape(operand), broadcast_dimensions, strict=True):
        sizes[place] = size
    return array(np.broadcast_to(np.asarray(operand).reshape(sizes), shape))


def collapse(operand: Operand, start_dimension: int, stop_dimension: int | None = None) -> Array:
    shape = np.shape(operand)
    start, stop, _ = slice(start_dimension, stop_dimension).indices(len(shape))
    return array(np.reshape(np.asarray(operand), (*shape[:start], -1, *shape[stop:])))


def sort(operand: Any, dimension: int = -1, is_stable: bool = True, num_keys: int = 1) -> Any:
    """Sorts one array; several are sorted by the first `num_keys` of them."""
    if not isinstance(operand, (tuple, list)):
        return array(np.sort(np.asarray(operand), dimension))
    arrays = [np.asarray(each) for each in operand]
    order = np.lexsort(arrays[:num_keys][::-1], dimension)
    return tuple(array(np.take_along_axis(each, order, dimension)) for each in arrays)


def sort_key_val(keys: Operand, values: Operand, dimension: int = -1, **_: Any) -> Any:
    return sort((keys, values), dimension)


def full(shape: Any, fill_value: Operand, dtype: Any = None, **_: Any) -> Array:
    found = array(np.full(shape, np.asarray(fill_value)))
    return found if dtype is None else convert(found, dtype)


def full_like(x: Operand, fill_value: Operand, dtype: Any = None, shape: Any = None) -> Array:
    x = np.asarray(x)
    kind = x.dtype if dtype is None else dtype
    return full(x.shape if shape is None else shape, fill_value, kind)


def argmax(operand: Operand, axis: int, index_dtype: Any) -> Array:
    return convert(np.argmax(np.asarray(operand), axis), index_dtype)


def argmin(operand: Operand, axis: int, index_dtype: Any) -> Array:
    return convert(np.argmin(np.asarray(operand), axis), index_dtype)


def reduce(
    operands: Any, init_values: Any, computation: Callable[..., Any], dimensions: Any, **_: Any
) -> Any:
    """Reduces one array by any function, element after element."""
    if not isinstance(operands, np.ndarray):
        raise NotImplementedError("reduce: several operands are not known here")
    x = np.moveaxis(np.asarray(operands), tuple(dimensions), range(len(dimensions)))
    total: Any = np.broadcast_to(np.asarray(init_values), x.shape[len(dimensions) :])
    for part in x.reshape(-1, *x.shape[len(dimensions) :]):
        step()
        total = computation(array(total), array(part))
    return array(total)


def _reduction(ufunc: np.ufunc) -> Callable[..., Array]:
    def call(operand: Operand, axes: Any, **_: Any) -> Array:
        return array(ufunc.reduce(np.asarray(operand), tuple(axes)))

    return call


def shift_right_logical(x: Operand, y: Operand) -> Array:
    x, y = np.asarray(x), np.asarray(y)
    unsigned = np.dtype(x.dtype.name.replace("uint", "int").replace("int", "uint"))
    shifted = np.where(y < 8 * x.dtype.itemsize, x.view(unsigned) >> y.astype(unsigned), 0)
    return array(shifted.astype(unsigned).view(x.dtype))


def round_(x: Operand, rounding_method: Any = 0) -> Array:
    """Rounds halves away from zero, or to even numbers if the method is 1."""
    x = np.asarray(x)
    if rounding_method == 1:
        return array(_RINT(x))
    return array(np.copysign(np.asarray(_FLOOR(np.abs(x) + 0.5)), x))


_RINT, _FLOOR = wrap_numpy(np.rint), wrap_numpy(np.floor)


def optimization_barrier(operand: Any) -> Any:
    return operand


def batch_matmul(lhs: Operand, rhs: Operand, precision: Any = None) -> Array:
    return array(np.matmul(np.asarray(lhs), np.asarray(rhs)))


def split(operand: Operand, sizes: Any, axis: int = 0) -> list[Array]:
    return [array(each) for each in np.split(np.asarray(operand), np.cumsum(sizes)[:-1], axis)]


def bitcast_convert_type(operand: Operand, new_dtype: Any) -> Array:
    """Reads the bits of 32-bit numbers as those of others."""
    x, new = np.asarray(operand), dtypes.as_dtype(new_dtype)
    if x.dtype == np.float64:
        dtypes.check_single()
        x = x.astype(np.float32)
    if x.dtype.itemsize != 4 or new.itemsize != 4:
        raise NotImplementedError("bitcast_convert_type: only 32 bits are known here")
    return array(x.view(np.float32 if new.name == "float32" else new.dtype))


def broadcast_to_rank(x: Operand, rank: int) -> Array:
    x = np.asarray(x)
    return array(x.reshape((1,) * (rank - x.ndim) + x.shape))


def platform_dependent(*args: Any, default: Any = None, **per_platform: Any) -> Any:
    """Runs the CPU's function."""
    return per_platform.get("cpu", default)(*args)


def stack(operands: Sequence[Operand], axis: int = 0) -> Array:
    return array(np.stack([np.asarray(each) for each in operands], axis))


_UFUNCS = {
    "bessel_i0e": special.i0e, "bessel_i1e": special.i1e, "betainc": special.betainc,
    "conj": np.conj, "igamma": special.gammainc, "igammac": special.gammaincc, "imag": np.imag,
    "nextafter": np.nextafter, "polygamma": special.polygamma, "real": np.real,
    "shift_left": np.left_shift,
    "shift_right_arithmetic": np.right_shift, "zeta": special.zeta,
}  # fmt: skip
STRUCTURE: dict[str, Any] = {
    **{name: wrap_numpy(ufunc) for name, ufunc in _UFUNCS.items()},
    **{
        function.__name__: function
        for function in (
            argmax, argmin, batch_matmul, bitcast_convert_type, broadcast, broadcast_in_dim,
            broadcast_to_rank, collapse, concatenate,
            full_like, index_in_dim, optimization_barrier, pad,
            platform_dependent, reduce, shift_right_logical, slice_in_dim, sort,
            sort_key_val, split, stack,
        )
    },
    "broadcast_shapes": reading.broadcast_shapes,
    "complex": lambda x, y: array(np.asarray(x) + 1j * np.asarray(y)),
    "full": bound_sizes(full, last=1),
    "reduce_and": _reduction(np.logical_and),
    "reduce_max": _reduction(np.maximum),
    "reduce_min": _reduction(np.minimum),
    "reduce_or": _reduction(np.logical_or),
    "reduce_prod": _reduction(np.multiply),
    "reduce_sum": _reduction(np.add),
    "round": round_,
    "slice": slice_,
    "with_sharding_constraint": lambda x, _: x,
}  # fmt: skip
