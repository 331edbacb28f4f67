"""A module as StableHLO's interpreter wants it, computing the same.

The interpreter writes into a scatter's operand, dies of an integer divided by zero, of a comparison
that puts no order on what it sorts and of a product over no elements, and NumPy can't read its
bfloat16 results.
"""

from collections.abc import Callable

from jaxlib.mlir import ir
from jaxlib.mlir.dialects import stablehlo
from jaxlib.mlir.passmanager import PassManager

from jax_ir_synth.lowering.parsing import Value, integers
from jax_ir_synth.verify.admission import Admitted, Refused
from jax_ir_synth.verify.loops import bound
from jax_ir_synth.verify.partition import main_of, retype

_LEGALIZE = "builtin.module(func.func(chlo-legalize-to-stablehlo))"
# Of CHLO: each becomes some hundred others at most.
_MAX_CHLO = 500


def legalize(module: ir.Module, admitted: Admitted) -> bool:
    """Replaces CHLO's operations, which the interpreter lacks, by StableHLO's.

    Returns whether there were any. Raises Refused.
    """
    count = sum(name.startswith("chlo.") for name, _ in admitted.operations)
    if count > _MAX_CHLO:
        raise Refused(f"it has {count:,} operations of CHLO, above {_MAX_CHLO}")
    if not count:
        return False
    try:
        PassManager.parse(_LEGALIZE).run(module.operation)
    except ir.MLIRError as error:
        reason = " ".join(str(error).split())
        raise Refused(f"its CHLO operations can't be legalized: {reason:.200}") from None
    return True


def prepare(admitted: Admitted) -> None:
    """Changes an admitted module of StableHLO; what is known of it holds no longer."""
    for name, op in admitted.operations:
        if name in _MENDED:
            with ir.InsertionPoint(op):
                _MENDED[name](op)
    for loop in admitted.loops:
        bound(loop, admitted.turns)


def widen_results(module: ir.Module) -> None:
    """Has `main` give float32 for bfloat16."""
    main = main_of(module)
    block = main.regions[0].blocks[0]
    final = block.operations[len(block.operations) - 1]
    for position, operand in enumerate(final.operands):
        kind = operand.type
        if isinstance(kind.element_type, ir.BF16Type):
            wide = ir.RankedTensorType.get(kind.shape, ir.F32Type.get())
            with ir.InsertionPoint(final):
                final.operands[position] = stablehlo.convert(wide, operand)
            retype(main)


def _copy_operands(scatter: ir.Operation) -> None:
    for position in range(len(scatter.results)):
        scatter.operands[position] = stablehlo.concatenate([scatter.operands[position]], 0)


def _make_stable(sort: ir.Operation) -> None:
    # Its algorithm looks at no element outside, whatever the comparison says.
    sort.attributes["is_stable"] = ir.BoolAttr.get(True)


def _divide(op: ir.Operation) -> None:
    """As XLA does it: all ones divided by zero, and the dividend is the remainder."""
    dividend, divisor = op.operands
    kind = divisor.type
    if not isinstance(kind.element_type, ir.IntegerType) or _is_never_zero(divisor):
        return
    zero, one = _splat(kind, 0), _splat(kind, 1)
    is_zero = stablehlo.compare(divisor, zero, stablehlo.ComparisonDirectionAttr.get("EQ"))
    op.operands[1] = stablehlo.select(is_zero, one, divisor)
    result = op.results[0]
    with ir.InsertionPoint.after(op):
        instead = dividend if op.name == "stablehlo.remainder" else stablehlo.not_(zero)
        chosen = stablehlo.select(is_zero, instead, result)
    result.replace_all_uses_except(chosen, chosen.owner.operation)


def _is_never_zero(value: Value) -> bool:
    """Is it a constant, or one broadcast, in which there is no zero?"""
    while not isinstance(value.owner, ir.Block):
        op = value.owner.operation
        if op.name == "stablehlo.constant":
            return 0 not in integers(op.attributes["value"])
        if op.name != "stablehlo.broadcast_in_dim":
            return False
        value = op.operands[0]
    return False


def _drop_empty_product(op: ir.Operation) -> None:
    """A sum over no elements is zero."""
    (result,) = op.results
    if 0 in result.type.shape or all(0 not in value.type.shape for value in op.operands):
        return
    result.replace_all_uses_with(_splat(result.type, 0))
    op.erase()


def _splat(kind: ir.RankedTensorType, number: int) -> Value:
    element = kind.element_type
    if isinstance(element, ir.ComplexType):
        part = _splat(ir.RankedTensorType.get(kind.shape, element.element_type), number)
        return stablehlo.complex(part, part)
    make = ir.IntegerAttr if isinstance(element, ir.IntegerType) else ir.FloatAttr
    return stablehlo.constant(ir.DenseElementsAttr.get_splat(kind, make.get(element, number)))


_MENDED: dict[str, Callable[[ir.Operation], None]] = {
    "stablehlo.scatter": _copy_operands,
    "stablehlo.sort": _make_stable,
    "stablehlo.divide": _divide,
    "stablehlo.remainder": _divide,
    "stablehlo.dot_general": _drop_empty_product,
    "stablehlo.convolution": _drop_empty_product,
}

# Registering is for the whole process.
stablehlo.register_stablehlo_passes()
