"""Cuts a module at the operations that the interpreter lacks; the parts between are stages."""

import math
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple, cast

from jaxlib.mlir import ir
from jaxlib.mlir.dialects import func, stablehlo

from jax_ir_synth.lowering.parsing import Value, list_functions, walk
from jax_ir_synth.verify import fallback_kernels
from jax_ir_synth.verify.loops import count_turns

# The number of operations that loops and branches may become.
_MAX_COPIES = 5_000


class Stage(NamedTuple):
    """A module whose main takes values of earlier parts, and returns new values.

    Values have numbers, and main's arguments have the first ones. A complex value has two numbers,
    for its real and its imaginary part, since neither side can pass complex arrays.
    """

    module: ir.Module
    taken: list[int]
    given: list[int]


class Step(NamedTuple):
    """An operation for `fallback_kernels`, with the numbers of the values it takes and gives."""

    name: str
    function: fallback_kernels.Function
    taken: list[int]
    given: list[int]


def partition(module: ir.Module) -> tuple[list[Stage | Step], list[int]]:
    """Cut a module into stages and steps, and number main's results. It changes the module.

    Raises `fallback_kernels.Undefined`.
    """
    # Then each operation that the interpreter lacks is in main, and runs once, unless a loop whose
    # turns can't be counted holds it.
    _inline_calls(module)
    while outer := _find_outer(module):
        if sum(_count_copies(op, list_functions(module)) for op in outer) > _MAX_COPIES:
            break
        for op in outer:
            _open(op)
        _inline_calls(module)
    *operations, final = _list_main_operations(module)
    inside = sum(op.name in fallback_kernels.OPERATIONS for op in walk(module.operation))
    if sum(op.name in fallback_kernels.OPERATIONS for op in operations) != inside:
        raise fallback_kernels.Undefined(
            "an operation that the interpreter lacks is in a loop that can't be unrolled"
        )
    numbers = _Numbers(find_main(module).regions[0].blocks[0].arguments)
    parts: list[Stage | Step] = []
    run: list[ir.Operation] = []
    last_use = {
        value: position
        for position, op in enumerate((*operations, final))
        for value in _list_operands(op)
    }
    for position, op in enumerate((*operations, final)):
        if op.name in fallback_kernels.OPERATIONS or op == final:
            made = [value for each in run for value in each.results]
            kept = [value for value in made if last_use.get(value, -1) >= position]
            if kept:
                parts.append(_make_stage(module, run, kept, numbers))
            run = []
            if op != final:
                taken = numbers.look_up(op.operands)
                parts.append(
                    Step(
                        op.name, fallback_kernels.make_kernel(op), taken, numbers.assign(op.results)
                    )
                )
        else:
            run.append(op)
    return parts, numbers.look_up(final.operands)


def find_main(module: ir.Module) -> ir.Operation:
    """Find the module's main function."""
    return list_functions(module)["main"]


def retype(main: ir.Operation) -> None:
    """Update main's type to that of its block."""
    block = main.regions[0].blocks[0]
    final = block.operations[len(block.operations) - 1]
    kinds = [argument.type for argument in block.arguments], [x.type for x in final.operands]
    main.attributes["function_type"] = ir.TypeAttr.get(ir.FunctionType.get(*kinds))
    for name in ("arg_attrs", "res_attrs"):
        if name in main.attributes:
            del main.attributes[name]


class _Numbers:
    """The numbers of values: one for each, two for a complex value."""

    def __init__(self, arguments: Iterable[Value]):
        self._known: dict[Value, list[int]] = {}
        self._next = 0
        self.assign(arguments)

    def assign(self, values: Iterable[Value]) -> list[int]:
        for value in values:
            width = 2 if _is_complex(value) else 1
            self._known[value] = list(range(self._next, self._next + width))
            self._next += width
        return self.look_up(values)

    def look_up(self, values: Iterable[Value]) -> list[int]:
        return [number for value in values for number in self._known[value]]

    def __contains__(self, value: Value) -> bool:
        return value in self._known


def _make_stage(
    module: ir.Module, run: Sequence[ir.Operation], kept: Sequence[Value], numbers: _Numbers
) -> Stage:
    """Make a module of the operations `run` that returns the values `kept`."""
    read = dict.fromkeys(value for op in run for value in _list_operands(op) if value in numbers)
    stage = ir.Module.create()
    with ir.InsertionPoint(stage.body):
        main = func.FuncOp("main", ([], []))
        block = cast(Any, main).add_entry_block()
        called = {name for op in run for name in _find_callees(op)}
        for name in _find_reachable(module, called):
            list_functions(module)[name].clone()
    with ir.InsertionPoint(block):
        values = {value: _add_argument(block, value.type) for value in read}
        for op in run:
            _copy(op, values)
        func.ReturnOp(_split_complex([values[value] for value in kept]))
    retype(main.operation)
    return Stage(stage, numbers.look_up(read), numbers.assign(kept))


def _copy(op: ir.Operation, values: dict[Value, Value]) -> None:
    """Copy an operation with its operands replaced by `values`, and add its results to these."""
    copy = op.clone().operation
    for inner in (copy, *walk(copy)):
        for position, operand in enumerate(inner.operands):
            if operand in values:
                inner.operands[position] = values[operand]
    values.update(zip(op.results, copy.results, strict=True))


