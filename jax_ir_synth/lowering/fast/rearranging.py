"""Makes the operations of slices, pads, concatenations and products of matrices directly.

jax's rules make the one operation that is made here, from the same attributes, so the text is the
same. Dtypes that aren't NumPy's are left to jax, and so are concatenations of many arrays and
products with an algorithm or of mixed dtypes.
"""

from typing import Any

from jaxlib.mlir import ir
from jaxlib.mlir.dialects import stablehlo

from jax_ir_synth.lowering.fast.making import Rule, Types, create, find_kind, make_integers
from jax_ir_synth.lowering.parsing import Value

# jax's functions whose work is done here.
RELIES_ON = (
    "jax._src.interpreters.mlir:pad",
    "jax._src.interpreters.mlir:slice_op",
    "jax._src.lax.lax:_concatenate_lower",
    "jax._src.lax.lax:_concatenate_tree",
    "jax._src.lax.lax:_dot_general_lower",
    "jax._src.lax.lax:_full_precision",
    "jax._src.lax.lax:_handle_dot_precision",
    "jax._src.lax.lax:_pad_lower",
    "jax._src.lax.lax:precision_attr",
    "jax._src.lax.slicing:_slice_lower",
)
# jax concatenates more arrays than these in several steps.
_MOST_CONCATENATED = 16


def _slice(types: Types, equation: Any, operands: list[Value]) -> Value | None:
    if not find_kind(equation.invars[0]):
        return None
    params = equation.params
    starts = params["start_indices"]
    return create(
        "stablehlo.slice",
        types(equation.outvars[0].aval),
        operands,
        start_indices=make_integers(starts),
        limit_indices=make_integers(params["limit_indices"]),
        strides=make_integers(params["strides"] or [1] * len(starts)),
    )


def _pad(types: Types, equation: Any, operands: list[Value]) -> Value | None:
    if not find_kind(equation.invars[0]):
        return None
    config = equation.params["padding_config"]
    low, high, interior = zip(*config, strict=True) if config else ((), (), ())
    return create(
        "stablehlo.pad",
        types(equation.outvars[0].aval),
        operands,
        edge_padding_low=make_integers(low),
        edge_padding_high=make_integers(high),
        interior_padding=make_integers(interior),
    )


def _concatenate(types: Types, equation: Any, operands: list[Value]) -> Value | None:
    if not find_kind(equation.invars[0]) or not 1 < len(operands) <= _MOST_CONCATENATED:
        return None
    dimension = ir.IntegerAttr.get(ir.IntegerType.get_signless(64), equation.params["dimension"])
    return create(
        "stablehlo.concatenate",
        types(equation.outvars[0].aval),
        operands,
        dimension=dimension,
    )


def _multiply_matrices(types: Types, equation: Any, operands: list[Value]) -> Value | None:
    params = equation.params
    first, second = (variable.aval.dtype for variable in equation.invars)
    if first != second or not find_kind(equation.invars[0]) or params["precision"] is not None:
        return None
    (left_contracting, right_contracting), (left_batch, right_batch) = params["dimension_numbers"]
    dimensions = stablehlo.DotDimensionNumbers.get(
        lhs_batching_dimensions=list(left_batch),
        rhs_batching_dimensions=list(right_batch),
        lhs_contracting_dimensions=list(left_contracting),
        rhs_contracting_dimensions=list(right_contracting),
    )
    default = stablehlo.PrecisionAttr.get("DEFAULT")
    return create(
        "stablehlo.dot_general",
        types(equation.outvars[0].aval),
        operands,
        dot_dimension_numbers=dimensions,
        precision_config=ir.ArrayAttr.get([default, default]),
    )


RULES: dict[str, Rule] = {
    "concatenate": _concatenate,
    "dot_general": _multiply_matrices,
    "pad": _pad,
    "slice": _slice,
}
