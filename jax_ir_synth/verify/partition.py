"""Cuts a module at the operations that the interpreter lacks; between them are stages."""

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple, cast

from jaxlib.mlir import ir
from jaxlib.mlir.dialects import func, stablehlo

from jax_ir_synth.lowering.parsing import Value, functions, walk
from jax_ir_synth.verify import fallback_kernels


class Stage(NamedTuple):
    """A module whose main takes values that are known by then, and returns some of its own.

    Values have numbers, main's arguments the first ones. A complex value has two, its real and its
    imaginary part: neither side's arrays can be complex.
    """

    module: ir.Module
    taken: list[int]
    given: list[int]


class Step(NamedTuple):
    """An operation for `fallback_kernels`, likewise."""

    name: str
    function: fallback_kernels.Function
    taken: list[int]
    given: list[int]


def partition(module: ir.Module) -> tuple[list[Stage | Step], list[int]]:
    """Stages and steps in their order, and the numbers of main's results. The module is changed.

    Raises `fallback_kernels.Undefined`.
    """
    # Once all calls are inlined, each of these operations stands in main, and runs once.
    _inline(module)
    *operations, final = _body(module)
    inside = sum(op.name in fallback_kernels.OPERATIONS for op in walk(module.operation))
    if sum(op.name in fallback_kernels.OPERATIONS for op in operations) != inside:
        raise fallback_kernels.Undefined(
            "an operation that the interpreter lacks is in a loop or a branch"
        )
    numbers = _Numbers(main_of(module).regions[0].blocks[0].arguments)
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
                parts.append(_stage(module, run, kept, numbers))
            run = []
            if op != final:
                taken = numbers.of(op.operands)
                parts.append(
                    Step(op.name, fallback_kernels.kernel_for(op), taken, numbers.new(op.results))
                )
        else:
            run.append(op)
    return parts, numbers.of(final.operands)


def main_of(module: ir.Module) -> ir.Operation:
    """The function that the module's callers call."""
    return functions(module)["main"]


def retype(main: ir.Operation) -> None:
    """Gives main the type that its block has by now."""
    block = main.regions[0].blocks[0]
    final = block.operations[len(block.operations) - 1]
    kinds = [argument.type for argument in block.arguments], [x.type for x in final.operands]
    main.attributes["function_type"] = ir.TypeAttr.get(ir.FunctionType.get(*kinds))
    for name in ("arg_attrs", "res_attrs"):
        if name in main.attributes:
            del main.attributes[name]


class _Numbers:
    """The numbers of values: one each, and two of a complex value."""

    def __init__(self, arguments: Iterable[Value]):
        self._known: dict[Value, list[int]] = {}
        self._next = 0
        self.new(arguments)

    def new(self, values: Iterable[Value]) -> list[int]:
        for value in values:
            width = 2 if _is_complex(value) else 1
            self._known[value] = list(range(self._next, self._next + width))
            self._next += width
        return self.of(values)

    def of(self, values: Iterable[Value]) -> list[int]:
        return [number for value in values for number in self._known[value]]

    def __contains__(self, value: Value) -> bool:
        return value in self._known


def _stage(
    module: ir.Module, run: Sequence[ir.Operation], kept: Sequence[Value], numbers: _Numbers
) -> Stage:
    """The operations of `run` as a module that returns the values `kept`."""
    read = dict.fromkeys(value for op in run for value in _list_operands(op) if value in numbers)
    stage = ir.Module.create()
    with ir.InsertionPoint(stage.body):
        main = func.FuncOp("main", ([], []))
        block = cast(Any, main).add_entry_block()
        called = {name for op in run for name in _find_callees(op)}
        for name in _find_reachable(module, called):
            functions(module)[name].clone()
    with ir.InsertionPoint(block):
        values = {value: _add_argument(block, value.type) for value in read}
        for op in run:
            _copy(op, values)
        func.ReturnOp(_given([values[value] for value in kept]))
    retype(main.operation)
    return Stage(stage, numbers.of(read), numbers.new(kept))


def _copy(op: ir.Operation, values: dict[Value, Value]) -> None:
    """A copy of the operation, of other operands; its results are noted among the values."""
    copy = op.clone().operation
    for inner in (copy, *walk(copy)):
        for position, operand in enumerate(inner.operands):
            if operand in values:
                inner.operands[position] = values[operand]
    values.update(zip(op.results, copy.results, strict=True))


def _list_operands(op: ir.Operation) -> Iterable[Value]:
    """The values that an operation reads, those inside of its regions too."""
    for inner in (op, *walk(op)):
        yield from inner.operands


def _body(module: ir.Module) -> list[ir.Operation]:
    """Main's own operations, without those nested in them."""
    return [op.operation for op in main_of(module).regions[0].blocks[0].operations]


def _inline(module: ir.Module) -> None:
    """Puts the callee's operations in the place of each call in main; drops what nobody calls then.

    MLIR's own pass refuses: StableHLO doesn't say that its operations may be inlined.
    """
    known = functions(module)
    while calls := [op for op in _body(module) if op.name == "func.call"]:
        for call in calls:
            block = known[_callee(call)].regions[0].blocks[0]
            values = dict(zip(block.arguments, call.operands, strict=True))
            *operations, final = [op.operation for op in block.operations]
            with ir.InsertionPoint(call):
                for op in operations:
                    _copy(op, values)
            for result, returned in zip(call.results, final.operands, strict=True):
                result.replace_all_uses_with(values[returned])
            call.erase()
    for name in known.keys() - _find_reachable(module, {"main"}):
        known[name].erase()


def _find_reachable(module: ir.Module, names: set[str]) -> set[str]:
    """The functions of these names, and those that they call."""
    known = functions(module)
    reached, todo = set(names), list(names)
    while todo:
        for name in _find_callees(known[todo.pop()]) - reached:
            reached.add(name)
            todo.append(name)
    return reached


def _find_callees(op: ir.Operation) -> set[str]:
    return {_callee(inner) for inner in (op, *walk(op)) if inner.name == "func.call"}


def _callee(call: ir.Operation) -> str:
    return ir.FlatSymbolRefAttr(call.attributes["callee"]).value


def _is_complex(value: Value) -> bool:
    return isinstance(ir.RankedTensorType(value.type).element_type, ir.ComplexType)


def _add_argument(block: ir.Block, kind: ir.Type) -> Value:
    """A tensor of this type that the block gets as one or two new arguments."""
    tensor = ir.RankedTensorType(kind)
    if not isinstance(tensor.element_type, ir.ComplexType):
        return block.add_argument(kind, ir.Location.current)
    part = ir.RankedTensorType.get(tensor.shape, ir.ComplexType(tensor.element_type).element_type)
    return stablehlo.complex(*(block.add_argument(part, ir.Location.current) for _ in range(2)))


def _given(values: Sequence[Value]) -> list[Value]:
    parts: list[Value] = []
    for value in values:
        if _is_complex(value):
            parts += [stablehlo.real(value), stablehlo.imag(value)]
        else:
            parts.append(value)
    return parts
