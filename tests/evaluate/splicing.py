"""Changes of a module's text: operations in front of others, written as StableHLO."""

import re
import string
from collections.abc import Callable, Iterator, Sequence

from jaxlib.mlir import ir

from jax_ir_synth.lowering.parsing import list_functions, open_module
from jax_ir_synth.schema.ir_section import clean_module

FLOATS = ("f32", "f16", "bf16")
INTEGERS = ("i8", "i32", "i64", "ui8", "ui32")
# Regions that an operation runs as they stand; those of a reduction or a sort are functions of
# elements.
_RUNS_IN_PLACE = ("stablehlo.case", "stablehlo.if", "stablehlo.while")

Change = Callable[[ir.Module], object]


class DoesNotApply(ValueError):
    """There is no place for a change, or none where it is valid."""


def change(text: str, edit: Change) -> str | None:
    """The module's text after an edit; None where the edit doesn't apply or changes nothing."""
    with open_module(text) as module, ir.Location.unknown():
        before = clean_module(str(module))
        try:
            edit(module)
            module.operation.verify()
        except (DoesNotApply, ir.MLIRError):
            return None
        after = clean_module(str(module))
    return None if after == before else after


def main_of(module: ir.Module) -> ir.Operation:
    """The function that is run."""
    return list_functions(module)["main"]


def returned(module: ir.Module) -> ir.Operation:
    """The end of `main`."""
    block = main_of(module).regions[0].blocks[0]
    return block.operations[len(block.operations) - 1].operation


def operations(module: ir.Module) -> list[ir.Operation]:
    """Those of all functions, and of the regions that are run in place, in the text's order."""
    return [op for function in list_functions(module).values() for op in _inside(function)]


def _inside(parent: ir.Operation) -> Iterator[ir.Operation]:
    for region in parent.regions:
        for block in region.blocks:
            for op in block.operations:
                yield op.operation
                if op.operation.name in _RUNS_IN_PLACE:
                    yield from _inside(op.operation)


def element(value: ir.Value) -> str:
    """The element type of a tensor, as it is written."""
    return str(value.type.element_type)


def write(before: ir.Operation, text: str, *operands: ir.Value, **types: str) -> list[ir.Value]:
    """Puts operations in front of one.

    Args:
      before: the one.
      text: lines of StableHLO. `%a`, `%b`, … are the operands and `$a`, `$b`, … their types; other
        `$` names are of `types`. The last line assigns to `%r`, and ends with its type.
      operands: values that are seen there.
      types: more types by name.

    Returns:
      What the last line gives.
    """
    names = string.ascii_lowercase[: len(operands)]
    kinds = {name: str(value.type) for name, value in zip(names, operands, strict=True)}
    lines = string.Template(text).substitute(kinds | types).strip()
    arguments = ", ".join(f"%{name}: {kind}" for name, kind in kinds.items())
    last = lines.splitlines()[-1]
    gives = last.rpartition("->")[2] if "->" in last else last.rpartition(" : ")[2]
    gives = gives.rpartition(", ")[2].strip()
    module = ir.Module.parse(
        f"func.func private @new({arguments}) -> {gives} {{\n{lines}\nreturn %r : {gives}\n}}",
        before.context,
    )
    block = module.body.operations[0].regions[0].blocks[0]
    for argument, operand in zip(block.arguments, operands, strict=True):
        argument.replace_all_uses_with(operand)
    *new, last_op = [op.operation for op in block.operations]
    results = list(last_op.operands)
    for op in new:
        op.move_before(before)
    return results


def replace(
    op: ir.Operation, text: str, operands: Sequence[ir.Value] | None = None, **types: str
) -> None:
    """Puts operations in the place of one with one result, `$r` is its type (see `write`).

    They take the operation's operands or others.
    """
    (result,) = op.results
    taken = op.operands if operands is None else operands
    (new,) = write(op, text, *taken, **{"r": str(result.type), **types})
    result.replace_all_uses_with(new)
    op.erase()


def after(value: ir.Value, text: str, **types: str) -> None:
    """Has all who use a value use what is made of it, `%a` (see `write`)."""
    owner = value.owner
    block = owner if isinstance(owner, ir.Block) else owner.operation.block
    following = (
        block.operations[0].operation
        if isinstance(owner, ir.Block)
        else _next(block, owner.operation)
    )
    users = [(use.owner.operation, use.operand_number) for use in value.uses]
    (new,) = write(following, text, value, **{"r": str(value.type), **types})
    for user, number in users:
        user.operands[number] = new


def _next(block: ir.Block, op: ir.Operation) -> ir.Operation:
    listed = [each.operation for each in block.operations]
    return listed[listed.index(op) + 1]


def clone(
    block: ir.Block, values: Sequence[ir.Value], point: ir.InsertionPoint
) -> tuple[list[ir.Value], ir.Operation]:
    """Writes a block's operations again, its arguments being these values.

    Returns what the copy of the last operation takes, and that operation.
    """
    known = list(zip(block.arguments, values, strict=True))
    copy = None
    for op in block.operations:
        copy = op.operation.clone(ip=point)
        _rebind(copy, known)
        known += zip(op.operation.results, copy.results, strict=True)
    assert copy is not None
    return list(copy.operands), copy


def _rebind(op: ir.Operation, known: Sequence[tuple[ir.Value, ir.Value]]) -> None:
    for number, operand in enumerate(op.operands):
        for old, new in known:
            if operand == old:
                op.operands[number] = new
    for region in op.regions:
        for block in region.blocks:
            for inner in block.operations:
                _rebind(inner.operation, known)


def splat(value: ir.Value) -> float | None:
    """The number that all elements of a value are, where the text says so."""
    while not isinstance(value.owner, ir.Block):
        op = value.owner.operation
        if op.name == "stablehlo.constant":
            match = re.fullmatch(
                r"dense<(-?\d+(?:\.\d+)?(?:[eE][-+]?\d+)?)> : .*", str(op.attributes["value"])
            )
            return float(match[1]) if match else None
        if op.name not in ("stablehlo.broadcast_in_dim", "stablehlo.convert", "stablehlo.reshape"):
            return None
        value = op.operands[0]
    return None


def shape(value: ir.Value) -> list[int]:
    """The sizes of a tensor's dimensions."""
    return list(value.type.shape)


def tensor(sizes: Sequence[int], elements: str) -> str:
    """A tensor's type."""
    return f"tensor<{''.join(f'{size}x' for size in sizes)}{elements}>"


def numbers(op: ir.Operation, name: str) -> list[int]:
    """An attribute that is an array of integers."""
    return [int(number) for number in op.attributes[name]]
