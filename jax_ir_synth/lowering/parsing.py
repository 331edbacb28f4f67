"""IR text → MLIR module, in a context that is used again for many texts."""

import contextlib
import threading
from collections.abc import Iterator

from jax.interpreters import mlir
from jaxlib.mlir import ir

# Making a context takes milliseconds; a context keeps every type and attribute it has seen.
_TEXTS_PER_CONTEXT = 500
_local = threading.local()


@contextlib.contextmanager
def parsed(text: str) -> Iterator[ir.Module]:
    """The module that the text is, for use inside the `with` block only.

    Raises ValueError when the text isn't a valid module.
    """
    if getattr(_local, "left", 0) == 0:
        _local.context, _local.left = mlir.make_ir_context(), _TEXTS_PER_CONTEXT
    _local.left -= 1
    with _local.context:
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