def _list_operands(op: ir.Operation) -> Iterable[Value]:
    """List the values that an operation reads, including those that its regions read."""
    for inner in (op, *walk(op)):
        yield from inner.operands


def _list_main_operations(module: ir.Module) -> list[ir.Operation]:
    """List main's own operations, without those nested in them."""
    return [op.operation for op in find_main(module).regions[0].blocks[0].operations]


def _inline_calls(module: ir.Module) -> None:
    """Replace each call in main by the callee's operations, then drop functions that aren't called.

    MLIR's own pass refuses this, since StableHLO doesn't declare that its operations may be
    inlined.
    """
    known = list_functions(module)
    while calls := [op for op in _list_main_operations(module) if op.name == "func.call"]:
        for call in calls:
            block = known[_find_callee(call)].regions[0].blocks[0]
            with ir.InsertionPoint(call):
                values = _copy_block(block, list(call.operands))
            for result, value in zip(call.results, values, strict=True):
                result.replace_all_uses_with(value)
            call.erase()
    for name in known.keys() - _find_reachable(module, {"main"}):
        known[name].erase()


def _find_outer(module: ir.Module) -> list[ir.Operation]:
    """Find main's loops and branches that hold an operation for `fallback_kernels`."""
    known = list_functions(module)
    return [
        op
        for op in _list_main_operations(module)
        if op.name in ("stablehlo.case", "stablehlo.if", "stablehlo.while")
        if any(
            inner.name in fallback_kernels.OPERATIONS
            for part in (op, *(known[name] for name in _find_reachable(module, _find_callees(op))))
            for inner in walk(part)
        )
    ]


def _count_copies(op: ir.Operation, known: dict[str, ir.Operation]) -> float:
    """Count the operations that a loop or branch becomes; infinite if its turns are unknown."""
    turns = count_turns(op) if op.name == "stablehlo.while" else 1
    return math.inf if turns is None else turns * _count_inlined(op, known)


def _count_inlined(op: ir.Operation, known: dict[str, ir.Operation]) -> int:
    return sum(
        _count_inlined(known[_find_callee(inner)], known) if inner.name == "func.call" else 1
        for inner in walk(op)
    )


def _open(op: ir.Operation) -> None:
    """Unroll a loop, or run all branches and select the results of one."""
    with ir.InsertionPoint(op):
        if op.name == "stablehlo.while":
            values = list(op.operands)
            for _ in range(count_turns(op) or 0):
                values = _copy_block(op.regions[1].blocks[0], values)
        else:
            values = _select_branch(op, [_copy_block(each.blocks[0], []) for each in op.regions])
    for result, value in zip(op.results, values, strict=True):
        result.replace_all_uses_with(value)
    op.erase()


def _select_branch(op: ir.Operation, branches: list[list[Value]]) -> list[Value]:
    (chosen,) = op.operands
    if op.name == "stablehlo.if":
        return [stablehlo.select(chosen, *pair) for pair in zip(*branches, strict=True)]
    # An index out of range means the last branch.
    values = branches.pop()
    for number, branch in reversed([*enumerate(branches)]):
        index = ir.IntegerAttr.get(chosen.type.element_type, number)
        here = stablehlo.compare(
            chosen,
            stablehlo.constant(ir.DenseElementsAttr.get_splat(chosen.type, index)),
            stablehlo.ComparisonDirectionAttr.get("EQ"),
        )
        pairs = zip(branch, values, strict=True)
        values = [stablehlo.select(here, *pair) for pair in pairs]
    return values


def _copy_block(block: ir.Block, arguments: Sequence[Value]) -> list[Value]:
    """Copy a block's operations, and return what it returns for these arguments."""
    values: dict[Value, Value] = dict(zip(block.arguments, arguments, strict=True))
    *operations, final = [op.operation for op in block.operations]
    for op in operations:
        _copy(op, values)
    return [values.get(value, value) for value in final.operands]


def _find_reachable(module: ir.Module, names: set[str]) -> set[str]:
    """Find the functions of these names, and those that they call, directly or not."""
    known = list_functions(module)
    reached, todo = set(names), list(names)
    while todo:
        for name in _find_callees(known[todo.pop()]) - reached:
            reached.add(name)
            todo.append(name)
    return reached


def _find_callees(op: ir.Operation) -> set[str]:
    return {_find_callee(inner) for inner in (op, *walk(op)) if inner.name == "func.call"}


def _find_callee(call: ir.Operation) -> str:
    return ir.FlatSymbolRefAttr(call.attributes["callee"]).value


def _is_complex(value: Value) -> bool:
    return isinstance(ir.RankedTensorType(value.type).element_type, ir.ComplexType)


def _add_argument(block: ir.Block, kind: ir.Type) -> Value:
    """Add a tensor of this type to the block, as one or (if complex) two new arguments."""
    tensor = ir.RankedTensorType(kind)
    if not isinstance(tensor.element_type, ir.ComplexType):
        return block.add_argument(kind, ir.Location.current)
    part = ir.RankedTensorType.get(tensor.shape, ir.ComplexType(tensor.element_type).element_type)
    return stablehlo.complex(*(block.add_argument(part, ir.Location.current) for _ in range(2)))


def _split_complex(values: Sequence[Value]) -> list[Value]:
    parts: list[Value] = []
    for value in values:
        if _is_complex(value):
            parts += [stablehlo.real(value), stablehlo.imag(value)]
        else:
            parts.append(value)
    return parts
