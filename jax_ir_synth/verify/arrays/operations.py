"""What operations without regions compute, as functions of NumPy arrays.

A function is made of an operation once, and called for each input. Its results have the dtypes and
shapes of the operation's.
"""

import math
from collections.abc import Sequence

import numpy as np
from jaxlib.mlir import ir
from jaxlib.mlir.dialects import stablehlo

from jax_ir_synth.verify.arrays import elementwise
from jax_ir_synth.verify.arrays.indices import make_gather
from jax_ir_synth.verify.arrays.tensors import Array, Function, Unknown, read_list, read_type

# Up to so many elements a copy takes a tenth of the time in which `broadcast_to` makes a view.
_COPIED = 4096


def _make_bitcast(op: ir.Operation) -> Function:
    (_, given), (shape, dtype) = read_type(op.operands[0]), read_type(op.results[0])
    if given.itemsize != dtype.itemsize or "b" in (given.kind, dtype.kind):
        raise Unknown("a bitcast to another width")
    return lambda x: np.ascontiguousarray(x).view(dtype).reshape(shape)


def _make_iota(op: ir.Operation) -> Function:
    shape, dtype = read_type(op.results[0])
    dimension = ir.IntegerAttr(op.attributes["iota_dimension"]).value
    sizes = [size if k == dimension else 1 for k, size in enumerate(shape)]
    found = np.broadcast_to(np.arange(shape[dimension]).astype(dtype).reshape(sizes), shape)
    return lambda: found


def _make_broadcast(op: ir.Operation) -> Function:
    (given, _), (shape, dtype) = read_type(op.operands[0]), read_type(op.results[0])
    sizes = [1] * len(shape)
    dimensions = read_list(op, "broadcast_dimensions")
    if dimensions != sorted(dimensions):
        raise Unknown("a broadcast that transposes")
    for dimension, size in zip(dimensions, given, strict=True):
        sizes[dimension] = size
    if math.prod(shape) > _COPIED:
        return lambda x: np.broadcast_to(x.reshape(sizes), shape)

    def copy(x: Array) -> Array:
        found = np.empty(shape, dtype)
        found[...] = x.reshape(sizes)
        return found

    return copy


def _make_reshape(op: ir.Operation) -> Function:
    shape, _ = read_type(op.results[0])
    return lambda x: x.reshape(shape)


def _make_transpose(op: ir.Operation) -> Function:
    permutation = read_list(op, "permutation")
    return lambda x: x.transpose(permutation)


def _make_reverse(op: ir.Operation) -> Function:
    dimensions = tuple(read_list(op, "dimensions"))
    return lambda x: np.flip(x, dimensions)


def _make_slice(op: ir.Operation) -> Function:
    names = ("start_indices", "limit_indices", "strides")
    where = tuple(map(slice, *(read_list(op, name) for name in names)))
    return lambda x: x[where]


def _make_concatenation(op: ir.Operation) -> Function:
    dimension = ir.IntegerAttr(op.attributes["dimension"]).value
    return lambda *operands: np.concatenate(operands, dimension)


def _make_pad(op: ir.Operation) -> Function:
    shape, dtype = read_type(op.results[0])
    given, _ = read_type(op.operands[0])
    names = ("edge_padding_low", "edge_padding_high", "interior_padding")
    low, high, interior = (read_list(op, name) for name in names)
    # With the elements that negative padding cuts off.
    whole = [
        max(x, 0) + (size + max(size - 1, 0) * z) + max(y, 0)
        for size, x, y, z in zip(given, low, high, interior, strict=True)
    ]
    places = tuple(
        slice(max(x, 0), max(x, 0) + (size + max(size - 1, 0) * z), z + 1)
        for size, x, z in zip(given, low, interior, strict=True)
    )
    kept = tuple(slice(max(-x, 0), max(-x, 0) + size) for x, size in zip(low, shape, strict=True))

    def pad(x: Array, filling: Array) -> Array:
        padded = np.full(whole, filling, dtype)
        padded[places] = x
        return padded[kept]

    return pad


def _make_dynamic_slice(op: ir.Operation) -> Function:
    sizes = read_list(op, "slice_sizes")

    def cut(x: Array, *starts: Array) -> Array:
        return x[_locate(x.shape, starts, sizes)]

    return cut


def _make_dynamic_update(op: ir.Operation) -> Function:
    def update(x: Array, new: Array, *starts: Array) -> Array:
        found = x.copy()
        found[_locate(x.shape, starts, new.shape)] = new
        return found

    return update


def _locate(
    shape: Sequence[int], starts: Sequence[Array], sizes: Sequence[int]
) -> tuple[slice, ...]:
    """Locate a slice whose starts are moved so that it lies within the shape."""
    first = [
        min(max(int(start), 0), most - size)
        for start, most, size in zip(starts, shape, sizes, strict=True)
    ]
    return tuple(slice(start, start + size) for start, size in zip(first, sizes, strict=True))


def _make_dot(op: ir.Operation) -> Function:
    numbers = stablehlo.DotDimensionNumbers(op.attributes["dot_dimension_numbers"])
    (left, kind), (right, _) = (read_type(value) for value in op.operands)
    _, dtype = read_type(op.results[0])
    if kind != dtype or dtype.kind == "b":
        raise Unknown("a product with another type")
    # A letter for each dimension: batching and contracting ones have the same on both sides.
    letters = iter("abcdefghijklmnopqrstuvwxyz")
    first, second = [""] * len(left), [""] * len(right)
    for x, y in (
        (numbers.lhs_batching_dimensions, numbers.rhs_batching_dimensions),
        (numbers.lhs_contracting_dimensions, numbers.rhs_contracting_dimensions),
    ):
        for k, j in zip(x, y, strict=True):
            first[k] = second[j] = next(letters)
    batch = [first[k] for k in numbers.lhs_batching_dimensions]
    kept = []
    for side in (first, second):
        for k, letter in enumerate(side):
            if not letter:
                side[k] = next(letters)
                kept.append(side[k])
    equation = f"{''.join(first)},{''.join(second)}->{''.join((*batch, *kept))}"
    return lambda x, y: np.einsum(equation, x, y)


def _make_clamp(op: ir.Operation) -> Function:
    return lambda low, x, high: np.minimum(np.maximum(low, x), high)


_MAKERS = {
    **elementwise.MAKERS,
    "stablehlo.bitcast_convert": _make_bitcast,
    "stablehlo.broadcast_in_dim": _make_broadcast,
    "stablehlo.clamp": _make_clamp,
    "stablehlo.concatenate": _make_concatenation,
    "stablehlo.dot_general": _make_dot,
    "stablehlo.dynamic_slice": _make_dynamic_slice,
    "stablehlo.dynamic_update_slice": _make_dynamic_update,
    "stablehlo.gather": make_gather,
    "stablehlo.iota": _make_iota,
    "stablehlo.pad": _make_pad,
    "stablehlo.reshape": _make_reshape,
    "stablehlo.reverse": _make_reverse,
    "stablehlo.slice": _make_slice,
    "stablehlo.transpose": _make_transpose,
}
OPERATIONS = frozenset({*_MAKERS, "stablehlo.constant"})


def make_function(op: ir.Operation) -> Function:
    """Make the function that computes an operation's one result, if its types are known ones.

    Raises Unknown.
    """
    make = _MAKERS.get(op.name)
    if make is None:
        raise Unknown(op.name)
    return make(op)
