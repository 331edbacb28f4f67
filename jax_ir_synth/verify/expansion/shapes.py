"""Expands what changes shapes: older and dynamic forms of operations that StableHLO has otherwise.

A dynamic form gets as operands what its static form has as attributes. Here results have static
shapes, which say what a size in an operand would say again. Other operands must be constants.
"""

from collections.abc import Sequence

from jaxlib.mlir import ir
from jaxlib.mlir.dialects import stablehlo

from jax_ir_synth.lowering.parsing import Value
from jax_ir_synth.verify.admission import Unsupported
from jax_ir_synth.verify.expansion.form import (
    Expansion,
    broadcast,
    read_constant,
    read_list,
    read_number,
)


def _broadcast(op: ir.Operation) -> Sequence[Value]:
    return [_extend(op.operands[0], op.results[0].type.shape)]


def _broadcast_select(op: ir.Operation) -> Sequence[Value]:
    shape = op.results[0].type.shape
    return [stablehlo.select(*(_extend(operand, shape) for operand in op.operands))]


def _extend(operand: Value, shape: Sequence[int]) -> Value:
    """Broadcast a value whose dimensions are the last ones of a shape."""
    return broadcast(operand, range(len(shape) - operand.type.rank, len(shape)), shape)


def _dynamic_broadcast_in_dim(op: ir.Operation) -> Sequence[Value]:
    shape = op.results[0].type.shape
    return [broadcast(op.operands[0], read_list(op, "broadcast_dimensions"), shape)]


def _dynamic_reshape(op: ir.Operation) -> Sequence[Value]:
    return [stablehlo.reshape(op.results[0].type, op.operands[0])]


def _dynamic_iota(op: ir.Operation) -> Sequence[Value]:
    return [stablehlo.iota(op.results[0].type, read_number(op, "iota_dimension"))]


def _real_dynamic_slice(op: ir.Operation) -> Sequence[Value]:
    starts, limits, strides = (
        read_constant(op, position, what)
        for position, what in enumerate(("start indices", "limits", "strides"), 1)
    )
    return [_create("slice", op, 1, start_indices=starts, limit_indices=limits, strides=strides)]


def _dynamic_pad(op: ir.Operation) -> Sequence[Value]:
    low, high, interior = (
        read_constant(op, position, what)
        for position, what in enumerate(("low", "high", "interior padding"), 2)
    )
    padding = {"edge_padding_low": low, "edge_padding_high": high, "interior_padding": interior}
    return [_create("pad", op, 2, **padding)]


def _dynamic_gather(op: ir.Operation) -> Sequence[Value]:
    return [_create("gather", op, 2, slice_sizes=read_constant(op, 2, "slice sizes"))]


def _dynamic_conv(op: ir.Operation) -> Sequence[Value]:
    read_constant(op, 2, "paddings")
    padding = op.operands[2].owner.operation.attributes["value"]
    attributes = {**_copy_attributes(op), "padding": padding}
    return _create_operation("convolution", op, 2, attributes)


def _create(name: str, op: ir.Operation, operands: int, **arrays: list[int]) -> Value:
    """Create a static form, of the first operands and with the others as attributes."""
    made = {key: ir.DenseI64ArrayAttr.get(numbers) for key, numbers in arrays.items()}
    return _create_operation(name, op, operands, {**_copy_attributes(op), **made})[0]


def _create_operation(
    name: str, op: ir.Operation, operands: int, attributes: dict[str, ir.Attribute]
) -> Sequence[Value]:
    return ir.Operation.create(
        f"stablehlo.{name}",
        results=[result.type for result in op.results],
        operands=list(op.operands)[:operands],
        attributes=attributes,
    ).results


def _copy_attributes(op: ir.Operation) -> dict[str, ir.Attribute]:
    return {name: op.attributes[name] for name in op.attributes}


def _torch_index_select(op: ir.Operation) -> Sequence[Value]:
    operand, index = (value.type for value in op.operands)
    dimension, batched = read_number(op, "dim"), read_number(op, "batch_dims")
    if not 0 <= batched <= min(dimension, index.rank) or dimension >= operand.rank:
        raise Unsupported(f"{op.name} along {dimension}, of {batched} in a batch, is not run here")
    batch = list(range(batched))
    chosen = range(dimension, dimension + index.rank - batched)
    whole = [1 if k == dimension or k in batch else size for k, size in enumerate(operand.shape)]
    numbers = stablehlo.GatherDimensionNumbers.get(
        offset_dims=[
            k for k in range(op.results[0].type.rank) if k not in chosen and k not in batch
        ],
        collapsed_slice_dims=[dimension],
        operand_batching_dims=batch,
        start_indices_batching_dims=batch,
        start_index_map=[dimension],
        index_vector_dim=index.rank,
    )
    return [stablehlo.gather(op.operands[0], op.operands[1], numbers, whole)]


EXPANSIONS: dict[str, Expansion] = {
    # The pass that legalizes CHLO makes operations of another dialect of this.
    "chlo.broadcast_select": _broadcast_select,
    "stablehlo.broadcast": _broadcast,
    "stablehlo.dynamic_broadcast_in_dim": _dynamic_broadcast_in_dim,
    "stablehlo.dynamic_conv": _dynamic_conv,
    "stablehlo.dynamic_gather": _dynamic_gather,
    "stablehlo.dynamic_iota": _dynamic_iota,
    "stablehlo.dynamic_pad": _dynamic_pad,
    "stablehlo.dynamic_reshape": _dynamic_reshape,
    "stablehlo.real_dynamic_slice": _real_dynamic_slice,
    "stablehlo.torch_index_select": _torch_index_select,
}
