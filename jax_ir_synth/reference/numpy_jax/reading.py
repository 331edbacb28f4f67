"""Implements the functions of `jax.numpy` that read shapes, indices and kinds of values."""

from typing import Any

import numpy as np

from jax_ir_synth.reference.numpy_jax.arrays import Array, Operand, array, convert
from jax_ir_synth.reference.numpy_jax.bounds import check_elements


def shape(a: Operand) -> tuple[int, ...]:
    return np.shape(a)


def ndim(a: Operand) -> int:
    return np.ndim(a)


def size(a: Operand, axis: int | None = None) -> int:
    return np.size(a, axis)


def isscalar(element: Any) -> bool:
    """Whether a value is a number or an array without dimensions."""
    return isinstance(element, (int, float, complex, np.ndarray, np.generic)) and not np.ndim(
        element
    )


def iscomplexobj(x: Operand) -> bool:
    return bool(np.iscomplexobj(x))


def isrealobj(x: Operand) -> bool:
    return not np.iscomplexobj(x)


def array_equal(a1: Operand, a2: Operand, equal_nan: bool = False) -> Array:
    return array(np.array_equal(np.asarray(a1), np.asarray(a2), equal_nan))


def array_equiv(a1: Operand, a2: Operand) -> Array:
    return array(np.array_equiv(np.asarray(a1), np.asarray(a2)))


def atleast_1d(*arrays: Operand) -> Any:
    return _each(np.atleast_1d, arrays)


def atleast_2d(*arrays: Operand) -> Any:
    return _each(np.atleast_2d, arrays)


def atleast_3d(*arrays: Operand) -> Any:
    return _each(np.atleast_3d, arrays)


def _each(function: Any, arrays: Any) -> Any:
    found = [array(function(np.asarray(each))) for each in arrays]
    return found[0] if len(found) == 1 else found


def broadcast_arrays(*args: Operand) -> list[Array]:
    return [array(each) for each in np.broadcast_arrays(*map(np.asarray, args))]


def broadcast_shapes(*shapes: Any) -> tuple[int, ...]:
    return np.broadcast_shapes(*shapes)


def tril_indices(n: int, k: int = 0, m: int | None = None) -> Any:
    check_elements(n * (n if m is None else m))
    return tuple(map(array, np.tril_indices(n, k, m)))


def triu_indices(n: int, k: int = 0, m: int | None = None) -> Any:
    check_elements(n * (n if m is None else m))
    return tuple(map(array, np.triu_indices(n, k, m)))


def tril_indices_from(arr: Operand, k: int = 0) -> Any:
    return tril_indices(*_rows_and_columns(arr, k))


def triu_indices_from(arr: Operand, k: int = 0) -> Any:
    return triu_indices(*_rows_and_columns(arr, k))


def _rows_and_columns(arr: Operand, k: int) -> tuple[int, int, int]:
    rows, columns = np.shape(arr)
    return rows, k, columns


def diag_indices(n: int, ndim: int = 2) -> Any:
    check_elements(n * ndim)
    return tuple(map(array, np.diag_indices(n, ndim)))


def diag_indices_from(arr: Operand) -> Any:
    return diag_indices(np.shape(arr)[0], np.ndim(arr))


def unravel_index(indices: Operand, shape: Any) -> Any:
    return tuple(map(array, np.unravel_index(np.asarray(indices), shape)))


def ravel_multi_index(multi_index: Any, dims: Any, mode: Any = "raise") -> Array:
    return array(np.ravel_multi_index(tuple(map(np.asarray, multi_index)), dims, mode))


def nonzero(a: Operand, *, size: int | None = None, fill_value: Any = None) -> Any:
    """The indices of nonzero elements; the rest of `size` indices are `fill_value`, or 0."""
    found = np.nonzero(np.asarray(a))
    if size is None:
        raise TypeError("nonzero: JAX needs `size`")
    fills = fill_value if isinstance(fill_value, tuple) else (fill_value,) * len(found)
    check_elements(size)
    return tuple(
        array(np.pad(each[:size], (0, max(size - len(each), 0)), constant_values=fill or 0))
        for each, fill in zip(found, fills, strict=True)
    )


def flatnonzero(a: Operand, *, size: int | None = None, fill_value: Any = None) -> Array:
    found: Array = nonzero(np.ravel(np.asarray(a)), size=size, fill_value=fill_value)[0]
    return found


def argwhere(a: Operand, *, size: int | None = None, fill_value: Any = None) -> Array:
    return array(np.stack(nonzero(a, size=size, fill_value=fill_value), -1))


def searchsorted(
    a: Operand, v: Operand, side: Any = "left", sorter: Any = None, *, method: Any = None
) -> Array:
    return array(np.searchsorted(np.asarray(a), np.asarray(v), side, sorter).astype(np.int32))


def digitize(x: Operand, bins: Operand, right: bool = False) -> Array:
    return array(np.digitize(np.asarray(x), np.asarray(bins), right).astype(np.int32))


def isin(element: Operand, test_elements: Operand, invert: bool = False) -> Array:
    return array(np.isin(np.asarray(element), np.asarray(test_elements), invert=invert))


def indices(dimensions: Any, dtype: Any = int) -> Array:
    check_elements(int(np.prod(dimensions)) * len(dimensions))
    return convert(np.indices(dimensions), dtype)


READING = {
    function.__name__: function
    for function in (
        shape, ndim, size, isscalar, iscomplexobj, isrealobj, array_equal, array_equiv, atleast_1d,
        atleast_2d, atleast_3d, broadcast_arrays, broadcast_shapes, tril_indices, triu_indices,
        tril_indices_from, triu_indices_from, diag_indices, diag_indices_from, unravel_index,
        ravel_multi_index, nonzero, flatnonzero, argwhere, searchsorted, digitize, isin, indices,
    )
}  # fmt: skip
