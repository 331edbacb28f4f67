"""Finds the elements that gathers read and scatters write, as index arrays for NumPy.

Both take starts, vectors of indices along one of their dimensions, and a window that begins at each
start. The result has the dimensions of the starts, without that one, and then those of the window.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from jaxlib.mlir import ir
from jaxlib.mlir.dialects import stablehlo

from jax_ir_synth.verify.arrays.tensors import Array, Function, read_list, read_type


class Windows(NamedTuple):
    """How an operation places its windows in an array; its names are StableHLO's in short.

    Attributes:
      shape: the array's.
      sizes: of a window, for each of the array's dimensions.
      kept: the array's dimensions that the window has; it has size 1 in the others.
      mapped: the array's dimensions that the vectors' elements index.
      vector: the dimension of the starts along which the vectors lie.
      batched: the array's dimensions that belong to a dimension of the starts.
      batches: these dimensions of the starts.
    """

    shape: Sequence[int]
    sizes: Sequence[int]
    kept: Sequence[int]
    mapped: Sequence[int]
    vector: int
    batched: Sequence[int]
    batches: Sequence[int]

    def locate(self, starts: Array, clamps: bool) -> list[Array]:
        """Find the indices of all windows' elements, for each of the array's dimensions.

        Args:
          starts: the starts.
          clamps: whether windows are moved so that they lie in the array.
        """
        over = [k for k in range(starts.ndim) if k != self.vector]
        if self.vector == starts.ndim:
            starts = starts[..., None]
        starts = np.moveaxis(starts, self.vector, -1).astype(np.int64)
        found = []
        for k, (most, size) in enumerate(zip(self.shape, self.sizes, strict=True)):
            at = np.zeros(starts.shape[:-1], np.int64)
            if k in self.mapped:
                at = starts[..., self.mapped.index(k)]
                at = np.clip(at, 0, most - size) if clamps else at
            elif k in self.batched:
                axis = over.index(self.batches[self.batched.index(k)])
                at = at + _along(np.arange(most), axis, at.ndim)
            at = at.reshape((*at.shape, *[1] * len(self.kept)))
            if k in self.kept:
                at = at + _along(np.arange(size), self.kept.index(k), len(self.kept))
            found.append(at)
        return [np.asarray(x) for x in np.broadcast_arrays(*found)]


def _along(x: Array, axis: int, rank: int) -> Array:
    """Lay a vector along one of so many dimensions."""
    return x.reshape([-1 if k == axis else 1 for k in range(rank)])


def make_gather(op: ir.Operation) -> Function:
    """Make the function that computes a gather."""
    numbers = stablehlo.GatherDimensionNumbers(op.attributes["dimension_numbers"])
    (given, _), (shape, _) = read_type(op.operands[0]), read_type(op.results[0])
    dropped = {*numbers.collapsed_slice_dims, *numbers.operand_batching_dims}
    windows = Windows(
        given,
        read_list(op, "slice_sizes"),
        [k for k in range(len(given)) if k not in dropped],
        [*numbers.start_index_map],
        numbers.index_vector_dim,
        [*numbers.operand_batching_dims],
        [*numbers.start_indices_batching_dims],
    )
    offsets = [*numbers.offset_dims]
    # Where each of the result's dimensions is found: first those of the starts.
    order = np.argsort([*(k for k in range(len(shape)) if k not in offsets), *offsets])

    def gather(x: Array, starts: Array) -> Array:
        found: Array = x[tuple(windows.locate(starts, clamps=True))]
        return found.transpose(order)

    return gather


def find_scatter_windows(op: ir.Operation) -> tuple[Windows, list[int]]:
    """Find where a scatter writes, and the order of its updates' dimensions as `locate` has it."""
    numbers = stablehlo.ScatterDimensionNumbers(op.attributes["scatter_dimension_numbers"])
    (given, _), (updates, _) = read_type(op.operands[0]), read_type(op.operands[2])
    window = [*numbers.update_window_dims]
    inserted = {*numbers.inserted_window_dims, *numbers.input_batching_dims}
    kept = [k for k in range(len(given)) if k not in inserted]
    sizes = dict(zip(kept, (updates[k] for k in window), strict=True))
    windows = Windows(
        given,
        [sizes.get(k, 1) for k in range(len(given))],
        kept,
        [*numbers.scattered_dims_to_operand_dims],
        numbers.index_vector_dim,
        [*numbers.input_batching_dims],
        [*numbers.scatter_indices_batching_dims],
    )
    return windows, [*(k for k in range(len(updates)) if k not in window), *window]
