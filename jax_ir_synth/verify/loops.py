"""The turns of a loop: counted beforehand where that can be done, else while it runs.

A loop that `lax.scan` or `lax.fori_loop` makes adds a constant to a counter until that reaches
another. Any other loop is made to count its turns itself, and to fail beyond a bound: to evaluate a
constant that no memory holds, since that is an error which the interpreter gives back.
"""

from jaxlib.mlir import ir
from jaxlib.mlir.dialects import stablehlo

from jax_ir_synth.lowering.parsing import Value

# Elements of the constant; the number is looked for in the error's text.
_NEVER = 4_611_686_018_427_387_847
_SMALLER = {"LT": 0, "LE": 1}


def turns_of(loop: ir.Operation) -> int | None:
    """How many turns a `while` takes, at most; None where its text alone doesn't tell."""
    condition, body = (region.blocks[0] for region in loop.regions)
    compared = _made_by(condition.operations[len(condition.operations) - 1].operands[0])
    if compared is None or compared.name != "stablehlo.compare":
        return None
    direction = str(compared.attributes["comparison_direction"]).split()[-1].rstrip(">")
    if direction not in _SMALLER:
        return None
    counter, end = compared.operands[0], _integer(compared.operands[1])
    position = _position(counter, condition)
    if position is None or end is None:
        return None
    start, step = _integer(loop.operands[position]), _step(body, position)
    if start is None or step is None or step < 1:
        return None
    # Beyond the dtype's end it would begin again.
    element = ir.IntegerType(counter.type.element_type)
    if end + step >= 2 ** (element.width - (not element.is_unsigned)):
        return None
    return max(0, -((start - end - _SMALLER[direction]) // step))


def _step(body: ir.Block, position: int) -> int | None:
    """What a turn adds to the loop's value at a position."""
    final = body.operations[len(body.operations) - 1]
    added = _made_by(final.operands[position])
    if added is None or added.name != "stablehlo.add":
        return None
    for mine, other in ((0, 1), (1, 0)):
        if _position(added.operands[mine], body) == position:
            return _integer(added.operands[other])
    return None


def _made_by(value: Value) -> ir.Operation | None:
    return None if isinstance(value.owner, ir.Block) else value.owner.operation


def _position(value: Value, block: ir.Block) -> int | None:
    """At which position a value is a block's argument."""
    if _made_by(value) is not None or value.owner != block:
        return None
    return ir.BlockArgument(value).arg_number


def _integer(value: Value) -> int | None:
    """The number that a constant scalar is."""
    made_by = _made_by(value)
    if made_by is None or made_by.name != "stablehlo.constant" or value.type.rank:
        return None
    if not isinstance(value.type.element_type, ir.IntegerType):
        return None
    return int(ir.DenseIntElementsAttr(made_by.attributes["value"])[0])


def bound(loop: ir.Operation, turns: int) -> ir.Operation:
    """The loop in whose place it puts another, which fails beyond so many turns."""
    with ir.InsertionPoint(loop):
        zero = _scalar(0)
        kinds = [*(operand.type for operand in loop.operands), zero.type]
        counting = stablehlo.WhileOp(kinds, [*loop.operands, zero])
    for old, new in zip(loop.regions, counting.operation.regions, strict=True):
        block = old.blocks[0]
        block.append_to(new)
        block.add_argument(zero.type, ir.Location.current)
    condition, body = (region.blocks[0] for region in counting.operation.regions)
    _fail_beyond(condition, turns)
    final = body.operations[len(body.operations) - 1]
    with ir.InsertionPoint(final):
        more = stablehlo.add(body.arguments[len(kinds) - 1], _scalar(1))
        stablehlo.return_([*final.operands, more])
    final.operation.erase()
    for result, counted in zip(loop.results, counting.operation.results[:-1], strict=True):
        result.replace_all_uses_with(counted)
    loop.erase()
    return counting.operation


def _fail_beyond(condition: ir.Block, turns: int) -> None:
    final = condition.operations[len(condition.operations) - 1]
    counter = condition.arguments[len(condition.arguments) - 1]
    with ir.InsertionPoint(final):
        kind = ir.RankedTensorType.get([], ir.IntegerType.get_signless(1))
        goes_on = final.operands[0]
        late = stablehlo.compare(
            counter, _scalar(turns), stablehlo.ComparisonDirectionAttr.get("GT")
        )
        choice = stablehlo.IfOp([kind], late)
    for region, fails in zip(choice.operation.regions, (True, False), strict=True):
        block = region.blocks.append()
        with ir.InsertionPoint(block):
            if fails:
                endless = ir.RankedTensorType.get([_NEVER], ir.F32Type.get())
                number = ir.FloatAttr.get(endless.element_type, 0.0)
                stablehlo.constant(ir.DenseElementsAttr.get_splat(endless, number))
            stablehlo.return_([goes_on])
    final.operation.operands[0] = choice.operation.results[0]


def _scalar(number: int) -> Value:
    kind = ir.RankedTensorType.get([], ir.IntegerType.get_signless(64))
    value = ir.IntegerAttr.get(kind.element_type, number)
    return stablehlo.constant(ir.DenseElementsAttr.get_splat(kind, value))


def went_on(error: Exception) -> bool:
    """Is it the error of a loop that was bound, for going on beyond its turns?"""
    return str(_NEVER) in str(error)
