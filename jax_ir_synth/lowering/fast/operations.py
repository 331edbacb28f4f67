"""Makes the operation of an equation directly, for the primitives that are one operation each.

jax lowers an equation as a function of its own, which it keeps for its module and copies to where
the equation is. For these primitives jax's rule makes the one operation that is made here, from the
same attributes, so the text is the same. Anything unusual (dtypes that aren't NumPy's, accuracies,
results as booleans) is left to jax's rule.
"""

import functools
from collections.abc import Mapping
from typing import Any

import numpy as np
from jaxlib.mlir import ir
from jaxlib.mlir.dialects import stablehlo

from jax_ir_synth.lowering.fast import rearranging
from jax_ir_synth.lowering.fast.making import Rule, Types, create, find_kind, make_integers
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
    "jax._src.lax.lax:_cos_lowering",
    "jax._src.lax.lax:_integer_pow",
    "jax._src.lax.lax:_integer_pow_lowering",
    "jax._src.lax.lax:_sin_lowering",
    "jax._src.lax.lax:_square_lower_hlo",
    "jax._src.lax.lax:_unary_reduce_lower",
    "jax._src.lax.lax:_get_sum_identity",
    "jax._src.interpreters.mlir:_minmax_hlo",
    "jax._src.interpreters.mlir:add_jaxvals_lowering",
    "jax._src.interpreters.mlir:compare_hlo",
    "jax._src.interpreters.mlir:convert_hlo",
    "jax._src.interpreters.mlir:reshape",
    "jax._src.interpreters.mlir:broadcast_in_dim",
    "jax._src.interpreters.mlir:multi_broadcast_in_dim",
    "jax._src.interpreters.mlir:lower_with_sharding_in_types",
    *rearranging.RELIES_ON,
)

_PLATFORMS = ("cpu", "cuda")
_DIALECTS = {"_stablehlo_ops_gen": "stablehlo", "_chlo_ops_gen": "chlo"}
_DIRECTIONS = ("EQ", "NE", "LT", "LE", "GT", "GE")
# Elementwise operations that jax makes otherwise of complex numbers.
_REAL = {
    "cos": "stablehlo.cosine",
    "max": "stablehlo.maximum",
    "min": "stablehlo.minimum",
    "sin": "stablehlo.sine",
}
# Primitives with a platform's own rule that makes the same of what isn't left to jax here.
_ALIKE = {"dot_general"}
_COMPARED = {"f": "FLOAT", "i": "SIGNED", "u": "UNSIGNED", "b": "UNSIGNED"}


@functools.cache
def find_rules() -> Mapping[Any, Rule]:
    """Find the primitives that are lowered here, with what makes their operations."""
    mlir = private("interpreters.mlir")
    lax = private("lax.lax")

    by_name: dict[str, Rule] = {
        **{direction.lower(): _make_comparison(direction) for direction in _DIRECTIONS},
        **{name: _make_real(operation) for name, operation in _REAL.items()},
        **rearranging.RULES,
        "add_any": _make_rule("stablehlo.add"),
        "broadcast_in_dim": _make_rule("stablehlo.broadcast_in_dim", "broadcast_dimensions"),
        "convert_element_type": _convert,
        "integer_pow": _integer_pow,
        "reduce_sum": _reduce_sum,
        "reshape": _reshape,
        "select_n": _select,
        "square": _square,
        # A squeeze has other dimensions, which follow from the result.
        "squeeze": _AS_RESULT,
        "transpose": _make_rule("stablehlo.transpose", "permutation"),
    }
    special = {
        name for platform in _PLATFORMS for name in mlir._platform_specific_lowerings[platform]
    }
    rules: dict[Any, Rule] = {}
    for primitive, entry in mlir._lowerings.items():
        if not entry.inline or (primitive in special and primitive.name not in _ALIKE):
            continue
        rule = entry.rule
        if isinstance(rule, functools.partial) and rule.func is lax._nary_lower_hlo:
            operation = _find_operation(rule.args[0])
            if operation is not None:
                rules[primitive] = functools.partial(_elementwise, operation)
                continue
        if primitive.name in by_name:
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
    return create(name, types(result.aval), operands)


