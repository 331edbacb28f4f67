"""IR text → MLIR module, in a context that is used again for many texts."""

import contextlib
from collections.abc import Iterator

from jaxlib.mlir import ir

from jax_ir_synth.lowering import contexts


@contextlib.contextmanager
def parsed(text: str) -> Iterator[ir.Module]:
    """The module that the text is, for use inside the `with` block only.

    Raises ValueError when the text isn't a valid module.
    """
    with contexts.for_a_text():
        yield parse(text)


def parse(text: str) -> ir.Module:
    """Likewise, inside the `with` of another text, in its context."""
    try:
        return ir.Module.parse(text)
    except ir.MLIRError as error:
        reason = str(error).strip().replace("\n", " ")
        message = f"text (={text[:60]!r}…) must be a StableHLO module: {reason}"
        raise ValueError(message) from None


def functions(module: ir.Module) -> dict[str, ir.Operation]:
    """The module's functions by symbol name."""
    return {op.attributes["sym_name"].value: op.operation for op in module.body.operations}


def walk(operation: ir.Operation) -> Iterator[ir.Operation]:
    """Every operation nested in this one, outermost first, without this one."""
    for region in operation.regions:
        for block in region.blocks:
            for op in block.operations:
                yield op.operation
                yield from walk(op.operation)
