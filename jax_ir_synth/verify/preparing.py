"""Changes a module so that StableHLO's interpreter can run it, without changing its results.

The interpreter writes into a scatter's operand. It crashes on an integer division by zero, on a
sort whose comparison defines no order, and on a product over no elements. NumPy can't read its
bfloat16 results.
"""

from collections.abc import Callable

from jaxlib.mlir import ir
from jaxlib.mlir.dialects import stablehlo
from jaxlib.mlir.passmanager import PassManager

from jax_ir_synth.lowering.parsing import Value, read_integers
from jax_ir_synth.verify.admission import Admitted, Refused
from jax_ir_synth.verify.loops import bound_turns
from jax_ir_synth.verify.partition import find_main, retype

_LEGALIZE = "builtin.module(func.func(chlo-legalize-to-stablehlo))"
# The number of CHLO operations; each becomes about a hundred others at most.
_MAX_CHLO = 500


def legalize(module: ir.Module, admitted: Admitted) -> bool:
    """Replace CHLO's operations, which the interpreter lacks, by StableHLO's.

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
    """Change an admitted module; `admitted` no longer describes it afterwards."""
    for name, op in admitted.operations:
        if name in _REPAIRS:
            with ir.InsertionPoint(op):
                _REPAIRS[name](op)
    for loop in admitted.loops:
        bound_turns(loop, admitted.turns)


def promote_results(module: ir.Module) -> None:
    """Make `main` return float32 instead of bfloat16."""
    main = find_main(module)
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
    # The stable algorithm stays within bounds whatever the comparison says.
    sort.attributes["is_stable"] = ir.BoolAttr.get(True)


def _guard_division(op: ir.Operation) -> None:
    """Define integer division by zero as XLA does: all bits one; the dividend as the remainder."""
    dividend, divisor = op.operands
    kind = divisor.type
    if not isinstance(kind.element_type, ir.IntegerType) or _is_never_zero(divisor):
        return
    zero, one = _make_splat(kind, 0), _make_splat(kind, 1)
    is_zero = stablehlo.compare(divisor, zero, stablehlo.ComparisonDirectionAttr.get("EQ"))
    op.operands[1] = stablehlo.select(is_zero, one, divisor)
    result = op.results[0]
    with ir.InsertionPoint.after(op):
        instead = dividend if op.name == "stablehlo.remainder" else stablehlo.not_(zero)
        chosen = stablehlo.select(is_zero, instead, result)
    result.replace_all_uses_except(chosen, chosen.owner.operation)


def _is_never_zero(value: Value) -> bool:
    """Whether a value is a constant without zeros, or such a constant broadcast."""
    while not isinstance(value.owner, ir.Block):
        op = value.owner.operation
        if op.name == "stablehlo.constant":
            return 0 not in read_integers(op.attributes["value"])
        if op.name != "stablehlo.broadcast_in_dim":
            return False
        value = op.operands[0]
    return False


def _drop_empty_product(op: ir.Operation) -> None:
    """Replace a sum over no elements by zero."""
    (result,) = op.results
    if 0 in result.type.shape or all(0 not in value.type.shape for value in op.operands):
        return
    result.replace_all_uses_with(_make_splat(result.type, 0))
    op.erase()


def _make_splat(kind: ir.RankedTensorType, number: int) -> Value:
    element = kind.element_type
    if isinstance(element, ir.ComplexType):
        part = _make_splat(ir.RankedTensorType.get(kind.shape, element.element_type), number)
        return stablehlo.complex(part, part)
    make = ir.IntegerAttr if isinstance(element, ir.IntegerType) else ir.FloatAttr
    return stablehlo.constant(ir.DenseElementsAttr.get_splat(kind, make.get(element, number)))


_REPAIRS: dict[str, Callable[[ir.Operation], None]] = {
    "stablehlo.scatter": _copy_operands,
    "stablehlo.sort": _make_stable,
    "stablehlo.divide": _guard_division,
    "stablehlo.remainder": _guard_division,
    "stablehlo.dot_general": _drop_empty_product,
    "stablehlo.convolution": _drop_empty_product,
}

# This registers the passes for the entire process.
stablehlo.register_stablehlo_passes()