def _broadcast(equation: Any, operands: list[Value]) -> None:
    """Broadcast the operands to the result's shape."""
    shape = equation.outvars[0].aval.shape
    for number, variable in enumerate(equation.invars):
        own = variable.aval.shape
        if own != shape:
            operand = operands[number]
            operands[number] = create(
                "stablehlo.broadcast_in_dim",
                ir.RankedTensorType.get(shape, operand.type.element_type),
                [operand],
                broadcast_dimensions=make_integers(range(len(shape) - len(own), len(shape))),
            )


def _make_comparison(direction: str) -> Rule:
    def compare(types: Types, equation: Any, operands: list[Value]) -> Value | None:
        kind = _COMPARED.get(find_kind(equation.invars[0]))
        if kind is None:
            return None
        _broadcast(equation, operands)
        return create(
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
        if not find_kind(equation.invars[0]):
            return None
        read = {attribute: make_integers(equation.params[attribute]) for attribute in attributes}
        return create(name, types(equation.outvars[0].aval), operands, **read)

    return make


def _convert(types: Types, equation: Any, operands: list[Value]) -> Value | None:
    given, made = find_kind(equation.invars[0]), find_kind(equation.outvars[0])
    # jax compares with zero for booleans, and takes the real part of complex numbers.
    if given not in _COMPARED or made not in _COMPARED or made == "b":
        return None
    return create("stablehlo.convert", types(equation.outvars[0].aval), operands)


def _select(types: Types, equation: Any, operands: list[Value]) -> Value | None:
    if len(operands) != 3 or find_kind(equation.invars[0]) != "b":
        return None
    if not find_kind(equation.outvars[0]):
        return None
    which, first, second = operands
    return create("stablehlo.select", types(equation.outvars[0].aval), [which, second, first])


_AS_RESULT = _make_rule("stablehlo.reshape")


def _reshape(types: Types, equation: Any, operands: list[Value]) -> Value | None:
    if equation.params["dimensions"] is not None:
        return None
    return _AS_RESULT(types, equation, operands)


def _make_real(operation: str) -> Rule:
    def make(types: Types, equation: Any, operands: list[Value]) -> Value | None:
        if find_kind(equation.invars[0]) not in _COMPARED:
            return None
        return _elementwise(operation, types, equation, operands)

    return make


def _square(types: Types, equation: Any, operands: list[Value]) -> Value | None:
    kind = find_kind(equation.invars[0])
    if kind == "f":
        return create("chlo.square", types(equation.outvars[0].aval), operands)
    return _integer_pow(types, equation, operands, 2) if kind in ("i", "u") else None


def _integer_pow(
    types: Types, equation: Any, operands: list[Value], exponent: int | None = None
) -> Value | None:
    left = equation.params["y"] if exponent is None else exponent
    if left < 2:
        return None
    (base,) = operands
    kind = types(equation.outvars[0].aval)
    if left == 3:
        return _multiply(kind, _multiply(kind, base, base), base)
    result = None
    while True:
        if left & 1:
            result = base if result is None else _multiply(kind, result, base)
        left >>= 1
        if not left:
            return result
        base = _multiply(kind, base, base)


def _multiply(kind: ir.Type, x: Value, y: Value) -> Value:
    return create("stablehlo.multiply", kind, [x, y])


def _reduce_sum(types: Types, equation: Any, operands: list[Value]) -> Value | None:
    aval = equation.outvars[0].aval
    if aval.dtype != np.float32:
        return None
    element = ir.F32Type.get()
    scalar = ir.RankedTensorType.get((), element)
    zero = create(
        "stablehlo.constant",
        scalar,
        [],
        value=private("interpreters.mlir")._numpy_array_attribute(np.zeros((), np.float32)),
    )
    reduced = ir.Operation.create(
        "stablehlo.reduce",
        results=[types(aval)],
        operands=[*operands, zero],
        attributes={"dimensions": make_integers(equation.params["axes"])},
        regions=1,
    )
    block = reduced.regions[0].blocks.append(scalar, scalar)
    with ir.InsertionPoint(block):
        total = create("stablehlo.add", scalar, [*block.arguments])
        ir.Operation.create("stablehlo.return", operands=[total])
    return reduced.result
