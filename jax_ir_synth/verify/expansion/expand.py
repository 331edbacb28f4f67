"""Expands a module: replaces each operation that a table has, and legalizes those of MHLO."""

from collections.abc import Sequence

from jaxlib.mlir import ir
from jaxlib.mlir.dialects import mhlo
from jaxlib.mlir.passmanager import PassManager

from jax_ir_synth.lowering.parsing import list_functions, walk
from jax_ir_synth.verify import operations
from jax_ir_synth.verify.admission import MAX_OPERATIONS, Refused, Unsupported, check_tensor
from jax_ir_synth.verify.expansion import calls, devices, norms, products, shapes
from jax_ir_synth.verify.expansion.form import Expansion

# The expansions by the operation's name. Those of custom calls go by their target.
EXPANSIONS: dict[str, Expansion] = {
    **calls.EXPANSIONS,
    **devices.EXPANSIONS,
    **norms.EXPANSIONS,
    **products.EXPANSIONS,
    **shapes.EXPANSIONS,
}
# Each makes some 30 operations at most.
_MAX_EXPANSIONS = 2_000
_MHLO = "mhlo."
_LEGALIZE = "builtin.module(hlo-legalize-to-stablehlo)"


def expand(module: ir.Module) -> bool:
    """Replace what can be replaced, and return whether there was any. Raises Refused."""
    found = _list_operations(module)
    if len(found) > MAX_OPERATIONS:
        raise Refused(f"it has {len(found):,} operations, above {MAX_OPERATIONS:,}")
    with ir.Location.unknown():
        changed = _expand_listed(found)
        if any(op.name.startswith(_MHLO) for op in _list_operations(module)):
            _legalize_mhlo(module)
            _expand_listed(_list_operations(module))
            changed = True
    if changed:
        try:
            module.operation.verify()
        except ir.MLIRError as error:
            raise Refused(f"expanded, it isn't valid: {_shorten(error)}") from None
    return changed


def _expand_listed(found: Sequence[ir.Operation]) -> bool:
    """Expand those of the operations that can be; return whether there were any."""
    # Inner and later operations come first, since the others may be dropped with their last use.
    listed = [
        (op, expansion) for op in reversed(found) if (expansion := find_expansion(op)) is not None
    ]
    if len(listed) > _MAX_EXPANSIONS:
        raise Refused(f"it has {len(listed):,} operations to expand, above {_MAX_EXPANSIONS:,}")
    for op, expansion in listed:
        if any(True for result in op.results for _ in result.uses):
            _check_static(op)
            with ir.InsertionPoint(op):
                values = expansion(op)
            for result, value in zip(op.results, values, strict=True):
                result.replace_all_uses_with(value)
        op.erase()
    return bool(listed)


def find_expansion(op: ir.Operation) -> Expansion | None:
    """Find an operation's expansion."""
    if op.name == "stablehlo.custom_call":
        return calls.find_target(op)
    return EXPANSIONS.get(op.name)


def _check_static(op: ir.Operation) -> None:
    """Raise Unsupported for a tensor of unknown shape."""
    for value in (*op.operands, *op.results):
        kind = value.type
        if isinstance(kind, ir.ShapedType) and not (kind.has_rank and kind.has_static_shape):
            raise Unsupported(f"{op.name} with {kind} is not run here: only static shapes are")


def _legalize_mhlo(module: ir.Module) -> None:
    """Replace MHLO's operations by StableHLO's. Raises Refused.

    The pass trusts what it is given, so that only tensors and operations that are known get there.
    """
    for function in list_functions(module).values():
        kind = ir.FunctionType(ir.TypeAttr(function.attributes["function_type"]).value)
        for each in (*kind.inputs, *kind.results):
            check_tensor(each)
        for op in walk(function):
            name = op.name.replace(_MHLO, "stablehlo.", 1)
            if name not in operations.RUN and name not in EXPANSIONS:
                raise Unsupported(f"{op.name} is not run here")
            blocks = (block for region in op.regions for block in region.blocks)
            for value in (*op.results, *(value for block in blocks for value in block.arguments)):
                check_tensor(value.type)
    try:
        PassManager.parse(_LEGALIZE).run(module.operation)
    except ir.MLIRError as error:
        raise Unsupported(f"its MHLO can't be legalized: {_shorten(error)}") from None


def _list_operations(module: ir.Module) -> list[ir.Operation]:
    return [op for function in list_functions(module).values() for op in walk(function)]


def _shorten(error: ir.MLIRError) -> str:
    return f"{' '.join(str(error).split()):.200}"


# This registers the passes for the entire process.
mhlo.register_mhlo_passes()
