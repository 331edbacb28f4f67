"""Expands what calls or passes on: composites, custom calls of other operations, tuples."""

from collections.abc import Iterable, Sequence
from typing import Any, cast

from jaxlib.mlir import ir
from jaxlib.mlir.dialects import func

from jax_ir_synth.lowering.parsing import Value
from jax_ir_synth.verify.admission import Unsupported
from jax_ir_synth.verify.expansion.form import Expansion, pass_on

# Targets that say where or how a value is kept, and leave it unchanged.
_PLACING = (
    *("Sharding", "SPMDFullToShardShape", "SPMDShardToFullShape", "LayoutConstraint"),
    *("annotate_device_placement", "MoveToDevice", "MoveToHost"),
)
# Operations of CHLO that take an array, and are also written as those of MHLO.
_ELEMENTWISE = ("acos", "acosh", "asin", "asinh", "atanh", "cosh", "erf", "sinh")


def _composite(op: ir.Operation) -> Sequence[Value]:
    if op.regions:
        raise Unsupported(f"{op.name} with regions is not run here")
    callee = ir.FlatSymbolRefAttr(op.attributes["decomposition"]).value
    kinds = [value.type for value in op.results]
    return func.CallOp(kinds, callee, list(op.operands)).operation.results


def _elementwise(name: str) -> Expansion:
    def expansion(op: ir.Operation) -> Sequence[Value]:
        kinds = [value.type for value in op.results]
        return ir.Operation.create(
            f"chlo.{name}", results=kinds, operands=list(op.operands)
        ).results

    return expansion


def _top_k(op: ir.Operation) -> Sequence[Value]:
    attributes = {name: op.attributes[name] for name in op.attributes}
    if "mhlo.attributes" in attributes:
        given = cast(Iterable[Any], attributes["mhlo.attributes"])
        attributes = {entry.name: entry.attr for entry in given}
    if "k" not in attributes or "false" in str(attributes.get("largest")):
        raise Unsupported("topk of the smallest elements is not run here")
    return ir.Operation.create(
        "chlo.top_k",
        results=[value.type for value in op.results],
        operands=list(op.operands),
        attributes={"k": attributes["k"]},
    ).results


def _get_tuple_element(op: ir.Operation) -> Sequence[Value]:
    owner = op.operands[0].owner
    if isinstance(owner, ir.Block) or owner.operation.name != "stablehlo.tuple":
        raise Unsupported(f"{op.name} is run here only of a tuple that is made beside it")
    return [owner.operation.operands[ir.IntegerAttr(op.attributes["index"]).value]]


def _refuse(op: ir.Operation) -> Sequence[Value]:
    raise Unsupported(f"{op.name} is run here only if nothing uses it")


EXPANSIONS: dict[str, Expansion] = {
    # The pass that legalizes MHLO lacks this.
    "mhlo.copy": pass_on,
    **dict.fromkeys(("stablehlo.after_all", "stablehlo.create_token", "stablehlo.tuple"), _refuse),
    "stablehlo.composite": _composite,
    "stablehlo.get_tuple_element": _get_tuple_element,
}
# The expansions of custom calls, by their target.
TARGETS: dict[str, Expansion] = {
    **dict.fromkeys(_PLACING, pass_on),
    **{f"mhlo.{name}": _elementwise(name) for name in _ELEMENTWISE},
    "mhlo.topk": _top_k,
}


def find_target(op: ir.Operation) -> Expansion | None:
    """Find the expansion of a custom call, by its target."""
    return TARGETS.get(ir.StringAttr(op.attributes["call_target_name"]).value)
