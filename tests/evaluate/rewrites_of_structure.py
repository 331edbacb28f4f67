"""Rewrites of branches, loops, functions and the order of operations."""

import numpy as np
from jaxlib.mlir import ir
from splicing import (
    DoesNotApply,
    change,
    clone,
    list_functions,
    main_of,
    operations,
    write,
)
from variants import Kind, Original, of_module


def _first(module: ir.Module, name: str) -> ir.Operation:
    found = next((op for op in operations(module) if op.name == name), None)
    if found is None:
        raise DoesNotApply
    return found


def _two_way(module: ir.Module) -> ir.Operation:
    case = _first(module, "stablehlo.case")
    if len(case.regions) != 2:
        raise DoesNotApply
    return case


def _is_first(case: ir.Operation) -> ir.Value:
    """Whether a case takes its first branch; all other indices take the last one."""
    (first,) = write(
        case,
        "%z = stablehlo.constant dense<0> : $a\n"
        "%r = stablehlo.compare EQ, %a, %z : ($a, $a) -> tensor<i1>",
        case.operands[0],
    )
    return first


def _case_as_if(module: ir.Module) -> None:
    case = _two_way(module)
    with ir.InsertionPoint(case):
        new = ir.Operation.create(
            "stablehlo.if",
            [result.type for result in case.results],
            [_is_first(case)],
            regions=2,
        )
    for old, region in zip(case.regions, new.regions, strict=True):
        old.blocks[0].append_to(region)
    for old, result in zip(case.results, new.results, strict=True):
        old.replace_all_uses_with(result)
    case.erase()


def _both_branches(module: ir.Module) -> None:
    case = _two_way(module)
    first = _is_first(case)
    point = ir.InsertionPoint(case)
    given = []
    for region in case.regions:
        values, last = clone(region.blocks[0], [], point)
        last.erase()
        given.append(values)
    for result, x, y in zip(case.results, *given, strict=True):
        (new,) = write(case, "%r = stablehlo.select %a, %b, %c : tensor<i1>, $b", first, x, y)
        result.replace_all_uses_with(new)
    case.erase()


def _branches_exchanged(module: ir.Module) -> None:
    """Another branch first, and the index turned round."""
    case = _two_way(module)
    (other,) = write(case, "%r = stablehlo.convert %a : (tensor<i1>) -> $i", _is_first(case),
                     i=str(case.operands[0].type))  # fmt: skip
    with ir.InsertionPoint(case):
        new = ir.Operation.create(
            "stablehlo.case", [result.type for result in case.results], [other], regions=2
        )
    for old, region in zip(reversed(list(case.regions)), new.regions, strict=True):
        old.blocks[0].append_to(region)
    for old, result in zip(case.results, new.results, strict=True):
        old.replace_all_uses_with(result)
    case.erase()


def _turn_before(loop: ir.Operation) -> list[ir.Value]:
    """A loop's first turn, in front of it: what is carried after it, or before where there is none."""
    values = list(loop.operands)
    (goes_on,), last = clone(loop.regions[0].blocks[0], values, ir.InsertionPoint(loop))
    last.erase()
    (index,) = write(loop, "%r = stablehlo.convert %a : (tensor<i1>) -> tensor<i32>", goes_on)
    with ir.InsertionPoint(loop):
        turn = ir.Operation.create(
            "stablehlo.case", [value.type for value in values], [index], regions=2
        )
    ended, gone_on = (region.blocks.append() for region in turn.regions)
    with ir.InsertionPoint(ended):
        ir.Operation.create("stablehlo.return", [], values)
    clone(loop.regions[1].blocks[0], values, ir.InsertionPoint(gone_on))
    return list(turn.results)


def _unrolled(module: ir.Module) -> None:
    loop = _first(module, "stablehlo.while")
    for number, value in enumerate(_turn_before(loop)):
        loop.operands[number] = value


def _called_body(module: ir.Module) -> None:
    """What `main` does, in a function that `main` calls."""
    main = main_of(module)
    kind = ir.FunctionType(ir.TypeAttr(main.attributes["function_type"]).value)
    given = ", ".join(map(str, kind.results))
    arguments = ", ".join(f"%arg{k}: {taken}" for k, taken in enumerate(kind.inputs))
    names = ", ".join(f"%arg{k}" for k in range(len(kind.inputs)))
    count = len(kind.results)
    results = ", ".join("%0" if count == 1 else f"%0#{k}" for k in range(count))
    call = ir.Module.parse(
        f"module {{ func.func private @body({', '.join(map(str, kind.inputs))}) -> ({given})\n"
        f"func.func public @main({arguments}) -> ({given}) {{\n"
        f"%0{f':{count}' if count > 1 else ''} = func.call @body({names}) : {kind}\n"
        f"return {results} : {given} }} }}",
        module.context,
    )
    main.attributes["sym_name"] = ir.StringAttr.get("body")
    main.attributes["sym_visibility"] = ir.StringAttr.get("private")
    list_functions(call)["main"].move_before(main)


def _last_function_first(module: ir.Module) -> None:
    first, *others = list_functions(module).values()
    for function in others:
        function.move_before(first)


def _reordered(original: Original, rng: np.random.Generator) -> list[str | None]:
    """The operations of each function in another order that their operands allow."""

    def edit(module: ir.Module) -> None:
        for function in list_functions(module).values():
            block = function.regions[0].blocks[0]
            *waiting, last = [op.operation for op in block.operations]
            needs = [_makers(op, waiting) for op in waiting]
            ready: set[int] = set()
            while len(ready) < len(waiting):
                free = [k for k in range(len(waiting)) if k not in ready and needs[k] <= ready]
                chosen = free[rng.integers(len(free))]
                waiting[chosen].move_before(last)
                ready.add(chosen)

    return [change(original.text, edit)]


def _makers(op: ir.Operation, among: list[ir.Operation]) -> set[int]:
    """The numbers of the operations that an operation needs, in its regions too."""
    found = {
        number
        for operand in op.operands
        if not isinstance(operand.owner, ir.Block)
        for number, other in enumerate(among)
        if other == operand.owner.operation
    }
    for region in op.regions:
        for block in region.blocks:
            for inner in block.operations:
                found |= _makers(inner.operation, among)
    return found


def _unused(module: ir.Module) -> None:
    block = main_of(module).regions[0].blocks[0]
    first = block.operations[0].operation
    write(
        first,
        "%x = stablehlo.constant dense<3.0> : tensor<4xf32>\n"
        "%r = stablehlo.exponential %x : tensor<4xf32>",
    )
    spare = ir.Module.parse(
        "func.func private @unused(%arg0: tensor<4xf32>) -> tensor<4xf32> {\n"
        "%0 = stablehlo.sine %arg0 : tensor<4xf32>\nreturn %0 : tensor<4xf32> }",
        module.context,
    )
    list_functions(spare)["unused"].move_before(main_of(module))


REWRITES = [
    of_module("case as if", _case_as_if),
    of_module("both branches, and a select", _both_branches),
    of_module("branches exchanged, and the index", _branches_exchanged),
    of_module("first turn of a loop before it", _unrolled),
    of_module("body in a function of its own", _called_body),
    of_module("functions in another order", _last_function_first),
    of_module("unused code", _unused),
    Kind("operations in another order", _reordered),
]
