"""Parses IR text as an MLIR module, in a context that is reused for many texts."""

import contextlib
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any, TypeAlias, cast

from jaxlib.mlir import ir

from jax_ir_synth.lowering import contexts
from jax_ir_synth.lowering.plain import check_text

if TYPE_CHECKING:
    # It is generic in MLIR's stubs only.
    Value: TypeAlias = ir.Value[Any]
else:
    Value = ir.Value

_SHOWN = 60
# JAX writes a mesh for the device of a callback.
_OUTERMOST = ("func.func", "sdy.mesh")


@contextlib.contextmanager
def open_module(text: str) -> Iterator[ir.Module]:
    """Parse a text as a module, for use inside the `with` block only.

    Raises ValueError if the text isn't a valid module of functions, or isn't safe to parse (see
    `plain`).
    """
    with contexts.get_context():
        yield parse_module(text)


def parse_module(text: str) -> ir.Module:
    """Parse a text likewise, inside the `with` of another text, in its context."""
    try:
        check_text(text)
        module = parse_trusted(text)
        _check_functions(module)
        return module
    except ValueError as error:
        message = f"text (={text[:_SHOWN]!r}…) must be a StableHLO module: {error}"
        raise ValueError(message) from None


def parse_trusted(text: str) -> ir.Module:
    """Parse a text that JAX has just printed, without any checks of its content."""
    try:
        return ir.Module.parse(text)
    except ir.MLIRError as error:
        raise ValueError(str(error).strip().replace("\n", " ")) from None


def _check_functions(module: ir.Module) -> None:
    for op in module.body.operations:
        if op.operation.name not in _OUTERMOST:
            raise ValueError(f"it must hold functions alone, it holds {op.operation.name}")


def list_functions(module: ir.Module) -> dict[str, ir.Operation]:
    """List the module's functions by symbol name."""
    return {
        ir.StringAttr(op.attributes["sym_name"]).value: op.operation
        for op in module.body.operations
        if op.operation.name == "func.func"
    }


def walk(operation: ir.Operation) -> Iterator[ir.Operation]:
    """Walk all operations nested in this one, outermost first, without this one."""
    for region in operation.regions:
        for block in region.blocks:
            for op in block.operations:
                yield op.operation
                yield from walk(op.operation)


def read_integers(attribute: ir.Attribute) -> list[int]:
    """Read an array of integers; MLIR's stubs don't declare that the attribute is iterable."""
    return [int(number) for number in cast(Iterable[Any], attribute)]
