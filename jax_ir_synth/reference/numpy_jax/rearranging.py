"""Implements the functions of `jax.numpy` that join, cut and order arrays."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from jax_ir_synth.reference.numpy_jax.arrays import Array, Operand, array, wrap_numpy
from jax_ir_synth.reference.numpy_jax.bounds import check_elements

_ALIKE = """
column_stack concat diagflat dstack ediff1d fliplr flipud matrix_transpose permute_dims rollaxis
rot90 tri unwrap vander delete insert lexsort
""".split()


def _lists(function: Callable[..., Any]) -> Callable[..., Any]:
    """Wrap a function that returns a list of arrays."""

    def call(ary: Operand, *args: Any, **named: Any) -> list[Array]:
        return [array(part) for part in function(np.asarray(ary), *args, **named)]

    return call


def block(arrays: Any) -> Array:
    return array(np.block(arrays))


def choose(a: Operand, choices: Sequence[Operand], mode: Any = "raise") -> Array:
    return array(np.choose(np.asarray(a), [np.asarray(each) for each in choices], mode=mode))


def copy(a: Operand, **_: Any) -> Array:
    return array(np.array(a))


def fill_diagonal(a: Operand, val: Operand, wrap: bool = False, *, inplace: bool = True) -> Array:
    """Returns a copy; JAX refuses to change the array."""
    if inplace:
        raise NotImplementedError("fill_diagonal: JAX needs inplace=False")
    filled = np.array(a)
    np.fill_diagonal(filled, np.asarray(val), wrap)
    return array(filled)


def kron(a: Operand, b: Operand) -> Array:
    check_elements(np.size(a) * np.size(b))
    return array(np.kron(np.asarray(a), np.asarray(b)))


def partition(a: Operand, kth: int, axis: int = -1) -> Array:
    return array(np.partition(np.asarray(a), kth, axis))


def argpartition(a: Operand, kth: int, axis: int = -1) -> Array:
    """Sorts all, as JAX's result is up to the order within the two parts."""
    return array(np.argsort(np.asarray(a), axis, kind="stable").astype(np.int32))


def resize(a: Operand, new_shape: Any) -> Array:
    check_elements(int(np.prod(new_shape)))
    return array(np.resize(np.asarray(a), new_shape))


def unique(ar: Operand, *, size: int | None = None, fill_value: Any = None, **more: Any) -> Array:
    """Sorts without repetitions; the rest of `size` are `fill_value`, or the least."""
    if size is None or any(more.values()):
        raise TypeError("unique: JAX needs `size`, and other results are not known here")
    check_elements(size)
    found = np.unique(np.asarray(ar))
    fill = (found[0] if len(found) else 0) if fill_value is None else fill_value
    return array(
        np.concatenate([found[:size], np.full(max(size - len(found), 0), fill, found.dtype)])
    )


def apply_along_axis(func1d: Callable[..., Any], axis: int, arr: Operand, *args: Any) -> Array:
    moved = np.moveaxis(np.asarray(arr), axis, -1)
    rows = [np.asarray(func1d(array(row), *args)) for row in moved.reshape(-1, moved.shape[-1])]
    found = np.stack(rows).reshape(moved.shape[:-1] + rows[0].shape)
    return array(np.moveaxis(found, -1, axis) if rows[0].ndim else found)


REARRANGING = {
    **{name: wrap_numpy(getattr(np, name)) for name in _ALIKE},
    **{
        name: _lists(getattr(np, name)) for name in ("array_split", "dsplit", "hsplit", "vsplit")
    },
    **{
        function.__name__: function
        for function in (
            apply_along_axis, argpartition, block, choose, copy, fill_diagonal, kron, partition,
            resize, unique,
        )
    },
}  # fmt: skip
