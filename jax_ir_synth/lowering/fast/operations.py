"""Makes the operation of an equation directly, for the primitives that are one operation each.

jax lowers an equation as a function of its own, which it keeps for its module and copies to where
the equation is. For these primitives jax's rule makes the one operation that is made here, from the
same attributes, so the text is the same. Anything unusual (dtypes that aren't NumPy's, accuracies,
results as booleans) is left to jax's rule.
"""

import functools
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from jaxlib.mlir import ir
from jaxlib.mlir.dialects import stablehlo

from jax_ir_synth.lowering.fast.private import private
from jax_ir_synth.lowering.parsing import Value

# jax's functions whose work is done here.
RELIES_ON = (
    "jax._src.lax.lax:_nary_lower_hlo",
    "jax._src.lax.lax:_compare_lower_hlo",
    "jax._src.lax.lax:_broadcast_in_dim_lower",
    "jax._src.lax.lax:_convert_element_type_lower",
    "jax._src.lax.lax:_select_hlo_lowering",
    "jax._src.lax.lax:_reshape_lower",
    "jax._src.lax.lax:_squeeze_lower",
    "jax._src.lax.lax:_transpose_lower",
    "jax._src.lax.lax:_integer_pow_lowering",
    "jax._src.lax.lax:_unary_reduce_lower",
    "jax._src.lax.lax:_get_sum_identity",
    "jax._src.interpreters.mlir:add_jaxvals_lowering",
    "jax._src.interpreters.mlir:compare_hlo",
    "jax._src.interpreters.mlir:convert_hlo",
    "jax._src.interpreters.mlir:reshape",
    "jax._src.interpreters.mlir:broadcast_in_dim",
    "jax._src.interpreters.mlir:multi_broadcast_in_dim",
    "jax._src.interpreters.mlir:lower_with_sharding_in_types",
)

# Makes an equation's operation, given the types of an aval, the equation and its operands; None to
# leave it to jax.
Types = Callable[[Any], ir.Type]
Rule = Callable[[Types, Any, list[Value]], Value | None]

_PLATFORMS = ("cpu", "cuda")
_DIALECTS = {"_stablehlo_ops_gen": "stablehlo", "_chlo_ops_gen": "chlo"}
_DIRECTIONS = ("EQ", "NE", "LT", "LE", "GT", "GE")
_COMPARED = {"f": "FLOAT", "i": "SIGNED", "u": "UNSIGNED", "b": "UNSIGNED"}


@functools.cache
def find_rules() -> Mapping[Any, Rule]:
    """Find the primitives that are lowered here, with what makes their operations."""
    mlir = private("interpreters.mlir")
    lax = private("lax.lax")

    by_name: dict[str, Rule] = {
        **{direction.lower(): _make_comparison(direction) for direction in _DIRECTIONS},
        "add_any": _make_rule("stablehlo.add"),
        "broadcast_in_dim": _make_rule("stablehlo.broadcast_in_dim", "broadcast_dimensions"),
        "convert_element_type": _convert,
        "integer_pow": _integer_pow,
        "reduce_sum": _reduce_sum,
        "reshape": _reshape,
        "select_n": _select,
        # A squeeze has other dimensions, which follow from the result.
        "squeeze": _AS_RESULT,
        "transpose": _make_rule("stablehlo.transpose", "permutation"),
    }
    special = {
        name for platform in _PLATFORMS for name in mlir._platform_specific_lowerings[platform]
    }
    rules: dict[Any, Rule] = {}
    for primitive, entry in mlir._lowerings.items():
        if primitive in special or not entry.inline:
            continue
        rule = entry.rule
        if isinstance(rule, functools.partial) and rule.func is lax._nary_lower_hlo:
            operation = _find_operation(rule.args[0])
            if operation is not None:
                rules[primitive] = functools.partial(_elementwise, operation)
        elif primitive.name in by_name:
            rules[primitive] = by_name[primitive.name]
    return rules


def _find_operation(builder: Any) -> str | None:
    """Find the name of the operation that a function makes, if it is one of MLIR's bindings."""
    dialect = _DIALECTS.get(getattr(builder, "__module__", "").rpartition(".")[2])
    return f"{dialect}.{builder.__name__.removesuffix('_')}" if dialect is not None else None


def _elementwise(name: str, types: Types, equation: Any, operands: list[Value]) -> Value | None:
    params, (result,) = equation.params, equation.outvars
    if params.get("accuracy") is not None or params.get("out_dtype") is not None:
        return None
    if len(operands) > 1:
        _broadcast(equation, operands)
    return _create(name, types(result.aval), operands)


