"""Expands batch normalization into arithmetic, by StableHLO's specification."""

import math
from collections.abc import Sequence

from jaxlib.mlir import ir
from jaxlib.mlir.dialects import stablehlo

from jax_ir_synth.lowering.parsing import Value
from jax_ir_synth.verify.expansion.form import (
    Expansion,
    broadcast,
    make_constant,
    read_number,
    sum_over,
)


class _Normalization:
    """A batch normalization's operand, and what depends on its shape.

    Attributes:
      operand: the tensor to normalize.
      count: the number of its elements for each feature.
    """

    def __init__(self, op: ir.Operation):
        self.operand = op.operands[0]
        self._feature = read_number(op, "feature_index")
        self._epsilon = ir.FloatAttr(op.attributes["epsilon"]).value
        shape = self.operand.type.shape
        self._others = [k for k in range(len(shape)) if k != self._feature]
        self.count = math.prod(shape[k] for k in self._others)

    def spread(self, values: Value) -> Value:
        """Broadcast a value for each feature to the operand's shape."""
        return broadcast(values, [self._feature], self.operand.type.shape)

    def sum(self, tensor: Value) -> Value:
        """Sum a tensor of the operand's shape for each feature."""
        return sum_over(tensor, self._others)

    def mean(self, tensor: Value) -> Value:
        """Average a tensor of the operand's shape for each feature."""
        total = self.sum(tensor)
        return stablehlo.divide(total, make_constant(self.count, total.type))

    def center(self, mean: Value) -> Value:
        """Subtract the mean from the operand."""
        return stablehlo.subtract(self.operand, self.spread(mean))

    def add_epsilon(self, variance: Value) -> Value:
        """Add epsilon to the variance, which keeps it from zero."""
        return stablehlo.add(variance, make_constant(self._epsilon, variance.type))

    def deviate(self, variance: Value) -> Value:
        """Compute the standard deviation, in the operand's shape."""
        return self.spread(stablehlo.sqrt(self.add_epsilon(variance)))

    def normalize(self, scale: Value, offset: Value, mean: Value, variance: Value) -> Value:
        """Normalize the operand."""
        normalized = stablehlo.divide(self.center(mean), self.deviate(variance))
        return stablehlo.add(
            stablehlo.multiply(self.spread(scale), normalized), self.spread(offset)
        )


def _inference(op: ir.Operation) -> Sequence[Value]:
    return [_Normalization(op).normalize(*list(op.operands)[1:])]


def _training(op: ir.Operation) -> Sequence[Value]:
    norm = _Normalization(op)
    _, scale, offset = op.operands
    mean = norm.mean(norm.operand)
    centered = norm.center(mean)
    variance = norm.mean(stablehlo.multiply(centered, centered))
    return [norm.normalize(scale, offset, mean, variance), mean, variance]


def _gradient(op: ir.Operation) -> Sequence[Value]:
    norm = _Normalization(op)
    _, scale, mean, variance, cotangent = op.operands
    centered, deviation = norm.center(mean), norm.deviate(variance)
    count = make_constant(norm.count, cotangent.type)
    total = norm.sum(cotangent)
    along = norm.spread(norm.sum(stablehlo.multiply(cotangent, centered)))
    curved = stablehlo.divide(
        stablehlo.multiply(along, centered), norm.spread(norm.add_epsilon(variance))
    )
    rest = stablehlo.subtract(stablehlo.multiply(cotangent, count), norm.spread(total))
    factor = stablehlo.divide(stablehlo.divide(norm.spread(scale), deviation), count)
    by_operand = stablehlo.multiply(factor, stablehlo.subtract(rest, curved))
    by_scale = norm.sum(stablehlo.multiply(cotangent, stablehlo.divide(centered, deviation)))
    return [by_operand, by_scale, total]


EXPANSIONS: dict[str, Expansion] = {
    "stablehlo.batch_norm_grad": _gradient,
    "stablehlo.batch_norm_inference": _inference,
    "stablehlo.batch_norm_training": _training,
}
