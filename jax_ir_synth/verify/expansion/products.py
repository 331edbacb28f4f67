"""Expands products of tensors into `dot_general`."""

import re
from collections.abc import Sequence
from typing import NamedTuple

from jaxlib.mlir import ir
from jaxlib.mlir.dialects import stablehlo

from jax_ir_synth.lowering.parsing import Value
from jax_ir_synth.verify.admission import Unsupported
from jax_ir_synth.verify.expansion.form import Expansion, sum_over

_EINSUM = re.compile(r"([A-Za-z]*),([A-Za-z]*)->([A-Za-z]*)")
_UNARY_EINSUM = re.compile(r"([A-Za-z]*)->([A-Za-z]*)")


def _dot(op: ir.Operation) -> Sequence[Value]:
    left, right = op.operands
    numbers = stablehlo.DotDimensionNumbers.get(
        lhs_batching_dimensions=[],
        rhs_batching_dimensions=[],
        lhs_contracting_dimensions=[left.type.rank - 1],
        rhs_contracting_dimensions=[0],
    )
    return [stablehlo.dot_general(op.results[0].type, left, right, numbers)]


class _Labelled(NamedTuple):
    """A value, with a letter for each of its dimensions."""

    value: Value
    labels: str


def _einsum(op: ir.Operation) -> Sequence[Value]:
    left, right, given = _read_labels(op, _EINSUM)
    product = _multiply(
        _sum_unused(_label(op, op.operands[0], left), right + given),
        _sum_unused(_label(op, op.operands[1], right), left + given),
        given,
        op.results[0].type.element_type,
    )
    return [_transpose(op, product, given)]


def _unary_einsum(op: ir.Operation) -> Sequence[Value]:
    taken, given = _read_labels(op, _UNARY_EINSUM)
    return [_transpose(op, _sum_unused(_label(op, op.operands[0], taken), given), given)]


def _read_labels(op: ir.Operation, form: re.Pattern[str]) -> Sequence[str]:
    """Read the labels of an einsum's operands and of its result. Raises Unsupported."""
    config = ir.StringAttr(op.attributes["einsum_config"]).value
    match = form.fullmatch(config.replace(" ", ""))
    if match is None:
        raise Unsupported(f'{op.name} of "{config:.60}" is not run here')
    *taken, given = match.groups()
    # A letter that an operand has twice means its diagonal.
    if any(len(set(labels)) < len(labels) for labels in match.groups()):
        raise Unsupported(f'{op.name} of "{config:.60}", with a letter twice, is not run here')
    if not set(given) <= set("".join(taken)):
        raise Unsupported(f'{op.name} of "{config:.60}" has a letter for its result alone')
    return match.groups()


def _label(op: ir.Operation, value: Value, labels: str) -> _Labelled:
    if len(labels) != value.type.rank:
        raise Unsupported(f"{op.name} has {len(labels)} letters for {value.type.rank} dimensions")
    return _Labelled(value, labels)


def _sum_unused(operand: _Labelled, used: str) -> _Labelled:
    unused = [k for k, label in enumerate(operand.labels) if label not in used]
    kept = "".join(label for label in operand.labels if label in used)
    return _Labelled(sum_over(operand.value, unused), kept)


def _multiply(left: _Labelled, right: _Labelled, given: str, element: ir.Type) -> _Labelled:
    """Multiply, and sum over the common dimensions that the result lacks."""
    common = [label for label in left.labels if label in right.labels]
    batch = [label for label in common if label in given]
    summed = [label for label in common if label not in given]
    numbers = stablehlo.DotDimensionNumbers.get(
        lhs_batching_dimensions=[left.labels.index(label) for label in batch],
        rhs_batching_dimensions=[right.labels.index(label) for label in batch],
        lhs_contracting_dimensions=[left.labels.index(label) for label in summed],
        rhs_contracting_dimensions=[right.labels.index(label) for label in summed],
    )
    sizes = {
        label: size
        for operand in (left, right)
        for label, size in zip(operand.labels, operand.value.type.shape, strict=True)
    }
    alone = [label for label in left.labels + right.labels if label not in common]
    labels = "".join([*batch, *alone])
    kind = ir.RankedTensorType.get([sizes[label] for label in labels], element)
    return _Labelled(stablehlo.dot_general(kind, left.value, right.value, numbers), labels)


def _transpose(op: ir.Operation, product: _Labelled, given: str) -> Value:
    order = [product.labels.index(label) for label in given]
    shape = [product.value.type.shape[k] for k in order]
    if shape != list(op.results[0].type.shape):
        raise Unsupported(f"{op.name} gives the shape {shape}, its text says another")
    return stablehlo.transpose(product.value, order)


EXPANSIONS: dict[str, Expansion] = {
    "stablehlo.dot": _dot,
    "stablehlo.einsum": _einsum,
    "stablehlo.unary_einsum": _unary_einsum,
}