def _broadcast(equation: Any, operands: list[Value]) -> None:
    """Broadcast the operands to the result's shape."""
    shape = equation.outvars[0].aval.shape
    for number, variable in enumerate(equation.invars):
        own = variable.aval.shape
        if own != shape:
            operand = operands[number]
            operands[number] = _create(
                "stablehlo.broadcast_in_dim",
                ir.RankedTensorType.get(shape, operand.type.element_type),
                [operand],
                broadcast_dimensions=_integers(range(len(shape) - len(own), len(shape))),
            )


def _make_comparison(direction: str) -> Rule:
    def compare(types: Types, equation: Any, operands: list[Value]) -> Value | None:
        kind = _COMPARED.get(_find_kind(equation.invars[0]))
        if kind is None:
            return None
        _broadcast(equation, operands)
        return _create(
            "stablehlo.compare",
            types(equation.outvars[0].aval),
            operands,
            comparison_direction=stablehlo.ComparisonDirectionAttr.get(direction),
            compare_type=stablehlo.ComparisonTypeAttr.get(kind),
        )

    return compare


def _make_rule(name: str, *attributes: str) -> Rule:
    """Make the rule of an operation whose attributes, lists of integers, are the parameters."""

    def make(types: Types, equation: Any, operands: list[Value]) -> Value | None:
        if not _find_kind(equation.invars[0]):
            return None
        read = {attribute: _integers(equation.params[attribute]) for attribute in attributes}
        return _create(name, types(equation.outvars[0].aval), operands, **read)

    return make


def _convert(types: Types, equation: Any, operands: list[Value]) -> Value | None:
    given, made = _find_kind(equation.invars[0]), _find_kind(equation.outvars[0])
    # jax compares with zero for booleans, and takes the real part of complex numbers.
    if given not in _COMPARED or made not in _COMPARED or made == "b":
        return None
    return _create("stablehlo.convert", types(equation.outvars[0].aval), operands)


def _select(types: Types, equation: Any, operands: list[Value]) -> Value | None:
    if len(operands) != 3 or _find_kind(equation.invars[0]) != "b":
        return None
    if not _find_kind(equation.outvars[0]):
        return None
    which, first, second = operands
    return _create("stablehlo.select", types(equation.outvars[0].aval), [which, second, first])


_AS_RESULT = _make_rule("stablehlo.reshape")


def _reshape(types: Types, equation: Any, operands: list[Value]) -> Value | None:
    if equation.params["dimensions"] is not None:
        return None
    return _AS_RESULT(types, equation, operands)


def _integer_pow(types: Types, equation: Any, operands: list[Value]) -> Value | None:
    exponent = equation.params["y"]
    if exponent not in (2, 3):
        return None
    (base,) = operands
    kind = types(equation.outvars[0].aval)
    square = _create("stablehlo.multiply", kind, [base, base])
    return square if exponent == 2 else _create("stablehlo.multiply", kind, [square, base])


def _reduce_sum(types: Types, equation: Any, operands: list[Value]) -> Value | None:
    aval = equation.outvars[0].aval
    if aval.dtype != np.float32:
        return None
    element = ir.F32Type.get()
    scalar = ir.RankedTensorType.get((), element)
    zero = _create(
        "stablehlo.constant",
        scalar,
        [],
        value=private("interpreters.mlir")._numpy_array_attribute(np.zeros((), np.float32)),
    )
    reduced = ir.Operation.create(
        "stablehlo.reduce",
        results=[types(aval)],
        operands=[*operands, zero],
        attributes={"dimensions": _integers(equation.params["axes"])},
        regions=1,
    )
    block = reduced.regions[0].blocks.append(scalar, scalar)
    with ir.InsertionPoint(block):
        total = _create("stablehlo.add", scalar, [*block.arguments])
        ir.Operation.create("stablehlo.return", operands=[total])
    return reduced.result


def _find_kind(variable: Any) -> str:
    return _classify(variable.aval.dtype)


@functools.cache
def _classify(dtype: Any) -> str:
    """Return the kind of a NumPy dtype, "f" for bfloat16; empty for jax's own dtypes."""
    if not isinstance(dtype, np.dtype):
        return ""
    # Short floats other than float16 are void to NumPy.
    return "f" if dtype.name == "bfloat16" else "" if dtype.kind == "V" else dtype.kind


def _integers(numbers: Sequence[int]) -> ir.Attribute:
    return ir.DenseI64ArrayAttr.get(list(numbers))


def _create(
    name: str, kind: ir.Type, operands: Sequence[Value], **attributes: ir.Attribute
) -> Value:
    return ir.Operation.create(
        name, results=[kind], operands=operands, attributes=attributes
    ).result
