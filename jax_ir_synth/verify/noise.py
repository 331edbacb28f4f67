"""Rewrites a module's text to the same program with random errors of the size of its own rounding.

This is Monte Carlo arithmetic (D. S. Parker, "Monte Carlo Arithmetic", 1997) on IR. The text is to
be read with longer floats (see `promote`). There each operation's result x moves to
x + t·(x - round(x)), where `round` rounds to the operation's own dtype and t is a random number of
about ±1. So a number that the dtype holds doesn't move, and another one moves by about as much as
rounding it would. The spread of such runs, element by element, is what rounding explains of the
difference between two texts of one program.
"""

from collections.abc import Iterator

import numpy as np
from jaxlib.mlir import ir
from jaxlib.mlir.dialects import stablehlo

from jax_ir_synth.lowering.parsing import Value, open_module, walk
from jax_ir_synth.verify.work import APPLICATIONS

# The bits of a float's mantissa, without the leading one, by MLIR's name of the dtype.
_MANTISSA = {"bf16": 7, "f16": 10, "f32": 23}
# Operations whose results are numbers that they were given, or that the dtype holds.
_EXACT = frozenset(
    f"stablehlo.{name}"
    for name in """
    abs bitcast_convert broadcast_in_dim case ceil clamp concatenate constant dynamic_slice
    dynamic_update_slice floor gather if imag iota maximum minimum negate optimization_barrier pad
    real reduce_precision reshape reverse round_nearest_afz round_nearest_even select sign slice
    sort transpose while
    """.split()
) | {"chlo.conj", "chlo.constant", "chlo.constant_like", "chlo.top_k", "func.call"}
# In a region that joins two elements, these too: a maximum of exact numbers is one of them.
_CHOOSING = _EXACT | {f"stablehlo.{name}" for name in ("and", "compare", "or", "return")}
# Library functions. Each is several operations, which have errors of their own.
_LIBRARY = frozenset(
    f"stablehlo.{name}"
    for name in """
    atan2 cbrt cosine custom_call exponential exponential_minus_one fft log log_plus_one logistic
    power rsqrt sine sqrt tan tanh triangular_solve
    """.split()
)
_ERRORS_OF_LIBRARY = 4.0


def add_noise(text: str, seed: int, constants_only: bool = False) -> str:
    """Add errors to the text of a module.

    Args:
      text: the text.
      seed: the seed of the errors, an integer from 0.
      constants_only: move the 16-bit constants by about their rounding, and nothing else.

    Raises ValueError if the text isn't a valid module.
    """
    draws = np.random.Generator(np.random.Philox(key=[seed, 0]))
    with open_module(text) as module, ir.Location.unknown():
        for op in list(_walk(module.operation)):
            if constants_only:
                if op.name == "stablehlo.constant":
                    _move_constant(op, draws)
            elif not _is_exact(op):
                for result in op.results:
                    _move_result(op, result, draws)
        return str(module)


def _walk(operation: ir.Operation) -> Iterator[ir.Operation]:
    """Yield the operations, except those that only say how two elements are joined or compared."""
    for region in operation.regions:
        for block in region.blocks:
            for view in block.operations:
                yield view.operation
                if view.operation.name not in APPLICATIONS:
                    yield from _walk(view.operation)


def _is_exact(op: ir.Operation) -> bool:
    if op.name in APPLICATIONS:
        return all(inner.name in _CHOOSING for inner in walk(op))
    return op.name in _EXACT


def _mantissa(value: Value) -> int | None:
    kind = value.type
    if not isinstance(kind, ir.RankedTensorType):
        return None
    return _MANTISSA.get(str(kind.element_type))


def _draw_error(draws: np.random.Generator) -> float:
    """Draw an error, in units of the actual rounding error."""
    return float(draws.choice((-1.0, 1.0)) * draws.uniform(0.5, 1.5))


def _move_result(op: ir.Operation, result: Value, draws: np.random.Generator) -> None:
    bits = _mantissa(result)
    if bits is None:
        return
    size = _draw_error(draws)
    if op.name in _LIBRARY or op.name.startswith("chlo."):
        size *= _ERRORS_OF_LIBRARY
    i32 = ir.IntegerType.get_signless(32)
    with ir.InsertionPoint.after(op):
        rounded = stablehlo.reduce_precision(
            result,
            exponent_bits=ir.IntegerAttr.get(i32, 8),
            mantissa_bits=ir.IntegerAttr.get(i32, bits),
        )
        error = stablehlo.subtract(result, rounded)
        sum_ = stablehlo.add(result, stablehlo.multiply(error, _splat(result.type, size)))
        # The difference of two infinities is NaN.
        is_finite = stablehlo.is_finite(result)
        moved = stablehlo.select(is_finite, sum_, result)
    users = (rounded, error, sum_, is_finite, moved)
    result.replace_all_uses_except(moved, [value.owner.operation for value in users])


def _move_constant(op: ir.Operation, draws: np.random.Generator) -> None:
    (result,) = op.results
    bits = _mantissa(result)
    if bits is None or bits == _MANTISSA["f32"]:
        return
    # Half a unit in the last place is between 2**-(bits + 2) and 2**-(bits + 1) of the number.
    size = _draw_error(draws) * 2.0 ** -(bits + 2)
    with ir.InsertionPoint.after(op):
        error = stablehlo.multiply(result, _splat(result.type, size))
        moved = stablehlo.add(result, error)
    result.replace_all_uses_except(moved, [error.owner.operation, moved.owner.operation])


def _splat(kind: ir.Type, number: float) -> Value:
    element = ir.RankedTensorType(kind).element_type
    attribute = ir.FloatAttr.get(element, number)
    return stablehlo.constant(ir.DenseElementsAttr.get_splat(kind, attribute))
