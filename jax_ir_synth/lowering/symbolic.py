"""Writes functions of symbolic shapes, as `jax.export` does, which alone lowers them."""

from collections.abc import Sequence
from typing import Any

import jax
from jax import export
from jaxlib.mlir import ir

from jax_ir_synth.errors import UsageError
from jax_ir_synth.lowering import contexts

# An exported module can't be translated to HLO before its sizes are known.
DIALECTS = ("jaxpr", "stablehlo")


def has_symbols(args: Sequence[Any]) -> bool:
    """Whether a shape of the abstract arguments has a dimension that isn't a number."""
    shapes = [getattr(leaf, "shape", ()) for leaf in jax.tree.leaves(args)]
    return any(not isinstance(size, int) for shape in shapes for size in shape)


def check_dialects(dialects: Sequence[str]) -> None:
    """Raise UsageError if a dialect can't be written of symbolic shapes."""
    for dialect in dialects:
        if dialect not in DIALECTS:
            raise UsageError(
                f"`dialect` (={dialect!r}) can't have symbolic shapes: give numbers, or choose "
                f"{' or '.join(DIALECTS)}"
            )


def write_module(
    jitted: jax.stages.Wrapped, args: Sequence[Any], platform: str, elide_above: int | None
) -> str:
    """Write the StableHLO module of a jitted function, without the locations that jax prints.

    Constants with more than `elide_above` elements are left out.
    """
    exported = export.export(jitted, platforms=(platform,))(*args)
    with contexts.get_context():
        module = ir.Module.parse(exported.mlir_module())
        return str(module.operation.get_asm(large_elements_limit=elide_above))
