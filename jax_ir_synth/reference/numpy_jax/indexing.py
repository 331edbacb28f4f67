"""Updates copies of arrays at an index, as the property `at` of JAX's arrays does."""

from typing import Any

import numpy as np

from jax_ir_synth.reference.numpy_jax.arrays import Array, Operand, array


class At:
    """`x.at`, which makes updated copies."""

    def __init__(self, x: np.ndarray) -> None:
        self._x = x

    def __getitem__(self, index: Any) -> "Place":
        return Place(self._x, index)


class Place:
    """Copies of `x` updated at `index`; where an index is repeated, each of its values counts."""

    def __init__(self, x: np.ndarray, index: Any) -> None:
        self._x, self._index = x, index

    def set(self, value: Operand, **how: Any) -> Array:
        """`x.at[index].set(value)`."""
        index, value = self._inside(value, how)
        y = np.array(self._x)
        y[index] = value
        return array(y)

    def get(self, *, fill_value: Any = None, **how: Any) -> Array:
        """`x.at[index].get()`, of indices that are inside or that `mode` clips."""
        if how.get("mode") in ("clip", "promise_in_bounds") and not isinstance(self._index, tuple):
            last = len(self._x) - 1
            return array(self._x[np.clip(np.asarray(self._index), -last - 1, last)])
        return array(self._x[self._index])

    def apply(self, function: Any, **_: Any) -> Array:
        """`x.at[index].apply(function)`."""
        y = np.array(self._x)
        y[self._index] = function(array(y[self._index]))
        return array(y)

    def add(self, value: Operand, **how: Any) -> Array:
        """`x.at[index].add(value)`."""
        return self._apply_at(np.add, value, how)

    def subtract(self, value: Operand, **how: Any) -> Array:
        """`x.at[index].subtract(value)`."""
        return self._apply_at(np.subtract, value, how)

    def multiply(self, value: Operand, **how: Any) -> Array:
        """`x.at[index].multiply(value)`."""
        return self._apply_at(np.multiply, value, how)

    mul = multiply

    def divide(self, value: Operand, **how: Any) -> Array:
        """`x.at[index].divide(value)`."""
        return self._apply_at(np.divide, value, how)

    def power(self, value: Operand, **how: Any) -> Array:
        """`x.at[index].power(value)`."""
        return self._apply_at(np.power, value, how)

    def max(self, value: Operand, **how: Any) -> Array:
        """`x.at[index].max(value)`."""
        return self._apply_at(np.maximum, value, how)

    def min(self, value: Operand, **how: Any) -> Array:
        """`x.at[index].min(value)`."""
        return self._apply_at(np.minimum, value, how)

    def _apply_at(self, function: np.ufunc, value: Operand, how: Any) -> Array:
        index, value = self._inside(value, how)
        y = np.array(self._x)
        function.at(y, index, value)
        return array(y)

    def _inside(self, value: Operand, how: Any) -> tuple[Any, Operand]:
        """Leave out the updates whose index lies outside: JAX drops them.

        That is done for one array of indices. Others must lie inside, or NumPy raises an error.
        """
        if how.get("mode") not in (None, "drop", "fill", "promise_in_bounds"):
            raise NotImplementedError(f"at[...]: mode (={how['mode']!r}) is not known here")
        index = self._index
        if isinstance(index, tuple) and len(index) > 1 and all(map(_is_integers, index)):
            return self._inside_of_several(index, value)
        if not isinstance(index, np.ndarray | np.integer) or index.dtype.kind not in "iu":
            return index, value
        index, size = np.asarray(index), len(self._x)
        inside = (index >= -size) & (index < size)
        if inside.all():
            return index, value
        value = np.broadcast_to(np.asarray(value), index.shape + self._x.shape[1:])
        return index[inside], value[inside]

    def _inside_of_several(self, index: Any, value: Operand) -> tuple[Any, Operand]:
        """Leave out the updates outside, with an array of indices for each of several axes."""
        arrays = np.broadcast_arrays(*map(np.asarray, index))
        inside = np.ones(arrays[0].shape, bool)
        for each, size in zip(arrays, self._x.shape, strict=False):
            inside &= (each >= -size) & (each < size)
        if inside.all():
            return index, value
        value = np.broadcast_to(np.asarray(value), arrays[0].shape + self._x.shape[len(arrays) :])
        return tuple(each[inside] for each in arrays), value[inside]


def _is_integers(index: Any) -> bool:
    return isinstance(index, int | np.integer) or (
        isinstance(index, np.ndarray) and index.dtype.kind in "iu"
    )
