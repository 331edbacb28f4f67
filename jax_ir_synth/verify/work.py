"""How much work an operation is for the interpreter, estimated from its shapes.

The unit is a step: an operation takes one, and one for each element of its results. That is half a
microsecond to two, whatever the operation.
"""

import math
from collections.abc import Callable

from jaxlib.mlir import ir
from jaxlib.mlir.dialects import stablehlo

from jax_ir_synth.lowering.parsing import integers

Size = Callable[[ir.Type], int]
# The interpreter looks at windows and indices element by element.
_INDEXED = 4


def applications(
    op: ir.Operation, name: str, size: int, sizes: Size, turns: Callable[[ir.Operation], int]
) -> float:
    """How often each region of an operation is run, at most.

    Args:
      op: the operation.
      name: of the operation.
      size: the number of elements of its results.
      sizes: gives the number of elements of a tensor's type.
      turns: gives the turns of a loop.
    """
    if name == "stablehlo.while":
        # The condition is looked at once more.
        return turns(op) + 1.0
    measure = APPLICATIONS.get(name)
    return measure(op, size, sizes) if measure else 1.0


def _operands(op: ir.Operation, sizes: Size) -> int:
    return sum(sizes(operand.type) for operand in op.operands)


def _contracted(op: ir.Operation, size: int, sizes: Size) -> float:
    numbers = stablehlo.DotDimensionNumbers(op.attributes["dot_dimension_numbers"])
    shape = op.operands[0].type.shape
    return size * float(math.prod(shape[k] for k in numbers.lhs_contracting_dimensions))


def _convolved(op: ir.Operation, size: int, sizes: Size) -> float:
    numbers = stablehlo.ConvDimensionNumbers(op.attributes["dimension_numbers"])
    operand, kernel = (value.type.shape for value in op.operands)
    taps = float(math.prod(kernel)) / max(1, kernel[numbers.kernel_output_feature_dimension])
    spatial = list(numbers.input_spatial_dimensions)
    padded = _padded(
        [operand[k] for k in spatial],
        _integers(op, "lhs_dilation", len(spatial), 1),
        _padding(op, len(spatial)),
    )
    around = math.prod(n for k, n in enumerate(operand) if k not in spatial)
    return float(2 * size * taps + padded * around)


def _padded(shape: list[int], dilations: list[int], padding: list[int]) -> float:
    """Elements of an operand once it is dilated and padded."""
    low, high = padding[::2], padding[1::2]
    return math.prod(
        float(max(0, (n - 1) * by + 1) + max(0, before) + max(0, after))
        for n, by, before, after in zip(shape, dilations, low, high, strict=True)
    )


def _windowed(op: ir.Operation, size: int, sizes: Size) -> float:
    shape = op.operands[0].type.shape
    dilations = _integers(op, "base_dilations", len(shape), 1)
    padded = _padded(shape, dilations, _padding(op, len(shape)))
    return padded * len(op.results) + _window(op) * _INDEXED * size


def _window(op: ir.Operation) -> float:
    # Where it isn't given it is of one element.
    return math.prod(map(float, _integers(op, "window_dimensions", 0, 1)))


def _padding(op: ir.Operation, rank: int) -> list[int]:
    if "padding" not in op.attributes:
        return [0] * (2 * rank)
    return integers(op.attributes["padding"])


def _integers(op: ir.Operation, name: str, rank: int, otherwise: int) -> list[int]:
    if name not in op.attributes:
        return [otherwise] * rank
    return integers(op.attributes[name])


def _factorized(op: ir.Operation, size: int, sizes: Size) -> float:
    """LAPACK's and NumPy's routines take a thousandth of it, an element and operation."""
    longest = max((max(x.type.shape, default=1) for x in op.operands), default=1)
    return _operands(op, sizes) * (1 + longest / 100)


def _sorted(op: ir.Operation, size: int, sizes: Size) -> float:
    dimension = ir.IntegerAttr(op.attributes["dimension"]).value if _has_dimension(op) else -1
    length = op.operands[0].type.shape[dimension]
    return sizes(op.operands[0].type) * (1.0 + math.log2(max(2, length)))


def _has_dimension(op: ir.Operation) -> bool:
    return "dimension" in op.attributes


# By an operation's name: the steps that it takes besides the one, and those for its results; its
# regions and what it calls left out. Called as `applications` is, but for the name and the turns.
OWN: dict[str, Callable[[ir.Operation, int, Size], float]] = {
    "stablehlo.pad": lambda op, size, sizes: _operands(op, sizes),
    "stablehlo.dot_general": _contracted,
    "stablehlo.convolution": _convolved,
    "stablehlo.gather": lambda op, size, sizes: _INDEXED * size,
    "stablehlo.scatter": lambda op, size, sizes: _INDEXED * _operands(op, sizes),
    "stablehlo.reduce": lambda op, size, sizes: _operands(op, sizes),
    "stablehlo.reduce_window": _windowed,
    "stablehlo.select_and_scatter": _windowed,
    "stablehlo.custom_call": _factorized,
    "stablehlo.fft": _factorized,
    "stablehlo.triangular_solve": _factorized,
}
# A reduction's operands hold as many elements for each result as its body is run.
APPLICATIONS = {
    "stablehlo.reduce": lambda op, size, sizes: float(sizes(op.operands[0].type)),
    "stablehlo.reduce_window": lambda op, size, sizes: sizes(op.results[0].type) * _window(op),
    "stablehlo.select_and_scatter": lambda op, size, sizes: (
        sizes(op.operands[1].type) * _window(op)
    ),
    "stablehlo.scatter": lambda op, size, sizes: float(sizes(op.operands[-1].type)),
    "stablehlo.map": lambda op, size, sizes: float(size),
    "stablehlo.sort": _sorted,
}
