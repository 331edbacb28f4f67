"""Expands what devices tell each other, for the single device that runs a module here."""

from collections.abc import Sequence

from jaxlib.mlir import ir

from jax_ir_synth.lowering.parsing import Value, read_integers
from jax_ir_synth.verify.admission import Unsupported
from jax_ir_synth.verify.expansion.form import Expansion, make_constant, pass_on

_GROUPS = "replica_groups"


def _gather_alone(op: ir.Operation) -> Sequence[Value]:
    """Replace what a group of devices makes together by a device's own part, if it is alone."""
    groups = read_integers(op.attributes[_GROUPS])
    if groups not in ([], [0]):
        raise Unsupported(f"{op.name} of several devices is not run here")
    return pass_on(op)


def _number_device(op: ir.Operation) -> Sequence[Value]:
    return [make_constant(0, op.results[0].type)]


EXPANSIONS: dict[str, Expansion] = {
    "sdy.sharding_constraint": pass_on,
    "stablehlo.partition_id": _number_device,
    "stablehlo.replica_id": _number_device,
    **dict.fromkeys(
        (
            *("stablehlo.all_gather", "stablehlo.all_reduce", "stablehlo.all_to_all"),
            *("stablehlo.cross-replica-sum", "stablehlo.reduce_scatter"),
        ),
        _gather_alone,
    ),
}
