"""Estimates from shapes how much work an operation is for the interpreter.

The unit is a step. An operation takes one step, and one for each element of its results. A step
takes half a microsecond to two, whatever the operation.
"""

import math
from collections.abc import Callable

from jaxlib.mlir import ir
from jaxlib.mlir.dialects import stablehlo

from jax_ir_synth.lowering.parsing import read_integers

Size = Callable[[ir.Type], int]
# The interpreter handles windows and indices element by element.
_INDEXED = 4


def count_applications(
    op: ir.Operation, name: str, size: int, sizes: Size, turns: Callable[[ir.Operation], int]
) -> float:
    """Count how often each region of an operation is run at most.

    Args:
      op: the operation.
      name: its name.
      size: the number of elements of its results.
      sizes: returns the number of elements of a tensor's type.
      turns: returns the turns of a loop.
    """
    if name == "stablehlo.while":
        # The condition is evaluated once more.
        return turns(op) + 1.0
    measure = APPLICATIONS.get(name)
    return measure(op, size, sizes) if measure else 1.0


def _count_operand_elements(op: ir.Operation, sizes: Size) -> int:
    return sum(sizes(operand.type) for operand in op.operands)


def _cost_dot_general(op: ir.Operation, size: int, sizes: Size) -> float:
    numbers = stablehlo.DotDimensionNumbers(op.attributes["dot_dimension_numbers"])
    shape = op.operands[0].type.shape
    return size * float(math.prod(shape[k] for k in numbers.lhs_contracting_dimensions))


def _cost_convolution(op: ir.Operation, size: int, sizes: Size) -> float:
    numbers = stablehlo.ConvDimensionNumbers(op.attributes["dimension_numbers"])
    operand, kernel = (value.type.shape for value in op.operands)
    taps = float(math.prod(kernel)) / max(1, kernel[numbers.kernel_output_feature_dimension])
    spatial = list(numbers.input_spatial_dimensions)
    padded = _count_padded(
        [operand[k] for k in spatial],
        _read_attribute(op, "lhs_dilation", len(spatial), 1),
        _read_padding(op, len(spatial)),
    )
    around = math.prod(n for k, n in enumerate(operand) if k not in spatial)
    return float(2 * size * taps + padded * around)


def _count_padded(shape: list[int], dilations: list[int], padding: list[int]) -> float:
    """Count the elements of an operand after dilation and padding."""
    low, high = padding[::2], padding[1::2]
    return math.prod(
        float(max(0, (n - 1) * by + 1) + max(0, before) + max(0, after))
        for n, by, before, after in zip(shape, dilations, low, high, strict=True)
    )


def _cost_windows(op: ir.Operation, size: int, sizes: Size) -> float:
    shape = op.operands[0].type.shape
    dilations = _read_attribute(op, "base_dilations", len(shape), 1)
    padded = _count_padded(shape, dilations, _read_padding(op, len(shape)))
    return padded * len(op.results) + _count_window(op) * _INDEXED * size


def _count_window(op: ir.Operation) -> float:
    # Without the attribute, the window has one element.
    return math.prod(map(float, _read_attribute(op, "window_dimensions", 0, 1)))


def _read_padding(op: ir.Operation, rank: int) -> list[int]:
    if "padding" not in op.attributes:
        return [0] * (2 * rank)
    return read_integers(op.attributes["padding"])


def _read_attribute(op: ir.Operation, name: str, rank: int, otherwise: int) -> list[int]:
    if name not in op.attributes:
        return [otherwise] * rank
    return read_integers(op.attributes[name])


def _cost_factorization(op: ir.Operation, size: int, sizes: Size) -> float:
    """Estimate a routine of LAPACK or NumPy, at a thousandth of a step per operation."""
    longest = max((max(x.type.shape, default=1) for x in op.operands), default=1)
    return _count_operand_elements(op, sizes) * (1 + longest / 100)


def _count_sort_comparisons(op: ir.Operation, size: int, sizes: Size) -> float:
    dimension = ir.IntegerAttr(op.attributes["dimension"]).value if _has_dimension(op) else -1
    length = op.operands[0].type.shape[dimension]
    return sizes(op.operands[0].type) * (1.0 + math.log2(max(2, length)))


def _has_dimension(op: ir.Operation) -> bool:
    return "dimension" in op.attributes


# The steps that an operation takes beyond one and those for its results, without its regions and
# callees. The functions take the operation, and `size` and `sizes` as in `count_applications`.
OWN: dict[str, Callable[[ir.Operation, int, Size], float]] = {
    "stablehlo.pad": lambda op, size, sizes: _count_operand_elements(op, sizes),
    "stablehlo.dot_general": _cost_dot_general,
    "stablehlo.convolution": _cost_convolution,
    "stablehlo.gather": lambda op, size, sizes: _INDEXED * size,
    "stablehlo.scatter": lambda op, size, sizes: _INDEXED * _count_operand_elements(op, sizes),
    "stablehlo.reduce": lambda op, size, sizes: _count_operand_elements(op, sizes),
    "stablehlo.reduce_window": _cost_windows,
    "stablehlo.select_and_scatter": _cost_windows,
    "stablehlo.cholesky": _cost_factorization,
    "stablehlo.custom_call": _cost_factorization,
    "stablehlo.fft": _cost_factorization,
    "stablehlo.triangular_solve": _cost_factorization,
}
# How often an operation's region is run. A reduction runs its body once for each element reduced.
APPLICATIONS = {
    "stablehlo.reduce": lambda op, size, sizes: float(sizes(op.operands[0].type)),
    "stablehlo.reduce_window": lambda op, size, sizes: (
        sizes(op.results[0].type) * _count_window(op)
    ),
    "stablehlo.select_and_scatter": lambda op, size, sizes: (
        sizes(op.operands[1].type) * _count_window(op)
    ),
    "stablehlo.scatter": lambda op, size, sizes: float(sizes(op.operands[-1].type)),
    "stablehlo.map": lambda op, size, sizes: float(size),
    "stablehlo.sort": _count_sort_comparisons,
}
